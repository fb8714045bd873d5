// Takes what a request showed into the rows: evidence, checkpoint, thread entry.
// Pure. Must never count the same messages twice, however many parallel turns or retries bring them.

import type { Transcript } from "../turn/transcript.ts";
import { appendEvidence, type Step } from "./evidence.ts";
import {
  THREADS_MAX,
  type ConversationRecord,
  type ThreadEntry,
  type ThreadRecord,
} from "./record.ts";
import { checkpoint } from "./threads.ts";

export interface Seen {
  readonly threadId: string;
  readonly kind: ThreadEntry["kind"];
  readonly agent: string | null;
  readonly transcript: Transcript;
  readonly steps: readonly Step[];
  /** The checkpoint the steps were gathered against; null for a thread that was new then. */
  readonly base: { readonly count: number; readonly newest: string } | null;
  /** The request has the stored checkpoint as a prefix, so its fingerprints still hold. */
  readonly continues: boolean;
  readonly now: number;
}

/** Adding the same request again, or after a parallel turn that saw the same messages, changes no evidence. */
export function absorb(
  record: ConversationRecord,
  thread: ThreadRecord,
  seen: Seen,
): { readonly record: ConversationRecord; readonly thread: ThreadRecord } {
  const known = record.threads.find((entry) => entry.id === seen.threadId);
  const fresh = freshSteps(known, seen);
  const evidence = fresh.length === 0 ? thread.evidence : appendEvidence(thread.evidence, fresh);
  // A slower parallel turn with a shorter history must not set the checkpoint back.
  const behind = known !== undefined && !isBase(known, seen) && known.count > seen.transcript.count;
  const continues = seen.continues && known !== undefined && isBase(known, seen);
  const mark = behind
    ? { count: known.count, tail: known.tail, system: known.system }
    : checkpoint(seen.transcript, continues ? known : null);
  const entry: ThreadEntry = {
    id: seen.threadId,
    kind: seen.kind,
    agent: seen.agent,
    ...mark,
    state: thread.machine.value,
    turns: known?.turns ?? 0,
    activeAt: Math.max(seen.now, known?.activeAt ?? 0),
  };
  const others = record.threads.filter((other) => other.id !== seen.threadId);
  // Titles and summaries come by the dozen: they must not push out the thread that is watched.
  const threads = [...others, entry]
    .sort((left, right) => rank(left) - rank(right) || right.activeAt - left.activeAt)
    .slice(0, THREADS_MAX);
  return { record: { ...record, threads, updatedAt: seen.now }, thread: { ...thread, evidence } };
}

function rank(entry: ThreadEntry): number {
  return entry.kind === "side" ? 1 : 0;
}

function freshSteps(known: ThreadEntry | undefined, seen: Seen): readonly Step[] {
  if (known === undefined || isBase(known, seen)) return seen.steps;
  // Another turn moved the checkpoint meanwhile: only rounds whose call stands at or behind it are still new.
  return seen.steps.filter((step) => step.index >= known.count - 1);
}

function isBase(known: ThreadEntry, seen: Seen): boolean {
  return known.count === seen.base?.count && (known.tail.at(-1) ?? "") === seen.base.newest;
}
