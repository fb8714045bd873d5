// Whether a request brings words of a person that its thread has not heard before.
// Pure. Must never take a client's own reminder or its automatic "continue" for news twice.

import type { Message, Transcript } from "../turn/transcript.ts";

/** Most messages that are looked through, of the new ones and of those before. */
const HEARD_MESSAGES_MAX = 64;

/** `from` is the first message that is new to the thread. */
export function personSpoke(transcript: Transcript, from: number): boolean {
  const first = Math.max(0, from - HEARD_MESSAGES_MAX);
  const heard = new Set<string>();
  for (let index = first; index < from; index += 1) {
    const words = wordsOf(transcript.read(index));
    if (words !== null) heard.add(words);
  }
  const last = Math.min(transcript.count, from + HEARD_MESSAGES_MAX);
  for (let index = from; index < last; index += 1) {
    const words = wordsOf(transcript.read(index));
    if (words !== null && !heard.has(words)) return true;
  }
  return false;
}

/** Text beside tool results is the client's own, not a person's. */
function wordsOf(message: Message): string | null {
  if (message.role !== "user" || message.results.length > 0) return null;
  const words = message.text.trim();
  return words === "" ? null : words;
}
