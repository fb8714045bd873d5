// Goal: a key rests where it was limited and as long, and what callers invent cannot make the gateway forget
// what it knows of its own deployments.
// Method: the record itself, with times given by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createHealth, keyNames } from "../../src/upstream/health.ts";

const NOW = 1_000_000;
const LAB = { id: "lab", keys: ["k1", "k2"] };
const LIMITED = {
  code: "upstream_rate_limited",
  retryAfterMs: 30_000,
  quarantine: false,
  waitingHelps: true,
  within: "provider",
} as const;
const HERE = { ...LIMITED, within: "deployment" } as const;
const big = (key: string) => ({ key, deployment: "lab/big" });
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
  health.restKey(big(first), NOW, LIMITED);
  assert.equal(health.measure("lab/big", NOW).cooling, false);
  health.restKey(big(second), NOW, { ...LIMITED, retryAfterMs: 60_000 });
  assert.equal(health.measure("lab/big", NOW).cooling, true);
  assert.equal(health.measure("lab/unseen", NOW).cooling, true);
  assert.equal(health.measure("lab/big", NOW + 30_000).cooling, false);
  assert.deepEqual(health.restedKeys([first, second], "lab/big", NOW + 30_000), [first]);
});

test("a limited key rests for a second at least, and an hour at most (#2)", () => {
  const health = makeHealth();
  const [key = ""] = keyNames(LAB);
  for (const [told, rest] of [
    [0, 1_000],
    [1_500, 1_500],
    [1e15, 3_600_000],
  ] as const) {
    health.restKey(big(key), NOW, { ...LIMITED, retryAfterMs: told });
    assert.equal(health.restMs([big(key)], NOW), rest);
  }
});

test("a key that is limited for one model goes on with the others", () => {
  const health = makeHealth();
  const names = keyNames(LAB);
  for (const key of names) health.restKey(big(key), NOW, HERE);
  assert.deepEqual(health.restedKeys(names, "lab/big", NOW), []);
  assert.deepEqual(health.restedKeys(names, "lab/small", NOW), names);
  assert.equal(health.measure("lab/big", NOW).cooling, true);
  assert.equal(health.measure("lab/small", NOW).cooling, false);
});

test("a key that is refused rests for every model, and longer than a limit", () => {
  const health = makeHealth();
  const [first = "", second = ""] = keyNames(LAB);
  const refused = { ...LIMITED, code: "upstream_rejected_key", retryAfterMs: null } as const;
  health.restKey(big(first), NOW, { ...refused, quarantine: true, waitingHelps: false });
  for (const at of [NOW, NOW + 599_999]) {
    assert.deepEqual(health.restedKeys([first, second], "lab/small", at), [second]);
  }
  assert.deepEqual(health.restedKeys([first, second], "lab/small", NOW + 600_000).length, 2);
});

test("of the keys that have rested, the one that was limited longest ago comes first", () => {
  const health = makeHealth();
  const [first = "", second = ""] = keyNames(LAB);
  health.restKey(big(second), NOW, { ...HERE, retryAfterMs: 1_000 });
  health.restKey(big(first), NOW + 1_000, { ...HERE, retryAfterMs: 1_000 });
  assert.deepEqual(health.restedKeys([first, second], "lab/big", NOW + 9_000), [second, first]);
});

test("what an operator is shown of a key and a deployment is what they are held to", () => {
  const health = makeHealth();
  const [first = "", second = ""] = keyNames(LAB);
  assert.deepEqual(health.viewKey(first, null, NOW), { rest: null, limitedAt: null });
  health.restKey(big(first), NOW, HERE);
  const rest = { quarantine: false, code: "upstream_rate_limited", until: NOW + 30_000 };
  assert.deepEqual(health.viewKey(first, "lab/big", NOW), { rest, limitedAt: NOW });
  assert.deepEqual(health.viewKey(first, "lab/big", NOW + 30_000), { rest: null, limitedAt: NOW });
  assert.deepEqual(health.viewKey(first, null, NOW), { rest: null, limitedAt: null });
  assert.deepEqual(health.viewKey(second, "lab/big", NOW), { rest: null, limitedAt: null });
  for (let count = 0; count < 2; count += 1) health.failed("lab/big", NOW);
  const view = { failuresInRow: 2, coolUntil: NOW + 5_000, firstByteMs: null };
  assert.deepEqual(health.viewDeployment("lab/big", NOW), view);
});
