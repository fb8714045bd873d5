// What the second note of a loop can be specific about: what was tried, and which arguments alone were changed.
// Pure. Must never look at more than the clipped samples of the evidence.

import { isSameError } from "./divergence/step.ts";
import type { Verdict } from "./divergence/verdict.ts";
import type { Evidence, Step } from "./evidence.ts";

export interface Specifics {
  /** Arguments of the newest calls of the loop, each text once, oldest first; clipped lines of foreign text. */
  readonly tried: readonly string[];
  /** Names of the arguments whose values differ between them; null where that cannot be told. */
  readonly varied: readonly string[] | null;
}

/** The newest calls with the outcome of the loop. Of a round of several tools nothing is compared. */
export function specificsOf(evidence: Evidence, verdict: Verdict): Specifics {
  const [tool, second] = verdict.tools;
  if (tool === undefined || second !== undefined) return { tried: [], varied: null };
  const newest = evidence.steps.findLast((step) => step.tool === tool);
  if (newest === undefined) return { tried: [], varied: null };
  const texts = evidence.steps
    .filter((step) => step.sample.arguments !== "" && endsAlike(step, newest))
    .map((step) => step.sample.arguments);
  const tried = [...new Set(texts)];
  return { tried, varied: variedNames(tried) };
}

function endsAlike(step: Step, newest: Step): boolean {
  if (step.tool !== newest.tool) return false;
  const sameError = isSameError(newest, step);
  return sameError || step.result === newest.result;
}

/** Null when a text is no JSON object (it may have been clipped) or when there is nothing to compare. */
function variedNames(texts: readonly string[]): readonly string[] | null {
  const objects = texts.map(asObject).filter((object) => object !== null);
  const [first, ...others] = objects;
  if (first === undefined || others.length === 0 || objects.length < texts.length) return null;
  const names = new Set(objects.flatMap((object) => [...object.keys()]));
  return [...names].filter((name) => others.some((other) => other.get(name) !== first.get(name)));
}

/** The JSON of each value by its name. */
function asObject(text: string): ReadonlyMap<string, string> | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    return new Map(Object.entries(value).map(([name, field]) => [name, JSON.stringify(field)]));
  } catch {
    // Cut or broken arguments are shown as they are, and nothing is said of how they differ.
    return null;
  }
}
