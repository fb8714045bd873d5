// Medians and spreads of rounds, and the order of variants in a round. Pure.
// Must never average across rounds: the machine is shared, one disturbed round must not count.

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Median, lowest and highest; null for no values. */
export function spread(values: readonly number[]): Spread | null {
  const sorted = values.toSorted((left, right) => left - right);
  const low = sorted[0];
  const high = sorted.at(-1);
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  const upper = sorted[Math.ceil((sorted.length - 1) / 2)];
  if (low === undefined || high === undefined) return null;
  if (lower === undefined || upper === undefined) return null;
  return { median: (lower + upper) / 2, low, high };
}

/** A B C D in even rounds, D C B A in odd ones: a drift of the machine falls on all alike. */
export function orderOfRound<Item>(items: readonly Item[], round: number): Item[] {
  return round % 2 === 0 ? [...items] : items.toReversed();
}

/** Division that gives null where one side is not known or there is nothing to divide by. */
export function ratio(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole === 0 ? null : part / whole;
}

export function difference(left: number | null, right: number | null): number | null {
  return left === null || right === null ? null : left - right;
}

/** The values that are known. */
export function known(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}
