// Reads answers of the Gemini dialect: usage, function calls, finish, error.
// On the hot path: after the first content a piece is parsed only when a cheap look says that it matters.

import { NO_USAGE, type Usage } from "../turn/usage.ts";
import type { AnswerReader, EventKind, TextWatch } from "./dialect.ts";
import { createGeminiText } from "./gemini-text.ts";
import { asObject, parseObject } from "./json-object.ts";
import { readEvent } from "./sse.ts";

/** Most names of functions kept of one answer. */
const TOOL_NAMES_MAX = 128;
/** Longest name kept, in characters. */
const TOOL_NAME_LENGTH_MAX = 64;
/** Most candidates of one answer that are told apart. */
const CANDIDATES_MAX = 128;
/** As keys: inside a text their quotes would be escaped. */
const MARKS = ['"finishReason"', '"functionCall"', '"error"', '"promptFeedback"'] as const;
const TELLS_OTHER_CANDIDATE = /"index"\s*:\s*[1-9]/;
/** A reason that gives none. */
const UNSPECIFIED = "FINISH_REASON_UNSPECIFIED";

/** `watch`: who looks at the text of the answer; null, at no cost, for nobody. */
export function createGeminiReader(watch: TextWatch | null = null): AnswerReader {
  const text = watch === null ? null : createGeminiText(watch);
  const book = createCandidateBook();
  let usage: Usage | null = null;
  /** Each piece tells the usage so far, so of those that were not parsed the last one counts. */
  let unread: string | null = null;
  let begun = false;
  let pieces = 0;

  function noteUsage(answer: Record<string, unknown>): void {
    unread = null;
    usage = readUsage(answer["usageMetadata"]) ?? usage;
  }

  function readPiece(piece: Record<string, unknown>): EventKind {
    if (isError(piece)) return "error";
    noteUsage(piece);
    const content = book.note(piece);
    if (book.isOver()) return "terminal";
    return content ? "content" : "preamble";
  }

  return {
    readEvent(raw) {
      const { event, data } = readEvent(raw);
      if (event === "error") return "error";
      if (data === null) return begun ? "content" : "preamble";
      if (begun && book.isOne() && !matters(data)) {
        unread = data;
        pieces += 1;
        text?.take(parseObject(data) ?? {});
        return "content";
      }
      const piece = parseObject(data);
      if (piece === null) return "error";
      text?.take(piece);
      const kind = readPiece(piece);
      if (kind === "content" || kind === "terminal") {
        begun = true;
        pieces += 1;
      }
      // Once content has gone out there is no way back: what looks empty is passed on in its place.
      return kind === "preamble" && begun ? "content" : kind;
    },
    isWhole(raw) {
      const { event, data } = readEvent(raw);
      return data !== null && (event === "error" || parseObject(data) !== null);
    },
    readJson(body) {
      const answer = parseObject(body.toString("utf8"));
      if (answer === null || isError(answer)) return false;
      if (candidatesOf(answer).length === 0 && blockReason(answer) === null) return false;
      noteUsage(answer);
      book.note(answer);
      text?.take(answer);
      return true;
    },
    // Only a finish says that the answer is whole, and it is never passed over.
    finished: () => false,
    cut: () => text?.cut() ?? null,
    summary() {
      if (unread !== null) noteUsage(parseObject(unread) ?? {});
      const { finish, toolCalls } = book;
      return { usage, finish, toolCalls, pieces };
    },
  };
}

interface CandidateBook {
  /** Takes what a piece, or a whole answer, tells of its candidates. True when it holds content. */
  note(piece: Record<string, unknown>): boolean;
  isOne(): boolean;
  /** Each candidate that came has ended, or the prompt was refused, which is the whole answer. */
  isOver(): boolean;
  readonly finish: string | null;
  readonly toolCalls: readonly string[];
}

/** One answer can hold several candidates, each with an end of its own. */
function createCandidateBook(): CandidateBook {
  const toolCalls: string[] = [];
  const seen = new Set<number>();
  const ended = new Set<number>();
  let finish: string | null = null;

  function noteCandidate(candidate: Record<string, unknown>): boolean {
    const index = count(candidate["index"]);
    if (seen.size < CANDIDATES_MAX) seen.add(index);
    const told = candidate["finishReason"];
    if (typeof told === "string" && told !== "" && told !== UNSPECIFIED) {
      finish = told;
      ended.add(index);
    }
    const parts = asObject(candidate["content"])?.["parts"];
    const known = Array.isArray(parts) ? parts.map(asObject).filter((part) => part !== null) : [];
    for (const part of known) noteCall(toolCalls, part);
    return known.some((part) => part["text"] !== "" || Object.keys(part).length > 1);
  }

  return {
    note(piece) {
      const candidates = candidatesOf(piece);
      if (candidates.length === 0 && seen.size === 0) finish = blockReason(piece);
      return candidates.map(noteCandidate).includes(true);
    },
    isOne: () => seen.size === 1,
    isOver: () => finish !== null && [...seen].every((index) => ended.has(index)),
    get finish() {
      return finish;
    },
    toolCalls,
  };
}

function noteCall(names: string[], part: Record<string, unknown>): void {
  const name = asObject(part["functionCall"])?.["name"];
  if (typeof name !== "string" || names.length >= TOOL_NAMES_MAX) return;
  names.push(name.slice(0, TOOL_NAME_LENGTH_MAX));
}

/** Only these can tell something beyond "one more piece of content". */
function matters(data: string): boolean {
  return MARKS.some((mark) => data.includes(mark)) || TELLS_OTHER_CANDIDATE.test(data);
}

function candidatesOf(answer: Record<string, unknown>): Record<string, unknown>[] {
  const { candidates } = answer;
  if (!Array.isArray(candidates)) return [];
  return candidates.map(asObject).filter((candidate) => candidate !== null);
}

/** Null where the prompt was not refused. */
function blockReason(answer: Record<string, unknown>): string | null {
  const reason = asObject(answer["promptFeedback"])?.["blockReason"];
  return typeof reason === "string" && reason !== "" ? reason : null;
}

function isError(answer: Record<string, unknown>): boolean {
  return answer["error"] !== undefined && answer["error"] !== null;
}

/** Null when there is none. Here the thoughts stand beside the candidates, and the cached part in the prompt. */
function readUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  if (usage === null) return null;
  const thoughts = count(usage["thoughtsTokenCount"]);
  return {
    ...NO_USAGE,
    inputTokens: count(usage["promptTokenCount"]) + count(usage["toolUsePromptTokenCount"]),
    outputTokens: count(usage["candidatesTokenCount"]) + thoughts,
    cacheReadTokens: count(usage["cachedContentTokenCount"]),
    reasoningTokens: thoughts,
  };
}

/** Counts that make no sense are taken as 0. */
function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
