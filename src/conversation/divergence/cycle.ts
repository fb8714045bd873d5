// Pattern: a few calls go round with the same outcomes: A B A B A B, read – failing edit – failing test.
// Must never fire when a result in the laps differs, nor when every lap also brings something new.

import { has, MARK, saidOf, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { isNewWish, SOFT_WEIGHT, type PatternWindow, type Round } from "./window.ts";

export const CYCLE = "cycle";

/** Most calls of one lap. */
const PERIOD_MAX = 8;
/** Most other rounds that may lie within a lap, unrelated ones included. */
const LAP_ROUNDS_MAX = 12;
/** Most laps that are counted. */
const LAPS_MAX = 16;
/** Laps that waiting for something may take, as a multiple of the setting. */
const WAITING_FACTOR = 2;
/** What a lap with other news in it counts when the same failure stands in it, too. */
const STUCK_WEIGHT = 0.75;
/** The same where time was passed on purpose and nothing failed. */
const PATIENT_FACTOR = 5;
/** Calls of the newest round that are looked at. */
const ANCHORS_MAX = 4;

export function cycle(window: PatternWindow): Observation | null {
  const steps = (window.rounds[0]?.steps ?? []).slice(0, ANCHORS_MAX);
  return steps.map((step) => observe(window, step)).reduce(moreSevere, null);
}

/** A step of a lap by what it did and what came of it. */
interface Turn {
  readonly step: Step;
  readonly key: string;
  readonly news: boolean;
  /** It made a change that is not nearly one made before. */
  readonly fresh: boolean;
}

/** What lies between two of the anchor, the newest call; newest first. */
type Lap = readonly Turn[];

interface Turning {
  readonly laps: readonly Lap[];
  /** What every lap holds. */
  readonly common: ReadonlySet<string>;
  readonly weight: number;
}

function observe(window: PatternWindow, step: Step): Observation | null {
  const laps = lapsOf(window.rounds, keyOf(step));
  let common: ReadonlySet<string> | null = null;
  let best: Turning | null = null;
  const threshold = thresholdOf(window);
  for (const [index, found] of laps.entries()) {
    const isOldest = index === laps.length - 1;
    // The oldest lap ends with its calls, for the anchor before it was never made.
    const lap: Lap | null = isOldest ? cutOldest(found, common) : found;
    if (lap === null) break;
    const keys: ReadonlySet<string> = new Set(lap.map(({ key }) => key));
    const before: readonly string[] = [...(common ?? keys)];
    common = new Set(before.filter((key) => keys.has(key)));
    if (common.size === 0) break;
    const whole = laps.slice(0, index);
    // Whether the ring remembers what lay before the oldest lap must make no difference.
    const oldest = cutOldest(lap, common) ?? lap;
    const turning = weigh({ whole, oldest, common }, step);
    if (turning !== null && (best === null || best.weight < threshold)) best = turning;
    else if (turning !== null && turning.weight >= threshold) best = turning;
  }
  return best === null ? null : report(window, step, best);
}

/** The stretches between anchors; the last one is open. Empty when the anchor stands alone. */
function lapsOf(rounds: readonly Round[], anchor: string): Lap[] {
  const laps: Lap[] = [];
  let open: Turn[] = [];
  let length = 0;
  for (const [index, round] of rounds.entries()) {
    const turns = turnsOf(round);
    const isAnchor = turns.some(({ key }) => key === anchor);
    if (index > 0 && isAnchor) {
      // One round of parallel calls that repeats alone belongs to the other patterns.
      if (length === 0) return laps;
      laps.push(open);
      open = [];
      length = 0;
    } else if (index > 0) {
      length += 1;
    }
    if (laps.length >= LAPS_MAX || length > LAP_ROUNDS_MAX) return laps;
    open.push(...turns.filter(({ key }) => key !== anchor));
    if (isNewWish(round.user)) break;
  }
  return laps.length === 0 || length === 0 ? laps : [...laps, open];
}

function turnsOf(round: Round): Turn[] {
  const { news, fresh } = round;
  return round.steps.map((step) => ({ step, key: keyOf(step), news, fresh }));
}

/** The part of the open lap that holds all that is common; null when it does not. */
function cutOldest(lap: Lap, common: ReadonlySet<string> | null): Lap | null {
  if (common === null) return lap;
  const missing = new Set(common);
  for (const [index, { key }] of lap.entries()) {
    missing.delete(key);
    if (missing.size === 0) return lap.slice(0, index + 1);
  }
  return null;
}

/** Null when the laps are too long, or each of them brought something new beside what is common. */
function weigh(
  found: {
    readonly whole: readonly Lap[];
    readonly oldest: Lap;
    readonly common: ReadonlySet<string>;
  },
  anchor: Step,
): Turning | null {
  const { whole, oldest, common } = found;
  if (common.size >= PERIOD_MAX) return null;
  const laps = [...whole, oldest];
  let [weight, learning] = [0, true];
  for (const [index, lap] of laps.entries()) {
    // In the first lap all is new: only what lies beside the lap is news.
    const news = lap.some((turn) => turn.news && !common.has(turn.key));
    const changed = lap.some((turn) => turn.fresh && !common.has(turn.key));
    const failed = lap.some(({ step, key }) => has(step, MARK.error) && common.has(key));
    const stuck = !changed && (failed || has(anchor, MARK.error));
    weight += news ? (stuck ? STUCK_WEIGHT : SOFT_WEIGHT) : 1;
    // Of the oldest lap nobody knows what lay before it.
    if (index < whole.length || whole.length === 0) learning &&= news && !stuck;
  }
  return learning ? null : { laps, common, weight };
}

/**
 * Call and result. Of a failing change, or a failure of form, tool and error: the arguments are
 * what the agent varies.
 */
function keyOf(step: Step): string {
  if (!has(step, MARK.error)) return `${step.call}${step.result}`;
  const varies = has(step, MARK.form | MARK.mutates);
  return `${varies ? step.tool : step.call} ${saidOf(step)}`;
}

function thresholdOf({ settings, task }: PatternWindow): number {
  return Math.max(settings.cycleLaps, task.times);
}

function report(window: PatternWindow, anchor: Step, turning: Turning): Observation | null {
  const { laps, common, weight } = turning;
  const steps = laps.flatMap((lap) => [
    anchor,
    ...lap.filter(({ key }) => common.has(key)).map(({ step }) => step),
  ]);
  const waiting = steps.some((step) => has(step, MARK.waiting | MARK.polls));
  // Of the newest lap alone: what laps have in common depends on how many are remembered.
  const failing = [anchor, ...(laps[0] ?? []).map(({ step }) => step)].some((step) =>
    has(step, MARK.error),
  );
  const passed = window.rounds[0]?.afterWait === true && !failing;
  const factor = passed ? PATIENT_FACTOR : WAITING_FACTOR;
  const threshold =
    waiting || passed
      ? Math.max(window.settings.cycleLaps * factor, window.task.times)
      : thresholdOf(window);
  return observed(window, {
    pattern: CYCLE,
    identity: [keyOf(anchor), ...common].toSorted().join(" "),
    steps,
    count: laps.length,
    weight,
    threshold,
    period: common.size + 1,
  });
}
