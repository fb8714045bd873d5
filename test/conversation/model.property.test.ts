// Random sequences of events through each machine, every invariant checked after every step.
// Must never ask the machine's own schema whether a snapshot is right: the rules are written anew.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { initialLife, nextLife, restoreLife } from "../../src/conversation/conversation.machine.ts";
import type { LifeEvent, LifeSnapshot } from "../../src/conversation/conversation.machine.ts";
import {
  initialPin,
  nextPin,
  pinnedModel,
  restorePin,
} from "../../src/conversation/pin.machine.ts";
import type { PinEvent, PinSnapshot, PinTarget } from "../../src/conversation/pin.machine.ts";
import { initialThread, nextThread, restoreThread } from "../../src/conversation/thread.machine.ts";
import type { ThreadEvent, ThreadSnapshot } from "../../src/conversation/thread.machine.ts";
import { SnapshotUnreadableError } from "../../src/conversation/step-machine.ts";

const RUNS = 150;
const EVENTS_MAX = 40;

interface Step<Snapshot, Event> {
  readonly before: Snapshot;
  readonly event: Event;
  readonly after: Snapshot;
}

interface Model<Snapshot, Event> {
  readonly initial: () => Snapshot;
  readonly next: (snapshot: Snapshot, event: Event) => Snapshot;
  readonly restore: (stored: unknown) => Snapshot;
  readonly events: fc.Arbitrary<readonly Event[]>;
  /** The invariants of a snapshot on its own. Asserts. */
  readonly checkShape: (snapshot: Snapshot) => void;
  /** The invariants of a step. Asserts. */
  readonly checkStep: (step: Step<Snapshot, Event>) => void;
}

function drive<Snapshot, Event>(model: Model<Snapshot, Event>): void {
  fc.assert(
    fc.property(model.events, (events) => {
      let before = model.initial();
      for (const event of events) {
        const copy = structuredClone(before);
        const after = model.next(before, event);
        assert.deepEqual(before, copy, "C1: the snapshot before is untouched");
        assert.deepEqual(model.next(before, event), after, "C1: the same step, the same result");
        if (after !== before) assert.notDeepEqual(after, before, "C2: no change, the same object");
        assert.deepEqual(restored(model, after), after, "C3: stored and read back it is the same");
        model.checkShape(after);
        model.checkStep({ before, event, after });
        before = after;
      }
    }),
    { numRuns: RUNS },
  );
}

function restored<Snapshot, Event>(model: Model<Snapshot, Event>, snapshot: Snapshot): Snapshot {
  return model.restore(JSON.parse(JSON.stringify(snapshot)));
}

// Events -----------------------------------------------------------------------------------------

const turn = fc.nat({ max: 30 });
const amounts = {
  turn,
  spentNanoUsd: fc.nat({ max: 130 }),
  budgetNanoUsd: fc.constantFrom(null, 0, 50, 100),
};

const lifeEvents: fc.Arbitrary<LifeEvent[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant("turn.asked" as const), ...amounts }) },
    fc.record({ type: fc.constant("turn.ended" as const), ...amounts, final: fc.boolean() }),
    fc.constantFrom<LifeEvent[]>({ type: "operator.closed" }, { type: "operator.reset" }),
  ),
  { maxLength: EVENTS_MAX },
);

const deployment = fc.constantFrom("lab/a", "cloud/a", "lab/b", "lab/c");
const pinTarget: fc.Arbitrary<PinTarget> = fc.record(
  {
    deployment,
    model: fc.constantFrom("a", "b", "c"),
    rating: fc.constantFrom(null, 0, 0.5, 0.8),
    catalogVersion: fc.constantFrom("1", "2"),
  },
  { noNullPrototype: true },
);

const pinEvents: fc.Arbitrary<PinEvent[]> = fc.array(
  fc.oneof(
    fc.record({
      type: fc.constantFrom(
        "pin.chosen" as const,
        "pin.moved" as const,
        "pin.substituted" as const,
        "pin.returned" as const,
      ),
      target: pinTarget,
    }),
    fc.record({
      type: fc.constant("turn.served" as const),
      deployment,
      model: fc.constantFrom("a", "b", "c"),
      exception: fc.boolean(),
    }),
    { weight: 1, arbitrary: fc.constant<PinEvent>({ type: "pin.released" }) },
  ),
  { maxLength: EVENTS_MAX },
);

const threadEvent = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("verdict.reached" as const),
      turn: fc.integer({ min: -2, max: 4 }),
      severity: fc.constantFrom(
        "clear" as const,
        "suspected" as const,
        "firing" as const,
        "firing" as const,
      ),
      pattern: fc.constantFrom("same-result", null),
      key: fc.constantFrom("a", "a", "b", null),
      progress: fc.boolean(),
      mayCorrect: fc.constantFrom(true, true, true, false),
      coolDownTurns: fc.constantFrom(0, 1, 3, 9),
      correctionsMax: fc.constantFrom(0, 2, 4, 9),
      strongerTurnsMax: fc.constantFrom(0, 0, 1, 2),
      mayEnd: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("turn.answered" as const),
      turn: fc.integer({ min: -2, max: 1 }),
      final: fc.boolean(),
    }),
  },
  fc.record({
    type: fc.constant("person.spoke" as const),
    turn: fc.integer({ min: 0, max: 2 }),
  }),
  fc.record({
    type: fc.constant("operator.corrected" as const),
    turn: fc.integer({ min: -1, max: 2 }),
  }),
  fc.constantFrom<ThreadEvent[]>(
    { type: "operator.halted" },
    { type: "operator.reset" },
    { type: "operator.dismissed" },
  ),
);

/** Turns mostly go forward, as steps from the latest one, but parallel turns come out of order. */
function numbered(events: readonly ThreadEvent[]): ThreadEvent[] {
  let latest = 1;
  return events.map((event) => {
    if (!("turn" in event)) return event;
    const next = Math.max(0, latest + event.turn);
    latest = Math.max(latest, next);
    return { ...event, turn: next };
  });
}

const threadEvents = fc.array(threadEvent, { maxLength: EVENTS_MAX }).map(numbered);

/** A loop that hardly anything disturbs, so that the end of the ladder is reached in most runs. */
const stubbornEvents = fc
  .array(
    fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record({
          type: fc.constant("verdict.reached" as const),
          turn: fc.integer({ min: 1, max: 4 }),
          severity: fc.constant("firing" as const),
          pattern: fc.constant("same-result"),
          key: fc.constant("a"),
          progress: fc.constantFrom(...Array<boolean>(9).fill(false), true),
          mayCorrect: fc.constantFrom(...Array<boolean>(9).fill(true), false),
          coolDownTurns: fc.constantFrom(0, 1, 3),
          correctionsMax: fc.constantFrom(2, 4),
          strongerTurnsMax: fc.constantFrom(0, 1, 2),
          mayEnd: fc.constantFrom(true, true, true, false),
        }),
      },
      { weight: 1, arbitrary: threadEvent },
    ),
    { minLength: 10, maxLength: EVENTS_MAX },
  )
  .map(numbered);

// Life -------------------------------------------------------------------------------------------

const LIFE: Model<LifeSnapshot, LifeEvent> = {
  initial: initialLife,
  next: nextLife,
  restore: restoreLife,
  events: lifeEvents,
  checkShape: ({ value, context }) => {
    assert.equal(value === "warned", context.warnedAt !== null, "L1: warned names its turn");
    assert.ok(context.generation >= 1, "L2");
  },
  checkStep: checkLife,
};

test("A budget is judged by the amounts alone, and facts never lower its state (L1-L6)", () => {
  drive(LIFE);
});

const LIFE_RANK = { open: 0, warned: 1, exhausted: 2, closed: 3 };

function checkLife({ before, event, after }: Step<LifeSnapshot, LifeEvent>): void {
  const begins = event.type === "turn.asked" && before.value === "closed";
  const generations = after.context.generation - before.context.generation;
  assert.equal(generations, begins ? 1 : 0, "L2: a generation begins with a turn after closed");
  if (event.type === "turn.ended") {
    assert.ok(LIFE_RANK[after.value] >= LIFE_RANK[before.value], "L3: a fact only raises");
    const warns = after.value === "warned" && before.value !== "warned";
    assert.ok(!warns, "L5: only a question leads to warned");
  }
  if (event.type === "turn.asked") {
    assert.equal(after.value, nextLife(initialLife(), event).value, "L4: amounts alone decide");
    assert.equal(nextLife(after, event), after, "C4: asked again, nothing changes");
  }
  const reopened = before.value === "closed" && after.value !== "closed";
  const mayReopen = event.type === "turn.asked" || event.type === "operator.reset";
  assert.ok(!reopened || mayReopen, "L6: only a turn or a person leads out of closed");
}

// Pin --------------------------------------------------------------------------------------------

const PIN: Model<PinSnapshot, PinEvent> = {
  initial: initialPin,
  next: nextPin,
  restore: restorePin,
  events: pinEvents,
  checkShape: ({ value, context: { home, away, substitute } }) => {
    assert.equal(value === "unpinned", home === null, "P2: pinned means a home");
    assert.equal(value === "away", away !== null, "P2: away names where");
    assert.ok(away === null || away !== home?.deployment, "P2: away is not at home");
    assert.equal(value === "substituted", substitute !== null, "P3: substituted names by what");
    if (home === null || substitute === null) return;
    assert.notEqual(substitute.model, home.model, "P3: the home model stands in for nobody");
    assert.ok((substitute.rating ?? -1) >= (home.rating ?? -1), "P3: never rated below home");
  },
  checkStep: checkPin,
};

test("A pinned model changes only where a question, a release or home says so (P1-P6)", () => {
  drive(PIN);
});

function checkPin({ before, event, after }: Step<PinSnapshot, PinEvent>): void {
  const [from, to] = [pinnedModel(before), pinnedModel(after)];
  const { home } = before.context;
  if (event.type === "turn.served") {
    assert.deepEqual(after.context.home, home, "P4: a fact never touches home");
    if (from?.model !== to?.model) assert.deepEqual(to, home, "P1: a fact leads home, if anywhere");
    if (event.exception) assert.equal(after, before, "P4: an exception changes nothing");
  } else if (event.type === "pin.released") {
    assert.deepEqual(after, initialPin(), "P6: a release leaves nothing behind");
  } else {
    // Where home is, and what it is measured by, is not for the way back to say.
    const wanted = event.type === "pin.returned" ? home : event.target;
    const named = isDeepStrictEqual(to, from) || isDeepStrictEqual(to, wanted);
    assert.ok(named, "P1: a question leads to the model that it names, or nowhere");
    if (event.type === "pin.returned" && after !== before) {
      assert.equal(event.target.model, home?.model, "P1: only the home model leads back home");
    }
    assert.deepEqual(nextPin(after, event), after, "C4: asked again, nothing changes");
  }
  const mayRehome = event.type === "pin.moved" || event.type === "pin.released" || home === null;
  if (!mayRehome) assert.deepEqual(after.context.home, home, "P2: home survives");
  if (event.type === "pin.chosen" && home !== null) assert.equal(after, before, "P5: first wins");
}

// Thread -----------------------------------------------------------------------------------------

const THREAD: Model<ThreadSnapshot, ThreadEvent> = {
  initial: initialThread,
  next: nextThread,
  restore: restoreThread,
  events: threadEvents,
  checkShape: ({ value, context }) => {
    const { level, episode, correctionTurn, outcome } = context;
    const { strongerTurn, strongerTurns, endedTurn } = context;
    const turns = episode?.correctedTurns ?? [];
    assert.ok(level >= 0 && level <= 3, "T1: the ladder has three levels");
    assert.equal(level > 0, turns.length > 0, "T1: a level means that something was sent");
    assert.ok(turns.length <= 8, "T1: the list of corrected turns is bounded");
    assert.deepEqual(
      turns,
      [...new Set(turns)].sort((left, right) => left - right),
      "T3: in order",
    );
    assert.ok(
      turns.every((sent) => sent <= (correctionTurn ?? -1)),
      "T3: none after the latest",
    );
    if (value === "steady") assert.equal(episode, null, "T9: nothing is open while steady");
    if (value === "suspected") assert.equal(level, 0, "T5: a suspicion sends nothing");
    if (value === "correcting") assert.ok(level > 0, "T1: correcting means something was sent");
    if (value === "escalated") assert.equal(outcome?.kind, "escalated", "T9: and it is told");
    assert.equal(strongerTurns > 0, strongerTurn !== null, "T11: counted when taken");
    if (endedTurn === null) return;
    assert.equal(value, "halted", "T13: only what is halted has been ended");
    assert.equal(outcome?.kind, "ended", "T12: and it is told");
  },
  checkStep: checkThread,
};

test("A thread is corrected as often as allowed, never more, and its outcome told (T1-T13)", () => {
  drive(THREAD);
});

test("A stubborn loop is ended only after everything else, and opened by words again (T11-T13)", () => {
  let ended = 0;
  drive({
    ...THREAD,
    events: stubbornEvents,
    checkStep: (step) => {
      checkThread(step);
      if (step.before.context.endedTurn === null && step.after.context.endedTurn !== null)
        ended += 1;
    },
  });
  assert.ok(ended > 0, "ends were reached, so that what is checked of them means something");
});

function checkThread(step: Step<ThreadSnapshot, ThreadEvent>): void {
  const { before, event, after } = step;
  checkSending(step);
  checkStronger(step);
  checkEnding(step);
  checkOutcome(step);
  const leftHalted = before.value === "halted" && after.value !== "halted";
  const mayLeave =
    event.type === "operator.reset" ||
    event.type === "operator.dismissed" ||
    (event.type === "person.spoke" && before.context.endedTurn !== null);
  assert.ok(!leftHalted || mayLeave, "T8, T13: only a person leads out of halted");
  if (event.type === "operator.halted") assert.equal(after.value, "halted", "T8: from any state");
  if (event.type === "operator.reset") assert.deepEqual(after, initialThread(), "T10");
  if (event.type === "verdict.reached") {
    assert.equal(nextThread(after, event), after, "C4: asked again, nothing changes");
    const stale = event.turn <= latestOf(before);
    if (stale) assert.equal(after, before, "T7: what came before the correction tells nothing");
    if (!event.mayCorrect && before.value !== "correcting") {
      assert.notEqual(after.value, "correcting", "T5: where only observing, nothing is corrected");
    }
  }
}

/** What is sent, when and how often. */
function checkSending({ before, event, after }: Step<ThreadSnapshot, ThreadEvent>): void {
  if (event.type === "operator.reset") return;
  const sent = after.context.corrections - before.context.corrections;
  const latest = before.context.correctionTurn ?? -1;
  const moved = after.context.correctionTurn !== before.context.correctionTurn;
  assert.equal(sent, moved ? 1 : 0, "T3: one correction for each turn that carries one");
  if (sent === 0) return;
  assert.ok((after.context.correctionTurn ?? -1) > latest, "T3: never twice in one turn");
  assert.equal(after.value, "correcting", "T3: only correcting sends");
  if (event.type === "operator.corrected") return;
  assert.ok(event.type === "verdict.reached", "T6: no fact but a person's sends anything");
  assert.equal(event.severity, "firing", "T6: only a firing verdict sends");
  assert.ok(event.mayCorrect, "T5: nothing is sent where only observing");
  assert.ok(after.context.corrections <= event.correctionsMax, "T2: never above the maximum");
  assert.equal(after.context.correctionTurn, event.turn, "T3: it is due in the turn asked");
  const { level, episode, outcome } = before.context;
  const loop = after.context.episode?.key;
  const latestWasForIt =
    level > 0 ? episode?.key === loop : outcome?.key === loop && (outcome?.level ?? 0) > 0;
  if (latestWasForIt) assert.ok(event.turn > latest + event.coolDownTurns, "T4: the cool-down");
}

/** The latest turn in which anything was done: a correction, a stronger model, words of a person. */
function latestOf({ context }: ThreadSnapshot): number {
  const { correctionTurn, strongerTurn, resumedTurn } = context;
  return Math.max(correctionTurn ?? -1, strongerTurn ?? -1, resumedTurn ?? -1);
}

/** Which turns go to a stronger model. */
function checkStronger({ before, event, after }: Step<ThreadSnapshot, ThreadEvent>): void {
  if (event.type === "operator.reset") return;
  const taken = after.context.strongerTurns - before.context.strongerTurns;
  if (taken === 0) {
    const [was, is] = [before.context.strongerTurn, after.context.strongerTurn];
    assert.equal(is, was, "T11: not counted, not taken");
    return;
  }
  assert.ok(event.type === "verdict.reached" && event.severity === "firing", "T6, T11");
  assert.ok(event.mayCorrect, "T5, T11: nothing is done where only observing");
  assert.equal(taken, 1, "T11: one turn at a time");
  assert.equal(after.value, "escalated", "T11: after the corrections only");
  assert.equal(after.context.strongerTurn, event.turn, "T11: in the turn asked");
  assert.ok(after.context.strongerTurns <= event.strongerTurnsMax, "T11: never above the maximum");
  const latest = before.context.strongerTurn;
  const rested = latest === null || event.turn > latest + event.coolDownTurns;
  assert.ok(rested, "T11: the cool-down lies between two of them");
}

/** What must have happened before the ladder ends a thread. */
function checkEnding({ before, event, after }: Step<ThreadSnapshot, ThreadEvent>): void {
  const ended = before.value !== "halted" && after.value === "halted";
  if (!ended || event.type === "operator.halted") return;
  assert.ok(event.type === "verdict.reached", "T12: facts end nothing");
  assert.ok(event.mayEnd && event.mayCorrect, "T12: only where the profile allows it");
  assert.ok(event.severity === "firing" && !event.progress, "T12: the loop goes on, without news");
  const { episode, strongerTurns } = before.context;
  const own = episode?.correctedTurns.filter((sent) => sent >= episode.openedTurn) ?? [];
  assert.ok(own.length >= 2, "T12: two corrections of this very loop were ignored");
  assert.ok(strongerTurns >= event.strongerTurnsMax, "T12: no stronger model is left");
  assert.ok(event.turn > latestOf(before) + event.coolDownTurns, "T12: the cool-down is over");
}

/** What is told of an episode once it is over. */
function checkOutcome({ before, event, after }: Step<ThreadSnapshot, ThreadEvent>): void {
  const [was, is] = [before.context, after.context];
  if (event.type === "operator.reset") return;
  if (event.type === "operator.dismissed") {
    assert.equal(is.outcome, null, "T10: a false alarm leaves no outcome");
    return;
  }
  const changed = !isDeepStrictEqual(is.outcome, was.outcome);
  const over = was.level > 0 && is.episode?.openedTurn !== was.episode?.openedTurn;
  const dropped = over && (is.episode === null || is.episode.key !== was.episode?.key);
  if (dropped) assert.ok(changed, "T9: no correction is forgotten before its outcome is told");
  if (!changed || is.outcome === null) return;
  assert.ok("turn" in event && is.outcome.turn === event.turn, "T9: told in the turn it is seen");
  if (is.outcome.kind === "recovered") {
    const final = event.type === "turn.answered" && event.final;
    const progress = event.type === "verdict.reached" && event.progress;
    assert.ok(final || progress, "T9: recovered means progress, or a final answer");
  }
  if (is.outcome.kind === "relapsed") {
    assert.equal(was.outcome?.kind, "recovered", "T9: only what had recovered can relapse");
    assert.equal(is.outcome.key, was.outcome?.key, "T9: a relapse is the same loop");
  }
}

// Reading back -----------------------------------------------------------------------------------

/** What may stand in a broken row. Never a value that could be right by chance: see `distort`. */
const junk = fc.oneof(
  fc.constantFrom<unknown[]>(
    -1,
    0.5,
    1e300,
    "",
    "x".repeat(600),
    null,
    true,
    [],
    [1],
    [3, 2],
    {},
    "closed",
  ),
  fc.jsonValue({ maxDepth: 1 }),
);

interface Damage {
  readonly kind: "replace" | "remove" | "add";
  /** Chooses the place: an index into all places of the snapshot. */
  readonly place: number;
  readonly value: unknown;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom("replace" as const, "remove" as const, "add" as const),
  place: fc.nat(),
  value: junk,
});

interface Place {
  readonly holder: object;
  readonly key: string;
}

function placesOf(value: unknown): readonly Place[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, child]) => [
    { holder: value, key },
    ...placesOf(child),
  ]);
}

/** A copy of the snapshot with one place replaced, removed or added to. */
function damaged(snapshot: unknown, { kind, place, value }: Damage): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(snapshot));
  const places = placesOf(copy);
  const chosen = places[place % places.length];
  assert.ok(chosen !== undefined);
  if (kind === "remove") Reflect.deleteProperty(chosen.holder, chosen.key);
  else Reflect.set(chosen.holder, kind === "add" ? `${chosen.key}Later` : chosen.key, value);
  return copy;
}

function distort<Snapshot, Event>(model: Model<Snapshot, Event>): void {
  fc.assert(
    fc.property(model.events, damage, (events, hurt) => {
      const snapshot = events.reduce(model.next, model.initial());
      const stored = damaged(snapshot, hurt);
      let readable: Snapshot;
      try {
        readable = model.restore(stored);
      } catch (error) {
        assert.ok(error instanceof SnapshotUnreadableError, "C5: unreadable, and says so");
        return;
      }
      assert.equal(hurt.kind, "replace", "C5: a missing or an unknown field is never read over");
      assert.deepEqual(readable, stored, "C5: nothing is filled in or left out");
      model.checkShape(readable);
      for (const event of events) model.checkShape(model.next(readable, event));
    }),
    { numRuns: 3 * RUNS },
  );
}

test("A damaged snapshot is refused, or is one that keeps every rule (C5)", () => {
  distort(LIFE);
  distort(PIN);
  distort(THREAD);
});
