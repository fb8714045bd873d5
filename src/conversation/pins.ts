// The pins of a conversation: one machine per requested model name, the least recently used forgotten first.
// Pure. Must never choose a model: it only remembers what routing chose.

import { initialPin, nextPin, type PinSnapshot, type PinTarget } from "./pin.machine.ts";
import { PINS_MAX, WAITING_MAX, type ConversationRecord, type PinEntry } from "./record.ts";

/** No turn lives longer, in milliseconds: what waits longer was left behind by a process that ended. */
const WAITING_MS_MAX = 30 * 60_000;

/** How a turn was served in the light of its pin: the value of `x-router-pin`. */
export type PinWord = "set" | "kept" | "moved" | "returned" | "substituted" | "none";

export function pinOf(record: ConversationRecord, requested: string): PinEntry | null {
  return record.pins.find((pin) => pin.requested === requested) ?? null;
}

export function withPin(record: ConversationRecord, pin: PinEntry): ConversationRecord {
  const others = record.pins.filter((known) => known.requested !== pin.requested);
  const pins = [...others, pin].sort((left, right) => right.usedAt - left.usedAt);
  return { ...record, pins: pins.slice(0, PINS_MAX) };
}

interface PinDecision {
  readonly requested: string;
  readonly kind: "pin.chosen" | "pin.moved" | "pin.substituted";
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

/** Notes a turn that is about to be sent under a pin which has answered none yet. */
export function joinPin(record: ConversationRecord, turn: WaitingTurn): ConversationRecord {
  const pin = pinOf(record, turn.requested);
  if (pin === null || pin.served) return record;
  const others = pin.waiting.filter(({ request }) => request !== turn.requestId);
  const waiting = [...others, { request: turn.requestId, since: turn.now }].slice(-WAITING_MAX);
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

/** Whether another turn may still be answered by the model of this pin, so that it must not move. */
export function othersWait(pin: PinEntry, turn: Omit<WaitingTurn, "requested">): boolean {
  return pin.waiting.some(
    ({ request, since }) => request !== turn.requestId && since > turn.now - WAITING_MS_MAX,
  );
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
