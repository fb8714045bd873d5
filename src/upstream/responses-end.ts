// What the end of an answer of the Responses dialect tells: what it used, what it said, which tools it asks for.
// Must never throw on odd shapes.

import type { ToolCall } from "../turn/transcript.ts";
import { NO_USAGE, type Usage } from "../turn/usage.ts";
import type { SaidAnswer } from "./dialect.ts";
import { asObject } from "./json-object.ts";

/** Most calls of one answer that are remembered for the request that goes on from it. */
const CALLS_MAX = 128;
/** Longest id of an answer, in characters; one that is longer cannot be named. */
const ID_LENGTH_MAX = 256;

/** Null when there is none. Counts that make no sense are taken as 0. */
export function readResponseUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  if (usage === null) return null;
  const input = asObject(usage["input_tokens_details"]);
  const output = asObject(usage["output_tokens_details"]);
  return {
    ...NO_USAGE,
    inputTokens: count(usage["input_tokens"]),
    outputTokens: count(usage["output_tokens"]),
    cacheReadTokens: count(input?.["cached_tokens"]),
    cacheWriteTokens: count(input?.["cache_write_tokens"]),
    reasoningTokens: count(output?.["reasoning_tokens"]),
  };
}

/** Null for an answer without an id. */
export function saidIn(
  { id }: Record<string, unknown>,
  output: readonly unknown[],
): SaidAnswer | null {
  if (typeof id !== "string" || id === "" || id.length > ID_LENGTH_MAX) return null;
  const items = output.map(asObject).filter((item) => item !== null);
  const calls = items.slice(0, CALLS_MAX).flatMap(callsOf);
  return { id, calls, text: items.flatMap(textsOf).join("\n") };
}

/** Calls that the client answers, named as in the history of a request. */
function callsOf(item: Record<string, unknown>): ToolCall[] {
  const { type, call_id: id, name, namespace } = item;
  const isCustom = type === "custom_tool_call";
  if ((type !== "function_call" && !isCustom) || typeof name !== "string") return [];
  const fullName =
    typeof namespace === "string" && namespace !== "" ? `${namespace}.${name}` : name;
  const written = isCustom ? JSON.stringify({ input: item["input"] ?? "" }) : item["arguments"];
  return [
    {
      id: typeof id === "string" ? id : "",
      name: fullName,
      arguments: typeof written === "string" ? written : JSON.stringify(written ?? {}),
    },
  ];
}

function textsOf(item: Record<string, unknown>): string[] {
  if (item["type"] !== "message" || !Array.isArray(item["content"])) return [];
  return item["content"].flatMap((part) => {
    const text = asObject(part)?.["text"];
    return typeof text === "string" ? [text] : [];
  });
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
