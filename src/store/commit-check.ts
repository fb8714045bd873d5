// Refuses a commit that no store could keep faithfully, before it spoils a transaction it shares.
// Must never look into a body: only shapes and numbers are judged here.

import type { TurnCommit } from "../conversation/store-port.ts";

function checkWhole(name: string, value: number): void {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`${name} must be a whole number within ±2^53, not ${value}`);
  }
}

function checkVersion(name: string, version: number): void {
  checkWhole(name, version);
  if (version < 0) throw new RangeError(`${name} must not be negative, but is ${version}`);
}

/** Throws TypeError or RangeError with the name of the field that is at fault. */
export function checkCommit({ conversation, thread, receipts, answers = [] }: TurnCommit): void {
  if (conversation !== null) {
    const { facets } = conversation;
    checkVersion("conversation.expectedVersion", conversation.expectedVersion);
    checkWhole("conversation.addSpentNanoUsd", conversation.addSpentNanoUsd);
    checkWhole("facets.turns", facets.turns);
    checkWhole("facets.createdAt", facets.createdAt);
    checkWhole("facets.updatedAt", facets.updatedAt);
    checkWhole("facets.expiresAt", facets.expiresAt);
  }
  if (thread !== null) {
    if (conversation === null) {
      throw new TypeError("a thread can only be committed together with its conversation");
    }
    checkVersion("thread.expectedVersion", thread.expectedVersion);
  }
  for (const receipt of receipts) {
    checkWhole("receipt.at", receipt.at);
    checkWhole("receipt.expiresAt", receipt.expiresAt);
  }
  for (const answer of answers) checkWhole("answer.expiresAt", answer.expiresAt);
}
