// Pattern: the assistant asks the user the same question again although the user has answered it.
// Must never fire on a form or a quiz that asks for one item after the other.

import { likeness } from "./sketch.ts";
import { GRAMS_MAX, has, MARK, WORDS_MAX, type Step } from "./step.ts";
import { USER_FACTS_MAX } from "./user-words.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import type { PatternWindow } from "./window.ts";

export const REASKED = "reasked-question";

const SAME_GRAMS = 0.5;
const SAME_WORDS = 0.6;
/** Words in common from which on it is the same question in other words; one more is needed then. */
const RELATED_WORDS = 0.25;
const RELATED_EXTRA = 1;

export function reaskedQuestion(window: PatternWindow): Observation | null {
  const newest = window.texts[0]?.step;
  if (newest === undefined || !has(newest, MARK.question)) return null;
  if (has(newest, MARK.slight | MARK.structured)) return null;
  const same: Step[] = [];
  const related: Step[] = [];
  for (const text of window.texts) {
    const { step } = text;
    if (has(step, MARK.question) && likenessOf(step, newest) >= SAME_WORDS) same.push(step);
    if (has(step, MARK.question) && likenessOf(step, newest) >= RELATED_WORDS) related.push(step);
    // Without an answer in between it is not asked again but said again: another pattern.
    if (text.news || (text.user !== "real" && text.user !== "tick")) break;
  }
  return moreSevere(report(window, same, 0), report(window, related, RELATED_EXTRA));
}

function report(window: PatternWindow, steps: readonly Step[], extra: number): Observation | null {
  if (!answersRepeat(steps)) return null;
  return observed(window, {
    pattern: REASKED,
    identity: "question",
    steps,
    count: steps.length,
    threshold: window.settings.reaskedCount + extra,
  });
}

function likenessOf(left: Step, right: Step): number {
  if (left.call === right.call) return 1;
  const grams = likeness(left.grams, right.grams, GRAMS_MAX) >= SAME_GRAMS ? SAME_WORDS : 0;
  return Math.max(grams, likeness(left.words, right.words, WORDS_MAX));
}

/** The answers state the same: whoever is asked something new says something new. */
function answersRepeat(steps: readonly Step[]): boolean {
  // The message before the oldest question is no answer to it.
  const answers = steps.slice(0, -1).map((step) => step.userFacts);
  return answers.some((answer, index) =>
    answers.some((other, before) => before > index && likeness(answer, other, USER_FACTS_MAX) > 0),
  );
}
