// Snapshots as they were written under each schema version. Must never be edited or deleted: rows like
// these lie in stores. A new schema version adds files beside them and keeps reading the old ones.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { nextLife, restoreLife } from "../../src/conversation/conversation.machine.ts";
import { nextPin, pinnedModel, restorePin } from "../../src/conversation/pin.machine.ts";
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
  assert.deepEqual(thread, fixture("thread.v1"));
  const after = nextThread(thread, { type: "turn.answered", turn: 17, final: true });
  assert.equal(after.context.outcome?.turns, 5);
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
