// How alike calls are that are not equal: near ones, surveys over many targets, numeric sweeps.
// Must never take a list of different targets for one call that was varied.

import { isWhole, likeness, tokensOf } from "./sketch.ts";
import { WORDS_MAX, type Step } from "./step.ts";
import { NUMBER_SUM_MODULUS } from "./loose-call.ts";

/** Calls from which on a list of targets or a sweep can be seen. */
const SURVEY_MIN = 3;
const CHANCE_SHARE = 6;

/** Likeness in 0..1 of the arguments; 1 where only numbers differ. */
export function alike(left: Step, right: Step): number {
  if (left.call === right.call || left.skeleton === right.skeleton) return 1;
  return likeness(left.words, right.words, WORDS_MAX);
}

/**
 * Whether each call has words of its own beside what all have in common, and shares them with no
 * other: host after host, file after file. A call that comes back ends the survey.
 */
export function isSurvey(all: readonly Step[]): boolean {
  // Of older calls the words are forgotten: the newest speak for them.
  const steps = all.filter((step) => step.words !== "");
  if (steps.length < SURVEY_MIN) return false;
  if (!steps.every((step) => isWhole(step.words, WORDS_MAX))) return false;
  const sets = steps.map((step) => new Set(tokensOf(step.words)));
  const met = new Map<string, number>();
  for (const set of sets) {
    for (const token of set) met.set(token, (met.get(token) ?? 0) + 1);
  }
  const shared = [...met].filter(([, count]) => count > 1 && count < sets.length).length;
  const nameless = sets.filter((set) => ![...set].some((token) => met.get(token) === 1)).length;
  // Short hashes of different words meet now and then: one in so many calls says nothing.
  return shared <= steps.length / CHANCE_SHARE && nameless <= 2 * shared;
}

/** Whether only numbers differ and go on in equal strides: 1, 2, 3 or 0, 50, 100. */
export function isSweep(steps: readonly Step[]): boolean {
  if (steps.length < SURVEY_MIN) return false;
  const strides = steps.slice(1).map((step, index) => {
    const newer = steps[index]?.sum ?? 0;
    return (newer - step.sum + NUMBER_SUM_MODULUS) % NUMBER_SUM_MODULUS;
  });
  const [stride] = strides;
  const steady = strides.every((other) => other === stride);
  return steady && stride !== 0 && steps.every((step) => step.skeleton === steps[0]?.skeleton);
}
