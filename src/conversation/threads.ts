// Which thread of a conversation a request belongs to, and how much of its history is new.
// Pure. Must never compare by text similarity alone, nor hash the whole history: only the few messages at a checkpoint.

import type { Transcript } from "../turn/transcript.ts";
import { messageFingerprint, systemFingerprint } from "./fingerprint.ts";
import { CHECKPOINT_TAIL, type ConversationRecord, type ThreadEntry } from "./record.ts";

/** How many of the newest messages of a request are searched when the history was edited or condensed. */
const OVERLAP_WINDOW = 48;
/**
 * How many messages before a checkpoint are compared. Equal count, equal last messages with their call
 * ids: histories that agree in these and differ before do not occur, and each comparison costs a hash.
 */
const PREFIX_COMPARED = 3;
/** An overlap counts from this many equal neighbouring messages on. */
const OVERLAP_MIN = 2;

/** What the request itself says about where it belongs. */
export interface ThreadHints {
  /** Hash of a client's own agent id header. */
  readonly agent: string | null;
  readonly hasTools: boolean;
  /** True when the client is an agent that always offers tools, so that a request without any is a side request. */
  readonly agentClient: boolean;
}

export interface ThreadMatch {
  /** Null: a thread not seen before. */
  readonly entry: ThreadEntry | null;
  readonly kind: ThreadEntry["kind"];
  /** Index of the first message that is new to the thread. */
  readonly from: number;
  /** The request holds exactly the messages of the newest request of the thread. */
  readonly equal: boolean;
  /** The stored checkpoint is a prefix of the request, message by message. */
  readonly prefix: boolean;
  /** How the thread was found, for the receipt. */
  readonly by: "agent" | "answer" | "checkpoint" | "overlap" | "summary" | "new";
}

/** Finds the thread of this request. Fingerprints of messages are computed at most once each. */
export function matchThread(
  record: ConversationRecord,
  transcript: Transcript,
  hints: ThreadHints,
): ThreadMatch {
  const fingerprint = memoisedFingerprint(transcript);
  if (hints.agent !== null) {
    const own = record.threads.filter((entry) => entry.agent === hints.agent);
    const match = ownHistory(own, transcript, fingerprint);
    return match ?? byHeaderAlone(own, transcript, fingerprint);
  }
  const open = record.threads.filter((entry) => entry.agent === null);
  const match =
    ownHistory(open, transcript, fingerprint) ??
    bySummary(open, transcript, { hasTools: hints.hasTools, fingerprint });
  if (match !== null) return { ...match, kind: kindOfKnown(open, match) };
  return newThreadMatch(null, kindOfNew(open, hints), "new");
}

/** The checkpoint of this request: count, newest fingerprints and the loose system prompt. */
export function checkpoint(
  transcript: Transcript,
  known: Pick<ThreadEntry, "count" | "tail" | "system"> | null,
): Pick<ThreadEntry, "count" | "tail" | "system"> {
  const first = Math.max(0, transcript.count - CHECKPOINT_TAIL);
  const tail: string[] = [];
  for (let index = first; index < transcript.count; index += 1) {
    tail.push(knownFingerprint(known, index) ?? messageFingerprint(transcript.read(index)));
  }
  return { count: transcript.count, tail, system: known?.system ?? systemOf(transcript) };
}

/** What the checkpoint that this request continues holds already need not be computed again. */
function knownFingerprint(
  known: Pick<ThreadEntry, "count" | "tail"> | null,
  index: number,
): string | null {
  if (known === null || index >= known.count) return null;
  return known.tail[index - (known.count - known.tail.length)] ?? null;
}

type Fingerprinter = (index: number) => string;

function memoisedFingerprint(transcript: Transcript): Fingerprinter {
  const known = new Map<number, string>();
  return (index) => {
    const found = known.get(index);
    if (found !== undefined) return found;
    const made = messageFingerprint(transcript.read(index));
    known.set(index, made);
    return made;
  };
}

function ownHistory(
  entries: readonly ThreadEntry[],
  transcript: Transcript,
  fingerprint: Fingerprinter,
): ThreadMatch | null {
  return (
    byCheckpoint(entries, transcript, fingerprint) ??
    byEditedLast(entries, transcript, fingerprint) ??
    byOverlap(entries, transcript, fingerprint)
  );
}

/**
 * The newest message of the checkpoint was edited in place (clients append reminders to it and take them away).
 * Only where the request went on beyond it: a request of equal length is a second child of the same history.
 */
function byEditedLast(
  entries: readonly ThreadEntry[],
  transcript: Transcript,
  fingerprint: Fingerprinter,
): ThreadMatch | null {
  for (const entry of entries) {
    if (entry.tail.length < OVERLAP_MIN + 1 || transcript.count <= entry.count) continue;
    const [third, second] = [entry.tail.at(-3), entry.tail.at(-2)];
    const position = entry.count - 2;
    if (fingerprint(position) !== second || fingerprint(position - 1) !== third) continue;
    return {
      entry,
      kind: entry.kind,
      from: entry.count,
      equal: false,
      prefix: false,
      by: "checkpoint",
    };
  }
  return null;
}

/** The longest checkpoint that is a prefix of the request wins. */
function byCheckpoint(
  entries: readonly ThreadEntry[],
  transcript: Transcript,
  fingerprint: Fingerprinter,
): ThreadMatch | null {
  const longestFirst = [...entries].sort(
    (left, right) => right.count - left.count || right.activeAt - left.activeAt,
  );
  for (const entry of longestFirst) {
    if (entry.count === 0 || entry.count > transcript.count) continue;
    if (!endsAlike(entry, transcript, fingerprint)) continue;
    return {
      entry,
      kind: entry.kind,
      from: entry.count,
      equal: entry.count === transcript.count,
      prefix: true,
      by: entry.agent === null ? "checkpoint" : "agent",
    };
  }
  return null;
}

/** Newest first: two different histories nearly always differ there, so the check ends early. */
function endsAlike(
  entry: ThreadEntry,
  transcript: Transcript,
  fingerprint: Fingerprinter,
): boolean {
  const compared = Math.min(PREFIX_COMPARED, entry.tail.length);
  for (let back = 1; back <= compared; back += 1) {
    const index = entry.count - back;
    if (fingerprint(index) === entry.tail.at(-back)) continue;
    // A system prompt tells the time of day: it is the same one when it is loosely equal.
    const isSystem = index === 0 && transcript.read(0).role === "system";
    if (!isSystem || systemOf(transcript) !== entry.system) return false;
  }
  return true;
}

/** Edited or condensed history: the most recently active thread whose newest messages still stand in it. */
function byOverlap(
  entries: readonly ThreadEntry[],
  transcript: Transcript,
  fingerprint: Fingerprinter,
): ThreadMatch | null {
  const recentFirst = [...entries].sort((left, right) => right.activeAt - left.activeAt);
  const lowest = Math.max(0, transcript.count - OVERLAP_WINDOW);
  for (const entry of recentFirst) {
    const newest = entry.tail.at(-1);
    if (newest === undefined || entry.tail.length < OVERLAP_MIN) continue;
    for (let index = transcript.count - 1; index >= lowest; index -= 1) {
      if (fingerprint(index) !== newest) continue;
      const before = entry.tail.at(-2);
      if (index === 0 || fingerprint(index - 1) !== before) continue;
      return {
        entry,
        kind: entry.kind,
        from: index + 1,
        equal: false,
        prefix: false,
        by: "overlap",
      };
    }
  }
  return null;
}

/**
 * The client says whose request this is, but its newest messages were changed. What of the checkpoint still stands was
 * read before; where nothing does, only the newest round is new, or a healthy agent would be told of steps twice.
 */
function byHeaderAlone(
  own: readonly ThreadEntry[],
  transcript: Transcript,
  fingerprint: Fingerprinter,
): ThreadMatch {
  const [entry] = [...own].sort((left, right) => right.activeAt - left.activeAt);
  if (entry === undefined) return newThreadMatch(null, "agent", "agent");
  const from = behindTail(entry, transcript, fingerprint) ?? newestRound(transcript);
  return { ...newThreadMatch(entry, "agent", "agent"), from };
}

/** Index behind the newest two neighbours of the checkpoint that stand in the request; null when none do. */
function behindTail(
  { tail }: ThreadEntry,
  transcript: Transcript,
  fingerprint: Fingerprinter,
): number | null {
  const lowest = Math.max(1, transcript.count - OVERLAP_WINDOW);
  for (let known = tail.length - 1; known > 0; known -= 1) {
    for (let index = transcript.count - 1; index >= lowest; index -= 1) {
      const stands = fingerprint(index) === tail[known];
      if (stands && fingerprint(index - 1) === tail[known - 1]) return index + 1;
    }
  }
  return null;
}

/** Index of the first of the results at the end; of the last message where there are none. */
function newestRound(transcript: Transcript): number {
  const lowest = Math.max(0, transcript.count - OVERLAP_WINDOW);
  let from = Math.max(0, transcript.count - 1);
  while (from > lowest && transcript.read(from - 1).results.length > 0) from -= 1;
  return from;
}

/** Compacted history: no message of before is left, but the system prompt is the thread's own, and unique. */
function bySummary(
  entries: readonly ThreadEntry[],
  transcript: Transcript,
  request: { readonly hasTools: boolean; readonly fingerprint: Fingerprinter },
): ThreadMatch | null {
  if (!request.hasTools) return null;
  const system = systemOf(transcript);
  if (system === "") return null;
  const same = entries.filter((entry) => entry.system === system && entry.kind === "main");
  const only = same.length === 1 ? same[0] : undefined;
  if (only === undefined || only.turns < 2) return null;
  if (sharesHistory(only, transcript, request.fingerprint)) return null;
  return { entry: only, kind: only.kind, from: 0, equal: false, prefix: false, by: "summary" };
}

/** A message of the checkpoint stands where it stood: this is a second child of the same history, or a step back. */
function sharesHistory(
  entry: ThreadEntry,
  transcript: Transcript,
  fingerprint: Fingerprinter,
): boolean {
  const first = entry.count - entry.tail.length;
  return entry.tail.some((known, step) => {
    const index = first + step;
    // The system prompt at the very beginning is what the two have in common anyway.
    return index > 0 && index < transcript.count && fingerprint(index) === known;
  });
}

/** A side request that goes on is none: without another main thread it is the conversation itself. */
function kindOfKnown(entries: readonly ThreadEntry[], match: ThreadMatch): ThreadEntry["kind"] {
  const goesOn = match.kind === "side" && !match.equal;
  return goesOn && !entries.some((entry) => entry.kind === "main") ? "main" : match.kind;
}

function kindOfNew(entries: readonly ThreadEntry[], hints: ThreadHints): ThreadEntry["kind"] {
  const hasMain = entries.some((entry) => entry.kind === "main");
  if (!hints.hasTools && (hasMain || hints.agentClient)) return "side";
  return "main";
}

function newThreadMatch(
  entry: ThreadEntry | null,
  kind: ThreadEntry["kind"],
  by: ThreadMatch["by"],
): ThreadMatch {
  return { entry, kind, from: 0, equal: false, prefix: false, by };
}

function systemOf(transcript: Transcript): string {
  if (transcript.count === 0) return "";
  const first = transcript.read(0);
  return first.role === "system" ? systemFingerprint(first.text) : "";
}
