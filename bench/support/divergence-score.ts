// How the first correction of each labelled conversation compares with its label, and the sums of that. Pure.
// Must never count a correction before the loop has begun as a hit: it is a false alarm.

import { ratio } from "./statistics.ts";
import type { ReadableCase } from "./labelled-cases.ts";

export interface Outcome {
  readonly labelled: ReadableCase;
  /** Turn of the first correction; null: none. */
  readonly firedAt: number | null;
  readonly pattern: string | null;
  /** The gateway would have ended the conversation under a profile that does so. */
  readonly ended: boolean;
}

/** silent: healthy, and left alone. All others but onTime are what `--list` shows. */
export type Mark = "onTime" | "late" | "early" | "missed" | "falseAlarm" | "silent";

export function markOf({ labelled, firedAt }: Outcome): Mark {
  const { loop } = labelled;
  if (loop === null) return firedAt === null ? "silent" : "falseAlarm";
  if (firedAt === null) return "missed";
  if (firedAt < loop.begins) return "early";
  return firedAt <= loop.dueBy ? "onTime" : "late";
}

export type Score = Readonly<Record<Mark, number>> & {
  readonly diverging: number;
  readonly healthy: number;
  /** Of all first corrections, those placed after the loop had begun. Null: there was none. */
  readonly precision: number | null;
  /** Of all loops, those that were found, on time or late. */
  readonly recall: number | null;
  readonly onTimeRate: number | null;
  readonly falseAlarmRate: number | null;
  /** Healthy conversations that would have been ended. */
  readonly falseEndings: number;
};

export function scoreOf(outcomes: readonly Outcome[]): Score {
  const count = (mark: Mark): number => outcomes.filter((one) => markOf(one) === mark).length;
  const marks = {
    onTime: count("onTime"),
    late: count("late"),
    early: count("early"),
    missed: count("missed"),
    falseAlarm: count("falseAlarm"),
    silent: count("silent"),
  };
  const caught = marks.onTime + marks.late;
  const diverging = caught + marks.early + marks.missed;
  const healthy = marks.falseAlarm + marks.silent;
  return {
    ...marks,
    diverging,
    healthy,
    precision: ratio(caught, caught + marks.early + marks.falseAlarm),
    recall: ratio(caught, diverging),
    onTimeRate: ratio(marks.onTime, diverging),
    falseAlarmRate: ratio(marks.falseAlarm, healthy),
    falseEndings: outcomes.filter(({ labelled, ended }) => labelled.loop === null && ended).length,
  };
}

/** Scores by a name of each outcome, in the order of the names; outcomes without a name are left out. */
export function scoresBy(
  outcomes: readonly Outcome[],
  nameOf: (outcome: Outcome) => string | null,
): ReadonlyMap<string, Score> {
  const groups = Map.groupBy(outcomes, nameOf);
  const names = [...groups.keys()].filter((name) => name !== null).toSorted();
  return new Map(names.map((name) => [name, scoreOf(groups.get(name) ?? [])]));
}
