// Which result answers which call, and where a person spoke: the new part of a transcript as rounds
// of parallel calls.
// Must never pair over the bounds of a round (real runs use a call id again), nor read further back
// than named here.

import type { ToolCall, ToolResult, Transcript } from "../turn/transcript.ts";

/** Most messages one turn is read for; of a longer new part the newest are taken. */
export const GATHER_MESSAGES_MAX = 256;
/** Most calls, and most results, of one round that are looked at. */
export const ROUND_CALLS_MAX = 128;
/**
 * How far back the call of a result, or a user message before a call, is looked for, in messages.
 */
const LOOK_BACK_MESSAGES_MAX = 64;

export interface AnsweredCall {
  readonly call: ToolCall;
  readonly result: ToolResult;
}

export interface AnsweredRound {
  /** Index of the assistant message. */
  readonly index: number;
  /** In the order of the calls; only those whose result is new. */
  readonly answered: readonly AnsweredCall[];
  /** A real user message lay between this round and the one before. */
  readonly userBoundary: boolean;
}

interface OpenRound {
  readonly index: number;
  readonly calls: readonly ToolCall[];
  readonly results: { readonly result: ToolResult; readonly fresh: boolean }[];
}

/**
 * The rounds whose results stand at `from` or behind it. The assistant message before `from` is
 * read when its results begin there. Calls without a result yet, and results without a call, are
 * left out.
 */
export function readRounds(transcript: Transcript, from: number): AnsweredRound[] {
  const first = Math.max(from, transcript.count - GATHER_MESSAGES_MAX, 0);
  const rounds: AnsweredRound[] = [];
  let open: OpenRound | null = null;
  for (let index = roundStart(transcript, first); index < transcript.count; index += 1) {
    const message = transcript.read(index);
    if (message.role === "assistant" || message.calls.length > 0) {
      closeRound(transcript, open, rounds);
      open = { index, calls: message.calls.slice(0, ROUND_CALLS_MAX), results: [] };
    }
    for (const result of message.results) {
      if (open === null || open.results.length >= ROUND_CALLS_MAX) break;
      open.results.push({ result, fresh: index >= first });
    }
  }
  closeRound(transcript, open, rounds);
  return rounds;
}

/**
 * Index of the assistant message whose results reach up to `from`; `from` itself when there is
 * none.
 */
function roundStart(transcript: Transcript, from: number): number {
  if (from >= transcript.count || transcript.read(from).results.length === 0) return from;
  const lowest = Math.max(0, from - LOOK_BACK_MESSAGES_MAX);
  for (let index = from - 1; index >= lowest; index -= 1) {
    const message = transcript.read(index);
    if (message.calls.length > 0) return index;
    if (message.results.length === 0) return from;
  }
  return from;
}

function closeRound(
  transcript: Transcript,
  round: OpenRound | null,
  rounds: AnsweredRound[],
): void {
  if (round === null || round.results.length === 0) return;
  const paired = pair(round);
  const answered: AnsweredCall[] = [];
  round.calls.forEach((call, position) => {
    const found = paired[position];
    if (found?.fresh === true) answered.push({ call, result: found.result });
  });
  if (answered.length === 0) return;
  // A round that was partly answered before has told its boundary then.
  const begun = round.results.some((entry) => !entry.fresh);
  rounds.push({
    index: round.index,
    answered,
    userBoundary: !begun && userSpokeBefore(transcript, round.index),
  });
}

/**
 * By id where the id is one of this round (its own order for ids used twice), by position for the
 * rest.
 */
function pair(round: OpenRound): (OpenRound["results"][number] | undefined)[] {
  const slots = round.calls.map((): OpenRound["results"][number] | undefined => undefined);
  const unmatched: OpenRound["results"] = [];
  for (const entry of round.results) {
    const position = round.calls.findIndex(
      (call, index) => slots[index] === undefined && call.id === entry.result.callId,
    );
    if (position === -1) unmatched.push(entry);
    else slots[position] = entry;
  }
  for (const entry of unmatched) {
    const position = slots.indexOf(undefined);
    if (position !== -1) slots[position] = entry;
  }
  return slots;
}

/** Whether a person spoke between the calls at `index` and the step before them. */
function userSpokeBefore(transcript: Transcript, index: number): boolean {
  const lowest = Math.max(0, index - LOOK_BACK_MESSAGES_MAX);
  for (let position = index - 1; position >= lowest; position -= 1) {
    const message = transcript.read(position);
    // Text beside tool results is the client's own reminder, not a person.
    if (message.calls.length > 0 || message.results.length > 0) return false;
    if (message.role === "user" && message.text.trim() !== "") return true;
  }
  return false;
}
