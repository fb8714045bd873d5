// Pattern: the same call brings the same successful result again and again, and nothing new is
// learned between.
// Must never fire on polling whose answer changes, nor on a file that is read again between real
// work.

import { has, MARK, pairOf, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, isNewWish, SOFT_WEIGHT, type PatternWindow } from "./window.ts";

export const SAME_RESULT = "same-call-same-result";

/** What is expected to repeat must do so this many times as often: a "not yet", a key press. */
const PATIENT_FACTOR = 2;
/** The same where the task is to keep an eye on something. */
const WATCHING_FACTOR = 3;
/** More where time is passed before each: with half weights, sixteen looks are patience. */
const WAITED_EXTRA = 1;
/** More where a person spoke in between about something else. */
const ACROSS_USER_EXTRA = 1;
/** Repeats beyond the number that the task itself asked for. */
const BEYOND_ASKED = 2;

export function sameCallSameResult(window: PatternWindow): Observation | null {
  const steps = window.rounds[0]?.steps ?? [];
  return (
    steps
      // Side effects have a pattern of their own.
      .filter((step) => !has(step, MARK.error | MARK.effects))
      .map((step) => observe(window, step))
      .reduce(moreSevere, null)
  );
}

function observe(window: PatternWindow, step: Step): Observation | null {
  if (has(step, MARK.idle)) return observeIdle(window, step);
  const { repeats, weight, learning, waited } = countRepeats(window, step);
  if (learning) return null;
  return observed(window, {
    pattern: SAME_RESULT,
    identity: pairOf(step),
    steps: repeats,
    count: repeats.length,
    weight,
    threshold: thresholdOf(window, step, waited),
  });
}

/**
 * What is as it should be is set once more. What was looked up in between is no excuse, as it leads
 * to nothing else; another change is one. The first setting, which did change something, counts too.
 */
function observeIdle(window: PatternWindow, step: Step): Observation | null {
  const repeats: Step[] = [];
  let [gapSteps, weight] = [0, 0];
  let [spoken, changed] = [false, false];
  for (const round of window.rounds) {
    const same = round.steps.find((other) => other.call === step.call);
    if (same !== undefined && has(same, MARK.error)) break;
    if (same !== undefined) {
      if (repeats.length === 1 && changed) return null;
      repeats.push(same);
      weight += changed ? 0 : 1;
      [gapSteps, changed] = [0, false];
    } else {
      gapSteps += round.steps.length;
      if (gapSteps > GAP_STEPS_MAX) break;
    }
    changed ||= round.news && round.steps.some((other) => changes(other, step));
    if ((same !== undefined && !has(same, MARK.idle)) || round.user === "tick") break;
    if (round.user === "retry" || (round.user === "real" && same !== undefined)) break;
    spoken ||= round.user === "real";
  }
  const { settings, task } = window;
  const asked = task.times === 0 ? 0 : task.times + BEYOND_ASKED;
  return observed(window, {
    pattern: SAME_RESULT,
    identity: pairOf(step),
    steps: repeats,
    count: repeats.length,
    weight,
    threshold: Math.max(settings.sameResultCount + (spoken ? ACROSS_USER_EXTRA : 0), asked),
  });
}

function changes(other: Step, step: Step): boolean {
  return has(other, MARK.mutates) && other.call !== step.call;
}

function isPatient(step: Step): boolean {
  return has(step, MARK.waiting | MARK.polls);
}

/** `waited`: time was passed before the newest of them, as whoever expects a change does. */
function thresholdOf({ settings, task }: PatternWindow, step: Step, waited: boolean): number {
  const watching = task.watch && !has(step, MARK.mutates);
  const factor =
    waited || isPatient(step) ? (watching ? WATCHING_FACTOR : PATIENT_FACTOR) : watching ? 2 : 1;
  const asked = task.times === 0 ? 0 : task.times + BEYOND_ASKED;
  const least = settings.sameResultCount * factor + (waited ? WAITED_EXTRA : 0);
  return Math.max(least, asked);
}

interface Repeats {
  /** One of each round, newest first. */
  readonly repeats: readonly Step[];
  readonly weight: number;
  /**
   * Something new was learned since the previous repeat: whatever the count, the agent is not stuck
   * now.
   */
  readonly learning: boolean;
  /** Time was passed between the newest two. */
  readonly waited: boolean;
}

/** Walks back from the newest round until a changed result, a new wish, or too wide a gap. */
function countRepeats(window: PatternWindow, step: Step): Repeats {
  const repeats: Step[] = [];
  let [weight, gapSteps] = [0, 0];
  let [news, waited, learning, patient] = [false, false, false, false];
  for (const round of window.rounds) {
    const same = round.steps.filter((other) => other.call === step.call);
    // Where an answer says nothing (`ok`, a picture), what was done in between is what counts.
    const isNews = has(step, MARK.acknowledged) ? round.novel : round.news;
    if (same.some((other) => other.result !== step.result)) break;
    const [first] = same;
    if (first !== undefined) {
      if (repeats.length === 1) [learning, patient] = [news, waited];
      repeats.push(first);
      weight += news || waited ? SOFT_WEIGHT : 1;
      gapSteps = 0;
      // What a round brings beside the repeat lies between this repeat and the one before it.
      news = isNews;
      waited = round.afterWait;
    } else {
      gapSteps += round.steps.length;
      news ||= isNews;
      waited ||= round.afterWait;
      if (gapSteps > GAP_STEPS_MAX) break;
    }
    // Whoever asks for it once more gets it once more.
    if (isNewWish(round.user) || round.user === "retry") break;
  }
  return { repeats, weight, learning, waited: patient };
}
