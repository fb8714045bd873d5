// A request of the Gemini dialect as the canonical call that any model can be asked with.
// Must never lose a part of the request in silence: what cannot be carried is a warning.

import type { CanonicalCall } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import type { DecodedRequest } from "./codec.ts";
import { decodeContents, type Carried } from "./gemini-decode-contents.ts";
import { decodeTools } from "./gemini-decode-tools.ts";
import { systemText } from "./gemini-message.ts";
import { asObject, fieldOf, snakeCase, type Part } from "./gemini-parts.ts";
import { jsonSchemaOf } from "./gemini-schema.ts";

type Reasoning = NonNullable<CanonicalCall["reasoning"]>;

/** Most warnings of one request. */
const WARNINGS_MAX = 32;
/** Longest name of a field that a warning repeats, in characters. */
const NAME_LENGTH_MAX = 64;

/** Fields that are carried, or that only say who asks. */
const KNOWN_FIELDS = bothSpellings([
  "model",
  "contents",
  "systemInstruction",
  "tools",
  "toolConfig",
  "generationConfig",
  "labels",
  "x-routing-hints",
  "x-fallback-chain",
]);

const NUMBERS = [
  "maxOutputTokens",
  "temperature",
  "topP",
  "topK",
  "seed",
  "presencePenalty",
  "frequencyPenalty",
] as const;
const KNOWN_CONFIG = bothSpellings([
  ...NUMBERS,
  "stopSequences",
  "responseMimeType",
  "responseSchema",
  "responseJsonSchema",
  "thinkingConfig",
  "candidateCount",
  "responseModalities",
]);

const EFFORTS: readonly Reasoning[] = ["minimal", "low", "medium", "high"];
/** Up to so many tokens a budget of thinking counts as a low, and as a medium effort. */
const LOW_BUDGET_TOKENS_MAX = 4_096;
const MEDIUM_BUDGET_TOKENS_MAX = 16_384;

/** Throws a FaultError for a request that no model of another dialect could be asked with. */
export function decodeGeminiCall(body: unknown): DecodedRequest {
  const request = asObject(body) ?? throwFault("invalid_request", "The body must be an object.");
  const warned = new Set<string>();
  const carried: Carried = {
    warn: (sentence) => {
      if (warned.size < WARNINGS_MAX) warned.add(sentence);
    },
  };
  refuseKept(request);
  warnUnknown(request, KNOWN_FIELDS, { prefix: "", carried });
  const { contents } = request;
  if (!Array.isArray(contents)) {
    return throwFault("invalid_request", "`contents` must be an array.", { param: "contents" });
  }
  const config = asObject(fieldOf(request, "generationConfig")) ?? {};
  warnConfig(config, carried);
  const system = systemText(fieldOf(request, "systemInstruction"));
  const stopSequences = texts(fieldOf(config, "stopSequences"));
  const call: CanonicalCall = {
    prompt: [
      ...(system === "" ? [] : [{ role: "system" as const, content: system }]),
      ...decodeContents(contents, carried),
    ],
    ...numbers(config),
    ...(stopSequences.length === 0 ? {} : { stopSequences }),
    ...decodeTools(request, carried),
    ...responseFormat(config),
    ...reasoning(asObject(fieldOf(config, "thinkingConfig")) ?? {}),
  };
  return { call, warnings: [...warned] };
}

/** A part of the prompt lies with one provider: without it the request would mean something else. */
function refuseKept(request: Part): void {
  if ((fieldOf(request, "cachedContent") ?? null) === null) return;
  const message =
    "`cachedContent` lies with another provider than the one that would answer. " +
    "Send the whole prompt without it, or name a model that holds it.";
  throwFault("invalid_request", message, { param: "cachedContent" });
}

function warnUnknown(
  object: Part,
  known: ReadonlySet<string>,
  { prefix, carried }: { readonly prefix: string; readonly carried: Carried },
): void {
  for (const name of Object.keys(object)) {
    if (known.has(name)) continue;
    const shown = name.replace(/[^\w.-]/g, "?").slice(0, NAME_LENGTH_MAX);
    carried.warn(`\`${prefix}${shown}\` is left out.`);
  }
}

function warnConfig(config: Part, carried: Carried): void {
  const prefix = "generationConfig.";
  warnUnknown(config, KNOWN_CONFIG, { prefix, carried });
  const count = fieldOf(config, "candidateCount") ?? 1;
  if (count !== 1) carried.warn(`\`${prefix}candidateCount\` is left out: there is one answer.`);
  const modalities = texts(fieldOf(config, "responseModalities"));
  if (modalities.some((name) => name.toUpperCase() !== "TEXT")) {
    carried.warn(`\`${prefix}responseModalities\` is left out: the answer is text.`);
  }
  if (fieldOf(config, "responseMimeType") === "text/x.enum") {
    carried.warn(`\`${prefix}responseMimeType\` is left out: the answer is text.`);
  }
}

function numbers(config: Part): Partial<CanonicalCall> {
  const told = NUMBERS.flatMap((name) => {
    const value = fieldOf(config, name);
    return typeof value === "number" ? [[name, value] as const] : [];
  });
  return Object.fromEntries(told);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

function responseFormat(config: Part): Partial<CanonicalCall> {
  if (fieldOf(config, "responseMimeType") !== "application/json") return {};
  const schema = asObject(fieldOf(config, "responseJsonSchema"));
  const own = fieldOf(config, "responseSchema");
  if (schema === null && own === undefined) return { responseFormat: { type: "json" } };
  return {
    responseFormat: { type: "json", schema: schema ?? jsonSchemaOf(own) },
    // Elsewhere a strict schema has rules that one of this dialect need not keep.
    providerOptions: { openai: { strictJsonSchema: false } },
  };
}

/** A level goes before a budget: it is what the newer models are told. A budget of -1 leaves it to the model. */
function reasoning(config: Part): { readonly reasoning?: Reasoning } {
  const level = fieldOf(config, "thinkingLevel");
  const effort = EFFORTS.find((known) => known === String(level).toLowerCase());
  if (effort !== undefined) return { reasoning: effort };
  const budget = fieldOf(config, "thinkingBudget");
  if (typeof budget !== "number" || budget < 0) return {};
  if (budget === 0) return { reasoning: "none" };
  if (budget <= LOW_BUDGET_TOKENS_MAX) return { reasoning: "low" };
  return { reasoning: budget <= MEDIUM_BUDGET_TOKENS_MAX ? "medium" : "high" };
}

function bothSpellings(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.flatMap((name) => [name, snakeCase(name)]));
}
