// Pattern: each time the history is condensed, the agent begins the same work again.
// Must never fire on reading a file once more after a compaction: what was forgotten is looked up.

import { pairOf, type Step } from "./step.ts";
import { observed, type Observation } from "./verdict.ts";
import { isNewWish, type PatternWindow, type Round } from "./window.ts";

export const AFTER_COMPACTION = "same-work-after-compaction";

/** Rounds behind a compaction in which work counts as begun again. */
const FIRST_ROUNDS = 3;
/** A stretch between two compactions with more new pairs than this went forward. */
const NOVEL_ROUNDS_MAX = 1;

export function sameWorkAfterCompaction(window: PatternWindow): Observation | null {
  const stretches = stretchesOf(window.rounds);
  const newest = stretches[0];
  if (newest === undefined || stretches.length < 2 || newest.length > FIRST_ROUNDS) return null;
  const begun = new Set(newest.flatMap((round) => round.steps).map(pairOf));
  const steps: Step[] = [];
  let count = 0;
  for (const stretch of stretches) {
    const again = firstOf(stretch).find((step) => begun.has(pairOf(step)));
    if (again === undefined) break;
    const forward = stretch.filter((round) => round.novel).length > NOVEL_ROUNDS_MAX;
    // The work that was begun first counts; what went forward since ends the story.
    if (forward && count > 0) {
      steps.push(again);
      break;
    }
    steps.push(again);
    count += 1;
  }
  const [step] = steps;
  if (step === undefined || steps.length < 2) return null;
  return observed(window, {
    pattern: AFTER_COMPACTION,
    identity: pairOf(step),
    steps,
    count: steps.length - 1,
    threshold: window.settings.compactionCount,
  });
}

function firstOf(stretch: readonly Round[]): readonly Step[] {
  return stretch.slice(-FIRST_ROUNDS).flatMap((round) => round.steps);
}

/** Newest first, cut where the history was condensed; back to the newest wish. */
function stretchesOf(rounds: readonly Round[]): readonly (readonly Round[])[] {
  const stretches: Round[][] = [];
  let open: Round[] = [];
  for (const round of rounds) {
    open.push(round);
    if (round.condensed) {
      stretches.push(open);
      open = [];
    }
    if (isNewWish(round.user)) break;
  }
  if (open.length > 0) stretches.push(open);
  return stretches;
}
