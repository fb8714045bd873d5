// Goal: money adds up, and an unknown price is never 0. Method: hand-made usages and random sums.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { costNanoUsd, toUsd } from "../../src/receipts/price.ts";
import { NO_USAGE } from "../../src/turn/usage.ts";

const PRICE = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 };

test("cached tokens cost their own price, and are not counted twice", () => {
  const usage = {
    ...NO_USAGE,
    inputTokens: 1_000_000,
    cacheReadTokens: 600_000,
    cacheWriteTokens: 100_000,
    outputTokens: 100_000,
  };
  const expected = 0.3 * 3 + 0.6 * 0.3 + 0.1 * 3.75 + 0.1 * 15;
  assert.equal(toUsd(costNanoUsd(usage, PRICE) ?? Number.NaN), expected);
});

test("a price that is not known gives no cost", () => {
  assert.equal(costNanoUsd({ ...NO_USAGE, inputTokens: 10 }, null), null);
});

test("a cache price that is not known is taken for the full price, never for less", () => {
  const price = { input: 3, output: 15, cacheRead: null, cacheWrite: null };
  const usage = { ...NO_USAGE, inputTokens: 1_000, cacheReadTokens: 900 };
  assert.equal(costNanoUsd(usage, price), 3_000_000);
});

test("a long request costs its tier's price, all of its tokens, from the first token above", () => {
  const tiers = [
    { above: 200_000, input: 6, output: 22.5, cacheRead: 0.6, cacheWrite: null },
    { above: 400_000, input: 12, output: 45, cacheRead: null, cacheWrite: null },
  ];
  const price = { ...PRICE, tiers };
  const cost = (inputTokens: number, more = {}) =>
    costNanoUsd({ ...NO_USAGE, inputTokens, outputTokens: 1_000, ...more }, price);
  assert.equal(cost(200_000), 615_000_000);
  assert.equal(cost(200_001), 1_222_506_000);
  assert.equal(cost(300_000, { cacheReadTokens: 100_000 }), 1_282_500_000);
  // What a tier does not tell of the cache costs the tier's full price.
  assert.equal(cost(500_000, { cacheReadTokens: 100_000 }), 6_045_000_000);
});

test("a cache kept for an hour costs its own price, and without one that of any cache", () => {
  const usage = {
    ...NO_USAGE,
    inputTokens: 100_000,
    cacheWriteTokens: 100_000,
    cacheWriteHourTokens: 40_000,
  };
  assert.equal(costNanoUsd(usage, { ...PRICE, cacheWriteHour: 6 }), 465_000_000);
  assert.equal(costNanoUsd(usage, PRICE), 375_000_000);
});

test("costs are whole numbers and never negative, whatever a provider tells", () => {
  const tokens = fc.nat(10_000_000);
  fc.assert(
    fc.property(tokens, tokens, tokens, tokens, (input, output, read, write) => {
      const usage = {
        ...NO_USAGE,
        inputTokens: input,
        outputTokens: output,
        cacheReadTokens: read,
        cacheWriteTokens: write,
      };
      const cost = costNanoUsd(usage, PRICE) ?? -1;
      assert.ok(Number.isSafeInteger(cost) && cost >= 0);
    }),
  );
});
