// Says how disturbed a run was, from the bare relay: its code does not change from lap to lap, so
// what varies is the machine.
// Must never correct a figure: the reader decides whether to repeat the run.

import type { Comparison } from "./comparison.ts";
import { cpuMicrosOf, pairsOf } from "./figures.ts";
import { decimal, percent, say } from "./report.ts";
import { known, spread } from "./statistics.ts";
import { BARE } from "./variants.ts";

/** Highest by lowest CPU time of a request in the laps, above which a run is not worth quoting. */
const VARIATION_QUIET_MAX = 1.3;
const FOREIGN_SHARE_QUIET_MAX = 0.1;

export function sayNoise(comparison: Comparison, cells: readonly string[]): void {
  const pairs = cells.map((cell) => pairsOf(comparison, BARE, cell));
  const variations = pairs.map((ofCell) => {
    const cpu = spread(known(ofCell.map(({ own }) => cpuMicrosOf(own))));
    return cpu === null ? null : cpu.high / cpu.low;
  });
  const variation = spread(known(variations))?.high ?? null;
  const foreign = spread(known(pairs.flat().map(({ own }) => own.foreignShare)))?.median ?? null;
  say(
    `\nnoise: the bare relay's own CPU time a request varied by a factor of ` +
      `${decimal(variation, 2)} between laps; other processes took ${percent(foreign)} of its core`,
  );
  const isQuiet =
    (variation ?? 1) <= VARIATION_QUIET_MAX && (foreign ?? 0) <= FOREIGN_SHARE_QUIET_MAX;
  if (!isQuiet) say("that is too much to quote these figures: repeat on a quiet machine");
}
