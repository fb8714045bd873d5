// Pattern: the assistant keeps saying what it will do next and does none of it.
// Must never fire on long writing that a person asks to go on with, nor where tools are called.

import { likeness } from "./sketch.ts";
import { has, MARK, WORDS_MAX, type Step } from "./step.ts";
import { observed, type Observation } from "./verdict.ts";
import type { PatternWindow } from "./window.ts";

export const ANNOUNCED = "announced-only";

/** Announcements that share this much of their words are the same plan: one fewer is enough. */
const SAME_PLAN_LIKENESS = 0.3;

export function announcedOnly(window: PatternWindow): Observation | null {
  const newest = window.texts[0]?.step;
  if (newest === undefined || !has(newest, MARK.announces)) return null;
  const steps: Step[] = [];
  for (const text of window.texts) {
    if (!has(text.step, MARK.announces) || has(text.step, MARK.structured)) break;
    steps.push(text.step);
    if (text.calls > 0 || (text.user !== "none" && text.user !== "prod")) break;
  }
  const same = steps.every(
    (step) => likeness(step.words, newest.words, WORDS_MAX) >= SAME_PLAN_LIKENESS,
  );
  return observed(window, {
    pattern: ANNOUNCED,
    identity: "announcements",
    steps,
    count: steps.length,
    threshold: window.settings.announcedCount - (same ? 1 : 0),
  });
}
