import assert from "node:assert/strict";
import { test } from "node:test";
import { initialLife, nextLife } from "../../src/conversation/conversation.machine.ts";
import type { LifeSnapshot } from "../../src/conversation/conversation.machine.ts";

const BUDGET_NANO_USD = 2_000_000_000;

interface Amounts {
  readonly turn: number;
  readonly percent: number;
  readonly budgetNanoUsd?: number | null;
}

function amounts({ turn, percent, budgetNanoUsd = BUDGET_NANO_USD }: Amounts) {
  return { turn, spentNanoUsd: (BUDGET_NANO_USD / 100) * percent, budgetNanoUsd };
}

function ask(life: LifeSnapshot, given: Amounts): LifeSnapshot {
  return nextLife(life, { type: "turn.asked", ...amounts(given) });
}

function end(life: LifeSnapshot, given: Amounts, final = false): LifeSnapshot {
  return nextLife(life, { type: "turn.ended", ...amounts(given), final });
}

test("The first turn asked at 80 % of the budget carries the warning, and only that one", () => {
  const before = ask(initialLife(), { turn: 4, percent: 79 });
  assert.equal(before.value, "open");
  const warned = ask(before, { turn: 5, percent: 80 });
  assert.deepEqual(warned, { value: "warned", context: { generation: 1, warnedAt: 5 } });
  assert.equal(ask(warned, { turn: 6, percent: 90 }), warned);
});

test("A turn that ends past 80 % leaves the warning to the next turn asked (L5)", () => {
  const ended = end(initialLife(), { turn: 5, percent: 85 });
  assert.equal(ended.value, "open");
  assert.equal(ask(ended, { turn: 6, percent: 85 }).context.warnedAt, 6);
});

test("At 100 % the budget is exhausted, whether a turn is asked or ended", () => {
  assert.equal(ask(initialLife(), { turn: 5, percent: 100 }).value, "exhausted");
  assert.equal(end(initialLife(), { turn: 5, percent: 100 }).value, "exhausted");
  assert.equal(
    ask(initialLife(), { turn: 1, percent: 0, budgetNanoUsd: 0 }).value,
    "exhausted",
    "a budget of nothing allows nothing",
  );
});

test("A raised budget leads back, with a warning of its own", () => {
  const exhausted = ask(initialLife(), { turn: 5, percent: 100 });
  const doubled = ask(exhausted, { turn: 6, percent: 100, budgetNanoUsd: 2 * BUDGET_NANO_USD });
  assert.equal(doubled.value, "open");
  assert.equal(ask(exhausted, { turn: 6, percent: 100, budgetNanoUsd: null }).value, "open");
  const alittle = ask(exhausted, { turn: 6, percent: 100, budgetNanoUsd: 1.1 * BUDGET_NANO_USD });
  assert.deepEqual(alittle, { value: "warned", context: { generation: 1, warnedAt: 6 } });
});

test("A late fact from a cheaper moment does not lower the state (L3)", () => {
  const exhausted = ask(initialLife(), { turn: 5, percent: 100 });
  assert.equal(end(exhausted, { turn: 4, percent: 20 }), exhausted);
});

test("A turn after the final one opens a new generation, but no new budget (L2, L4)", () => {
  const closed = end(initialLife(), { turn: 5, percent: 99 }, true);
  assert.equal(closed.value, "closed");
  const again = ask(closed, { turn: 6, percent: 99 });
  assert.deepEqual(again, { value: "warned", context: { generation: 2, warnedAt: 6 } });
  assert.equal(ask(closed, { turn: 6, percent: 101 }).value, "exhausted");
});

test("A turn that outlives its conversation does not open it again (L6)", () => {
  const closed = nextLife(initialLife(), { type: "operator.closed" });
  assert.equal(end(closed, { turn: 5, percent: 10 }), closed);
});

test("A reset opens the same generation, and forgives no money (L2)", () => {
  const closed = nextLife(initialLife(), { type: "operator.closed" });
  const reset = nextLife(closed, { type: "operator.reset" });
  assert.deepEqual(reset, initialLife());
  assert.equal(ask(reset, { turn: 9, percent: 100 }).value, "exhausted");
});

test("An event that could not be read back is refused before it is written (C6)", () => {
  const event = { type: "turn.asked", turn: 1.5, spentNanoUsd: 9, budgetNanoUsd: 10 } as const;
  assert.throws(() => nextLife(initialLife(), event), /unreadable life snapshot/);
});
