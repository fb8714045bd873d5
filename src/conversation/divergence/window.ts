// The evidence as the patterns look at it: rounds of parallel calls, newest first, without neutral
// tools.
// Must never look at more than the ring, nor let a pattern see what is newer than the newest round.

import type { DivergenceSettings } from "../../turn/profile.ts";
import { pairOf, type Evidence, type Sample, type Step } from "../evidence.ts";

/**
 * Neutral tools: those that only think and those that pass time. They are taken out before a
 * pattern looks: between two repeats they are no work, and repeating them is no loop.
 */
const NEUTRAL_TOOLS = toolNames(
  "think|thinking|sequential_?thinking|reflect|scratchpad|notes?|take_note|wait|sleep|pause|delay",
);
const WAIT_TOOLS = toolNames("wait|sleep|pause|delay");

/** By the last part of a name, as clients put servers and groups before it: `mcp__notes__think`. */
function toolNames(names: string): RegExp {
  return new RegExp(`(?:^|__|[.:/])(?:${names})$`, "i");
}

/** How many other steps may lie between two repeats of a call that belong together. */
export const GAP_STEPS_MAX = 8;
/**
 * What a repeat counts when something new was learned since the call before it, or when a wait
 * preceded it.
 */
export const SOFT_WEIGHT = 0.5;

/** All calls of one assistant message that are not neutral. */
export interface Round {
  readonly steps: readonly Step[];
  /** One of its steps is an unseen pair and no error: the agent learned or did something new. */
  readonly novel: boolean;
  /** A person spoke between the round before and this one. */
  readonly userBoundary: boolean;
  /** A tool that passes time was called between the round before and this one. */
  readonly afterWait: boolean;
}

export interface PatternWindow {
  /** Newest first; at least one. */
  readonly rounds: readonly [Round, ...Round[]];
  readonly settings: DivergenceSettings;
}

export function isNeutral(step: Step): boolean {
  return NEUTRAL_TOOLS.test(step.tool);
}

/**
 * Whether the steps from position `start` of the ring on brought an unseen pair that is no error.
 */
export function isProgress(evidence: Evidence, start: number): boolean {
  const { steps, seen } = evidence;
  return steps.some((step, position) => {
    if (position < start || step.error || isNeutral(step)) return false;
    const earlier = steps.findIndex((other) => isSamePair(other, step));
    return earlier === position && !seen.includes(pairOf(step));
  });
}

export function isSamePair(left: Step, right: Step): boolean {
  return left.call === right.call && left.result === right.result;
}

interface OpenRound extends Round {
  readonly turn: number;
  readonly index: number;
  readonly steps: Step[];
  novel: boolean;
}

/** Rounds of the whole ring, newest first. */
export function makeRounds(evidence: Evidence): Round[] {
  const known = new Set(evidence.seen);
  const rounds: Round[] = [];
  let boundary = false;
  let waited = false;
  let open: OpenRound | null = null;
  for (const step of evidence.steps) {
    boundary ||= step.userBoundary;
    if (isNeutral(step)) {
      waited ||= WAIT_TOOLS.test(step.tool);
      continue;
    }
    const pair = pairOf(step);
    const novel = !step.error && !known.has(pair);
    known.add(pair);
    if (open !== null && open.turn === step.turn && open.index === step.index) {
      open.steps.push(step);
      open.novel ||= novel;
      continue;
    }
    const { turn, index } = step;
    open = { turn, index, steps: [step], novel, userBoundary: boundary, afterWait: waited };
    rounds.push(open);
    boundary = false;
    waited = false;
  }
  return rounds.reverse();
}

/** The newest sample kept of a call, if one is. */
export function sampleOf(window: PatternWindow, call: string): Sample | null {
  for (const round of window.rounds) {
    for (const step of round.steps) {
      const { sample } = step;
      if (step.call === call && (sample.arguments !== "" || sample.result !== "")) return sample;
    }
  }
  return null;
}
