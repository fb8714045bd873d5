// A Responses request as the canonical call that any model can be asked with.
// Must never lose a part of the request in silence: what cannot be carried is a warning that begins with its name.

import type { CanonicalCall } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import type { DecodedRequest } from "./codec.ts";
import { asNumber, asObject, type JsonObject } from "./json-value.ts";
import { decodeInput } from "./responses-decode-input.ts";
import { decodeTools } from "./responses-decode-tools.ts";
import { asText } from "./responses-items.ts";
import { throwUnknownAnswer } from "./responses-state.ts";

type Effort = NonNullable<CanonicalCall["reasoning"]>;
type Options = NonNullable<CanonicalCall["providerOptions"]>;

/** Longest name of a field that a warning repeats, in characters. */
const NAME_LENGTH_MAX = 64;

/** Fields that are carried, and those that only say who asks or are hints to a cache. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "input",
  "instructions",
  "stream",
  "stream_options",
  "max_output_tokens",
  "temperature",
  "top_p",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "text",
  "reasoning",
  "include",
  "user",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "prompt_cache_options",
  "metadata",
  "client_metadata",
  "service_tier",
  "store",
  "x-routing-hints",
  "x-fallback-chain",
]);
/** Values that ask for nothing, so that nothing is lost with them. */
const NEUTRAL: Readonly<Record<string, (value: unknown) => boolean>> = {
  background: (value) => value === false,
  truncation: (value) => value === "disabled",
  top_logprobs: (value) => value === 0,
};
const EFFORTS: readonly Effort[] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/** Throws a FaultError for a request that no model could be asked with. */
export function decodeResponsesCall(body: unknown): DecodedRequest {
  const request = asObject(body) ?? throwFault("invalid_request", "The body must be an object.");
  refuseStored(request);
  const warnings = lostFields(request);
  const warn = (sentence: string): void => {
    if (!warnings.includes(sentence)) warnings.push(sentence);
  };
  const tools = decodeTools(request, warn);
  const call: CanonicalCall = {
    prompt: [...instructions(request["instructions"]), ...decodeInput(request["input"], warn)],
    ...numbers(request),
    ...tools.call,
    ...format(request),
    ...effort(request["reasoning"], warn),
    providerOptions: optionsOf(request),
  };
  return { call, warnings, renamedTools: tools.renamed };
}

/** What only the provider that answered before has kept. */
function refuseStored(request: JsonObject): void {
  const { previous_response_id: previous, conversation, prompt } = request;
  if (previous !== undefined && previous !== null) throwUnknownAnswer();
  const kept = [conversation, prompt].some((value) => value !== undefined && value !== null);
  if (!kept) return;
  const message =
    "`conversation` and `prompt` name what another provider keeps. Send the whole input instead.";
  throwFault("invalid_request", message, { param: "conversation" });
}

function lostFields(request: JsonObject): string[] {
  const lost = Object.entries(request).filter(
    ([name, value]) =>
      !KNOWN_FIELDS.has(name) &&
      value !== null &&
      !(Object.hasOwn(NEUTRAL, name) && NEUTRAL[name]?.(value) === true),
  );
  return lost.map(([name]) => `\`${shown(name)}\` is not carried to a model of another dialect.`);
}

/** Fit to be shown: a caller wrote it. */
function shown(name: string): string {
  return name.replace(/[^\w.-]/g, "?").slice(0, NAME_LENGTH_MAX);
}

function instructions(value: unknown): CanonicalCall["prompt"] {
  const content = asText(value);
  return content === "" ? [] : [{ role: "system", content }];
}

const NUMBERS = {
  max_output_tokens: "maxOutputTokens",
  temperature: "temperature",
  top_p: "topP",
} as const;

function numbers(request: JsonObject): Partial<CanonicalCall> {
  const told = Object.entries(NUMBERS).flatMap(([name, field]) => {
    const value = asNumber(request[name]);
    return value === null ? [] : [[field, value]];
  });
  return Object.fromEntries(told);
}

function format(request: JsonObject): Partial<CanonicalCall> {
  const told = asObject(asObject(request["text"])?.["format"]);
  if (told?.["type"] === "json_object") return { responseFormat: { type: "json" } };
  if (told?.["type"] !== "json_schema") return {};
  const schema: object = asObject(told["schema"]) ?? { type: "object" };
  const { name, description } = told;
  return {
    responseFormat: {
      type: "json",
      schema,
      ...(typeof name === "string" ? { name } : {}),
      ...(typeof description === "string" ? { description } : {}),
    },
  };
}

function effort(value: unknown, warn: (sentence: string) => void): Partial<CanonicalCall> {
  const told = asObject(value)?.["effort"];
  if (told === undefined || told === null) return {};
  const known = EFFORTS.find((name) => name === told);
  if (known !== undefined) return { reasoning: known };
  warn("`reasoning.effort` is not carried: its value is not known.");
  return {};
}

/** What the dialect says in its own words, for the models that know them. */
function optionsOf(request: JsonObject): Options {
  const texts = {
    user: "user",
    safety_identifier: "safetyIdentifier",
    prompt_cache_key: "promptCacheKey",
    service_tier: "serviceTier",
  } as const;
  const told = Object.entries(texts).flatMap(([name, field]) => {
    const value = asText(request[name]);
    return value === "" ? [] : [[field, value] as const];
  });
  const text = asObject(request["text"]);
  const verbosity = asText(text?.["verbosity"]);
  const openai = {
    ...Object.fromEntries(told),
    ...(verbosity === "" ? {} : { textVerbosity: verbosity }),
    strictJsonSchema: asObject(text?.["format"])?.["strict"] === true,
  };
  if (request["parallel_tool_calls"] !== false) return { openai };
  return {
    openai: { ...openai, parallelToolCalls: false },
    anthropic: { disableParallelToolUse: true },
  };
}
