// From slices to figures: rates, CPU time per request, and their ratios to the bare relay. Pure.
// Must never set a slice against one of another lap.

import type { Comparison, Slice } from "./comparison.ts";
import type { LoadResult, Percentiles } from "./load-protocol.ts";
import { type Spread, difference, known, ratio, spread } from "./statistics.ts";
import { BARE } from "./variants.ts";

const NS_PER_MICROSECOND = 1000;
const NS_PER_MS = 1_000_000;

/** Requests per second. */
export function rateOf(result: LoadResult): number {
  return (result.requests / result.elapsedMs) * 1000;
}

/** CPU time of the variant for one request, in microseconds. */
export function cpuMicrosOf(result: LoadResult): number | null {
  const micros = result.cpuNs === null ? null : result.cpuNs / NS_PER_MICROSECOND;
  return ratio(micros, result.requests);
}

/** Part of the window in which the variant worked, 0..1 for one core. */
export function busyShareOf(result: LoadResult): number | null {
  return ratio(result.cpuNs, result.elapsedMs * NS_PER_MS);
}

/** A slice with the bare relay's slice of the same lap and cell. */
export interface Pair {
  readonly lap: number;
  readonly own: LoadResult;
  readonly bare: LoadResult;
}

export function pairsOf(comparison: Comparison, variant: string, cell: string): Pair[] {
  const ofCell = comparison.slices.filter((slice) => slice.cell === cell);
  const bareByLap = new Map<number, Slice>();
  for (const slice of ofCell) if (slice.variant === BARE) bareByLap.set(slice.lap, slice);
  return ofCell
    .filter((slice) => slice.variant === variant)
    .flatMap(({ lap, result }) => {
      const bare = bareByLap.get(lap);
      return bare === undefined ? [] : [{ lap, own: result, bare: bare.result }];
    });
}

export interface ThroughputFigures {
  readonly rate: Spread | null;
  readonly cpuMicros: Spread | null;
  /** Rate divided by the bare relay's rate. */
  readonly rateRatio: Spread | null;
  /** The bare relay's CPU time per request by the variant's: 1 is as cheap, 0.5 twice as dear. */
  readonly cpuRatio: Spread | null;
  /** CPU time beyond the bare relay's per request, in microseconds. */
  readonly extraMicros: Spread | null;
  readonly busyShare: Spread | null;
  readonly foreignShare: Spread | null;
}

export function throughputFigures(pairs: readonly Pair[]): ThroughputFigures {
  const over = (pick: (pair: Pair) => number | null): Spread | null =>
    spread(known(pairs.map(pick)));
  return {
    rate: over(({ own }) => rateOf(own)),
    cpuMicros: over(({ own }) => cpuMicrosOf(own)),
    rateRatio: over(({ own, bare }) => ratio(rateOf(own), rateOf(bare))),
    cpuRatio: over(({ own, bare }) => ratio(cpuMicrosOf(bare), cpuMicrosOf(own))),
    extraMicros: over(({ own, bare }) => difference(cpuMicrosOf(own), cpuMicrosOf(bare))),
    busyShare: over(({ own }) => busyShareOf(own)),
    foreignShare: over(({ own }) => own.foreignShare),
  };
}

/**
 * CPU time beyond the bare relay's, in units of one JSON.parse of the body, lap by lap.
 * `parseMicrosByLap` holds the cost of that parse, measured in the same lap.
 */
export function extraParses(
  pairs: readonly Pair[],
  parseMicrosByLap: ReadonlyMap<number, number>,
): Spread | null {
  return spread(
    known(
      pairs.map(({ lap, own, bare }) =>
        ratio(difference(cpuMicrosOf(own), cpuMicrosOf(bare)), parseMicrosByLap.get(lap) ?? null),
      ),
    ),
  );
}

type PercentileSpreads = Readonly<Record<keyof Percentiles, Spread | null>>;

export interface MomentFigures {
  /** In microseconds. */
  readonly absolute: PercentileSpreads;
  /** Beyond the bare relay in the same lap, in microseconds. */
  readonly added: PercentileSpreads;
}

export interface LatencyFigures {
  readonly firstByte: MomentFigures;
  readonly end: MomentFigures;
  readonly cpuMicros: Spread | null;
  readonly foreignShare: Spread | null;
}

export function latencyFigures(pairs: readonly Pair[]): LatencyFigures {
  return {
    firstByte: momentFigures(pairs, "firstByteMicros"),
    end: momentFigures(pairs, "endMicros"),
    cpuMicros: spread(known(pairs.map(({ own }) => cpuMicrosOf(own)))),
    foreignShare: spread(known(pairs.map(({ own }) => own.foreignShare))),
  };
}

function momentFigures(
  pairs: readonly Pair[],
  moment: "firstByteMicros" | "endMicros",
): MomentFigures {
  const over = (pick: (pair: Pair, key: keyof Percentiles) => number): PercentileSpreads => ({
    p50: spread(pairs.map((pair) => pick(pair, "p50"))),
    p95: spread(pairs.map((pair) => pick(pair, "p95"))),
    p99: spread(pairs.map((pair) => pick(pair, "p99"))),
  });
  return {
    absolute: over(({ own }, key) => own[moment][key]),
    added: over(({ own, bare }, key) => own[moment][key] - bare[moment][key]),
  };
}
