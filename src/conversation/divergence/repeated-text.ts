// Pattern: the assistant says the same again: word by word, nearly so, or in other words.
// Must never fire where a person asked the same again, or where what changed answers what they said.

import { isSurvey } from "./near.ts";
import { likeness, tokensOf } from "./sketch.ts";
import { GRAMS_MAX, has, MARK, WORDS_MAX, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { holdSameBlock } from "./text-part.ts";
import type { PatternWindow, Single } from "./window.ts";

export const REPEATED_TEXT = "repeated-text";

/** Three-grams in common from which on a text is nearly the same. */
const NEAR_LIKENESS = 0.5;
/** Content words in common from which on it says the same in other words. */
const REWORDED_LIKENESS = 0.6;
/** The same for a promise, and where nobody but a push to go on came in between. */
const PROMISE_LIKENESS = 0.45;
/** The same for a few lines that nothing but pushes were answered with. */
const BRIEF_LIKENESS = 0.25;
/** What a person's own message between two equal statements adds to the count that is needed. */
const ACROSS_USER_EXTRA = 1;
/** Even a mere confirmation does not come this often without anybody having spoken. */
const SLIGHT_COUNT = 5;

export function repeatedText(window: PatternWindow): Observation | null {
  const [newest] = window.texts;
  if (newest === undefined) return null;
  const repeats = collect(window.texts, newest);
  const { exactTextCount, nearTextCount, rewordedTextCount } = window.settings;
  const slight = has(newest.step, MARK.slight);
  const exact = report(window, repeats.exact, {
    threshold: Math.max(exactTextCount, slight ? SLIGHT_COUNT : 0),
    repeats,
  });
  const again = report(window, repeats.placed, { threshold: exactTextCount + 1, repeats });
  if (slight) return moreSevere(exact, again);
  if (has(newest.step, MARK.structured)) {
    const held = repeats.near.filter((text) => holdSameBlock(text, newest.step));
    const block = report(window, held, { threshold: nearTextCount, repeats });
    return [exact, again, block].reduce(moreSevere, null);
  }
  const near = report(window, repeats.near, { threshold: nearTextCount, repeats });
  const reworded = report(window, repeats.reworded, { threshold: rewordedTextCount, repeats });
  return [exact, again, near, reworded].reduce(moreSevere, null);
}

interface Repeats {
  /** Each newest first, the newest text included; a wider kind holds the narrower ones. */
  readonly exact: readonly Step[];
  readonly near: readonly Step[];
  readonly reworded: readonly Step[];
  /** The same step of a sequence told as done, whatever was called in between. */
  readonly placed: readonly Step[];
  /** A person spoke between them, and not only to push. */
  readonly answered: boolean;
}

/** Walks back until a tool brought news, or somebody got an answer to what they said. */
function collect(texts: readonly Single[], newest: Single): Repeats {
  const { step } = newest;
  const repeats = { exact: [step], near: [step], reworded: [step], placed: [step] };
  let [answered, news] = [false, false];
  let newer = newest;
  for (const text of texts.slice(1)) {
    const spoken = isSpoken(newer.user);
    news ||= newer.news;
    if ((news && !has(step, MARK.placed)) || (spoken && isAnswer(newer, text.step))) break;
    // Whoever asks how things stand, and has it looked up, is told the same for as long as it holds.
    if (spoken && newer.calls > 0 && !has(newer.step, MARK.announces)) break;
    answered ||= spoken;
    const other = text.step;
    const exact = other.call === step.call;
    if (exact && !answered) repeats.placed.push(other);
    newer = text;
    if (news) continue;
    const near = exact || likeness(other.grams, step.grams, GRAMS_MAX) >= NEAR_LIKENESS;
    if (exact) repeats.exact.push(other);
    if (near) repeats.near.push(other);
    if (near || isReworded(other, step, answered)) repeats.reworded.push(other);
  }
  const placed = has(step, MARK.placed) ? repeats.placed : [];
  return { ...repeats, placed, answered: answered && !has(step, MARK.announces) };
}

function isReworded(other: Step, step: Step, answered: boolean): boolean {
  const promise = has(step, MARK.announces) && has(other, MARK.announces);
  const brief = !answered && has(step, MARK.brief) && has(other, MARK.brief);
  const unasked = brief ? BRIEF_LIKENESS : PROMISE_LIKENESS;
  const needed = promise || !answered ? unasked : REWORDED_LIKENESS;
  return likeness(other.words, step.words, WORDS_MAX) >= needed;
}

function isSpoken(user: Single["user"]): boolean {
  return user === "real" || user === "tick" || user === "retry";
}

/**
 * Whether the newer text is an answer in its own right: to the same question asked again, to a
 * timer, to a request for another item, to one that can only be refused, or with words the person
 * had just used.
 */
function isAnswer(newer: Single, older: Step): boolean {
  const { step } = newer;
  // The same code under another heading answers nothing.
  if (holdSameBlock(step, older)) return false;
  if (has(step, MARK.slight | MARK.structured)) return true;
  if (has(step, MARK.refuses) && !has(step, MARK.announces)) return true;
  if (newer.user === "tick" && !has(step, MARK.question | MARK.announces)) return true;
  const before = new Set(tokensOf(older.words));
  const said = new Set(tokensOf(step.userWords));
  return tokensOf(step.words).some((word) => !before.has(word) && said.has(word));
}

function report(
  window: PatternWindow,
  steps: readonly Step[],
  as: { readonly threshold: number; readonly repeats: Repeats },
): Observation | null {
  const [newest] = steps;
  if (newest === undefined) return null;
  // A frame with another name in it each time: a quiz, a list, a translation.
  if (as.repeats.answered && (isSurvey(steps) || isSurvey(steps.slice(0, -1)))) return null;
  return observed(window, {
    pattern: REPEATED_TEXT,
    identity: as.repeats.exact.length > 1 ? newest.call : "words",
    steps,
    count: steps.length,
    threshold: as.threshold + (as.repeats.answered ? ACROSS_USER_EXTRA : 0),
  });
}
