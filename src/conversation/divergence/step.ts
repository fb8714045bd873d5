// One entry of the evidence: a tool call with its result, or a text of the assistant. Hashes and marks.
// Must never hold text of the conversation but for the clipped samples of the newest steps.

import type { Task, UserKind } from "./user-words.ts";

/** What is known of a step, one bit each. New marks are added at the end: rows hold them. */
export const MARK = {
  /** The call failed. */
  error: 1,
  /** The result says "not yet": pending work, or a refusal that passes by itself (429, 503). */
  waiting: 1 << 1,
  /** First step of a round: of the calls of one assistant message. */
  opens: 1 << 2,
  /** A text of the assistant without any call. */
  text: 1 << 3,
  /** Only thinks or passes time, or was exempted by a rule. */
  neutral: 1 << 4,
  /** Passes time. */
  waits: 1 << 5,
  plans: 1 << 6,
  mutates: 1 << 7,
  /** Changes something that a second equal call would change once more. */
  effects: 1 << 8,
  /** Expected to be asked again. */
  polls: 1 << 9,
  /** Nothing was found or printed. */
  empty: 1 << 10,
  /** The result only says that it happened. */
  acknowledged: 1 << 11,
  /** Arguments that are no JSON, none where some are needed, or a tool that does not exist. */
  malformed: 1 << 12,
  /** An error of the call's form. */
  form: 1 << 13,
  /** An error of what was asked for: missing, refused, silent. */
  target: 1 << 14,
  /** A text that is a table, a list, code or JSON. */
  structured: 1 << 15,
  /** A text that asks the user something. */
  question: 1 << 16,
  /** A text that says what will be done next. */
  announces: 1 << 17,
  /** A text too short to say anything, or a mere receipt (`Saved. The next one, please.`). */
  slight: 1 << 18,
  /** The client condensed the history before this step. */
  condensed: 1 << 19,
  /** A plan with fewer finished items than the one before. */
  setBack: 1 << 20,
  /** A text that names its place in a sequence: `Step 1 is complete`. */
  placed: 1 << 21,
  /** A text that refuses something for a reason. */
  refuses: 1 << 22,
  /** A call that names its target exactly, like the path of a file. */
  addressed: 1 << 23,
  /** A result that lists records, which two calls hardly get by chance. A bit of texts, used again. */
  telling: 1 << 14,
  /** A change that, as its answer says, changed nothing. A bit of texts, used again. */
  idle: 1 << 15,
  /** A text that asks for patience. A bit of calls, used again. */
  stalls: 1 << 1,
  /** A text of a few lines at most. A bit of calls, used again. */
  brief: 1 << 23,
} as const;
/** Marks fit into this many base64 digits. */
export const MARKS_MAX = 1 << 24;

/** Characters of the hashes of a step. */
export const CALL_CHARACTERS = 8;
export const DETAIL_CHARACTERS = 3;
export const SKELETON_CHARACTERS = 4;
export const RESULT_CHARACTERS = 8;
export const ERROR_CHARACTERS = 6;
/** Characters of a known pair, half of the call and half of the result. */
export const PAIR_CHARACTERS = 8;
/** Tokens in the sketch of a call's arguments or of a text's content words. */
export const WORDS_MAX = 16;
/** Tokens in the sketch of a text's three-grams. */
export const GRAMS_MAX = 20;

/** What tells calls apart: also of a call whose result has not come yet. */
export interface CallPart {
  /** Empty for a text. */
  readonly tool: string;
  /** Loose fingerprint: spelling, request ids and tuning do not matter. Of a text: its words. */
  readonly call: string;
  /** Fingerprint of the arguments as they are; meaningful beside an equal `call`. */
  readonly detail: string;
  /** As `call`, with every number masked. Of a plan: its statuses. */
  readonly skeleton: string;
  /** Sketch of the arguments' tokens, or of a text's content words. */
  readonly words: string;
  /** Sketch of a text's three-grams; of a side effect the hash of its facts, or empty. */
  readonly grams: string;
  /** Sum of the numbers in the arguments, modulo; of a plan: its finished items. */
  readonly sum: number;
  readonly marks: number;
}

export interface Step extends CallPart {
  /** Number of the turn that brought it. */
  readonly turn: number;
  /** Index of the assistant message; -1 once the step was stored. */
  readonly index: number;
  readonly result: string;
  /** Class of the error, numbers masked; empty where it is none. */
  readonly errorClass: string;
  /** What the user's side said between the previous step and this one. */
  readonly user: UserKind;
  /** Loose hash of that message; empty where `user` is none. */
  readonly userHash: string;
  /** Sketch of that message's words, before a text only. */
  readonly userWords: string;
  /** Sketch of what that message states: its numbers and names, or all of a short answer. */
  readonly userFacts: string;
  /** The task that message set; null when it set none, and once the step was stored. */
  readonly task: Task | null;
  /** One clipped line each; empty but for the newest steps. */
  readonly sample: Sample;
}

export interface Sample {
  readonly arguments: string;
  readonly result: string;
}

export const NO_SAMPLE: Sample = { arguments: "", result: "" };

/**
 * The parts of an error class: of the error as it is, without the words of the call, and of those
 * words alone.
 */
export const ERROR_SAID_CHARACTERS = 3;
export const ERROR_BARE_CHARACTERS = 2;
export const ERROR_ECHO_CHARACTERS =
  ERROR_CHARACTERS - ERROR_SAID_CHARACTERS - ERROR_BARE_CHARACTERS;

/** What an error says, numbers masked. */
export function saidOf({ errorClass }: Step): string {
  return errorClass.slice(0, ERROR_SAID_CHARACTERS);
}

/** What it says beside the words of the call. */
export function bareOf({ errorClass }: Step): string {
  return errorClass.slice(ERROR_SAID_CHARACTERS, -ERROR_ECHO_CHARACTERS);
}

/** Whether two failures say the same, but for numbers and what the call itself had named. */
export function isSameError(left: Step, right: Step): boolean {
  if (left.errorClass === "" || right.errorClass === "") return false;
  return saidOf(left) === saidOf(right) || bareOf(left) === bareOf(right);
}

/** Whether the errors name what differs between the calls: another target may do better. */
export function nameTargets(failures: readonly Step[]): boolean {
  return new Set(failures.map((step) => step.errorClass.slice(-ERROR_ECHO_CHARACTERS))).size > 1;
}

export function has(step: { readonly marks: number }, mark: number): boolean {
  return (step.marks & mark) !== 0;
}

/** What tells a known observation from a new one. */
export function pairOf(step: Pick<Step, "call" | "result">): string {
  const half = PAIR_CHARACTERS / 2;
  return step.call.slice(0, half) + step.result.slice(0, half);
}

/** The part of a known pair that stands for its result. */
export function resultHalf(pair: string): string {
  return pair.slice(PAIR_CHARACTERS / 2);
}
