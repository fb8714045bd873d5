// The shape of a provider and its models in fairlead.yaml.
// docs/configuration.md is rendered from here. Must never read anything: it only describes.

import { z } from "zod";
import { bodyRulesSchema } from "./config-body-rules.ts";
import { platformFields, regionSchema } from "./config-platform-schema.ts";
import { id, LIST_LENGTH_MAX, modelName, whole, yesNo } from "./config-values.ts";
import { checkBaseUrl } from "./upstream/address-guard.ts";
import { isKnownDialect, isServedDialect, SERVED_DIALECTS } from "./upstream/vendors.ts";

const rates = {
  input: z.number().min(0).describe("Input tokens."),
  output: z.number().min(0).describe("Output tokens."),
  cacheRead: z.number().min(0).optional().describe("Input tokens read from the prompt cache."),
  cacheWrite: z.number().min(0).optional().describe("Input tokens written to the prompt cache."),
  cacheWriteHour: z
    .number()
    .min(0)
    .optional()
    .describe("Input tokens written to a cache kept for an hour. Default: cacheWrite."),
};

const priceSchema = z.strictObject({
  ...rates,
  tiers: z
    .array(
      z.strictObject({
        above: whole(1, 100_000_000).describe(
          "Input tokens above which the whole request costs this.",
        ),
        ...rates,
      }),
    )
    .max(8)
    .optional()
    .describe("Prices of long requests. Default: one price for every length."),
});

const rating = () => z.number().min(0).max(1).optional();

export const qualitySchema = z.strictObject({
  chat: rating().describe("Quality in conversation with people."),
  agent: rating().describe("Quality in work with tools over many turns."),
  coding: rating().describe("Quality in programming."),
});

const dialectSchema = () =>
  z
    .union([z.string(), z.array(z.string()).min(1).max(8)], { error: "expected a name or a list" })
    .superRefine((value, context) => {
      for (const name of typeof value === "string" ? [value] : value) {
        if (!isServedDialect(name)) {
          const works = SERVED_DIALECTS.join(", ");
          const message = isKnownDialect(name)
            ? `${name} cannot be served yet; what works: ${works}`
            : `is not a dialect; what works: ${works}`;
          context.addIssue({ code: "custom", message });
        }
      }
    });

const modelSchema = z.strictObject({
  id: modelName().describe("Callers address it as `provider/id`."),
  model: modelName()
    .optional()
    .describe(
      "Name sent upstream; equal names at two providers are the same model. Default: `id`.",
    ),
  contextTokens: whole(1, 100_000_000)
    .optional()
    .describe("Context window in tokens. Default: the catalog's, else unknown."),
  maxOutputTokens: whole(1, 100_000_000)
    .optional()
    .describe("Most tokens of one answer. Default: the catalog's, else unknown."),
  dialect: dialectSchema()
    .optional()
    .describe("Wire format of this model, of those its provider speaks. Default: the vendor's."),
  capabilities: z
    .array(z.enum(["tools", "vision", "json", "embeddings"]))
    .max(3)
    .refine((list) => !list.includes("embeddings") || list.length === 1, {
      error: "embeddings stands alone: such a model answers with vectors and nothing else",
    })
    .optional()
    .describe(
      "What it can do; `embeddings` stands alone. Default: the catalog's, else tools and json.",
    ),
  price: priceSchema
    .optional()
    .describe("USD per million tokens. Default: the catalog's, else unknown (never 0)."),
  quality: qualitySchema
    .optional()
    .describe(
      "Ratings 0..1 on the scale of the tiers. Any of yours replaces all of the catalog's.",
    ),
  correctionPlace: z
    .enum(["late-system", "user-after-tool", "tool-result-tail"])
    .optional()
    .describe("Where a correction may stand in a request to it. Default: what its vendor accepts."),
});

/** Headers that the gateway sets itself, or that would change what the body means. */
const FORBIDDEN_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "x-api-key",
  "x-goog-api-key",
  "host",
  "connection",
  "content-length",
  "content-encoding",
  "content-type",
  "transfer-encoding",
  "accept-encoding",
]);

export const providerSchema = z.strictObject({
  id: id()
    .refine(
      (name) => name.toLowerCase() !== "fairlead",
      "is reserved for the gateway's own answers",
    )
    .describe("First part of a model's address. The name of a known vendor fills in the rest."),
  vendor: id()
    .optional()
    .describe("Known vendor to take dialect, base URL and catalog from. Default: `id`, if known."),
  dialect: dialectSchema()
    .optional()
    .describe("Wire format. Default: the vendor's, else openai-chat."),
  baseUrl: z
    .string()
    .superRefine((url, context) => {
      const fault = checkBaseUrl(url);
      if (fault !== null) {
        context.addIssue({ code: "custom", message: fault });
      }
    })
    .optional()
    .describe("Where its API lives, with the version: https://host/v1. Default: the vendor's."),
  keys: z
    .array(
      z
        .string()
        .regex(/^[\x21-\x7e]{1,4096}$/, "expected one key: printable characters without spaces"),
    )
    .max(LIST_LENGTH_MAX)
    .default([])
    .describe("API keys of this provider; turns are spread over them. Write them as ${VARIABLE}."),
  region: regionSchema
    .optional()
    .describe(
      "Region of this endpoint, for routing and receipts. A platform (docs/providers.md) is asked in it, " +
        "and may have a list of them.",
    ),
  ...platformFields,
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, "is not a header name"),
      z.string().regex(/^[\x20-\x7e]{0,4096}$/, "expected printable ASCII on one line"),
    )
    .refine(
      (headers) => !Object.keys(headers).some((name) => FORBIDDEN_HEADERS.has(name.toLowerCase())),
      {
        error: "holds a header the gateway sets itself (keys go into `keys`)",
      },
    )
    .default({})
    .describe("Headers sent with every request to this provider."),
  body: bodyRulesSchema,
  allowPrivateAddress: yesNo()
    .default(true)
    .describe("false: refuse it when its host resolves to a private or loopback address."),
  parameters: z
    .enum(["drop", "reject"])
    .default("drop")
    .describe(
      "Parameters that its dialect has no place for, in requests of clients that speak another: " +
        "drop leaves them out and says so, reject answers 400.",
    ),
  models: z
    .array(modelSchema)
    .max(LIST_LENGTH_MAX)
    .optional()
    .describe("What it serves. Default: the catalog's models, and any other named explicitly."),
});

export type ProviderEntry = z.output<typeof providerSchema>;
export type ModelEntry = z.output<typeof modelSchema>;
