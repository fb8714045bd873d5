// The corrections of a thread over its life: which still stand, where they go, and which are used no more.
// Pure. Must never move a correction that was sent: it is re-inserted byte for byte or retired for good.

import type { CorrectionPlace } from "../turn/deployment.ts";
import type { Transcript } from "../turn/transcript.ts";
import { messageFingerprint } from "./fingerprint.ts";
import { CORRECTIONS_KEPT_MAX, type ConversationRecord, type CorrectionRecord } from "./record.ts";
import type { ThreadSnapshot } from "./thread-snapshot.ts";

/** Pattern of the note that asks to wrap up: it is no correction of a loop, and has no outcome. */
export const BUDGET_PATTERN = "budget";

/** One correction to be spliced into a request, behind the message at `index`. */
export interface Insertion {
  readonly correction: string;
  readonly index: number;
  readonly text: string;
  readonly place: CorrectionPlace;
  /** Model the place was chosen for: another model gets the correction placed anew. */
  readonly model: string;
}

/** Fingerprint of the message that a correction placed now would follow. */
export function anchorOf(transcript: Transcript): CorrectionRecord["anchor"] {
  const index = transcript.count - 1;
  return { index, fingerprint: messageFingerprint(transcript.read(index)) };
}

/**
 * The corrections of this thread that still have their anchor, as insertions, and the record in which
 * those that lost it are retired.
 */
export function standingCorrections(
  record: ConversationRecord,
  thread: string,
  transcript: Transcript,
): { readonly record: ConversationRecord; readonly insertions: readonly Insertion[] } {
  const insertions: Insertion[] = [];
  let retired = 0;
  const corrections = record.corrections.map((correction) => {
    if (correction.thread !== thread || correction.retired !== null) return correction;
    if (anchorStands(correction, transcript)) {
      insertions.push({
        correction: correction.id,
        index: correction.anchor.index,
        text: correction.text,
        place: correction.place,
        model: correction.model,
      });
      return correction;
    }
    retired += 1;
    return { ...correction, retired: "anchor gone" };
  });
  if (retired === 0) return { record, insertions };
  return { record: { ...record, corrections }, insertions };
}

function anchorStands(correction: CorrectionRecord, transcript: Transcript): boolean {
  const { index, fingerprint } = correction.anchor;
  return index < transcript.count && messageFingerprint(transcript.read(index)) === fingerprint;
}

/**
 * A correction the machine asked for that has not gone out. A person may have asked for it while a turn was
 * in flight, so it stays due until a turn has carried it, whatever number that turn has.
 */
export function isDue(
  machine: ThreadSnapshot,
  at: { readonly record: ConversationRecord; readonly threadId: string; readonly turn: number },
): boolean {
  const wanted = machine.context.correctionTurn;
  if (machine.value !== "correcting" || wanted === null || wanted > at.turn) return false;
  return !at.record.corrections.some(
    ({ thread, threadTurn, level }) => thread === at.threadId && threadTurn >= wanted && level > 0,
  );
}

/** Adds a correction; the oldest retired one (else the oldest) makes room. */
export function addCorrection(
  record: ConversationRecord,
  correction: CorrectionRecord,
): ConversationRecord {
  const kept = [...record.corrections];
  if (kept.length >= CORRECTIONS_KEPT_MAX) {
    const oldestRetired = kept.findIndex((known) => known.retired !== null);
    kept.splice(Math.max(0, oldestRetired), 1);
  }
  return { ...record, corrections: [...kept, correction] };
}

/** Takes a correction out of use, with the reason; the reason stays readable. */
export function retireCorrection(
  record: ConversationRecord,
  id: string,
  reason: string,
): ConversationRecord {
  const corrections = record.corrections.map((correction) =>
    correction.id === id && correction.retired === null
      ? { ...correction, retired: reason }
      : correction,
  );
  return { ...record, corrections };
}
