// Goal: skipping the life machine never skips a change. Method: random amounts, both answers side by side.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isCalm } from "../../src/conversation/calm-life.ts";
import { initialLife, nextLife } from "../../src/conversation/conversation.machine.ts";

const amount = fc.integer({ min: 0, max: 2_000_000_000 });

test("a conversation that counts as calm would not have changed its life", () => {
  fc.assert(
    fc.property(amount, fc.option(amount), (spentNanoUsd, budgetNanoUsd) => {
      const life = initialLife();
      const amounts = { spentNanoUsd, budgetNanoUsd };
      if (!isCalm(life, amounts)) return;
      assert.equal(nextLife(life, { type: "turn.asked", turn: 1, ...amounts }), life);
      assert.equal(nextLife(life, { type: "turn.ended", turn: 1, final: false, ...amounts }), life);
    }),
  );
});

test("a conversation near its budget is not calm", () => {
  const life = initialLife();
  assert.equal(isCalm(life, { spentNanoUsd: 80, budgetNanoUsd: 100 }), false);
  assert.equal(isCalm(life, { spentNanoUsd: 79, budgetNanoUsd: 100 }), true);
});
