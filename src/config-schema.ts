// The shape of fairlead.yaml: every field with its description, its bounds and its default.
// docs/configuration.md is rendered from here. Must never read anything: it only describes.

import { z } from "zod";
import { providerSchema, qualitySchema } from "./config-provider-schema.ts";
import { id, LIST_LENGTH_MAX, modelName, whole, yesNo } from "./config-values.ts";
import { checkBaseUrl } from "./upstream/address-guard.ts";

const MEBIBYTE = 1_048_576;
const HOUR_MS = 3_600_000;

export const DIVERGENCE_MODES = ["off", "observe", "correct"] as const;

const listenSchema = z.strictObject({
  host: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]{1,253}$/, "expected an address or a host name")
    .default("127.0.0.1")
    .describe("Address to listen on. Beyond loopback the gateway starts only with `keys`."),
  port: whole(0, 65_535).default(8787).describe("Port; 0 takes a free one."),
  tls: z
    .strictObject({
      cert: z.string().min(1).describe("File with the certificate chain, PEM."),
      key: z.string().min(1).describe("File with its private key, PEM."),
    })
    .optional()
    .describe("Serve TLS 1.3 itself. Default: plain HTTP, for use behind a proxy or on loopback."),
});

const headerConditionSchema = z.strictObject({
  header: z
    .record(z.string().min(1).max(128), z.string().max(1_024))
    .refine((headers) => Object.keys(headers).length > 0, "names no header")
    .describe("Headers of the request, all of which must have these values."),
});

const targetSchema = z.strictObject({
  to: modelName().describe("A deployment, as provider/id."),
  weight: z.number().min(0).max(1_000_000).default(1).describe("Share among targets without when."),
  when: headerConditionSchema
    .optional()
    .describe("Only for requests that fulfil this; tried first."),
});

const keySchema = z.strictObject({
  id: id().describe("Name of the key in receipts and logs."),
  tenant: id().describe(
    "Whose it is: conversations, receipts and budgets are kept apart by tenant.",
  ),
  role: z
    .enum(["user", "admin"])
    .default("user")
    .describe(
      "Both use and read back what is their tenant's; admin may also act on conversations and delete them.",
    ),
  hash: z
    .string()
    .regex(
      /^[0-9a-f]{64}$/,
      "expected the 64 hexadecimal digits that `fairlead keys create` prints",
    )
    .describe("HMAC-SHA-256 of the key. The key itself is never stored."),
  profile: id().optional().describe("Profile of its requests that name none."),
  divergence: z
    .enum(DIVERGENCE_MODES)
    .optional()
    .describe("Highest divergence mode for this key. Default: the global one."),
});

const storeUrl = (pattern: RegExp, help: string) => z.string().regex(pattern, help);

export const configSchema = z.strictObject({
  listen: listenSchema.prefault({}).describe("Where the gateway listens."),
  store: storeUrl(
    /^(memory:?|sqlite:.+|rediss?:\/\/.+)$/,
    "expected memory, sqlite:FILE, redis://… or rediss://… (Sentinel and Cluster are not served yet)",
  )
    .default("sqlite:./data/fairlead.db")
    .describe(
      "Where conversations live, and their receipts: memory, sqlite:FILE, redis://… or rediss://…",
    ),
  ledger: storeUrl(
    /^(memory:?|sqlite:.+|postgres(ql)?:\/\/.+)$/,
    "expected memory, sqlite:FILE or postgres://…",
  )
    .default("sqlite:./data/ledger.db")
    .describe(
      "Where receipts will be kept for good. Not used yet: they live in the store until they expire.",
    ),
  profiles: z
    .string()
    .min(1)
    .optional()
    .describe("Folder with your own profiles, added to the four."),
  defaultProfile: id().default("CHAT").describe("For requests without a conversation."),
  defaultConversationProfile: id()
    .default("AGENT")
    .describe("For new conversations with an explicit id and no profile."),
  divergence: z
    .enum(DIVERGENCE_MODES)
    .default("correct")
    .describe("Highest mode any profile or key may use: off, observe (try it in shadow), correct."),
  durability: z
    .enum(["normal", "strict"])
    .default("normal")
    .describe("When a turn cannot be saved. normal: deliver, marked unsaved. strict: an error."),
  onStoreFailure: z
    .enum(["degrade", "strict"])
    .default("degrade")
    .describe("When the store is down. degrade: serve on, marked degraded. strict: 503."),
  providers: z
    .array(providerSchema)
    .max(LIST_LENGTH_MAX)
    .default([])
    .describe("Who answers. None: the built-in simulator."),
  logicalModels: z
    .record(modelName(), z.array(targetSchema).min(1).max(LIST_LENGTH_MAX))
    .default({})
    .describe("Names of your own for one deployment or a weighted split over several."),
  ratings: z
    .record(modelName(), qualitySchema)
    .default({})
    .describe(
      "Your ratings per model name, wherever it is served; a model's own `quality` adds to them.",
    ),
  catalog: z
    .strictObject({
      refresh: yesNo()
        .default(true)
        .describe(
          "Look for newer prices and models at `url`, a minute after the start and then now and then. " +
            "Nothing is sent but the request. false: only what this release came with.",
        ),
      url: z
        .string()
        .superRefine((url, context) => {
          const fault = checkBaseUrl(url);
          if (fault !== null) context.addIssue({ code: "custom", message: fault });
        })
        .default("https://models.dev/api.json")
        .describe("A list in the format of models.dev: theirs, or a mirror of yours."),
      everyHours: whole(1, 720).default(6).describe("Hours between two looks."),
      folder: z
        .string()
        .min(1)
        .default("./data/catalog")
        .describe("Where the last good list is kept for the next start."),
    })
    .prefault({})
    .describe("What is known of models: prices, limits, abilities (docs/catalog.md)."),
  keys: z
    .array(keySchema)
    .max(100_000)
    .default([])
    .describe("Who may call. None: everybody local."),
  keyPepper: z
    .strictObject({
      file: z.string().min(1).describe("File that holds it, readable by you alone."),
    })
    .optional()
    .describe("Secret that key hashes are made with. Default: FAIRLEAD_KEY_PEPPER."),
  receipts: z
    .strictObject({
      inBody: yesNo()
        .default(true)
        .describe("Add the receipt's summary to JSON answers of /v1/chat/completions."),
      retentionDays: whole(1, 3_650).default(90).describe("Days until a receipt is removed."),
      defaultModel: modelName()
        .optional()
        .describe("Deployment that savings are counted against. Default: savings are not counted."),
    })
    .prefault({})
    .describe("The record of every turn."),
  limits: z
    .strictObject({
      bodyBytesMax: whole(1_024, 1_024 * MEBIBYTE)
        .default(32 * MEBIBYTE)
        .describe("Largest request body, after decoding."),
      depthMax: whole(8, 512).default(64).describe("Deepest nesting of a request body."),
      headerBytesMax: whole(4_096, MEBIBYTE)
        .default(65_536)
        .describe("Largest sum of all request headers."),
      answerBytesMax: whole(1_024, 1_024 * MEBIBYTE)
        .default(64 * MEBIBYTE)
        .describe("Largest answer of a provider that is not streamed."),
    })
    .prefault({})
    .describe("Bounds of one request."),
  timeouts: z
    .strictObject({
      connectMs: whole(1, HOUR_MS).default(5_000).describe("Connecting to a provider."),
      firstByteMs: whole(1, HOUR_MS).default(120_000).describe("Waiting for an answer to begin."),
      idleMs: whole(1, HOUR_MS).default(60_000).describe("Silence within a streamed answer."),
      clientIdleMs: whole(1, HOUR_MS)
        .default(60_000)
        .describe("A client that leaves an answer unread; then its connection is cut."),
      totalMs: whole(1, 24 * HOUR_MS)
        .default(1_500_000)
        .describe("One attempt as a whole."),
      requestMs: whole(1, HOUR_MS).default(60_000).describe("Receiving a request completely."),
      shutdownMs: whole(1, HOUR_MS).default(30_000).describe("Letting turns end on shutdown."),
    })
    .prefault({})
    .describe("All in milliseconds."),
  log: z
    .strictObject({
      level: z
        .enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
        .default("info")
        .describe("Least severe level that is written."),
    })
    .prefault({})
    .describe("Logging to standard output, one JSON object a line."),
});

export type ConfigFile = z.output<typeof configSchema>;
