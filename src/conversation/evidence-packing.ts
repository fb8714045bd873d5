// The stored form of an evidence window and its bounds: columns instead of objects, a third of the
// size.
// Must never accept what it did not write: the caller quarantines a row that does not fit (I8).

import type { Evidence, Sample, Step } from "./evidence.ts";
import { FINGERPRINT_CHARACTERS } from "./fingerprint.ts";

/** Raised when the columns change. */
export const EVIDENCE_SCHEMA = 1;
/** Steps in the ring; the oldest leaves first. */
export const STEPS_MAX = 64;
/**
 * Pairs of call and result that left the ring and are still known; the least recent is forgotten
 * first.
 */
export const SEEN_MAX = 128;
/** Newest steps that keep a sample of what they did. */
export const SAMPLES_MAX = 3;
/** Longest sample of arguments or result, in UTF-16 units. */
export const SAMPLE_CHARACTERS_MAX = 120;
/** Longest tool name that is kept, in UTF-16 units. */
export const TOOL_CHARACTERS_MAX = 64;
/** Characters of one entry of `seen`: 60 bits of call and result. */
export const PAIR_CHARACTERS = 10;

/**
 * One entry per step and column, oldest first. Fingerprints are of fixed length and stand without
 * separators.
 */
export interface PackedEvidence {
  readonly v: typeof EVIDENCE_SCHEMA;
  /** The different tool names. */
  readonly n: readonly string[];
  /** Position of each step's tool in `n`. */
  readonly t: readonly number[];
  /** Turn numbers. */
  readonly u: readonly number[];
  /** Message indices. */
  readonly i: readonly number[];
  /** One digit a step: 1 error + 2 waiting + 4 user boundary. */
  readonly f: string;
  /** Call fingerprints. */
  readonly c: string;
  /** Result fingerprints. */
  readonly r: string;
  /** Error classes, of the steps that are errors. */
  readonly e: string;
  /** Samples of the last steps: arguments and result in turn. */
  readonly x: readonly string[];
  /** Pairs that left the ring. */
  readonly s: string;
}

export const NO_SAMPLE: Sample = { arguments: "", result: "" };

const ERROR = 1;
const WAITING = 2;
const BOUNDARY = 4;

export function packEvidence(evidence: Evidence): PackedEvidence {
  const { steps, seen } = evidence;
  const names = [...new Set(steps.map((step) => step.tool))];
  return {
    v: EVIDENCE_SCHEMA,
    n: names,
    t: steps.map((step) => names.indexOf(step.tool)),
    u: steps.map((step) => step.turn),
    i: steps.map((step) => step.index),
    f: steps.map(flagsOf).join(""),
    c: steps.map((step) => step.call).join(""),
    r: steps.map((step) => step.result).join(""),
    e: steps.map((step) => step.errorClass).join(""),
    x: steps.slice(-SAMPLES_MAX).flatMap(({ sample }) => [sample.arguments, sample.result]),
    s: seen.join(""),
  };
}

function flagsOf(step: Step): number {
  return (
    (step.error ? ERROR : 0) + (step.waiting ? WAITING : 0) + (step.userBoundary ? BOUNDARY : 0)
  );
}

/** Checks and unpacks. Throws a TypeError that names the column at fault, never its content. */
export function unpackEvidence(value: unknown): {
  steps: readonly Step[];
  seen: readonly string[];
} {
  if (typeof value !== "object" || value === null) throw refuse("the whole");
  const column = (name: keyof PackedEvidence): unknown => Reflect.get(value, name);
  if (column("v") !== EVIDENCE_SCHEMA) throw refuse("v");
  const flags = readText(column("f"), "f");
  const count = flags.length;
  if (count > STEPS_MAX || !/^[0-7]*$/.test(flags)) throw refuse("f");
  const names = readTexts(column("n"), { name: "n", max: TOOL_CHARACTERS_MAX });
  const tools = readNumbers(column("t"), { name: "t", count });
  const turns = readNumbers(column("u"), { name: "u", count });
  const indices = readNumbers(column("i"), { name: "i", count });
  const calls = readHashes(column("c"), { name: "c", width: FINGERPRINT_CHARACTERS });
  const results = readHashes(column("r"), { name: "r", width: FINGERPRINT_CHARACTERS });
  const classes = readHashes(column("e"), { name: "e", width: FINGERPRINT_CHARACTERS });
  const samples = readTexts(column("x"), { name: "x", max: SAMPLE_CHARACTERS_MAX });
  const seen = readHashes(column("s"), { name: "s", width: PAIR_CHARACTERS });
  if (seen.length > SEEN_MAX) throw refuse("s");
  const sampled = Math.min(SAMPLES_MAX, count);
  if (samples.length !== 2 * sampled) throw refuse("x");

  let errors = 0;
  const steps = tools.map((tool, position): Step => {
    const flag = Number(flags[position]);
    const error = (flag & ERROR) !== 0;
    const first = 2 * (position - (count - sampled));
    const sample =
      first < 0 ? NO_SAMPLE : { arguments: samples[first] ?? "", result: samples[first + 1] ?? "" };
    return {
      turn: turns[position] ?? 0,
      index: indices[position] ?? 0,
      tool: names[tool] ?? throwRefusal("t"),
      call: calls[position] ?? throwRefusal("c"),
      result: results[position] ?? throwRefusal("r"),
      error,
      errorClass: error ? (classes[errors++] ?? throwRefusal("e")) : "",
      waiting: (flag & WAITING) !== 0,
      userBoundary: (flag & BOUNDARY) !== 0,
      sample,
    };
  });
  if (calls.length !== count) throw refuse("c");
  if (results.length !== count) throw refuse("r");
  if (classes.length !== errors) throw refuse("e");
  return { steps, seen };
}

function refuse(column: string): TypeError {
  return new TypeError(`Stored evidence cannot be read: ${column} does not fit.`);
}

function throwRefusal(column: string): never {
  throw refuse(column);
}

function readText(value: unknown, name: string): string {
  return typeof value === "string" ? value : throwRefusal(name);
}

function readTexts(value: unknown, rule: { name: string; max: number }): readonly string[] {
  const fits = (item: unknown): item is string =>
    typeof item === "string" && item.length <= rule.max;
  if (!Array.isArray(value) || value.length > STEPS_MAX) throw refuse(rule.name);
  return value.every(fits) ? value : throwRefusal(rule.name);
}

function readNumbers(value: unknown, rule: { name: string; count: number }): readonly number[] {
  const fits = (item: unknown): item is number => Number.isSafeInteger(item) && Number(item) >= 0;
  if (!Array.isArray(value) || value.length !== rule.count) throw refuse(rule.name);
  return value.every(fits) ? value : throwRefusal(rule.name);
}

/** Cuts a run of hashes of equal width. */
function readHashes(value: unknown, rule: { name: string; width: number }): readonly string[] {
  const text = readText(value, rule.name);
  if (text.length % rule.width !== 0 || !/^[\w-]*$/.test(text)) throw refuse(rule.name);
  const hashes: string[] = [];
  for (let start = 0; start < text.length; start += rule.width) {
    hashes.push(text.slice(start, start + rule.width));
  }
  return hashes;
}
