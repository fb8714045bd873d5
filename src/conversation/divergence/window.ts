// The evidence as the patterns look at it: rounds of calls, texts and plans, newest first.
// Must never look at more than the ring, nor let a pattern see what is newer than the newest entry.

import type { DivergenceSettings } from "../../turn/profile.ts";
import type { Evidence } from "../evidence.ts";
import { alike } from "./near.ts";
import { has, MARK, pairOf, resultHalf, type Step } from "./step.ts";
import { USER_KINDS, type Task, type UserKind } from "./user-words.ts";

/** How many other steps may lie between two repeats that belong together. */
export const GAP_STEPS_MAX = 8;
/** What a repeat counts when something new came before it, or when a wait preceded it. */
export const SOFT_WEIGHT = 0.5;
/** A change at least this much like an earlier one is that one tried again. */
const WORN_LIKENESS = 0.6;

/** What came between an entry and the entry of its kind before it. */
interface Between {
  /** The strongest thing the user's side said. */
  readonly user: UserKind;
  /** A call brought news. */
  readonly news: boolean;
  /** The client condensed the history. */
  readonly condensed: boolean;
}

/** All calls of one assistant message that are neither neutral nor plans. */
export interface Round extends Omit<Between, "news"> {
  readonly steps: readonly Step[];
  /** One of its steps is an unseen pair and no error. */
  readonly novel: boolean;
  /** The agent learned or did something: an unseen result, or a change that was not made before. */
  readonly news: boolean;
  /** It made a change that is not nearly one made before. */
  readonly fresh: boolean;
  /** Time was passed on purpose between the round before and this one. */
  readonly afterWait: boolean;
}

/** A text or a plan. */
export interface Single extends Between {
  readonly step: Step;
  /** Rounds of calls between the one before and this one. */
  readonly calls: number;
}

/** Each newest first. */
export interface PatternWindow {
  readonly rounds: readonly Round[];
  readonly texts: readonly Single[];
  readonly plans: readonly Single[];
  /** What the newest step is. */
  readonly newest: "calls" | "text" | "plan" | "neutral";
  readonly task: Task;
  readonly settings: DivergenceSettings;
}

export function isNeutral(step: Step): boolean {
  return has(step, MARK.neutral);
}

/** Whether the steps from position `start` on brought an unseen pair that is no error. */
export function isProgress(evidence: Evidence, start: number): boolean {
  const { steps, seen } = evidence;
  return steps.some((step, position) => {
    if (position < start || !isCall(step) || has(step, MARK.error)) return false;
    const earlier = steps.findIndex((other) => isSamePair(other, step));
    return earlier === position && !seen.includes(pairOf(step));
  });
}

/** A call that is neither neutral nor a plan. */
function isCall(step: Step): boolean {
  return !has(step, MARK.neutral | MARK.text | MARK.plans);
}

export function isSamePair(left: Step, right: Step): boolean {
  return left.call === right.call && left.result === right.result;
}

export function makeWindow(evidence: Evidence, settings: DivergenceSettings): PatternWindow {
  const building = new Building(evidence.seen);
  for (const step of evidence.steps) building.take(step);
  const last = evidence.steps.at(-1);
  return {
    rounds: building.rounds.reverse(),
    texts: building.texts.reverse(),
    plans: building.plans.reverse(),
    newest: last === undefined ? "neutral" : kindOf(last),
    task: evidence.task,
    settings,
  };
}

function kindOf(step: Step): PatternWindow["newest"] {
  if (has(step, MARK.text)) return "text";
  if (has(step, MARK.neutral)) return "neutral";
  return has(step, MARK.plans) ? "plan" : "calls";
}

interface OpenRound extends Round {
  readonly steps: Step[];
  novel: boolean;
  news: boolean;
  fresh: boolean;
}

interface Pause {
  user: UserKind;
  news: boolean;
  condensed: boolean;
  calls: number;
}

const quiet = (): Pause => ({ user: "none", news: false, condensed: false, calls: 0 });

/** One pass over the ring, oldest first. */
class Building {
  readonly rounds: Round[] = [];
  readonly texts: Single[] = [];
  readonly plans: Single[] = [];
  readonly #pairs: Set<string>;
  readonly #results: Set<string>;
  readonly #calls = new Set<string>();
  readonly #said = new Set<string>();
  readonly #changes: Step[] = [];
  #open: OpenRound | null = null;
  #begun = false;
  #waited = false;
  #beforeRound = quiet();
  #beforeText = quiet();
  #beforePlan = quiet();

  constructor(seen: readonly string[]) {
    this.#pairs = new Set(seen);
    this.#results = new Set(seen.map(resultHalf));
  }

  take(step: Step): void {
    // What is left of a round whose beginning is forgotten would look simpler than it was.
    this.#begun ||= has(step, MARK.opens);
    if (!this.#begun) return;
    this.#hear(step);
    if (has(step, MARK.opens)) this.#open = null;
    const kind = kindOf(step);
    if (kind === "text") {
      this.texts.push({ step, ...this.#beforeText });
      this.#beforeText = quiet();
    } else if (kind === "plan") {
      this.plans.push({ step, ...this.#beforePlan });
      this.#beforePlan = quiet();
    } else if (kind === "neutral") {
      this.#waited ||= has(step, MARK.waits);
    } else {
      this.#call(step);
    }
  }

  /** What the user's side said counts for the next entry of each kind. */
  #hear(step: Step): void {
    let { user } = step;
    if (user === "real") {
      // The same words once more are a timer's, or a person's who wants the same again.
      if (this.#said.has(step.userHash)) user = "tick";
      this.#said.add(step.userHash);
    }
    const condensed = user === "summary" || has(step, MARK.condensed);
    for (const pause of [this.#beforeRound, this.#beforeText, this.#beforePlan]) {
      pause.condensed ||= condensed;
      if (USER_KINDS.indexOf(user) > USER_KINDS.indexOf(pause.user)) pause.user = user;
    }
  }

  #call(step: Step): void {
    const pair = pairOf(step);
    const half = resultHalf(pair);
    const novel = !has(step, MARK.error) && !this.#pairs.has(pair);
    const says = !this.#results.has(half) && !has(step, MARK.empty | MARK.waiting);
    const does = has(step, MARK.mutates) && !this.#calls.has(step.call);
    const news = novel && (says || does);
    const fresh =
      news && does && !this.#changes.some((other) => alike(other, step) >= WORN_LIKENESS);
    if (does && novel) this.#changes.push(step);
    this.#pairs.add(pair);
    this.#results.add(half);
    if (!has(step, MARK.error)) this.#calls.add(step.call);
    for (const pause of [this.#beforeText, this.#beforePlan]) pause.news ||= news;
    if (this.#open !== null) {
      this.#open.steps.push(step);
      this.#open.novel ||= novel;
      this.#open.news ||= news;
      this.#open.fresh ||= fresh;
      return;
    }
    this.#beforeText.calls += 1;
    this.#beforePlan.calls += 1;
    const { user, condensed } = this.#beforeRound;
    const afterWait = this.#waited || has(step, MARK.waits);
    this.#open = { steps: [step], novel, news, fresh, user, condensed, afterWait };
    this.rounds.push(this.#open);
    this.#beforeRound = quiet();
    this.#waited = false;
  }
}

/** Whether somebody asked for something since: a loop before it is another one. */
export function isNewWish(user: UserKind): boolean {
  return user === "real" || user === "tick";
}
