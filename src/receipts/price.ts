// What a turn cost, from its usage and the unit prices of what served it.
// Pure. Must never take an unknown price for 0: without a price there is no cost, only usage.

import type { Price, PriceTier } from "../turn/deployment.ts";
import type { Usage } from "../turn/usage.ts";

/** Nano-USD in one USD: money is added up in whole nano-USD, so that sums agree to the last digit. */
export const NANO_PER_USD = 1_000_000_000;

/** Nano-USD per token for a price of 1 USD per million tokens. */
const NANO_PER_TOKEN = 1_000;

/** Cost in nano-USD, rounded once per turn; null when the price is not known. */
export function costNanoUsd(usage: Usage, price: Price | null): number | null {
  if (price === null) return null;
  const rates = ratesFor(usage.inputTokens, price);
  const cacheRead = Math.min(usage.cacheReadTokens, usage.inputTokens);
  const cacheWrite = Math.min(usage.cacheWriteTokens, usage.inputTokens - cacheRead);
  const writtenForAnHour = Math.min(usage.cacheWriteHourTokens ?? 0, cacheWrite);
  const fresh = usage.inputTokens - cacheRead - cacheWrite;
  // Without a price of their own, cached tokens cost what any input token costs: never less than is known.
  const writeRate = rates.cacheWrite ?? rates.input;
  const usdPerMillion =
    fresh * rates.input +
    cacheRead * (rates.cacheRead ?? rates.input) +
    (cacheWrite - writtenForAnHour) * writeRate +
    writtenForAnHour * (rates.cacheWriteHour ?? writeRate) +
    usage.outputTokens * rates.output;
  return Math.round(usdPerMillion * NANO_PER_TOKEN);
}

/** Long requests cost more at some vendors, all of their tokens: the highest tier that is exceeded counts. */
function ratesFor(inputTokens: number, price: Price): Price | PriceTier {
  let rates: Price | PriceTier = price;
  for (const tier of price.tiers ?? []) {
    if (inputTokens > tier.above) rates = tier;
  }
  return rates;
}

/** For display: USD with all digits that nano-USD hold. */
export function toUsd(nanoUsd: number): number {
  return nanoUsd / NANO_PER_USD;
}
