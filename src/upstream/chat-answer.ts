// Reads answers of the chat completions dialect: usage, tool calls, finish, error.
// On the hot path: after the first content an event is parsed only when a cheap look says that it matters.

import { NO_USAGE, type Usage } from "../turn/usage.ts";
import type { AnswerReader, AnswerSummary, EventKind } from "./dialect.ts";
import { readEvent } from "./sse.ts";

/** Most tool names kept of one answer. */
const TOOL_NAMES_MAX = 128;
/** Longest tool name kept, in characters. */
const TOOL_NAME_LENGTH_MAX = 64;
/** Data of the event without which a stream counts as cut. */
const DONE = "[DONE]";
const TELLS_USAGE = /"usage"\s*:\s*\{/;
const TELLS_FINISH = /"finish_reason"\s*:\s*"/;

export function createChatReader(): AnswerReader {
  let usage: Usage | null = null;
  let finish: string | null = null;
  let begun = false;
  let pieces = 0;
  const toolCalls: string[] = [];

  function noteChoice(choice: Record<string, unknown>): boolean {
    if (typeof choice["finish_reason"] === "string") finish = choice["finish_reason"];
    const part = asObject(choice["delta"]) ?? asObject(choice["message"]);
    if (part === null) return false;
    const calls = Array.isArray(part["tool_calls"]) ? part["tool_calls"] : [];
    for (const call of calls) noteToolCall(call);
    return calls.length > 0 || Object.entries(part).some(isContent);
  }

  function noteToolCall(call: unknown): void {
    const name = asObject(asObject(call)?.["function"])?.["name"];
    if (typeof name !== "string" || name === "" || toolCalls.length >= TOOL_NAMES_MAX) return;
    toolCalls.push(name.slice(0, TOOL_NAME_LENGTH_MAX));
  }

  function readChunk(data: string): EventKind {
    const chunk = parseObject(data);
    if (chunk === null || isError(chunk)) return "error";
    const told = readUsage(chunk["usage"]);
    if (told !== null) usage = told;
    const choices = Array.isArray(chunk["choices"]) ? chunk["choices"] : [];
    if (choices.length === 0) return told === null ? "preamble" : "usage-only";
    let content = false;
    for (const choice of choices) {
      const known = asObject(choice);
      if (known !== null && noteChoice(known)) content = true;
    }
    return content || finish !== null ? "content" : "preamble";
  }

  return {
    readEvent(raw) {
      const { data } = readEvent(raw);
      if (data === null) return begun ? "content" : "preamble";
      if (data === DONE) return "terminal";
      if (begun && !matters(data)) {
        pieces += 1;
        return "content";
      }
      const kind = readChunk(data);
      if (kind === "content") {
        begun = true;
        pieces += 1;
      }
      // Once content has gone out there is no way back: what looks empty is passed on in its place.
      return kind === "preamble" && begun ? "content" : kind;
    },
    isWhole,
    readJson(body) {
      const answer = parseObject(body.toString("utf8"));
      if (answer === null || !Array.isArray(answer["choices"])) return false;
      usage = readUsage(answer["usage"]);
      for (const choice of answer["choices"]) {
        const known = asObject(choice);
        if (known !== null) noteChoice(known);
      }
      return true;
    },
    finished: () => finish !== null,
    summary: (): AnswerSummary => ({ usage, finish, toolCalls, pieces }),
  };
}

function isWhole(raw: Buffer): boolean {
  const { data } = readEvent(raw);
  return data === DONE || (data !== null && parseObject(data) !== null);
}

/** Only these can tell something beyond "one more piece of content". */
function matters(data: string): boolean {
  return (
    data.includes('"tool_calls"') ||
    data.includes('"error"') ||
    // The cheap look comes first; the exact one minds any spacing and more than one choice.
    (data.includes('"usage"') && TELLS_USAGE.test(data)) ||
    (data.includes('"finish_reason"') && TELLS_FINISH.test(data))
  );
}

function isContent([name, value]: [string, unknown]): boolean {
  if (name === "role" || name === "tool_calls") return false;
  return typeof value === "string" ? value !== "" : value !== null && value !== undefined;
}

function isError(chunk: Record<string, unknown>): boolean {
  return chunk["error"] !== undefined && chunk["error"] !== null;
}

/** Null when there is none. Counts that make no sense are taken as 0. */
function readUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  if (usage === null) return null;
  const input = asObject(usage["prompt_tokens_details"]);
  const output = asObject(usage["completion_tokens_details"]);
  return {
    ...NO_USAGE,
    inputTokens: count(usage["prompt_tokens"]),
    outputTokens: count(usage["completion_tokens"]),
    cacheReadTokens: count(input?.["cached_tokens"] ?? usage["prompt_cache_hit_tokens"]),
    cacheWriteTokens: count(input?.["cache_write_tokens"]),
    reasoningTokens: count(output?.["reasoning_tokens"]),
  };
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    return asObject(JSON.parse(text));
  } catch (error) {
    // Not JSON: to the caller this is the same as an answer of another dialect.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function asObject(value: unknown): Record<string, unknown> | null {
  return isObject(value) ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
