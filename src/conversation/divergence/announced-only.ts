// Pattern: the assistant keeps saying what it will do next and does none of it.
// Must never fire on long writing that a person asks to go on with, nor where tools are called.

import { likeness } from "./sketch.ts";
import { has, MARK, WORDS_MAX, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import type { PatternWindow } from "./window.ts";

export const ANNOUNCED = "announced-only";

/** Announcements that share this much of their words are the same plan: one fewer is enough. */
const SAME_PLAN_LIKENESS = 0.3;
/** One more is needed where a person said more than a push in between: they are put off. */
const ACROSS_USER_EXTRA = 1;

export function announcedOnly(window: PatternWindow): Observation | null {
  const newest = window.texts[0]?.step;
  if (newest === undefined || !has(newest, MARK.announces)) return null;
  const steps: Step[] = [];
  let spoken = false;
  let found: Observation | null = null;
  for (const text of window.texts) {
    if (!has(text.step, MARK.announces) || has(text.step, MARK.structured)) break;
    // Across a person's words only who asks for patience, once more, goes on in the same way.
    if (spoken && !has(text.step, MARK.stalls)) break;
    steps.push(text.step);
    // What is forgotten must not matter: each stretch is weighed by itself.
    found = moreSevere(found, weigh(window, steps, spoken));
    if (text.calls > 0 || text.user === "tick") break;
    if (text.user === "none" || text.user === "prod") continue;
    if (!putsOff(text.step)) break;
    spoken = true;
  }
  return found;
}

function weigh(window: PatternWindow, steps: readonly Step[], spoken: boolean): Observation | null {
  const [newest] = steps;
  if (newest === undefined) return null;
  const same = steps.every(
    (step) => likeness(step.words, newest.words, WORDS_MAX) >= SAME_PLAN_LIKENESS,
  );
  return observed(window, {
    pattern: ANNOUNCED,
    identity: "announcements",
    steps,
    count: steps.length,
    threshold: window.settings.announcedCount - (same ? 1 : 0) + (spoken ? ACROSS_USER_EXTRA : 0),
  });
}

/** A few words that ask for patience, and nothing else. */
function putsOff(step: Step): boolean {
  return has(step, MARK.stalls) && has(step, MARK.brief) && !has(step, MARK.question);
}
