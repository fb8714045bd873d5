// Question: what does one step of a persisted machine cost, with and without reading its snapshot
// back first? Prints one line of JSON in microseconds per step: the quickest of several rounds,
// because neighbours on the machine only ever add. Run: node bench/transition.bench.ts

import {
  initialLife,
  nextLife,
  restoreLife,
  type LifeEvent,
} from "../src/conversation/conversation.machine.ts";
import { initialPin, nextPin, restorePin, type PinEvent } from "../src/conversation/pin.machine.ts";
import {
  initialThread,
  nextThread,
  restoreThread,
  type ThreadEvent,
} from "../src/conversation/thread.machine.ts";

const ROUNDS = 400;
const STEPS_PER_ROUND = 250;

/** Microseconds of one call in the quickest round. The first rounds also warm up. */
function microsecondsPerCall(call: () => unknown): number {
  let quickest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = process.hrtime.bigint();
    for (let step = 0; step < STEPS_PER_ROUND; step += 1) call();
    quickest = Math.min(quickest, Number(process.hrtime.bigint() - start));
  }
  return Math.round(quickest / STEPS_PER_ROUND / 10) / 100;
}

interface Measured<Snapshot, Event> {
  readonly snapshot: Snapshot;
  readonly next: (snapshot: Snapshot, event: Event) => Snapshot;
  readonly restore: (stored: unknown) => Snapshot;
  readonly changing: Event;
  readonly unchanging: Event;
}

function measure<Snapshot, Event>(measured: Measured<Snapshot, Event>) {
  const { snapshot, next, restore, changing, unchanging } = measured;
  const row = JSON.stringify(snapshot);
  return {
    changingUs: microsecondsPerCall(() => next(snapshot, changing)),
    unchangingUs: microsecondsPerCall(() => next(snapshot, unchanging)),
    restoreUs: microsecondsPerCall(() => restore(JSON.parse(row))),
    restoreAndChangeUs: microsecondsPerCall(() => next(restore(JSON.parse(row)), changing)),
  };
}

function lifeOfBudget(spentNanoUsd: number): LifeEvent {
  return { type: "turn.asked", turn: 7, spentNanoUsd, budgetNanoUsd: 100 };
}

function servedAt(deployment: string): PinEvent {
  return { type: "turn.served", deployment, model: "big-1", exception: false };
}

function firing(turn: number): ThreadEvent {
  return {
    type: "verdict.reached",
    turn,
    severity: "firing",
    pattern: "same-result",
    key: "5d41402abc4b2a76",
    progress: false,
    mayCorrect: true,
    coolDownTurns: 3,
    correctionsMax: 4,
    strongerTurnsMax: 0,
    mayEnd: false,
  };
}

const home = { deployment: "lab/big", model: "big-1", rating: 0.8, catalogVersion: "2026-11-01" };

console.log(
  JSON.stringify({
    bench: "transition",
    life: measure({
      snapshot: initialLife(),
      next: nextLife,
      restore: restoreLife,
      changing: lifeOfBudget(90),
      unchanging: lifeOfBudget(10),
    }),
    pin: measure({
      snapshot: nextPin(initialPin(), { type: "pin.chosen", target: home }),
      next: nextPin,
      restore: restorePin,
      changing: servedAt("cloud/big"),
      unchanging: servedAt("lab/big"),
    }),
    thread: measure({
      snapshot: nextThread(initialThread(), firing(5)),
      next: nextThread,
      restore: restoreThread,
      changing: firing(9),
      unchanging: firing(6),
    }),
  }),
);
