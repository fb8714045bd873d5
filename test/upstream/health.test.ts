// Goal: what callers invent cannot make the gateway forget what it knows of its own deployments.
// Method: the record itself, with times given by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createHealth, keyNames } from "../../src/upstream/health.ts";

const NOW = 1_000_000;
const LAB = { id: "lab", keys: ["k1", "k2"] };
const LIMITED = { retryAfterMs: 30_000, quarantine: false, waitingHelps: true };
const makeHealth = () => createHealth({ deployments: ["lab/big"], providers: [LAB] });

test("invented names do not end the cool-down of a configured deployment (#2)", () => {
  const health = makeHealth();
  for (let count = 0; count < 2; count += 1) health.failed("lab/big", NOW);
  health.noteRefusedCorrection("lab/big");
  for (let count = 0; count < 10_000; count += 1) health.failed(`lab/invented-${count}`, NOW);
  assert.equal(health.measure("lab/big", NOW).cooling, true);
  assert.equal(health.refusesCorrections("lab/big"), true);
});

test("of names that are not configured, those in use are remembered longest (#2)", () => {
  const health = makeHealth();
  health.succeeded("lab/used", 50);
  health.succeeded("lab/once", 50);
  for (let count = 0; count < 10_000; count += 1) {
    health.failed(`lab/invented-${count}`, NOW);
    if (count % 1_000 === 0) health.succeeded("lab/used", 50);
  }
  assert.equal(health.measure("lab/used", NOW).firstByteMs, 50);
  assert.equal(health.measure("lab/once", NOW).firstByteMs, null);
});

test("a deployment cools while every key of its provider rests (#2)", () => {
  const health = makeHealth();
  const [first = "", second = ""] = keyNames(LAB);
  health.restKey(first, NOW, LIMITED);
  assert.equal(health.measure("lab/big", NOW).cooling, false);
  health.restKey(second, NOW, { ...LIMITED, retryAfterMs: 60_000 });
  assert.equal(health.measure("lab/big", NOW).cooling, true);
  assert.equal(health.measure("lab/unseen", NOW).cooling, true);
  assert.equal(health.measure("lab/big", NOW + 30_000).cooling, false);
  assert.deepEqual(health.restedKeys([first, second], NOW + 30_000), [first]);
});

test("a limited key rests for a second at least, and an hour at most (#2)", () => {
  const health = makeHealth();
  const [key = ""] = keyNames(LAB);
  for (const [told, rest] of [
    [0, 1_000],
    [1_500, 1_500],
    [1e15, 3_600_000],
  ] as const) {
    health.restKey(key, NOW, { ...LIMITED, retryAfterMs: told });
    assert.equal(health.restMs([{ key, deployment: "lab/big" }], NOW), rest);
  }
});
