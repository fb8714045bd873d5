// The model object that speaks a provider's dialect: made for one request, by the package for that dialect.
// Must never let a package find credentials or addresses by itself: all of them are given, and the key is not.

import type { CanonicalCall, CanonicalPart, CanonicalResult } from "../../turn/canonical.ts";
import type { UpstreamDialect } from "../../turn/dialect.ts";
import { throwFault } from "../../turn/fault.ts";
import type { Platform } from "../vendors.ts";
import { compatibleModel, isOpenAi } from "./compatible-model.ts";
import { vertexGemini, vertexMessages } from "./vertex-models.ts";

/** A call as a model takes it. */
export type ModelCall = CanonicalCall & { readonly abortSignal: AbortSignal };

export interface TranslationModel {
  /** URLs that the provider fetches by itself, by media type. */
  readonly supportedUrls: PromiseLike<Record<string, RegExp[]>> | Record<string, RegExp[]>;
  doGenerate(call: ModelCall): PromiseLike<CanonicalResult>;
  doStream(call: ModelCall): PromiseLike<{ readonly stream: ReadableStream<CanonicalPart> }>;
}

export interface ModelTarget {
  readonly dialect: UpstreamDialect;
  /** Name of the model at the provider. */
  readonly model: string;
  /** Whose API it is; null: nobody's that is known. */
  readonly vendor: string | null;
  /** Whose address it is, where that has ways of its own; absent or null: nobody's. */
  readonly platform?: Platform | null;
  /** Base URL of the provider for this dialect, without a trailing slash. */
  readonly baseUrl: string;
  readonly region: string | null;
  /** Sends the request. It sets the key: what a package writes in its place is thrown away. */
  readonly fetch: typeof globalThis.fetch;
  /** Whether `stream_options` may be sent. */
  readonly streamUsage: boolean;
}

/** Given in place of a key, so that no package looks for one in the environment. */
const NO_KEY = "set-by-the-transport";
/** Signing needs a region even where the address says it all. */
const DEFAULT_REGION = "us-east-1";

/** In what a model can be asked for a client of another dialect. Embeddings are not among them. */
export const TRANSLATED_DIALECTS: readonly UpstreamDialect[] = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "bedrock-converse",
];

/** Loads the package of the dialect and makes the model. Rejects for a dialect that is not translated. */
export async function makeModel(target: ModelTarget): Promise<TranslationModel> {
  const { dialect, model, vendor, fetch } = target;
  const base = { apiKey: NO_KEY, baseURL: apiBase(target), fetch };
  if (target.platform === "google") {
    const vertex = { ...target, model: pathName(model) };
    if (dialect === "gemini") return vertexGemini(vertex);
    if (dialect === "anthropic-messages") return vertexMessages(vertex);
  }
  switch (dialect) {
    case "openai-chat":
      return isOpenAi(vendor)
        ? (await loadOpenAi())(base).chat(model)
        : compatibleModel({ ...target, apiKey: NO_KEY });
    case "openai-responses":
      return (await loadOpenAi())(base).responses(model);
    case "anthropic-messages": {
      const { createAnthropic } = await import("@ai-sdk/anthropic");
      return createAnthropic(base)(model);
    }
    case "gemini": {
      const { createGoogleGenerativeAI } = await import("@ai-sdk/google");
      return createGoogleGenerativeAI(base)(pathName(model));
    }
    case "bedrock-converse": {
      const { createAmazonBedrock } = await import("@ai-sdk/amazon-bedrock");
      const region = target.region ?? DEFAULT_REGION;
      // This package encodes it by itself, but for a name that means another path.
      refuseDots(model);
      return withoutMaximum(createAmazonBedrock({ ...base, region })(model));
    }
    case "openai-embeddings":
      throw new Error("embeddings are not translated");
  }
}

/** Models of one's own stand in another collection. */
const OWN_COLLECTION = "tunedModels/";

/**
 * The name as one piece of a path. Some packages write it there as it is, and callers may name any model of a provider:
 * a name must never lead the provider's key to another path.
 */
function pathName(model: string): string {
  refuseDots(model);
  const collection = model.startsWith(OWN_COLLECTION) ? OWN_COLLECTION : "";
  const name = encodeURIComponent(model.slice(collection.length));
  // The mark in front of a release stays as it is written everywhere.
  return collection + name.replaceAll("%40", "@");
}

function refuseDots(model: string): void {
  if (!/^\.{1,2}$/.test(model)) return;
  throwFault("model_not_found", "No model has this name.", { param: "model" });
}

type Effort = NonNullable<CanonicalCall["reasoning"]>;
type CallWithoutMaximum = Omit<ModelCall, "reasoning"> & {
  readonly reasoning?: Exclude<Effort, "max">;
};

/** This package was built before there was a maximal effort: the highest one it knows stands for it. */
function withoutMaximum(
  model: Pick<TranslationModel, "supportedUrls"> & {
    doGenerate(call: CallWithoutMaximum): ReturnType<TranslationModel["doGenerate"]>;
    doStream(call: CallWithoutMaximum): ReturnType<TranslationModel["doStream"]>;
  },
): TranslationModel {
  const lowered = ({ reasoning, ...call }: ModelCall): CallWithoutMaximum =>
    reasoning === undefined
      ? call
      : { ...call, reasoning: reasoning === "max" ? "xhigh" : reasoning };
  return {
    supportedUrls: model.supportedUrls,
    doGenerate: (call) => model.doGenerate(lowered(call)),
    doStream: (call) => model.doStream(lowered(call)),
  };
}

async function loadOpenAi() {
  const { createOpenAI } = await import("@ai-sdk/openai");
  return createOpenAI;
}

/** The version in the path that a package expects to be part of the base URL. */
const VERSIONS: Partial<Record<UpstreamDialect, string>> = {
  "anthropic-messages": "/v1",
  gemini: "/v1beta",
};

/** A base URL may be written with or without its version. */
function apiBase({ dialect, baseUrl }: Pick<ModelTarget, "dialect" | "baseUrl">): string {
  const version = VERSIONS[dialect];
  return version === undefined || /\/v\d[^/]*$/.test(baseUrl) ? baseUrl : baseUrl + version;
}
