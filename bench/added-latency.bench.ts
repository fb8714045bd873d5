// Question: how much later does an answer arrive because the gateway stands in between, for JSON
// and for a stream (first byte and end), with one client and with ten, against a bare relay?
// Must never compare figures of different laps: a difference is taken within its lap.

import { runBench } from "./support/bench-frame.ts";
import { type Cell, type Comparison, compare } from "./support/comparison.ts";
import { type LatencyFigures, latencyFigures, pairsOf } from "./support/figures.ts";
import type { BenchOptions } from "./support/options.ts";
import { sayNoise } from "./support/noise.ts";
import * as report from "./support/report.ts";
import type { Surroundings } from "./support/surroundings.ts";
import type { Variant } from "./support/variants.ts";

const FULL_CELLS: readonly Cell[] = [
  { name: "JSON, 200 B, 1 client", size: "small", stream: false, connections: 1 },
  { name: "JSON, 200 B, 10 clients", size: "small", stream: false, connections: 10 },
  { name: "stream, 200 B, 1 client", size: "small", stream: true, connections: 1 },
  { name: "stream, 200 B, 10 clients", size: "small", stream: true, connections: 10 },
  { name: "JSON, 400 KB, 1 client", size: "large", stream: false, connections: 1 },
];
const QUICK_CELLS = FULL_CELLS.filter(({ connections }) => connections === 1);

const QUICK = { rounds: 1, lapsPerRound: 3, warmUpMs: 1000, settleMs: 30, sliceMs: 180 };
const FULL = { rounds: 2, lapsPerRound: 4, warmUpMs: 1400, settleMs: 40, sliceMs: 260 };

interface VariantFigures extends LatencyFigures {
  readonly variant: Variant;
  readonly cell: string;
}

async function run(surroundings: Surroundings, options: BenchOptions): Promise<object> {
  const cells = options.quick ? QUICK_CELLS : FULL_CELLS;
  const comparison = await compare(surroundings, {
    ...(options.quick ? QUICK : FULL),
    ...(options.rounds === null ? {} : { rounds: options.rounds }),
    variants: options.variants,
    cells,
    fairleadCli: options.fairleadCli,
  });
  const figures = collectFigures(comparison, options.variants, cells);
  for (const cell of cells) sayCell(cell, figures);
  sayNoise(
    comparison,
    cells.map((cell) => cell.name),
  );
  return {
    absent: Object.fromEntries(comparison.absent),
    figures: figures.map(({ variant, ...rest }) => ({ variant: variant.name, ...rest })),
  };
}

function collectFigures(
  comparison: Comparison,
  variants: readonly Variant[],
  cells: readonly Cell[],
): VariantFigures[] {
  return cells.flatMap((cell) =>
    variants
      .filter(({ name }) => !comparison.absent.has(name))
      .map((variant) => ({
        variant,
        cell: cell.name,
        ...latencyFigures(pairsOf(comparison, variant.name, cell.name)),
      })),
  );
}

/** A stream has two rows a variant: the first byte and the end. JSON arrives in one piece. */
function sayCell(cell: Cell, figures: readonly VariantFigures[]): void {
  report.say(
    `\n${cell.name}: µs, median of the laps; + is beyond the bare relay (lowest–highest lap)`,
  );
  const rows = figures.filter((row) => row.cell === cell.name);
  report.sayTable(
    ["variant", "p50", "p95", "p99", "+p50", "+p95", "+p99", "CPU µs", "others"],
    rows.flatMap((row) =>
      cell.stream
        ? [
            cellsOf(row, "firstByte", `${row.variant.title}: first byte`),
            cellsOf(row, "end", `${row.variant.title}: end`),
          ]
        : [cellsOf(row, "end", row.variant.title)],
    ),
  );
}

function cellsOf(row: VariantFigures, moment: "firstByte" | "end", title: string): string[] {
  const { absolute, added } = row[moment];
  return [
    title,
    report.whole(absolute.p50?.median),
    report.whole(absolute.p95?.median),
    report.whole(absolute.p99?.median),
    report.ranged(added.p50, 0),
    report.ranged(added.p95, 0),
    report.ranged(added.p99, 0),
    moment === "end" ? report.whole(row.cpuMicros?.median) : "",
    moment === "end" ? report.percent(row.foreignShare?.median) : "",
  ];
}

await runBench({
  name: "added-latency",
  question: "How much later does an answer arrive because the gateway stands in between?",
  run,
});
