// What a turn cost, from its usage and the unit prices of what served it.
// Pure. Must never take an unknown price for 0: without a price there is no cost, only usage.

import type { Price } from "../turn/deployment.ts";
import type { Usage } from "../turn/usage.ts";

/** Nano-USD in one USD: money is added up in whole nano-USD, so that sums agree to the last digit. */
export const NANO_PER_USD = 1_000_000_000;

/** Nano-USD per token for a price of 1 USD per million tokens. */
const NANO_PER_TOKEN = 1_000;

/** Cost in nano-USD, rounded once per turn; null when the price is not known. */
export function costNanoUsd(usage: Usage, price: Price | null): number | null {
  if (price === null) return null;
  const cacheRead = Math.min(usage.cacheReadTokens, usage.inputTokens);
  const cacheWrite = Math.min(usage.cacheWriteTokens, usage.inputTokens - cacheRead);
  const fresh = usage.inputTokens - cacheRead - cacheWrite;
  const usdPerMillion =
    fresh * price.input +
    // Without a price of their own, cached tokens cost what any input token costs: never less than is known.
    cacheRead * (price.cacheRead ?? price.input) +
    cacheWrite * (price.cacheWrite ?? price.input) +
    usage.outputTokens * price.output;
  return Math.round(usdPerMillion * NANO_PER_TOKEN);
}

/** For display: USD with all digits that nano-USD hold. */
export function toUsd(nanoUsd: number): number {
  return nanoUsd / NANO_PER_USD;
}
