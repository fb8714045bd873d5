// Whether the life of a conversation has nothing to hear: then no transition is run for it, on any turn.
// Pure. Must never say calm where the machine would change: a test holds the two together.

import { BUDGET_WARNED_PERCENT, type LifeSnapshot } from "./conversation.machine.ts";

interface Amounts {
  readonly spentNanoUsd: number;
  readonly budgetNanoUsd: number | null;
}

/** Open, and well within its budget or without one. */
export function isCalm(life: LifeSnapshot, amounts: Amounts): boolean {
  if (life.value !== "open") return false;
  const { spentNanoUsd, budgetNanoUsd } = amounts;
  return budgetNanoUsd === null || spentNanoUsd * 100 < budgetNanoUsd * BUDGET_WARNED_PERCENT;
}
