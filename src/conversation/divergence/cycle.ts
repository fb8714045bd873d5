// Pattern: two to four rounds of calls go round with the very same results: A B A B A B, read –
// edit – test, …
// Must never fire when any result in the laps differs: then something moves.

import { shortHash } from "../fingerprint.ts";
import type { Observation } from "./verdict.ts";
import { sampleOf, type PatternWindow, type Round } from "./window.ts";

export const CYCLE = "cycle";

/** Rounds in one lap. One round that repeats belongs to the other patterns. */
const PERIOD_MIN = 2;
const PERIOD_MAX = 4;
/** Laps that waiting for something may take, as a multiple of the setting. */
const WAITING_FACTOR = 2;
/** Below two laps nothing has come back yet. */
const LAPS_SUSPECTED_MIN = 2;

/** The shortest period that fires, or else the shortest that is suspected. */
export function cycle(window: PatternWindow): Observation | null {
  const rounds = sinceUser(window.rounds);
  const keys = rounds.map(keyOf);
  let suspected: Observation | null = null;
  for (let period = PERIOD_MIN; period <= PERIOD_MAX; period += 1) {
    const lap = rounds.slice(0, period);
    const lapKeys = keys.slice(0, period);
    if (new Set(lapKeys).size < 2) continue;
    const found = observe(window, { lap, lapKeys, rounds: returning(keys, period) });
    if (found?.severity === "firing") return found;
    suspected ??= found;
  }
  return suspected;
}

interface Lap {
  /** Newest first. */
  readonly lap: readonly Round[];
  readonly lapKeys: readonly string[];
  /** How many of the newest rounds follow the period, the first lap included. */
  readonly rounds: number;
}

function observe(window: PatternWindow, found: Lap): Observation | null {
  const steps = found.lap.flatMap((round) => round.steps).reverse();
  const waiting = steps.some((step) => step.waiting);
  const lapsMax = window.settings.cycleLaps * (waiting ? WAITING_FACTOR : 1);
  const laps = Math.floor(found.rounds / found.lap.length);
  if (laps < Math.max(lapsMax - 1, LAPS_SUSPECTED_MIN)) return null;
  const newest = found.lap[0]?.steps[0];
  return {
    severity: laps >= lapsMax ? "firing" : "suspected",
    pattern: CYCLE,
    key: `${CYCLE}:${shortHash(found.lapKeys.toSorted().join(" "))}`,
    count: laps,
    tools: [...new Set(steps.map((step) => step.tool))],
    period: found.lap.length,
    sample: newest === undefined ? null : sampleOf(window, newest.call),
  };
}

/** The rounds back to the newest one that a person opened. */
function sinceUser(rounds: readonly Round[]): readonly Round[] {
  const opened = rounds.findIndex((round) => round.userBoundary);
  return opened === -1 ? rounds : rounds.slice(0, opened + 1);
}

/** Calls and results of a round, whatever their order: parallel calls have none. */
function keyOf(round: Round): string {
  return round.steps
    .map((step) => step.call + step.result)
    .sort()
    .join("");
}

/** Length of the newest stretch in which every round equals the one a period before it. */
function returning(keys: readonly string[], period: number): number {
  let length = Math.min(period, keys.length);
  while (length < keys.length && keys[length] === keys[length - period]) length += 1;
  return length;
}
