// A request of the chat completions dialect as the canonical call that any model can be asked with.
// Must never lose a part of the request in silence: what cannot be carried is a warning that begins with its name.

import type { CanonicalCall } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import type { DecodedRequest } from "./codec.ts";
import { asNumber, asObject, asText, type JsonObject } from "./json-value.ts";
import { decodeMessages } from "./openai-chat-codec-messages.ts";
import { decodeFormat, decodeTools } from "./openai-chat-codec-tools.ts";

type Effort = NonNullable<CanonicalCall["reasoning"]>;
type Options = NonNullable<CanonicalCall["providerOptions"]>;

/** Longest name of a field that a warning repeats, in characters. */
const NAME_LENGTH_MAX = 64;

/** Fields that are carried, and those that only say who asks or are hints to a cache. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "stream",
  "stream_options",
  "max_tokens",
  "max_completion_tokens",
  "temperature",
  "top_p",
  "top_k",
  "stop",
  "seed",
  "presence_penalty",
  "frequency_penalty",
  "reasoning_effort",
  "response_format",
  "tools",
  "tool_choice",
  "functions",
  "function_call",
  "parallel_tool_calls",
  "verbosity",
  "service_tier",
  "user",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "metadata",
  "store",
]);
/** Values that ask for nothing, so that nothing is lost with them. */
const NEUTRAL: Readonly<Record<string, (value: unknown) => boolean>> = {
  n: (value) => value === 1,
  logprobs: (value) => value === false,
  logit_bias: (value) => Object.keys(asObject(value) ?? { some: true }).length === 0,
  modalities: (value) => Array.isArray(value) && value.every((name) => name === "text"),
};
const EFFORTS: readonly Effort[] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/** Throws a FaultError for a request that no model could be asked with. */
export function decodeChatCall(body: unknown): DecodedRequest {
  const request = asObject(body) ?? throwFault("invalid_request", "The body must be an object.");
  const warnings = lostFields(request);
  const warn = (sentence: string): void => {
    if (!warnings.includes(sentence)) warnings.push(sentence);
  };
  const call: CanonicalCall = {
    prompt: decodeMessages(request["messages"], warn),
    ...numbers(request),
    ...stopSequences(request["stop"]),
    ...decodeTools(request, warn),
    ...decodeFormat(request["response_format"]),
    ...effort(request["reasoning_effort"], warn),
    providerOptions: optionsOf(request),
  };
  return { call, warnings };
}

function lostFields(request: JsonObject): string[] {
  const lost = Object.entries(request).filter(
    ([name, value]) =>
      !KNOWN_FIELDS.has(name) &&
      value !== null &&
      !(Object.hasOwn(NEUTRAL, name) && NEUTRAL[name]?.(value) === true),
  );
  return lost.map(([name]) =>
    name === "n"
      ? "`n` is not carried: one answer is given."
      : `\`${shown(name)}\` is not carried to a model of another dialect.`,
  );
}

/** Fit to be shown: a caller wrote it. */
function shown(name: string): string {
  return name.replace(/[^\w.-]/g, "?").slice(0, NAME_LENGTH_MAX);
}

const NUMBERS = {
  temperature: "temperature",
  top_p: "topP",
  top_k: "topK",
  seed: "seed",
  presence_penalty: "presencePenalty",
  frequency_penalty: "frequencyPenalty",
} as const;

function numbers(request: JsonObject): Partial<CanonicalCall> {
  const most = asNumber(request["max_completion_tokens"]) ?? asNumber(request["max_tokens"]);
  const told = Object.entries(NUMBERS).flatMap(([name, field]) => {
    const value = asNumber(request[name]);
    // A penalty of nothing is what every model does by itself.
    return value === null || (name.endsWith("penalty") && value === 0) ? [] : [[field, value]];
  });
  return { ...Object.fromEntries(told), ...(most === null ? {} : { maxOutputTokens: most }) };
}

function stopSequences(stop: unknown): Partial<CanonicalCall> {
  const list: readonly unknown[] = Array.isArray(stop) ? stop : [stop];
  const texts = list.filter((text) => typeof text === "string" && text !== "");
  return texts.length === 0
    ? {}
    : { stopSequences: texts.filter((text) => typeof text === "string") };
}

function effort(value: unknown, warn: (sentence: string) => void): Partial<CanonicalCall> {
  if (value === undefined || value === null) return {};
  const known = EFFORTS.find((name) => name === value);
  if (known !== undefined) return { reasoning: known };
  warn("`reasoning_effort` is not carried: its value is not known.");
  return {};
}

/** What the dialect says in its own words, for the models that know them. */
function optionsOf(request: JsonObject): Options {
  const texts = {
    user: "user",
    safety_identifier: "safetyIdentifier",
    prompt_cache_key: "promptCacheKey",
    service_tier: "serviceTier",
    verbosity: "textVerbosity",
  } as const;
  const told = Object.entries(texts).flatMap(([name, field]) => {
    const value = asText(request[name]);
    return value === null ? [] : [[field, value] as const];
  });
  const format = asObject(asObject(request["response_format"])?.["json_schema"]);
  const openai = {
    ...Object.fromEntries(told),
    strictJsonSchema: format?.["strict"] === true,
  };
  if (request["parallel_tool_calls"] !== false) return { openai };
  return {
    openai: { ...openai, parallelToolCalls: false },
    anthropic: { disableParallelToolUse: true },
  };
}
