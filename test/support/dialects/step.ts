// What a scripted provider does next, in words that fit every dialect: the dialects put it on their
// wire.
// Must never hold a word of one dialect: a script that ran on one must run on all.

import type { Usage } from "../../../src/turn/usage.ts";

export interface ScriptedCall {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Made up from the number of the request where it is absent. */
  readonly id?: string;
}

/**
 * Why the provider stopped; "end" becomes the dialect's word for tool calls where there are calls.
 */
export type Stop = "end" | "length" | "refused";

/** What goes wrong in the middle of an answer, after so many pieces of its stream. */
export type Trouble =
  | { readonly kind: "cut" | "end" | "hold"; readonly afterPieces: number }
  | { readonly kind: "error"; readonly afterPieces: number; readonly error: ErrorName };

export interface Reply {
  readonly kind: "reply";
  /** Signed by the dialect; null: the model did not reason. */
  readonly reasoning: string | null;
  /** Adds reasoning that only the provider can read. */
  readonly isRedacted: boolean;
  readonly text: string | null;
  readonly calls: readonly ScriptedCall[];
  readonly stop: Stop;
  /** `inputTokens` with the cached ones, `outputTokens` with the reasoning. */
  readonly usage: Usage;
  /**
   * Pause before each piece of a stream but the first, or before a whole answer, in milliseconds.
   */
  readonly delayMs: number;
  readonly trouble: Trouble | null;
}

export type ErrorName =
  | "rate_limited"
  | "overloaded"
  | "server"
  | "context_overflow"
  | "invalid_key"
  | "billing"
  | "invalid_request"
  | "model_missing";

export interface ErrorStep {
  readonly kind: "error";
  readonly error: ErrorName;
  /** Sent in the dialect's way to ask for patience; null: not said. */
  readonly retryAfterSeconds: number | null;
}

export type Step = Reply | ErrorStep;

const USAGE: Usage = {
  inputTokens: 100,
  outputTokens: 20,
  cacheReadTokens: 40,
  cacheWriteTokens: 10,
  reasoningTokens: 0,
};

/**
 * What a reply is when nothing else is said: no content, 100 tokens in (40 cached, 10 written), 20
 * out.
 */
const REPLY: Reply = {
  kind: "reply",
  reasoning: null,
  isRedacted: false,
  text: null,
  calls: [],
  stop: "end",
  usage: USAGE,
  delayMs: 0,
  trouble: null,
};

export type ReplyOptions = Partial<Omit<Reply, "kind" | "usage">> & {
  readonly usage?: Partial<Usage>;
};

/** A reply in full: every other builder is a short form of it. */
export function reply(options: ReplyOptions): Reply {
  const reasoningTokens = typeof options.reasoning === "string" ? 8 : 0;
  return { ...REPLY, ...options, usage: { ...USAGE, reasoningTokens, ...options.usage } };
}

export function text(words: string, options: ReplyOptions = {}): Reply {
  return reply({ ...options, text: words });
}

export function oneTool(name: string, input: ScriptedCall["input"] = {}): Reply {
  return reply({ calls: [{ name, input }] });
}

export function tools(...calls: readonly ScriptedCall[]): Reply {
  return reply({ calls });
}

/** Signed reasoning, then a text. */
export function reasoned(reasoning: string, words: string): Reply {
  return reply({ reasoning, text: words });
}

/** Answers with an error instead of an answer: the dialect's status and body. */
export function fails(error: ErrorName, retryAfterSeconds: number | null = null): ErrorStep {
  return { kind: "error", error, retryAfterSeconds };
}

/** Breaks off with the dialect's error event; a whole answer becomes the error itself. */
export function failsInside(answer: Reply, afterPieces: number, error: ErrorName): Reply {
  return { ...answer, trouble: { kind: "error", afterPieces, error } };
}

/** Drops the connection; a whole answer is not sent at all. */
export function cut(answer: Reply, afterPieces: number): Reply {
  return { ...answer, trouble: { kind: "cut", afterPieces } };
}

/** Ends the body as if that were all; a whole answer is not sent at all. */
export function endsEarly(answer: Reply, afterPieces: number): Reply {
  return { ...answer, trouble: { kind: "end", afterPieces } };
}

/** Falls silent until the peer leaves. */
export function holds(answer: Reply, afterPieces: number): Reply {
  return { ...answer, trouble: { kind: "hold", afterPieces } };
}

export function slow(answer: Reply, delayMs: number): Reply {
  return { ...answer, delayMs };
}

/** Text in pieces of a few letters, as models send it. */
export function piecesOf(words: string): readonly string[] {
  return words.match(/.{1,8}/gsu) ?? [];
}

export interface ScriptView {
  /** The request body as it came. */
  readonly bodyText: string;
  /** 1 for the first request that asks for an answer; counting and embedding do not count. */
  readonly turn: number;
}

export type Script = (view: ScriptView) => Step;

export function always(step: Step): Script {
  return () => step;
}

/** One step a turn; the last one again when they are used up. */
export function inOrder(first: Step, ...rest: readonly Step[]): Script {
  const steps = [first, ...rest];
  return ({ turn }) => steps[Math.min(turn, steps.length) - 1] ?? first;
}

/** `before` again and again until the request holds the marker, `after` from then on. */
export function until(marker: string, before: Step, after: Step = text("I see it now.")): Script {
  const escaped = JSON.stringify(marker).slice(1, -1);
  return ({ bodyText }) => (bodyText.includes(escaped) ? after : before);
}
