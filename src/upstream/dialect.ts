// What the relay asks of a dialect's answer: to be told what each piece means. One reader per attempt.
// Must never change a byte: a reader only looks.

import type { ToolCall } from "../turn/transcript.ts";
import type { Usage } from "../turn/usage.ts";

/**
 * preamble: nothing of the answer itself yet, so another deployment could still take over unseen.
 * content: the answer has begun. usage-only: an extra event that exists for the usage alone.
 * terminal: the event without which the stream counts as cut. hollow: the same, but no answer came before it.
 * error: the stream failed inside.
 */
export type EventKind = "preamble" | "content" | "usage-only" | "terminal" | "hollow" | "error";

export interface AnswerSummary {
  /** Null when the upstream told none. */
  readonly usage: Usage | null;
  /** The dialect's own word, as it came. */
  readonly finish: string | null;
  /** Names of the tools the answer asks for, in order. */
  readonly toolCalls: readonly string[];
  /** How many pieces of content came: the basis of an estimate when an answer is cut. */
  readonly pieces: number;
  /** What a later request may go on from without repeating it; absent where the dialect has no such requests. */
  readonly said?: SaidAnswer | null;
}

/** A whole answer that its provider may have kept. */
export interface SaidAnswer {
  /** Id by which it can be named. */
  readonly id: string;
  readonly calls: readonly ToolCall[];
  readonly text: string;
}

/** Looks at the text of one answer as it comes. Given by whoever has an interest in it. */
export interface TextWatch {
  add(text: string): void;
  /** True: nothing more of this answer is wanted. Asked after each piece. */
  wantsCut(): boolean;
}

/**
 * The events that end an answer which is cut here, as its own upstream would have written them: it has reached a
 * limit, and with `usage` what it used.
 */
export type CutEnd = (usage: Usage | null) => Buffer;

export interface AnswerReader {
  /** One complete SSE event with its terminating blank line. */
  readEvent(raw: Buffer): EventKind;
  /** Whether the bytes at the end of a stream are an event that only lacks its blank line, and no cut one. */
  isWhole(raw: Buffer): boolean;
  /** A complete JSON body. False when it is not an answer of this dialect. */
  readJson(body: Buffer): boolean;
  /** True when the end of the stream without a terminal event still is a complete answer, in each choice. */
  finished(): boolean;
  /** How to end the answer behind this event, where its watch wants that and nothing breaks by it; else null. */
  cut(): CutEnd | null;
  summary(): AnswerSummary;
}
