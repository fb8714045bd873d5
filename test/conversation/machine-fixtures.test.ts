// Snapshots as they were written under each schema version. Must never be edited or deleted: rows like
// these lie in stores. A new schema version adds files beside them and keeps reading the old ones.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { nextLife, restoreLife } from "../../src/conversation/conversation.machine.ts";
import { nextPin, pinnedModel, restorePin } from "../../src/conversation/pin.machine.ts";
import { readConversation, readThread } from "../../src/conversation/record.ts";
import { SnapshotUnreadableError } from "../../src/conversation/step-machine.ts";
import { nextThread, restoreThread } from "../../src/conversation/thread.machine.ts";

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), "utf8"));
}

test("A life that was stored under schema version 1 is read and goes on (C3)", () => {
  const life = restoreLife(fixture("life.v1"));
  assert.deepEqual(life, fixture("life.v1"));
  const amounts = { turn: 42, spentNanoUsd: 9, budgetNanoUsd: null };
  assert.equal(nextLife(life, { type: "turn.asked", ...amounts }).value, "open");
});

test("A pin that was stored under schema version 1 still names its model and goes home (C3)", () => {
  const pin = restorePin(fixture("pin.v1"));
  assert.deepEqual(pin, fixture("pin.v1"));
  assert.equal(pinnedModel(pin)?.model, "grand-2");
  const served = { deployment: "lab/big", model: "big-1", exception: false };
  assert.equal(pinnedModel(nextPin(pin, { type: "turn.served", ...served }))?.model, "big-1");
});

test("A thread that was stored under schema version 1 keeps its episode and recovers (C3)", () => {
  const thread = restoreThread(fixture("thread.v1"));
  const { value, context } = thread;
  const { strongerTurn, strongerTurns, endedTurn, resumedTurn, ...known } = context;
  assert.deepEqual({ value, context: known }, fixture("thread.v1"));
  assert.deepEqual([strongerTurn, strongerTurns, endedTurn, resumedTurn], [null, 0, null, null]);
  const after = nextThread(thread, { type: "turn.answered", turn: 17, final: true });
  assert.equal(after.context.outcome?.turns, 5);
});

test("A thread that was stored under schema version 2 is still ended, and opens again (C3)", () => {
  const thread = restoreThread(fixture("thread.v2"));
  assert.deepEqual(thread, fixture("thread.v2"));
  const after = nextThread(thread, { type: "person.spoke", turn: 26 });
  assert.equal(after.value, "escalated");
  assert.equal(after.context.strongerTurns, 1);
});

test("Rows that were stored before there were episodes are read and go on (C3)", () => {
  const conversation = readConversation(JSON.stringify(fixture("conversation-row.v1")));
  assert.deepEqual(conversation.episodes, []);
  assert.equal(conversation.corrections[0]?.episode, null);
  const thread = readThread(JSON.stringify(fixture("thread-row.v1")));
  assert.equal(thread.machine.value, "correcting");
  assert.equal(thread.machine.context.episode?.openedTurn, 5);
});

test("A snapshot of a newer version is refused, not read with its new fields dropped (C5)", () => {
  const newer = { ...restorePin(fixture("pin.v1")), region: "eu" };
  assert.throws(() => restorePin(newer), SnapshotUnreadableError);
  const life = restoreLife(fixture("life.v1"));
  const later = { ...life, context: { ...life.context, graceUntil: 50 } };
  assert.throws(() => restoreLife(later), SnapshotUnreadableError);
});

test("What cannot be read is named by its place, and what stood there is not repeated (C5)", () => {
  const secret = "sk-live-1234";
  assert.throws(
    () => restoreLife({ value: "open", context: { generation: secret, warnedAt: null } }),
    (error) => {
      assert.ok(error instanceof SnapshotUnreadableError);
      assert.match(error.message, /life snapshot.*context\.generation/);
      assert.doesNotMatch(error.message, /sk-live/);
      return true;
    },
  );
  for (const stored of [undefined, null, "", 7, [], {}, { value: "open" }]) {
    assert.throws(() => restoreLife(stored), SnapshotUnreadableError);
    assert.throws(() => restorePin(stored), SnapshotUnreadableError);
    assert.throws(() => restoreThread(stored), SnapshotUnreadableError);
  }
});

const life = { generation: 1, warnedAt: null };
const big = { deployment: "lab/big", model: "big", rating: 0.8, catalogVersion: "1" };
const grand = { ...big, deployment: "lab/grand", model: "grand" };
const pin = { home: big, away: null, substitute: null };
const episode = { pattern: "cycle", key: "a", openedTurn: 5, correctedTurns: [5, 9] };
const outcome = { kind: "recovered", turns: 2, pattern: "cycle", key: "a", level: 1, turn: 7 };
const atRest = { strongerTurn: null, strongerTurns: 0, endedTurn: null, resumedTurn: null };
const thread = { level: 2, episode, correctionTurn: 9, corrections: 2, outcome, ...atRest };
const calm = { ...thread, level: 0, episode: null };
const ended = { ...thread, outcome: { ...outcome, kind: "ended" }, endedTurn: 13 };

const READABLE = [
  [restoreLife, { value: "open", context: life }],
  [restorePin, { value: "substituted", context: { ...pin, substitute: grand } }],
  [restoreThread, { value: "correcting", context: thread }],
  [restoreThread, { value: "steady", context: calm }],
  [restoreThread, { value: "halted", context: ended }],
  [restoreThread, { value: "halted", context: { ...ended, endedTurn: null } }],
] as const;

const CONTRADICTORY = [
  [restoreLife, { value: "warned", context: life }],
  [restoreLife, { value: "exhausted", context: { ...life, warnedAt: 4 } }],
  [restoreLife, { value: "open", context: { ...life, generation: 0 } }],
  [restorePin, { value: "unpinned", context: pin }],
  [restorePin, { value: "away", context: pin }],
  [restorePin, { value: "away", context: { ...pin, away: big.deployment } }],
  [restorePin, { value: "home", context: { ...pin, away: "cloud/big" } }],
  [restorePin, { value: "home", context: { ...pin, home: null } }],
  [restorePin, { value: "home", context: { ...pin, home: { ...big, rating: 1.1 } } }],
  [restorePin, { value: "substituted", context: pin }],
  [restorePin, { value: "home", context: { ...pin, substitute: grand } }],
  [restorePin, { value: "substituted", context: { ...pin, substitute: big } }],
  [
    restorePin,
    { value: "substituted", context: { ...pin, substitute: { ...grand, rating: 0.7 } } },
  ],
  [restoreThread, { value: "steady", context: thread }],
  [
    restoreThread,
    { value: "steady", context: { ...calm, episode: { ...episode, correctedTurns: [] } } },
  ],
  [restoreThread, { value: "suspected", context: thread }],
  [restoreThread, { value: "correcting", context: calm }],
  [restoreThread, { value: "correcting", context: { ...thread, level: 0 } }],
  [restoreThread, { value: "correcting", context: { ...thread, level: 4 } }],
  [restoreThread, { value: "correcting", context: { ...thread, correctionTurn: 8 } }],
  [restoreThread, { value: "correcting", context: { ...thread, correctionTurn: null } }],
  [
    restoreThread,
    {
      value: "correcting",
      context: { ...thread, episode: { ...episode, correctedTurns: [9, 5] } },
    },
  ],
  [restoreThread, { value: "escalated", context: thread }],
  [restoreThread, { value: "escalated", context: ended }],
  [restoreThread, { value: "halted", context: { ...ended, outcome } }],
  [restoreThread, { value: "halted", context: { ...ended, episode: null, level: 0 } }],
  [restoreThread, { value: "correcting", context: { ...thread, strongerTurn: 9 } }],
  [restoreThread, { value: "correcting", context: { ...thread, strongerTurns: 1 } }],
  [restoreThread, { value: "steady", context: { ...calm, outcome: { ...outcome, turns: 8 } } }],
  [restoreThread, { value: "steady", context: { ...calm, correctionTurn: null } }],
] as const;

test("A snapshot whose state and context contradict each other is refused (C5)", () => {
  for (const [restore, snapshot] of READABLE) assert.deepEqual(restore(snapshot), snapshot);
  for (const [restore, snapshot] of CONTRADICTORY) {
    assert.throws(() => restore(snapshot), SnapshotUnreadableError, JSON.stringify(snapshot));
  }
});
