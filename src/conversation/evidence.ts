// What a thread remembers of its calls and texts: a ring of steps, and the pairs that left it. Hashes
// and short samples only.
// Must never grow with the conversation: every part is bounded, and so is the JSON of the whole.

import { has, MARK, NO_SAMPLE, pairOf, type CallPart, type Step } from "./divergence/step.ts";
import { NO_TASK, type Task } from "./divergence/user-words.ts";
import {
  ARGUMENT_SKETCHES_MAX,
  packEvidence,
  SAMPLES_MAX,
  SEEN_MAX,
  STEPS_MAX,
  TEXTS_MAX,
  TOOL_NAMES_BYTES_MAX,
  unpackEvidence,
  type PackedEvidence,
} from "./evidence-packing.ts";

export type { Step } from "./divergence/step.ts";

/** Largest JSON of a window, in bytes of UTF-8, for turns below a million. */
export const EVIDENCE_BYTES_MAX = 8192;

/** A call whose result has not come yet, for requests that hold results only. */
export interface PendingCall extends CallPart {
  /** Hash of the call's id. */
  readonly id: string;
}

/** What the newest answer asked for and said. */
export interface Pending {
  readonly calls: readonly PendingCall[];
  readonly text: CallPart | null;
}

export interface Evidence {
  /** Oldest first. */
  readonly steps: readonly Step[];
  /** `pairOf` the steps that left the ring, least recent first. */
  readonly seen: readonly string[];
  /** The newest task that was set. */
  readonly task: Task;
  readonly pending: Pending;
}

export const NOTHING_PENDING: Pending = { calls: [], text: null };

/** `JSON.stringify` writes the packed form, wherever the window stands in what is stringified. */
class EvidenceWindow implements Evidence {
  readonly steps: readonly Step[];
  readonly seen: readonly string[];
  readonly task: Task;
  readonly pending: Pending;

  constructor(evidence: Evidence) {
    this.steps = evidence.steps;
    this.seen = evidence.seen;
    this.task = evidence.task;
    this.pending = evidence.pending;
  }

  toJSON(): PackedEvidence {
    return packEvidence(this);
  }
}

export function emptyEvidence(): Evidence {
  return new EvidenceWindow({ steps: [], seen: [], task: NO_TASK, pending: NOTHING_PENDING });
}

/**
 * Reads what `JSON.stringify` of a window wrote, by this version or the one before. Throws a
 * TypeError on anything else.
 */
export function readEvidence(value: unknown): Evidence {
  return new EvidenceWindow(unpackEvidence(value));
}

/** The window with another answer noted; see `noteAnswer`. */
export function withPending(evidence: Evidence, pending: Pending): Evidence {
  const { steps, seen, task } = evidence;
  return new EvidenceWindow({ steps, seen, task, pending });
}

/** The window after these steps; the very same window when there are none. */
export function appendEvidence(evidence: Evidence, steps: readonly Step[]): Evidence {
  if (steps.length === 0) return evidence;
  const all = [...evidence.steps, ...withSetBacks(evidence.steps, steps)];
  const first = firstKept(all);
  const left = all.slice(0, first);
  const seen = left.length === 0 ? evidence.seen : remember(evidence.seen, left);
  const task = steps.reduce((newest, step) => step.task ?? newest, evidence.task);
  return new EvidenceWindow({
    steps: withoutOldDetails(all.slice(first)),
    seen,
    task,
    pending: NOTHING_PENDING,
  });
}

/** Marks plans in which fewer items are finished than in the one before. */
function withSetBacks(known: readonly Step[], steps: readonly Step[]): readonly Step[] {
  if (!steps.some((step) => has(step, MARK.plans))) return steps;
  let finished = known.findLast((step) => has(step, MARK.plans))?.sum ?? 0;
  return steps.map((step) => {
    if (!has(step, MARK.plans) || has(step, MARK.error)) return step;
    const back = step.sum < finished && step.user !== "real";
    finished = step.sum;
    return back ? { ...step, marks: step.marks | MARK.setBack } : step;
  });
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

/** Only the newest steps keep what is compared among neighbours, and only the newest few a sample. */
function withoutOldDetails(steps: readonly Step[]): readonly Step[] {
  let texts = 0;
  let calls = 0;
  let samples = 0;
  return steps
    .toReversed()
    .map((step) => {
      const isText = has(step, MARK.text);
      if (isText) texts += 1;
      else {
        calls += 1;
        samples += 1;
      }
      const sketched = isText ? texts <= TEXTS_MAX : calls <= ARGUMENT_SKETCHES_MAX;
      const sampled = !isText && samples <= SAMPLES_MAX;
      const bare = step.words === "" && step.grams === "" && step.userWords + step.userFacts === "";
      if ((sketched || bare) && (sampled || step.sample === NO_SAMPLE)) return step;
      const sketches = sketched ? {} : { words: "", grams: "", userWords: "", userFacts: "" };
      return { ...step, ...sketches, sample: sampled ? step.sample : NO_SAMPLE };
    })
    .reverse();
}

function remember(seen: readonly string[], left: readonly Step[]): readonly string[] {
  const calls = left.filter((step) => !has(step, MARK.text));
  // A pair that left more than once stands where it left last.
  const pairs = new Set(calls.map(pairOf).toReversed());
  const others = seen.filter((pair) => !pairs.has(pair));
  return [...others, ...[...pairs].toReversed()].slice(-SEEN_MAX);
}
