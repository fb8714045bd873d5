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
