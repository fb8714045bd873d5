// The thread of a request that holds only what is new, because its provider keeps the rest.
// Pure. Must never take such a request for a history that was edited or begun anew.

import type { Transcript } from "../turn/transcript.ts";
import { messageFingerprint } from "./fingerprint.ts";
import type { ConversationRecord, ThreadEntry } from "./record.ts";
import type { ThreadMatch } from "./threads.ts";

/** How many of its last messages tell whether a request is the one before, sent again. */
const COMPARED_MAX = 3;

export interface DeltaHints {
  /** Hash of a client's own agent id header. */
  readonly agent: string | null;
  /** Thread of the answer it goes on from, and how many turns that thread had with it; null: not known. */
  readonly answer: { readonly thread: string; readonly turns: number } | null;
}

/** Null: the conversation has no thread yet that it could go on. */
export function matchDelta(
  record: ConversationRecord,
  transcript: Transcript,
  { agent, answer }: DeltaHints,
): ThreadMatch | null {
  const named = record.threads.find(({ id }) => id === answer?.thread);
  const entry = named ?? mostRecent(record, agent);
  if (entry === null) return null;
  const equal = isEqual(entry, transcript);
  // The same words behind an older answer are the same turn once more; behind the newest one they are said again.
  const known = equal && answer !== null && answer.turns < entry.turns;
  const from = known ? transcript.count : 0;
  return { entry, kind: entry.kind, from, equal, prefix: false, by: "answer" };
}

function mostRecent({ threads }: ConversationRecord, agent: string | null): ThreadEntry | null {
  const own = threads.filter((entry) => entry.agent === agent && entry.kind !== "side");
  return own.toSorted((left, right) => right.activeAt - left.activeAt)[0] ?? null;
}

function isEqual(entry: ThreadEntry, transcript: Transcript): boolean {
  const { count } = transcript;
  if (entry.count !== count) return false;
  const compared = Math.min(COMPARED_MAX, entry.tail.length);
  for (let back = 1; back <= compared; back += 1) {
    if (messageFingerprint(transcript.read(count - back)) !== entry.tail.at(-back)) return false;
  }
  return true;
}
