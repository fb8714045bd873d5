// Reads answers of the chat completions dialect: usage, tool calls, finish, error.
// On the hot path: after the first content an event is parsed only when a cheap look says that it matters.

import { NO_USAGE, type Usage } from "../turn/usage.ts";
import { createChatText } from "./chat-text.ts";
import type { AnswerReader, AnswerSummary, EventKind, TextWatch } from "./dialect.ts";
import { asObject, parseObject } from "./json-object.ts";
import { readEvent } from "./sse.ts";

/** Most tool names kept of one answer. */
const TOOL_NAMES_MAX = 128;
/** Longest tool name kept, in characters. */
const TOOL_NAME_LENGTH_MAX = 64;
/** Most choices of one answer that are told apart; an answer with more needs its terminal event. */
const CHOICES_MAX = 128;
/** Data of the event without which a stream counts as cut. */
const DONE = "[DONE]";
const TELLS_USAGE = /"usage"\s*:\s*\{/;
/** Some servers write an empty finish reason into every piece: it ends nothing. */
const TELLS_FINISH = /"finish_reason"\s*:\s*"[^"]/;
const TELLS_OTHER_CHOICE = /"index"\s*:\s*[1-9]/;
/** Spaces around the terminal data are passed over up to this length, in characters. */
const DONE_LENGTH_MAX = 16;

/** `watch`: who looks at the text of the answer; null, at no cost, for nobody. */
export function createChatReader(watch: TextWatch | null = null): AnswerReader {
  let usage: Usage | null = null;
  let finish: string | null = null;
  let begun = false;
  let pieces = 0;
  const toolCalls: string[] = [];
  const choices = createChoiceBook();
  const text = watch === null ? null : createChatText(watch);

  function noteChoice(choice: Record<string, unknown>): boolean {
    const told = choice["finish_reason"];
    const isLast = typeof told === "string" && told !== "";
    if (isLast) finish = told;
    choices.note(choice["index"], isLast);
    const part = asObject(choice["delta"]) ?? asObject(choice["message"]);
    if (part === null) return false;
    return noteToolCalls(toolCalls, part) || Object.entries(part).some(isContent);
  }

  /** True when one of them holds content. */
  const noteChoices = (parts: readonly unknown[]): boolean =>
    objectsIn(parts).map(noteChoice).includes(true);

  function readChunk(data: string): EventKind {
    const chunk = parseObject(data);
    if (chunk === null || isError(chunk)) return "error";
    const told = readChatUsage(chunk["usage"]);
    if (told !== null) usage = told;
    const parts = Array.isArray(chunk["choices"]) ? chunk["choices"] : [];
    if (parts.length === 0) return told === null ? "preamble" : "usage-only";
    const content = noteChoices(parts);
    return content || finish !== null ? "content" : "preamble";
  }

  return {
    readEvent(raw) {
      const { event, data } = readEvent(raw);
      if (event === "error") return "error";
      if (data === null) return begun ? "content" : "preamble";
      // Behind content it ends the answer even where no finish reason came: the server said that it is done.
      if (isDone(data)) return begun ? "terminal" : "hollow";
      if (begun && !choices.isMany() && !matters(data)) {
        text?.takePiece(data);
        pieces += 1;
        return "content";
      }
      text?.take(data);
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
      if (answer === null || isError(answer) || !Array.isArray(answer["choices"])) return false;
      usage = readChatUsage(answer["usage"]);
      text?.take(body.toString("utf8"));
      noteChoices(answer["choices"]);
      return true;
    },
    finished: choices.allFinished,
    cut: () => text?.cut() ?? null,
    summary: (): AnswerSummary => ({ usage, finish, toolCalls, pieces }),
  };
}

function objectsIn(parts: readonly unknown[]): readonly Record<string, unknown>[] {
  return parts.map(asObject).filter((part) => part !== null);
}

/** True when the part asks for tools. */
function noteToolCalls(names: string[], part: Record<string, unknown>): boolean {
  const calls = Array.isArray(part["tool_calls"]) ? part["tool_calls"] : [];
  for (const call of calls) noteToolCall(names, call);
  return calls.length > 0;
}

function noteToolCall(names: string[], call: unknown): void {
  const name = asObject(asObject(call)?.["function"])?.["name"];
  if (typeof name !== "string" || name === "" || names.length >= TOOL_NAMES_MAX) return;
  names.push(name.slice(0, TOOL_NAME_LENGTH_MAX));
}

interface ChoiceBook {
  note(index: unknown, isLast: boolean): void;
  /** True when pieces of more than the first choice come, so that each of them has to be parsed. */
  isMany(): boolean;
  /** At least one choice has come, and each that came has ended. */
  allFinished(): boolean;
}

/** One answer can hold several choices, each with an end of its own. */
function createChoiceBook(): ChoiceBook {
  const seen = new Set<number>();
  const finished = new Set<number>();
  let many = false;
  let tooMany = false;
  return {
    note(told, isLast) {
      const index = count(told);
      if (index > 0) many = true;
      if (!seen.has(index) && seen.size >= CHOICES_MAX) {
        tooMany = true;
        return;
      }
      seen.add(index);
      if (isLast) finished.add(index);
    },
    isMany: () => many,
    allFinished: () => !tooMany && seen.size > 0 && finished.size === seen.size,
  };
}

function isWhole(raw: Buffer): boolean {
  const { event, data } = readEvent(raw);
  if (data === null) return false;
  return event === "error" || isDone(data) || parseObject(data) !== null;
}

function isDone(data: string): boolean {
  return data === DONE || (data.length <= DONE_LENGTH_MAX && data.trim() === DONE);
}

/** Only these can tell something beyond "one more piece of content". */
function matters(data: string): boolean {
  return (
    data.includes('"tool_calls"') ||
    // As a key, or as the value of "object".
    data.includes('"error"') ||
    TELLS_OTHER_CHOICE.test(data) ||
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
  if (chunk["object"] === "error") return true;
  return chunk["error"] !== undefined && chunk["error"] !== null;
}

/** Null when there is none. Counts that make no sense are taken as 0. */
export function readChatUsage(value: unknown): Usage | null {
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
