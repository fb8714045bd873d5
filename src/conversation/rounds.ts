// The new part of a transcript in its order: rounds of answered calls, texts, and what the user's side said.
// Must never pair over the bounds of a round (real runs use a call id again), nor read further back
// than named here.

import type { Message, ToolCall, ToolResult, Transcript } from "../turn/transcript.ts";
import { isObservation, PYTHON_BLOCK, textAction } from "./divergence/text-action.ts";
import { refusesForm, strongest, userNote, type UserNote } from "./divergence/user-words.ts";

/** Most messages one turn is read for; of a longer new part the newest are taken. */
export const GATHER_MESSAGES_MAX = 256;
/** Most calls, and most results, of one round that are looked at. */
export const ROUND_CALLS_MAX = 128;
/**
 * How far back the call of a result, or a user message before a call, is looked for, in messages.
 */
const LOOK_BACK_MESSAGES_MAX = 64;

/** The name of the call that an unreadable answer counts as. */
export const UNREADABLE_ANSWER = "unreadable-answer";

export interface AnsweredCall {
  readonly call: ToolCall;
  readonly result: ToolResult;
}

/** Calls with their new results, or a text without calls. */
export interface Entry {
  /** Index of the assistant message; of results without their calls, of the first of them. */
  readonly index: number;
  /** In the order of the calls; only those whose result is new. */
  readonly answered: readonly AnsweredCall[];
  /** Null for a round of calls. */
  readonly text: string | null;
  /** New results whose calls the transcript does not hold. */
  readonly orphans: readonly ToolResult[];
  /** What the user's side said before it, since the entry before. */
  readonly user: UserNote | null;
}

interface OpenRound {
  readonly index: number;
  readonly calls: readonly ToolCall[];
  readonly results: { readonly result: ToolResult; readonly fresh: boolean }[];
  readonly user: UserNote | null;
}

/**
 * The entries whose newest part stands at `from` or behind it. The assistant message before `from`
 * is read when its results begin there. Calls without a result yet are left out.
 */
export function readEntries(transcript: Transcript, from: number): Entry[] {
  const first = Math.max(from, transcript.count - GATHER_MESSAGES_MAX, 0);
  const reading = new Reading(first);
  const start = roundStart(transcript, first);
  reading.user = userBefore(transcript, start);
  for (let index = start; index < transcript.count; index += 1) {
    reading.take(transcript.read(index), index);
  }
  return reading.end();
}

/** Reads message by message; an assistant message closes the round before it. */
class Reading {
  user: UserNote | null = null;
  readonly #first: number;
  readonly #entries: Entry[] = [];
  #open: OpenRound | null = null;
  #action: { readonly call: ToolCall; readonly text: string; readonly index: number } | null = null;
  /** A text whose place among calls and texts is open until it is known what it was answered with. */
  #text: { readonly text: string; readonly index: number } | null = null;

  constructor(first: number) {
    this.#first = first;
  }

  take(message: Message, index: number): void {
    if (message.role === "assistant" || message.calls.length > 0) this.#assistant(message, index);
    for (const result of message.results) this.#result(result, index);
    if (message.results.length > 0 || message.text.trim() === "") return;
    if (message.role === "user" || (message.role === "system" && index > 0)) {
      this.#said(message, index);
    }
  }

  end(): Entry[] {
    this.#close();
    this.#endText();
    return this.#entries;
  }

  #assistant(message: Message, index: number): void {
    this.#close();
    this.#endText();
    const calls = message.calls.slice(0, ROUND_CALLS_MAX);
    this.#action = null;
    if (calls.length > 0) {
      this.#open = { index, calls, results: [], user: this.user };
      this.user = null;
      return;
    }
    const call = textAction(message.text);
    if (call !== null) this.#action = { call, text: message.text, index };
    else if (index >= this.#first && message.text.trim() !== "") {
      this.#text = { text: message.text, index };
    }
  }

  #endText(): void {
    const held = this.#text;
    this.#text = null;
    if (held !== null) this.#push({ ...held, answered: [], orphans: [] });
  }

  #result(result: ToolResult, index: number): void {
    this.#endText();
    const fresh = index >= this.#first;
    this.#open ??= { index, calls: [], results: [], user: this.#takeUser() };
    if (this.#open.results.length < ROUND_CALLS_MAX) this.#open.results.push({ result, fresh });
  }

  #said(message: Message, index: number): void {
    const role = message.role === "user" ? "user" : "system";
    const action = this.#action;
    const note = userNote(message.text, role);
    // After an action in words the next message is its outcome, unless somebody plainly speaks.
    const plain = note.kind === "prod" || note.kind === "summary";
    const shown = action?.call.name === PYTHON_BLOCK;
    const outcome = isObservation(message.text) || !(plain || shown);
    if (action !== null && shown && !outcome && action.index >= this.#first) {
      this.#text = action;
      this.#action = null;
    }
    if (action !== null && role === "user" && outcome) {
      this.#action = null;
      if (index < this.#first) return;
      const text = message.text.replace(/^\W*observation(?:\s*\d+)?\s*:\s*/i, "");
      const result = { callId: "", text, isError: false };
      const answered = [{ call: action.call, result }];
      this.#push({ index: action.index, answered, text: null, orphans: [] });
      return;
    }
    this.#close();
    if (role === "user" && this.#text !== null && refusesForm(message.text)) {
      this.#refuse(this.#text, message.text);
      return;
    }
    this.#endText();
    this.user = strongest(this.user, note.kind === "none" ? null : note);
  }

  /** An answer that the client could not read was meant as an action, and failed. */
  #refuse(held: { readonly text: string; readonly index: number }, why: string): void {
    this.#text = null;
    const call = { id: "", name: UNREADABLE_ANSWER, arguments: held.text };
    const result = { callId: "", text: why, isError: true };
    this.#push({ index: held.index, answered: [{ call, result }], text: null, orphans: [] });
  }

  #takeUser(): UserNote | null {
    const { user } = this;
    this.user = null;
    return user;
  }

  #push(entry: Omit<Entry, "user">): void {
    this.#entries.push({ ...entry, user: this.#takeUser() });
  }

  #close(): void {
    const round = this.#open;
    this.#open = null;
    if (round === null) return;
    if (round.results.length === 0) {
      // Nothing came back: what the user said then belongs to whatever comes next.
      this.user = strongest(round.user, this.user);
      return;
    }
    const paired = pair(round);
    const answered = round.calls.flatMap((call, position) => {
      const found = paired[position];
      return found?.fresh === true ? [{ call, result: found.result }] : [];
    });
    const fresh = round.results.filter((entry) => entry.fresh).map((entry) => entry.result);
    const orphans = round.calls.length === 0 ? fresh : [];
    if (answered.length + orphans.length === 0) return;
    // A round that was partly answered before has told its boundary then.
    const begun = round.results.some((entry) => !entry.fresh);
    const user = begun ? null : round.user;
    this.#entries.push({ index: round.index, answered, text: null, orphans, user });
  }
}

/**
 * Index of the assistant message whose results reach up to `from`; `from` itself when there is
 * none.
 */
function roundStart(transcript: Transcript, from: number): number {
  if (from >= transcript.count || from === 0) return from;
  const first = transcript.read(from);
  if (first.results.length === 0)
    return first.role === "user" ? actionStart(transcript, from) : from;
  const lowest = Math.max(0, from - LOOK_BACK_MESSAGES_MAX);
  for (let index = from - 1; index >= lowest; index -= 1) {
    const message = transcript.read(index);
    if (message.calls.length > 0) return index;
    if (message.results.length === 0) return from;
  }
  return from;
}

function actionStart(transcript: Transcript, from: number): number {
  const before = transcript.read(from - 1);
  const acts = before.role === "assistant" && before.calls.length === 0;
  return acts && textAction(before.text) !== null ? from - 1 : from;
}

/** What the user's side said directly before `index`, back to the assistant's last message. */
function userBefore(transcript: Transcript, index: number): UserNote | null {
  const lowest = Math.max(0, index - LOOK_BACK_MESSAGES_MAX);
  let found: UserNote | null = null;
  for (let position = index - 1; position >= lowest; position -= 1) {
    const message = transcript.read(position);
    // Text beside tool results is the client's own reminder, not a person.
    if (message.results.length > 0) return found;
    if (message.role === "assistant") {
      // What directly follows an action in words is its outcome.
      const acted = message.calls.length === 0 && textAction(message.text) !== null;
      return acted && position + 1 < index ? userBetween(transcript, position + 2, index) : found;
    }
    if (message.role === "system" && position === 0) return found;
    if (message.role !== "user" && message.role !== "system") continue;
    const note = userNote(message.text, message.role);
    found = strongest(note.kind === "none" ? null : note, found);
  }
  return found;
}

function userBetween(transcript: Transcript, from: number, to: number): UserNote | null {
  let found: UserNote | null = null;
  for (let position = from; position < to; position += 1) {
    const message = transcript.read(position);
    if (message.role !== "user" && message.role !== "system") continue;
    const note = userNote(message.text, message.role);
    found = strongest(found, note.kind === "none" ? null : note);
  }
  return found;
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
