// The known vendors, one row each. One whose API is OpenAI-compatible is a row here and no more.
// Must never hold keys, and never read the environment: it only says which variables are usual.

import type { CorrectionPlace } from "../turn/deployment.ts";
import type { UpstreamDialect } from "../turn/dialect.ts";
import type { KeyHeader } from "./key-header.ts";

/** Wire formats a provider can speak. */
export type Dialect = Exclude<UpstreamDialect, "openai-embeddings"> | "simulator";

/** Dialects the gateway can talk to today. */
export const SERVED_DIALECTS = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "bedrock-converse",
  "simulator",
] as const satisfies readonly Dialect[];

export type ServedDialect = (typeof SERVED_DIALECTS)[number];

const KNOWN_DIALECTS: ReadonlySet<string> = new Set<Dialect>(SERVED_DIALECTS);

export interface Vendor {
  readonly id: string;
  /** What its API speaks, the preferred one first. */
  readonly dialects: readonly Dialect[];
  /** True: it serves embeddings in OpenAI's format beside its dialects. */
  readonly embeddings: boolean;
  readonly keyHeader: KeyHeader;
  /** Older names of the row, still taken. */
  readonly aliases: readonly string[];
  /** Null: the operator must write it (or the dialect needs none). */
  readonly baseUrl: string | null;
  /** Usual environment variables of its key; the first one that is set counts. */
  readonly keyVariables: readonly string[];
  /** False for servers one runs oneself: they usually ask for no key. */
  readonly needsKey: boolean;
  /** Where a correction may stand for its models, unless the model says otherwise. */
  readonly correctionPlace: CorrectionPlace;
  /** False: answers 400 to `stream_options`, so usage cannot be asked for in a stream. */
  readonly streamUsage: boolean;
  /** Whose credentials and regions it takes; null: keys and a base URL are all there is to it. */
  readonly platform: Platform | null;
  /** What a model is asked in, by its name at the vendor: the first row that fits. None fits: all dialects. */
  readonly modelDialects: readonly (readonly [name: RegExp, dialects: readonly Dialect[]])[];
  /** True: names of models there are often the operator's own, so that `id` may tell which model it is. */
  readonly namesAreOwn: boolean;
}

/** A cloud whose models are asked by other rules than keys and one address. */
export type Platform = "aws" | "google" | "azure";

/** Whether each of its models has an API of its own, and none of them lists the models. */
export function asksByModel(platform: Platform | null): boolean {
  return platform === "aws" || platform === "google";
}

interface VendorRow extends Partial<Vendor> {
  readonly id: string;
  readonly baseUrl: string | null;
}

const VENDORS: ReadonlyMap<string, Vendor> = tabulate([
  {
    id: "openai",
    baseUrl: "https://api.openai.com/v1",
    dialects: ["openai-chat", "openai-responses"],
    embeddings: true,
    keyVariables: ["OPENAI_API_KEY"],
    correctionPlace: "late-system",
  },
  {
    // https://RESOURCE.openai.azure.com/openai/v1: one address for all deployments of a resource.
    id: "azure-openai",
    aliases: ["azure"],
    platform: "azure",
    baseUrl: null,
    dialects: ["openai-chat", "openai-responses"],
    // They have another host there, which is a provider of its own (docs/providers.md).
    modelDialects: [[/^claude-/, []]],
    namesAreOwn: true,
    embeddings: true,
    keyHeader: "api-key",
    keyVariables: ["AZURE_OPENAI_API_KEY"],
    correctionPlace: "late-system",
  },
  {
    id: "mistral",
    embeddings: true,
    baseUrl: "https://api.mistral.ai/v1",
    keyVariables: ["MISTRAL_API_KEY"],
    correctionPlace: "tool-result-tail", // refuses a user message after a tool message
  },
  {
    id: "groq",
    baseUrl: "https://api.groq.com/openai/v1",
    dialects: ["openai-chat", "openai-responses"],
    keyVariables: ["GROQ_API_KEY"],
  },
  {
    id: "together",
    baseUrl: "https://api.together.xyz/v1",
    embeddings: true,
    keyVariables: ["TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"],
  },
  {
    id: "deepseek",
    baseUrl: "https://api.deepseek.com/v1",
    keyVariables: ["DEEPSEEK_API_KEY"],
  },
  { id: "xai", baseUrl: "https://api.x.ai/v1", keyVariables: ["XAI_API_KEY"] },
  {
    id: "cohere",
    baseUrl: "https://api.cohere.ai/compatibility/v1",
    keyVariables: ["COHERE_API_KEY", "CO_API_KEY"],
    embeddings: true,
    streamUsage: false,
  },
  {
    id: "openrouter",
    baseUrl: "https://openrouter.ai/api/v1",
    keyVariables: ["OPENROUTER_API_KEY"],
  },
  {
    id: "fireworks",
    baseUrl: "https://api.fireworks.ai/inference/v1",
    keyVariables: ["FIREWORKS_API_KEY"],
  },
  {
    id: "cerebras",
    baseUrl: "https://api.cerebras.ai/v1",
    keyVariables: ["CEREBRAS_API_KEY"],
  },
  { id: "ollama", baseUrl: "http://127.0.0.1:11434/v1", needsKey: false, embeddings: true },
  { id: "vllm", baseUrl: "http://127.0.0.1:8000/v1", needsKey: false, embeddings: true },
  { id: "lmstudio", baseUrl: "http://127.0.0.1:1234/v1", needsKey: false },
  {
    id: "anthropic",
    dialects: ["anthropic-messages"],
    baseUrl: "https://api.anthropic.com/v1",
    keyHeader: "x-api-key",
    keyVariables: ["ANTHROPIC_API_KEY"],
  },
  {
    id: "google-ai-studio",
    aliases: ["gemini", "google"],
    dialects: ["gemini"],
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    keyHeader: "x-goog-api-key",
    keyVariables: ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
  },
  {
    id: "google-vertex",
    aliases: ["vertex"],
    platform: "google",
    dialects: ["gemini", "anthropic-messages", "openai-chat"],
    modelDialects: [
      [/^claude-/, ["anthropic-messages"]],
      [/\//, ["openai-chat"]],
      [/^/, ["gemini"]],
    ],
    // For keys; accounts have an address for each region.
    baseUrl: "https://aiplatform.googleapis.com",
    keyHeader: "x-goog-api-key",
    keyVariables: ["GOOGLE_VERTEX_API_KEY"],
  },
  {
    id: "aws-bedrock",
    aliases: ["bedrock", "amazon-bedrock"],
    platform: "aws",
    dialects: ["bedrock-converse", "anthropic-messages", "openai-chat", "openai-responses"],
    // The models' own APIs where they are offered: they are relayed, and stream as text.
    modelDialects: [
      [/^(?:[a-z-]+\.)?anthropic\./, ["anthropic-messages"]],
      [/^openai\./, ["openai-chat"]],
      [/^/, ["bedrock-converse"]],
    ],
    namesAreOwn: true,
    baseUrl: null,
    keyVariables: ["AWS_BEARER_TOKEN_BEDROCK"],
  },
  { id: "sim", dialects: ["simulator"], baseUrl: null, needsKey: false },
]);

/** All rows, in the order in which they are offered when nothing is configured. */
export function listVendors(): readonly Vendor[] {
  return [...VENDORS.values()];
}

/** The row of this vendor, or null when it is not known. */
export function findVendor(id: string): Vendor | null {
  return VENDORS.get(id) ?? listVendors().find(({ aliases }) => aliases.includes(id)) ?? null;
}

export function isKnownDialect(name: string): name is Dialect {
  return KNOWN_DIALECTS.has(name);
}

export function isServedDialect(name: string): name is ServedDialect {
  return SERVED_DIALECTS.some((served) => served === name);
}

function tabulate(rows: readonly VendorRow[]): ReadonlyMap<string, Vendor> {
  const complete = rows.map((row): [string, Vendor] => [
    row.id,
    {
      dialects: ["openai-chat"],
      embeddings: false,
      keyHeader: "bearer",
      aliases: [],
      keyVariables: [],
      needsKey: true,
      // Nearly every model accepts it; a late system message is a 400 for many open ones.
      correctionPlace: "user-after-tool",
      streamUsage: true,
      platform: null,
      modelDialects: [],
      namesAreOwn: false,
      ...row,
    },
  ]);
  return new Map(complete);
}
