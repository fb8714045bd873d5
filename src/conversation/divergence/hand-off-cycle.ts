// Pattern: agents hand the same thing to each other, round and round, in whatever words.
// Must never fire where anything else is done in between, nor on work given out whose results come back.

import { CYCLE } from "./cycle.ts";
import { has, MARK, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { isNewWish, type PatternWindow } from "./window.ts";

const HANDS_OVER = new RegExp(
  "transfer|hand_?(?:off|over)|delegat|escalat|route|forward|(?:pass|switch|send|return|back)_?to" +
    "|uebergeb|weiterleit|transmettre|derivar|traspas",
  "i",
);
const TOOLS_MIN = 2;
const TOOLS_MAX = 3;
/** Laps beyond those of a cycle whose calls are equal: words differ here. */
const REWORDED_EXTRA = 1;

export function handOffCycle(window: PatternWindow): Observation | null {
  const steps: Step[] = [];
  const tools = new Set<string>();
  let found: Observation | null = null;
  for (const round of window.rounds) {
    const [step, more] = round.steps;
    if (step === undefined || more !== undefined || !handsOver(step)) break;
    // Nobody hands over to themselves: that is work given out, piece by piece.
    if (step.tool === steps.at(-1)?.tool) break;
    const known = tools.has(step.tool);
    if (!known && tools.size === TOOLS_MAX) break;
    const before = steps.find((other) => other.tool === step.tool);
    if (before !== undefined && !isSameAnswer(step, before)) break;
    tools.add(step.tool);
    steps.push(step);
    // What is forgotten must not matter: each stretch is weighed by itself.
    found = moreSevere(found, weigh(window, steps, tools));
    if (isNewWish(round.user) || round.user === "retry") break;
  }
  return found;
}

function weigh(
  window: PatternWindow,
  steps: readonly Step[],
  tools: ReadonlySet<string>,
): Observation | null {
  if (tools.size < TOOLS_MIN) return null;
  return observed(window, {
    pattern: CYCLE,
    identity: `hand-off ${[...tools].toSorted().join(" ")}`,
    steps,
    count: Math.floor(steps.length / tools.size),
    threshold: Math.max(window.settings.cycleLaps + REWORDED_EXTRA, window.task.times),
    period: tools.size,
  });
}

function handsOver(step: Step): boolean {
  return HANDS_OVER.test(step.tool) && !has(step, MARK.error | MARK.waiting);
}

function isSameAnswer(step: Step, other: Step): boolean {
  return step.result === other.result || has(step, MARK.acknowledged);
}
