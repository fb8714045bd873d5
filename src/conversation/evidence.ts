// What a thread remembers of its tool calls: a ring of steps, and the pairs that left it. Hashes
// and short samples only.
// Must never grow with the conversation: every part is bounded, and so is the JSON of the whole.

import type { ToolResult, Transcript } from "../turn/transcript.ts";
import {
  NO_SAMPLE,
  packEvidence,
  PAIR_CHARACTERS,
  SAMPLE_CHARACTERS_MAX,
  SAMPLES_MAX,
  SEEN_MAX,
  STEPS_MAX,
  TOOL_CHARACTERS_MAX,
  unpackEvidence,
  type PackedEvidence,
} from "./evidence-packing.ts";
import {
  callFingerprint,
  errorFingerprint,
  isErrorResult,
  resultFingerprint,
} from "./fingerprint.ts";
import { readRounds, type AnsweredCall } from "./rounds.ts";

/** Largest JSON of a window, in bytes of UTF-8, for turns and indices below a million. */
export const EVIDENCE_BYTES_MAX = 8192;
/**
 * All different tool names of the ring together, in bytes; older steps leave early when it is
 * exceeded.
 */
export const TOOL_NAMES_BYTES_MAX = 1024;
/** How much of a result is searched for a status that means "not yet", in characters. */
const WAITING_HEAD_CHARACTERS = 2048;
/** Up to this length a result that speaks of pending work is taken for a status, in characters. */
const WAITING_CHARACTERS_MAX = 200;

/** A tool call with its result, as hashes. */
export interface Step {
  /** Number of the turn that brought the result. */
  readonly turn: number;
  /**
   * Index of the message that holds the call. Turn and index together name a round of parallel
   * calls.
   */
  readonly index: number;
  readonly tool: string;
  readonly call: string;
  readonly result: string;
  readonly error: boolean;
  /** Class of the error, numbers masked; empty where `error` is false. */
  readonly errorClass: string;
  /** The result says "not yet": pending work, or a refusal that passes by itself (429, 503). */
  readonly waiting: boolean;
  /** A real user message lay between the previous step and this one. */
  readonly userBoundary: boolean;
  /** One clipped line each; empty but for the newest steps. */
  readonly sample: Sample;
}

export interface Sample {
  readonly arguments: string;
  readonly result: string;
}

export interface Evidence {
  /** Oldest first. */
  readonly steps: readonly Step[];
  /** `pairOf` the steps that left the ring, least recent first. */
  readonly seen: readonly string[];
}

/** `JSON.stringify` writes the packed form, wherever the window stands in what is stringified. */
class EvidenceWindow implements Evidence {
  readonly steps: readonly Step[];
  readonly seen: readonly string[];

  constructor(steps: readonly Step[], seen: readonly string[]) {
    this.steps = steps;
    this.seen = seen;
  }

  toJSON(): PackedEvidence {
    return packEvidence(this);
  }
}

export function emptyEvidence(): Evidence {
  return new EvidenceWindow([], []);
}

/** Reads what `JSON.stringify` of a window wrote. Throws a TypeError on anything else. */
export function readEvidence(value: unknown): Evidence {
  const { steps, seen } = unpackEvidence(value);
  return new EvidenceWindow(steps, seen);
}

/** What tells a known observation from a new one. */
export function pairOf(step: Pick<Step, "call" | "result">): string {
  const half = PAIR_CHARACTERS / 2;
  return step.call.slice(0, half) + step.result.slice(0, half);
}

/**
 * The steps that the messages from index `from` on complete, oldest first. Reads the assistant
 * message before `from` when its results begin there. Equal pairs of one assistant message are one
 * step.
 */
export function gatherSteps(
  transcript: Transcript,
  options: { readonly from: number; readonly turn: number },
): Step[] {
  const steps: Step[] = [];
  for (const round of readRounds(transcript, options.from)) {
    const pairs = new Set<string>();
    for (const answered of round.answered) {
      const step = makeStep(answered, {
        turn: options.turn,
        index: round.index,
        userBoundary: round.userBoundary && pairs.size === 0,
      });
      const pair = step.call + step.result;
      if (!pairs.has(pair)) steps.push(step);
      pairs.add(pair);
    }
  }
  return steps;
}

function makeStep(
  { call, result }: AnsweredCall,
  place: Pick<Step, "turn" | "index" | "userBoundary">,
): Step {
  const error = isErrorResult(result);
  return {
    ...place,
    tool: oneLine(call.name, TOOL_CHARACTERS_MAX).replace(/["\\]/g, "_"),
    call: callFingerprint(call),
    result: resultFingerprint(result),
    error,
    errorClass: error ? errorFingerprint(result) : "",
    waiting: error ? TRANSIENT.test(headOf(result)) : saysNotYet(result),
    sample: {
      arguments: oneLine(call.arguments, SAMPLE_CHARACTERS_MAX),
      result: oneLine(result.text, SAMPLE_CHARACTERS_MAX),
    },
  };
}

const NOT_YET =
  "(?:pending|running|queued|in[ _-]progress|processing|waiting|starting|" +
  "not (?:yet )?(?:ready|finished|complete))";
const STATUS_NOT_YET = new RegExp(`"(?:status|state|phase)"\\s*:\\s*"${NOT_YET}"`, "i");
const TEXT_NOT_YET = new RegExp(`\\b${NOT_YET}\\b(?! \\d+ tests?\\b)`, "i");
const TRANSIENT = new RegExp(
  "\\b(?:429|502|503|504|529)\\b|rate.?limit|too many requests|overloaded|temporarily|try again|" +
    "time-?out|timed out",
  "i",
);

function saysNotYet(result: ToolResult): boolean {
  if (STATUS_NOT_YET.test(result.text.slice(0, WAITING_HEAD_CHARACTERS))) return true;
  return result.text.length <= WAITING_CHARACTERS_MAX && TEXT_NOT_YET.test(result.text);
}

function headOf(result: ToolResult): string {
  return result.text.slice(0, WAITING_CHARACTERS_MAX);
}

/** Clipped, on one line, well-formed: what may stand in a stored row and in a sentence. */
function oneLine(text: string, max: number): string {
  // Only a bounded head is cleaned, however long the text.
  const head = text.slice(0, 4 * max).replace(/[\p{C}\p{Z}]+/gu, " ");
  return head.trim().slice(0, max).toWellFormed();
}

/** The window after these steps; the very same window when there are none. */
export function appendEvidence(evidence: Evidence, steps: readonly Step[]): Evidence {
  if (steps.length === 0) return evidence;
  const all = [...evidence.steps, ...steps];
  const first = firstKept(all);
  const left = all.slice(0, first);
  const seen = left.length === 0 ? evidence.seen : remember(evidence.seen, left);
  return new EvidenceWindow(withoutOldSamples(all.slice(first)), seen);
}

function firstKept(all: readonly Step[]): number {
  const names = new Set<string>();
  let bytes = 0;
  for (let index = all.length - 1; index >= 0; index -= 1) {
    const tool = all[index]?.tool ?? "";
    if (!names.has(tool)) bytes += Buffer.byteLength(tool);
    names.add(tool);
    if (bytes > TOOL_NAMES_BYTES_MAX || index < all.length - STEPS_MAX) return index + 1;
  }
  return 0;
}

function withoutOldSamples(steps: readonly Step[]): readonly Step[] {
  const sampled = steps.length - SAMPLES_MAX;
  return steps.map((step, index) =>
    index >= sampled || step.sample === NO_SAMPLE ? step : { ...step, sample: NO_SAMPLE },
  );
}

function remember(seen: readonly string[], left: readonly Step[]): readonly string[] {
  // A pair that left more than once stands where it left last.
  const pairs = new Set(left.map(pairOf).toReversed());
  const others = seen.filter((pair) => !pairs.has(pair));
  return [...others, ...[...pairs].toReversed()].slice(-SEEN_MAX);
}
