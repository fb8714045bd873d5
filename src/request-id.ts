// Ids of turns: unguessable, and in the order of time, so that a store appends them instead of scattering them.
// Must never carry anything about the caller.

import { randomUUID } from "node:crypto";

/** 48 bits of milliseconds, as hexadecimal digits. */
const TIME_DIGITS = 12;
/** 80 bits that nobody can guess. */
const RANDOM_DIGITS = 20;

/** `req_` and 32 hexadecimal digits. */
export function newRequestId(): string {
  const time = Date.now().toString(16).padStart(TIME_DIGITS, "0");
  // The first digits of a UUID are random; its version stands behind them.
  const uuid = randomUUID();
  const random = uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(24, 32);
  return `req_${time}${random.slice(0, RANDOM_DIGITS)}`;
}
