// The pins of a conversation: one machine per requested model name, the least recently used forgotten first.
// Pure. Must never choose a model: it only remembers what routing chose.

import { initialPin, nextPin, type PinSnapshot, type PinTarget } from "./pin.machine.ts";
import { PINS_MAX, WAITING_MAX, type ConversationRecord, type PinEntry } from "./record.ts";

/** Stands in a full list for the waits it has no room for. No turn bears this name, so none can end them. */
const MORE_WAIT = "more";

/** How a turn was served in the light of its pin: the value of `x-router-pin`. */
export type PinWord = "set" | "kept" | "moved" | "returned" | "substituted" | "none";

export function pinOf(record: ConversationRecord, requested: string): PinEntry | null {
  return record.pins.find((pin) => pin.requested === requested) ?? null;
}

export function withPin(record: ConversationRecord, pin: PinEntry): ConversationRecord {
  const others = record.pins.filter((known) => known.requested !== pin.requested);
  // The newest stands in front by its place, not by its time: a clock that jumps must not make it the oldest.
  return { ...record, pins: [pin, ...others].slice(0, PINS_MAX) };
}

interface PinDecision {
  readonly requested: string;
  readonly kind: "pin.chosen" | "pin.moved" | "pin.substituted" | "pin.returned";
  readonly target: PinTarget;
  readonly now: number;
}

/** Applies a decision of routing. On a row where another turn has pinned already, `pin.chosen` changes nothing. */
export function decidePin(record: ConversationRecord, decision: PinDecision): ConversationRecord {
  const known = pinOf(record, decision.requested);
  const snapshot: PinSnapshot = nextPin(known?.snapshot ?? initialPin(), {
    type: decision.kind,
    target: decision.target,
  });
  const fresh =
    known === null || known.snapshot.value === "unpinned" || decision.kind === "pin.moved";
  return withPin(record, {
    requested: decision.requested,
    snapshot,
    served: fresh ? false : known.served,
    waiting: known?.waiting ?? [],
    usedAt: decision.now,
  });
}

interface WaitingTurn {
  readonly requested: string;
  readonly requestId: string;
  readonly now: number;
}

/**
 * Notes a turn that is about to be sent under a pin which has answered none yet. No wait is ever forgotten: where the
 * list has no room for it, the pin is bound from then on until its model answers or a person releases it.
 */
export function joinPin(record: ConversationRecord, turn: WaitingTurn): ConversationRecord {
  const pin = pinOf(record, turn.requested);
  if (pin === null || pin.served || pin.snapshot.value === "unpinned") return record;
  if (isWaiting(pin, turn.requestId) || isWaiting(pin, MORE_WAIT)) return record;
  const room = pin.waiting.length < WAITING_MAX - 1;
  const wait = { request: room ? turn.requestId : MORE_WAIT, since: turn.now };
  const waiting = [...pin.waiting.slice(0, WAITING_MAX - 1), wait];
  return withPin(record, { ...pin, waiting });
}

/** The turn waits no more, whatever came of it. */
export function leavePins(record: ConversationRecord, requestId: string): ConversationRecord {
  if (!record.pins.some((pin) => isWaiting(pin, requestId))) return record;
  const pins = record.pins.map((pin) =>
    isWaiting(pin, requestId)
      ? { ...pin, waiting: pin.waiting.filter(({ request }) => request !== requestId) }
      : pin,
  );
  return { ...record, pins };
}

function isWaiting(pin: PinEntry, requestId: string): boolean {
  return pin.waiting.some(({ request }) => request === requestId);
}

/**
 * Whether another turn may have been answered by the model of this pin, or may still be, so that it must not move. No
 * clock ends a wait: one whose turn died with its process may have been answered, and stays. The way out is an answer
 * of the model, or `release-pin`. Only locked pins have waits; under `hold` nothing is left behind.
 */
export function othersWait(pin: PinEntry, turn: { readonly requestId: string }): boolean {
  return pin.waiting.some(({ request }) => request !== turn.requestId);
}

/** The word for what happened to the pin in this turn. */
export function pinEvent(
  before: PinSnapshot | null,
  served: { readonly deployment: string; readonly model: string },
): PinWord {
  const home = before?.context.home ?? null;
  if (before === null || home === null) return "set";
  if (served.model !== home.model) return "substituted";
  const current = before.context.away ?? home.deployment;
  if (before.value !== "substituted" && served.deployment === current) return "kept";
  return served.deployment === home.deployment ? "returned" : "moved";
}
