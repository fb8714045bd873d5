// What one and the same model is called by its vendors, and which vendor is meant by a name.
// Pure. Must never make two different models equal: what is not known to be the same keeps its own name.

import type { CorrectionPlace } from "../turn/deployment.ts";

interface VendorSources {
  /** Providers of models.dev whose models this vendor serves. */
  readonly modelsDev: readonly string[];
  /** The same vendor in genai-prices; null: it does not list it. */
  readonly genaiPrices: string | null;
  /** Which of that list's models it serves, where the list stands for several vendors. */
  readonly serves?: RegExp;
  /** True: the names in that list are those its API takes, so a model that is only there can be asked. */
  readonly callable?: boolean;
}

/** Vendors of the catalog with the names that the public lists give them. */
export const CATALOG_VENDORS: Readonly<Record<string, VendorSources>> = {
  openai: { modelsDev: ["openai"], genaiPrices: "openai", callable: true },
  "azure-openai": { modelsDev: ["azure"], genaiPrices: "azure" },
  anthropic: { modelsDev: ["anthropic"], genaiPrices: "anthropic", callable: true },
  "google-ai-studio": { modelsDev: ["google"], genaiPrices: "google", serves: /^gem/ },
  "google-vertex": {
    modelsDev: ["google-vertex", "google-vertex-anthropic"],
    genaiPrices: "google",
  },
  "aws-bedrock": { modelsDev: ["amazon-bedrock"], genaiPrices: "aws" },
  mistral: { modelsDev: ["mistral"], genaiPrices: "mistral" },
  cohere: { modelsDev: ["cohere"], genaiPrices: "cohere" },
  groq: { modelsDev: ["groq"], genaiPrices: "groq" },
  together: { modelsDev: ["togetherai"], genaiPrices: "together" },
  deepseek: { modelsDev: ["deepseek"], genaiPrices: "deepseek" },
  xai: { modelsDev: ["xai"], genaiPrices: "x-ai", callable: true },
  // Known by price only: their lists are long and would all be offered by themselves.
  fireworks: { modelsDev: [], genaiPrices: "fireworks" },
  cerebras: { modelsDev: [], genaiPrices: "cerebras" },
};

const ALIASES: ReadonlyMap<string, string> = new Map([
  ["azure", "azure-openai"],
  ["gemini", "google-ai-studio"],
  ["google", "google-ai-studio"],
  ["vertex", "google-vertex"],
  ["vertex-anthropic", "google-vertex"],
  ["bedrock", "aws-bedrock"],
  ["amazon-bedrock", "aws-bedrock"],
  ["togetherai", "together"],
]);

/** The vendor's name in the catalog; older and other usual names lead to it. */
export function catalogVendor(vendor: string): string {
  return ALIASES.get(vendor) ?? vendor;
}

/** Regions in front of an inference profile's name. */
const REGION = /^(?:global|us-gov|us|eu|apac|au|jp|ca|sa)\./;
/** Makers in front of a name where dots separate them. */
const MAKER = new RegExp(
  "^(?:anthropic|amazon|openai|meta|mistral|cohere|qwen|google|nvidia|minimax|" +
    "moonshotai|moonshot|writer|zai|xai|ai21)\\.",
);
/** The same where a slash separates them. Others stay: who re-trains or quantises serves another model. */
const MAKER_PATHS = [
  "anthropic",
  "openai",
  "google",
  "meta",
  "meta-llama",
  "mistralai",
  "qwen",
  "deepseek-ai",
  "nvidia",
  "minimaxai",
  "moonshotai",
  "zai-org",
];
const MAKER_PATH = new RegExp(`^(?:${MAKER_PATHS.join("|")})/`);
const RELEASE_DATE = /-20\d{6}$/;

/**
 * The name under which a model is the same at every vendor: lower case, without region, maker and
 * the platform's version marks. Claude's release dates go too where a name had one release; other
 * dates tell different models apart and stay, as do marks of quantised or altered models.
 */
export function modelIdentity(id: string): string {
  const bare = id
    .toLowerCase()
    .replace(MAKER_PATH, "")
    .replace(REGION, "")
    .replace(MAKER, "")
    .replace(/^deepseek\./, "deepseek-")
    .replace(/@.*$/, (mark) => (/^@20\d{6}$/.test(mark) ? `-${mark.slice(1)}` : ""))
    .replace(/-v\d+:\d+$|-\d:\d$|-maas$/, "")
    .replace(/^llama(\d)/, "llama-$1");
  // Claude 3.5 Sonnet is the one name that stood for two releases.
  if (!bare.startsWith("claude-") || bare.startsWith("claude-3-5-sonnet")) return bare;
  return bare
    .replace(/-v\d+$/, "")
    .replace(RELEASE_DATE, "")
    .replace(/-0$/, "");
}

/**
 * The name under which quality is listed: dots as dashes, without vendor prefix, serving suffix,
 * release date, `-preview` or a trailing `-0`. A quantised or otherwise altered model keeps its
 * own name: it is unrated.
 */
export function ratingName(model: string): string {
  return model
    .slice(model.lastIndexOf("/") + 1)
    .replace(/@.*$/, "")
    .toLowerCase()
    .replace(/[._]/g, "-")
    .replace(/-(20\d{6}|20\d\d-\d\d-\d\d)$/, "")
    .replace(/-preview$/, "")
    .replace(/-0$/, "");
}

/**
 * The family's message template decides, whoever serves the model: Mistral's refuses a user message
 * after a tool message, so such models get their corrections inside the tool result.
 */
export function correctionPlaceOf(model: string, vendorDefault: CorrectionPlace): CorrectionPlace {
  return /(mi[sx]tral|ministral|codestral|devstral|magistral|pixtral)/i.test(model)
    ? "tool-result-tail"
    : vendorDefault;
}
