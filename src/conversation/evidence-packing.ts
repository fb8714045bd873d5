// The stored form of an evidence window and its bounds: columns instead of objects, a third of the
// size.
// Must never accept what it did not write: the caller quarantines a row that does not fit (I8).

import {
  CALL_CHARACTERS,
  DETAIL_CHARACTERS,
  ERROR_CHARACTERS,
  GRAMS_MAX,
  has,
  MARK,
  MARKS_MAX,
  NO_SAMPLE,
  PAIR_CHARACTERS,
  RESULT_CHARACTERS,
  SKELETON_CHARACTERS,
  WORDS_MAX,
  type CallPart,
  type Step,
} from "./divergence/step.ts";
import { TOOL_CHARACTERS_MAX } from "./divergence/call-part.ts";
import { ASKED_MAX } from "./divergence/number-words.ts";
import {
  TASK_WORDS_MAX,
  USER_FACTS_MAX,
  USER_HASH_CHARACTERS,
  USER_KINDS,
  USER_WORDS_MAX,
} from "./divergence/user-words.ts";
import type { Evidence, PendingCall } from "./evidence.ts";
import { unpackFirstVersion } from "./evidence-first-version.ts";
import { Columns } from "./evidence-columns.ts";

/** Raised when the columns change. */
export const EVIDENCE_SCHEMA = 2;
/** Steps in the ring; the oldest leaves first. */
export const STEPS_MAX = 64;
/** Pairs of call and result that left the ring and are still known; the least recent goes first. */
export const SEEN_MAX = 120;
/** Newest calls that keep a sample of what they did. */
export const SAMPLES_MAX = 3;
/** Longest sample of arguments or result, in UTF-16 units, and as JSON in bytes. */
export const SAMPLE_CHARACTERS_MAX = 120;
export const SAMPLE_BYTES_MAX = 144;
/** Newest calls whose arguments can be compared word by word. */
export const ARGUMENT_SKETCHES_MAX = 20;
/** Newest texts that can be compared. */
export const TEXTS_MAX = 10;
/** Calls of an answer that are kept until their results come. */
export const PENDING_CALLS_MAX = 4;
export const PENDING_ID_CHARACTERS = 6;
/** All different tool names of the ring, in bytes; older steps leave early when it is exceeded. */
export const TOOL_NAMES_BYTES_MAX = 512;

/** One entry per step and column, oldest first. Hashes are of fixed length, without separators. */
export interface PackedEvidence {
  readonly v: typeof EVIDENCE_SCHEMA;
  /** The different tool names. */
  readonly n: readonly string[];
  /** Position of each step's tool in `n`. */
  readonly t: readonly number[];
  /** Turn numbers, each as the difference from the one before. */
  readonly u: readonly number[];
  /** Marks and kind of user message: five digits a step. */
  readonly f: string;
  /** Call, detail, skeleton, result and sum. */
  readonly c: string;
  /** Error classes, of the steps that are errors. */
  readonly e: string;
  /** Hashes of user messages, where there are some. */
  readonly h: string;
  /** Sketches of the newest steps: words, three-grams, words and facts of the user. */
  readonly w: string;
  /** Samples of the newest calls: arguments and result in turn. */
  readonly x: readonly string[];
  /** Pairs that left the ring. */
  readonly s: string;
  /** The task: times, items, watch, words. */
  readonly a: readonly [number, number, number, string];
  /** Calls that wait for their results. */
  readonly p: readonly (readonly [string, string, string])[];
  /** The newest answer's text; empty for none. */
  readonly q: string;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const MARK_DIGITS = 4;
const FLAG_CHARACTERS = MARK_DIGITS + 1;
const SUM_CHARACTERS = 2;
const HASHES_CHARACTERS =
  CALL_CHARACTERS + DETAIL_CHARACTERS + SKELETON_CHARACTERS + RESULT_CHARACTERS + SUM_CHARACTERS;
const PENDING_CHARACTERS =
  PENDING_ID_CHARACTERS + HASHES_CHARACTERS - RESULT_CHARACTERS + MARK_DIGITS;

export function packEvidence(evidence: Evidence): PackedEvidence {
  const { steps, seen, task, pending } = evidence;
  const names = [...new Set(steps.map((step) => step.tool))];
  const calls = steps.filter((step) => !has(step, MARK.text));
  return {
    v: EVIDENCE_SCHEMA,
    n: names,
    t: steps.map((step) => names.indexOf(step.tool)),
    u: steps.map((step, index) => step.turn - (steps[index - 1]?.turn ?? 0)),
    f: steps.map((step) => digits(step.marks, MARK_DIGITS) + kindDigit(step)).join(""),
    c: steps.map((step) => hashesOf(step, step.result)).join(""),
    e: steps.map((step) => step.errorClass).join(""),
    h: steps.map((step) => step.userHash).join(""),
    w: steps.map((step) => packSketches(step)).join(";"),
    x: calls.slice(-SAMPLES_MAX).flatMap(({ sample }) => [sample.arguments, sample.result]),
    s: seen.join(""),
    a: [task.times, task.items, task.watch ? 1 : 0, task.words],
    p: pending.calls.map(packPending),
    q: pending.text === null ? "" : packText(pending.text),
  };
}

function digits(value: number, count: number): string {
  let text = "";
  for (let place = count - 1; place >= 0; place -= 1) {
    text += DIGITS[(value >> (6 * place)) & 63] ?? "";
  }
  return text;
}

function valueOf(text: string): number {
  let value = 0;
  for (const digit of text) value = value * 64 + DIGITS.indexOf(digit);
  return value;
}

function kindDigit(step: Step): string {
  return DIGITS[USER_KINDS.indexOf(step.user)] ?? "A";
}

function hashesOf(part: CallPart, result: string): string {
  return part.call + part.detail + part.skeleton + result + digits(part.sum, SUM_CHARACTERS);
}

function packSketches({ words, grams, userWords, userFacts }: Step): string {
  return `${words},${grams},${userWords},${userFacts}`.replace(/,+$/, "");
}

function packPending(call: PendingCall): readonly [string, string, string] {
  const hashes = call.id + hashesOf(call, "") + digits(call.marks, MARK_DIGITS);
  return [call.tool, hashes, call.words];
}

function packText(text: CallPart): string {
  return `${text.call}${digits(text.marks, MARK_DIGITS)},${text.words},${text.grams}`;
}

/** Checks and unpacks. Throws a TypeError that names the column at fault, never its content. */
export function unpackEvidence(value: unknown): Evidence {
  const columns = new Columns(value);
  if (columns.get("v") === 1) return unpackFirstVersion(columns);
  if (columns.get("v") !== EVIDENCE_SCHEMA) throw columns.refusal("v");
  const flags = columns.hashes("f", FLAG_CHARACTERS);
  const count = flags.length;
  if (count > STEPS_MAX) throw columns.refusal("f");
  const seen = columns.hashes("s", PAIR_CHARACTERS);
  if (seen.length > SEEN_MAX) throw columns.refusal("s");
  return { steps: unpackSteps(columns, flags), seen, ...unpackRest(columns) };
}

function unpackSteps(columns: Columns, flags: readonly string[]): readonly Step[] {
  const count = flags.length;
  const names = columns.texts("n", { length: STEPS_MAX, characters: TOOL_CHARACTERS_MAX });
  const tools = columns.numbers("t", count);
  const turns = columns.numbers("u", count, { negative: true });
  const hashes = columns.hashes("c", HASHES_CHARACTERS);
  const classes = columns.hashes("e", ERROR_CHARACTERS);
  const users = columns.hashes("h", USER_HASH_CHARACTERS);
  const sketches = count === 0 ? [] : columns.text("w").split(";");
  const samples = columns.texts("x", {
    length: 2 * SAMPLES_MAX,
    characters: SAMPLE_CHARACTERS_MAX,
  });
  if (hashes.length !== count) throw columns.refusal("c");
  if (sketches.length !== count) throw columns.refusal("w");
  const next = { error: 0, user: 0, turn: 0, call: 0 };
  const kinds = flags.map((flag) => USER_KINDS[valueOf(flag.slice(MARK_DIGITS))] ?? null);
  const marks = flags.map((flag) => valueOf(flag.slice(0, MARK_DIGITS)));
  const callCount = marks.filter((mark) => (mark & MARK.text) === 0).length;
  const sampled = Math.min(SAMPLES_MAX, callCount);
  if (samples.length !== 2 * sampled) throw columns.refusal("x");
  const steps = tools.map((tool, position): Step => {
    const mark = marks[position] ?? 0;
    const user = kinds[position] ?? columns.refuse("f");
    next.turn += turns[position] ?? 0;
    const isCall = (mark & MARK.text) === 0;
    const at = isCall ? 2 * (next.call++ - (callCount - sampled)) : -1;
    return {
      ...unpackHashes(hashes[position] ?? ""),
      ...unpackSketches(columns, sketches[position] ?? ""),
      turn: next.turn,
      index: -1,
      tool: names[tool] ?? columns.refuse("t"),
      marks: mark,
      errorClass: (mark & MARK.error) === 0 ? "" : (classes[next.error++] ?? columns.refuse("e")),
      user,
      userHash: user === "none" ? "" : (users[next.user++] ?? columns.refuse("h")),
      task: null,
      sample: at < 0 ? NO_SAMPLE : { arguments: samples[at] ?? "", result: samples[at + 1] ?? "" },
    };
  });
  if (classes.length !== next.error) throw columns.refusal("e");
  if (users.length !== next.user) throw columns.refusal("h");
  return steps;
}

type Hashes = Pick<Step, "call" | "detail" | "skeleton" | "result" | "sum">;

function unpackHashes(text: string): Hashes {
  let from = 0;
  const take = (length: number): string => text.slice(from, (from += length));
  return {
    call: take(CALL_CHARACTERS),
    detail: take(DETAIL_CHARACTERS),
    skeleton: take(SKELETON_CHARACTERS),
    result: take(RESULT_CHARACTERS),
    sum: valueOf(take(SUM_CHARACTERS)),
  };
}

function unpackSketches(
  columns: Columns,
  text: string,
): Pick<Step, "words" | "grams" | "userWords" | "userFacts"> {
  const [words = "", grams = "", userWords = "", userFacts = "", more] = text.split(",");
  const fits =
    more === undefined &&
    columns.isSketch(words, WORDS_MAX) &&
    columns.isSketch(grams, GRAMS_MAX) &&
    columns.isSketch(userWords, USER_WORDS_MAX) &&
    columns.isSketch(userFacts, USER_FACTS_MAX);
  return fits ? { words, grams, userWords, userFacts } : columns.refuse("w");
}

function unpackRest(columns: Columns): Pick<Evidence, "task" | "pending"> {
  const asked = columns.list("a");
  const [times, items, watch, words] = asked;
  const counts = (value: unknown): value is number =>
    Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= ASKED_MAX;
  const fits = asked.length === 4 && typeof words === "string";
  if (!fits || !counts(times) || !counts(items)) throw columns.refusal("a");
  if (!columns.isSketch(words, TASK_WORDS_MAX)) throw columns.refusal("a");
  const calls = columns.list("p").map((call) => unpackPending(columns, call));
  if (calls.length > PENDING_CALLS_MAX) throw columns.refusal("p");
  const text = columns.text("q");
  return {
    task: { times, items, watch: watch === 1, words },
    pending: { calls, text: text === "" ? null : unpackText(columns, text) },
  };
}

function unpackPending(columns: Columns, value: unknown): PendingCall {
  if (!Array.isArray(value) || value.length !== 3) throw columns.refusal("p");
  const texts: readonly unknown[] = value;
  const [tool, hashes, words] = texts;
  if (typeof tool !== "string" || tool.length > TOOL_CHARACTERS_MAX) throw columns.refusal("p");
  if (typeof hashes !== "string" || hashes.length !== PENDING_CHARACTERS)
    throw columns.refusal("p");
  if (typeof words !== "string" || !columns.isSketch(words, WORDS_MAX)) throw columns.refusal("p");
  if (!/^[\w-]*$/.test(hashes)) throw columns.refusal("p");
  const body = hashes.slice(PENDING_ID_CHARACTERS, -MARK_DIGITS);
  const cut = CALL_CHARACTERS + DETAIL_CHARACTERS + SKELETON_CHARACTERS;
  const padded = body.slice(0, cut) + " ".repeat(RESULT_CHARACTERS) + body.slice(cut);
  const { call, detail, skeleton, sum } = unpackHashes(padded);
  const marks = valueOf(hashes.slice(-MARK_DIGITS)) % MARKS_MAX;
  const id = hashes.slice(0, PENDING_ID_CHARACTERS);
  return { tool, call, detail, skeleton, words, grams: "", sum, marks, id };
}

function unpackText(columns: Columns, text: string): CallPart {
  const [head = "", words = "", grams = ""] = text.split(",");
  const fits = /^[\w-]+$/.test(head) && head.length === CALL_CHARACTERS + MARK_DIGITS;
  if (!fits || !columns.isSketch(words, WORDS_MAX)) throw columns.refusal("q");
  if (!columns.isSketch(grams, GRAMS_MAX)) throw columns.refusal("q");
  const call = head.slice(0, CALL_CHARACTERS);
  const marks = valueOf(head.slice(CALL_CHARACTERS));
  return { tool: "", call, detail: "---", skeleton: "----", words, grams, sum: 0, marks };
}
