// Whether a person asked for repetition: then an answer that repeats itself does as it was told.
// Must never read more than the newest messages, nor more than a bounded part of one.

import type { Transcript } from "../../turn/transcript.ts";

/** How many of the newest messages are searched for what a person said last. */
const MESSAGES_MAX = 8;
/** How much of its beginning and of its end is read, in UTF-16 units. */
const READ_LENGTH = 2_000;

/** The words for it in some languages: with a number, or by themselves. */
const WISHES: readonly RegExp[] = [
  /\b(?:\d{2,}|ten|twenty|fifty|hundred|thousand|as many)\s+(?:more\s+)?times\b/i,
  /\brepeat(?:ing)?\s+(?:the|this|that|it|after|each|every|your|my|a|one|["'“])|\bover and over\b/i,
  /\b\d{2,}\s*(?:x|fois|mal|veces|vezes|volte|keer|раз)\b/iu,
  /(?:répète|répétez|répéter|wiederhol|repite|repetir|repita|ripeti|повтор)/iu,
  /(?:[十百千万]|\d{2,})\s*(?:次|遍|回)|重复|重複|繰り返|반복/u,
];

/** True where the newest message of a person speaks of repeating something. */
export function asksForRepetition(transcript: Transcript): boolean {
  const last = Math.max(0, transcript.count - MESSAGES_MAX);
  for (let index = transcript.count - 1; index >= last; index -= 1) {
    const { role, text } = transcript.read(index);
    if (role !== "user") continue;
    const read = text.slice(0, READ_LENGTH) + text.slice(READ_LENGTH).slice(-READ_LENGTH);
    return WISHES.some((wish) => wish.test(read));
  }
  return false;
}
