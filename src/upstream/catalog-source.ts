// From the public list of models.dev to a table of our vendors' models, for conversation and for embeddings.
// Pure. Must never fail for one odd model: what cannot be read of it is unknown, or it is left out.

import { z } from "zod";
import { CATALOG_VENDORS, modelIdentity } from "./catalog-names.ts";
import {
  rowSchema,
  type CatalogPrice,
  type CatalogRow,
  type CatalogTable,
} from "./catalog-table.ts";
import { findVendor } from "./vendors.ts";

const figure = z.number().min(0).nullable().catch(null).default(null);

const costSchema = z.object({
  input: figure,
  output: figure,
  cache_read: figure,
  /** Another spelling of cache_read that occurs in the list. */
  cached_input: figure,
  cache_write: figure,
});

const tieredCostSchema = costSchema.extend({
  tiers: z
    .array(
      costSchema
        // Tiers by anything but the length of the context are another matter.
        .extend({ tier: z.object({ size: z.int().min(1), type: z.literal("context").optional() }) })
        .nullable()
        .catch(null),
    )
    .catch([])
    .default([]),
  /** The older way to write one tier; where both are there it repeats the newer one. */
  context_over_200k: costSchema.nullable().catch(null).default(null),
});

const OLDER_TIER_ABOVE = 200_000;

const words = z.array(z.string()).catch([]).default([]);
const flag = z.boolean().catch(false).default(false);

const modelSchema = z.object({
  /** Name of the model itself, where the source tells it. */
  model: z.string().nullable().catch(null).default(null),
  status: z.string().nullable().catch(null).default(null),
  tool_call: z
    .union([z.boolean(), z.object({ supported: flag }).transform(({ supported }) => supported)])
    .catch(false)
    .default(false),
  structured_output: flag,
  modalities: z
    .object({ input: words, output: words })
    .catch({ input: [], output: [] })
    .default({ input: [], output: [] }),
  limit: z
    .object({ context: figure, output: figure })
    .catch({ context: null, output: null })
    .default({ context: null, output: null }),
  cost: tieredCostSchema.nullable().catch(null).default(null),
  provider: z.object({ shape: z.string() }).nullable().catch(null).default(null),
});

type SourceModel = z.output<typeof modelSchema>;

const providersSchema = z.record(
  z.string(),
  z
    .object({ models: z.record(z.string(), z.unknown()).catch({}).default({}) })
    .nullable()
    .catch(null),
);

/** Either the providers themselves (api.json), or an object that holds them. */
const sourceSchema = z.union([z.object({ providers: providersSchema }), providersSchema]);

/** Anything else is no name that could stand in a request. */
const MODEL_ID = /^[\x21-\x7e]{1,256}$/;
/** Names of models that are not for conversation, whatever else the list says of them. */
const FOR_EMBEDDINGS = /embed/i;
const NOT_FOR_CONVERSATION =
  /embed|whisper|-tts|-image|imagine|guard|rerank|deep-research|gpt-3\.5-turbo-instruct|model-router|orpheus/i;
/** Models that their vendor serves on the responses endpoint only. */
const RESPONSES_ONLY = /^(?:gpt-[\d.]+(?:-codex.*|-pro)|o\d-pro|codex-mini)$/;

export interface ReducedSource {
  readonly table: CatalogTable;
  /** Whether the source names this model of a vendor of ours, the deprecated ones too. */
  names(vendor: string, model: string): boolean;
}

/**
 * Reduces the list to a table of this date. Throws a ZodError where the list as a whole is not one.
 * Prices that differ by tier cover all tokens of a request above the tier's size.
 */
export function reduceSource(source: unknown, version: string): ReducedSource {
  const parsed = sourceSchema.parse(source);
  const providers = isWrapped(parsed) ? parsed.providers : parsed;
  const vendors: CatalogTable["vendors"] = {};
  for (const [vendor, { modelsDev }] of Object.entries(CATALOG_VENDORS)) {
    const rows = new Map<string, CatalogRow>();
    const reduce = findVendor(vendor)?.embeddings === true ? reduceEither : reduceModel;
    for (const name of modelsDev) {
      for (const [id, model] of Object.entries(providers[name]?.models ?? {})) {
        const row = rowSchema.safeParse(rows.get(id) ?? reduce(id, model));
        if (row.success && MODEL_ID.test(id)) rows.set(id, row.data);
      }
    }
    vendors[vendor] = Object.fromEntries(rows);
  }
  return {
    table: { version, vendors },
    names: (vendor, model) =>
      (CATALOG_VENDORS[vendor]?.modelsDev ?? []).some((name) =>
        Object.hasOwn(providers[name]?.models ?? {}, model),
      ),
  };
}

function isWrapped(
  parsed: z.output<typeof sourceSchema>,
): parsed is { providers: z.output<typeof providersSchema> } {
  // A provider named "providers" would hold models; the wrapper does not.
  const inner = parsed["providers"];
  return inner !== undefined && inner !== null && !("models" in inner);
}

function reduceEither(id: string, written: unknown): CatalogRow | null {
  return FOR_EMBEDDINGS.test(id) ? reduceEmbeddings(id, written) : reduceModel(id, written);
}

/** What the list calls their output is the length of a vector. */
function reduceEmbeddings(id: string, written: unknown): CatalogRow | null {
  const read = modelSchema.safeParse(written);
  if (!read.success || read.data.status === "deprecated") return null;
  const { model, modalities, limit, cost } = read.data;
  if (modalities.input.length > 0 && !modalities.input.includes("text")) return null;
  const price = reducePrice(cost);
  return {
    identity: modelIdentity(model ?? id),
    listed: true,
    endpoint: "embeddings",
    contextTokens: limitOf(limit.context),
    maxOutputTokens: null,
    capabilities: ["embeddings"],
    price,
    priceSource: price === null ? null : "models.dev",
    otherPrice: null,
  };
}

function reduceModel(id: string, written: unknown): CatalogRow | null {
  const read = modelSchema.safeParse(written);
  if (!read.success || !isForConversation(id, read.data)) return null;
  const model = read.data;
  const price = reducePrice(model.cost);
  return {
    identity: modelIdentity(model.model ?? id),
    listed: true,
    endpoint:
      model.provider?.shape === "responses" || RESPONSES_ONLY.test(id) ? "responses" : "chat",
    contextTokens: limitOf(model.limit.context),
    maxOutputTokens: limitOf(model.limit.output),
    capabilities: [
      ...(model.tool_call ? (["tools"] as const) : []),
      ...(model.modalities.input.includes("image") ? (["vision"] as const) : []),
      ...(model.structured_output ? (["json"] as const) : []),
    ],
    price,
    priceSource: price === null ? null : "models.dev",
    otherPrice: null,
  };
}

function isForConversation(id: string, { status, modalities, limit }: SourceModel): boolean {
  if (status === "deprecated" || NOT_FOR_CONVERSATION.test(id) || limit.context === 0) return false;
  const reads = modalities.input.length === 0 || modalities.input.includes("text");
  const writes = modalities.output.length === 0 || modalities.output.includes("text");
  return reads && writes;
}

function limitOf(value: number | null): number | null {
  return value === null || value < 1 ? null : Math.floor(value);
}

/** 0 for both directions is how the list writes "not known" or "free for now". */
function reducePrice(cost: SourceModel["cost"]): CatalogPrice | null {
  if (cost === null || cost.input === null || cost.output === null) return null;
  if (cost.input + cost.output === 0) return null;
  const { input, output } = cost;
  const older = cost.context_over_200k;
  const written =
    cost.tiers.length > 0 || older === null
      ? cost.tiers
      : [{ ...older, tier: { size: OLDER_TIER_ABOVE } }];
  const tiers = written.flatMap((tier) =>
    tier === null ? [] : [{ above: tier.tier.size, ...ratesOf(tier, { input, output }) }],
  );
  tiers.sort((left, right) => left.above - right.above);
  return { ...ratesOf(cost, { input, output }), tiers };
}

function ratesOf(
  cost: z.output<typeof costSchema>,
  base: { readonly input: number; readonly output: number },
): Omit<CatalogPrice, "tiers"> {
  return {
    input: cost.input ?? base.input,
    output: cost.output ?? base.output,
    cacheRead: positive(cost.cache_read ?? cost.cached_input),
    cacheWrite: positive(cost.cache_write),
    cacheWriteHour: null,
  };
}

/** A cache price of 0 in the list means that none was written down. */
function positive(value: number | null): number | null {
  return value === 0 ? null : value;
}
