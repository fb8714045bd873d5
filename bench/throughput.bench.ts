// Question: how many requests per second does the gateway serve on one core, and how much CPU time
// does a turn cost, compared with relays that do nothing else, at 200 B and 400 KB a request?
// Must never compare figures of different laps: a ratio is taken within its lap.

import { runBench } from "./support/bench-frame.ts";
import { type Comparison, compare } from "./support/comparison.ts";
import {
  type ThroughputFigures,
  extraParses,
  pairsOf,
  throughputFigures,
} from "./support/figures.ts";
import { type Ceiling, measureCeiling } from "./support/generator-ceiling.ts";
import { type ParseCost, measureParseCost } from "./support/json-parse-cost.ts";
import type { BenchOptions } from "./support/options.ts";
import { sayNoise } from "./support/noise.ts";
import * as report from "./support/report.ts";
import { type Spread, spread } from "./support/statistics.ts";
import type { Surroundings } from "./support/surroundings.ts";
import { BARE, type Variant } from "./support/variants.ts";

const SMALL = { name: "200 B", size: "small", stream: false, connections: 64 } as const;
const LARGE = { name: "400 KB", size: "large", stream: false, connections: 8 } as const;
const CELLS = [SMALL, LARGE];

const QUICK = { rounds: 1, lapsPerRound: 4, warmUpMs: 1500, settleMs: 30, sliceMs: 130 };
const FULL = { rounds: 2, lapsPerRound: 6, warmUpMs: 3000, settleMs: 60, sliceMs: 340 };

/** A bare relay that works less than this part of the time was held up by something else. */
const SATURATED_SHARE = 0.85;
const GENERATOR_TIMES_BARE_MIN = 3;

interface Target {
  readonly variant: string;
  readonly ratioMin: number;
}

const RATIO_TARGETS: readonly Target[] = [
  { variant: "fairlead", ratioMin: 0.75 },
  { variant: "fairlead-conversation", ratioMin: 0.5 },
];
/** Own CPU time per turn at 400 KB, in units of one JSON.parse of the body. */
const EXTRA_PARSES_MAX = 2;

interface VariantFigures extends ThroughputFigures {
  readonly variant: Variant;
  readonly cell: string;
  readonly extraParses: Spread | null;
}

async function run(surroundings: Surroundings, options: BenchOptions): Promise<object> {
  const ceiling = await measureCeiling(surroundings);
  const parseCosts: ParseCost[] = [];
  const comparison = await compare(surroundings, {
    ...(options.quick ? QUICK : FULL),
    ...(options.rounds === null ? {} : { rounds: options.rounds }),
    variants: options.variants,
    cells: CELLS,
    fairleadCli: options.fairleadCli,
    afterLap: (lap) => {
      parseCosts[lap] = measureParseCost(surroundings.cores.variant);
    },
  });
  const figures = collectFigures(comparison, options.variants, parseCosts);
  for (const cell of CELLS) sayCell(cell.name, figures);
  sayCeiling(ceiling, figures);
  sayNoise(
    comparison,
    CELLS.map((cell) => cell.name),
  );
  const targets = judgeTargets(figures);
  report.say("\nTargets");
  for (const target of targets) report.say(`  ${target.text}`);
  return {
    targets,
    ceiling,
    parseMicros: spread(parseCosts.map((cost) => cost.parseMicros)),
    decodeAndParseMicros: spread(parseCosts.map((cost) => cost.decodeAndParseMicros)),
    absent: Object.fromEntries(comparison.absent),
    figures: figures.map(({ variant, ...rest }) => ({ variant: variant.name, ...rest })),
  };
}

function collectFigures(
  comparison: Comparison,
  variants: readonly Variant[],
  parseCosts: readonly ParseCost[],
): VariantFigures[] {
  const parseMicrosByLap = new Map(parseCosts.map((cost, lap) => [lap, cost.parseMicros]));
  return CELLS.flatMap((cell) =>
    variants
      .filter(({ name }) => !comparison.absent.has(name))
      .map((variant) => {
        const pairs = pairsOf(comparison, variant.name, cell.name);
        return {
          variant,
          cell: cell.name,
          ...throughputFigures(pairs),
          extraParses: cell === LARGE ? extraParses(pairs, parseMicrosByLap) : null,
        };
      }),
  );
}

function sayCell(cell: string, figures: readonly VariantFigures[]): void {
  report.say(`\n${cell} a request: median (lowest–highest lap)`);
  report.sayTable(
    ["variant", "req/s", "x bare", "CPU µs", "x bare by CPU", "extra parses", "busy", "others"],
    figures
      .filter((row) => row.cell === cell)
      .map((row) => [
        row.variant.title,
        report.whole(row.rate?.median),
        report.ranged(row.rateRatio, 2),
        report.whole(row.cpuMicros?.median),
        report.ranged(row.cpuRatio, 2),
        report.ranged(row.extraParses, 1),
        report.percent(row.busyShare?.median),
        report.percent(row.foreignShare?.median),
      ]),
  );
}

function sayCeiling(ceiling: Ceiling, figures: readonly VariantFigures[]): void {
  const bareRate = figures.find(({ variant }) => variant.name === BARE)?.rate?.median;
  const times = bareRate === undefined ? null : ceiling.generatorRate / bareRate;
  report.say(
    `\nload generator: ${report.whole(ceiling.generatorRate)} req/s alone ` +
      `(${report.decimal(times, 1)} x bare), ` +
      `${report.whole(ceiling.generatorAndStubRate)} together with the stub on its core`,
  );
  if (times !== null && times < GENERATOR_TIMES_BARE_MIN) {
    report.say(
      "the load generator was too slow for the rates to mean anything: read the CPU columns",
    );
  }
}

interface Judgement {
  readonly text: string;
  readonly met: boolean | null;
}

function judgeTargets(figures: readonly VariantFigures[]): Judgement[] {
  return [
    ...CELLS.flatMap((cell) =>
      RATIO_TARGETS.map((target) => judgeRatio(figures, cell.name, target)),
    ),
    ...RATIO_TARGETS.map(({ variant }) => judgeExtraParses(figures, variant)),
  ];
}

/** By rate; by CPU time if the bare relay was not the bottleneck: its rate then says nothing. */
function judgeRatio(figures: readonly VariantFigures[], cell: string, target: Target): Judgement {
  const ofCell = figures.filter((row) => row.cell === cell);
  const bare = ofCell.find(({ variant }) => variant.name === BARE);
  const row = ofCell.find(({ variant }) => variant.name === target.variant);
  const isSaturated = (bare?.busyShare?.median ?? 1) >= SATURATED_SHARE;
  const value = (isSaturated ? row?.rateRatio : row?.cpuRatio) ?? null;
  const how = isSaturated ? "by rate" : "by CPU time";
  const met = value === null ? null : value.median >= target.ratioMin;
  const text =
    `${target.variant} at ${cell}: ${report.ranged(value, 2)} x bare ${how}, ` +
    `target >= ${target.ratioMin}: ${verdict(met, value, target.ratioMin)}`;
  return { text, met };
}

function judgeExtraParses(figures: readonly VariantFigures[], variant: string): Judgement {
  const row = figures.find((each) => each.variant.name === variant && each.cell === LARGE.name);
  const value = row?.extraParses ?? null;
  const met = value === null ? null : value.median <= EXTRA_PARSES_MAX;
  const text =
    `${variant} at ${LARGE.name}: ${report.ranged(value, 2)} x JSON.parse beyond bare, ` +
    `target <= ${EXTRA_PARSES_MAX}: ${verdict(met, value, EXTRA_PARSES_MAX)}`;
  return { text, met };
}

function verdict(met: boolean | null, value: Spread | null, target: number): string {
  if (met === null || value === null) return "not measured";
  const isSure = value.low > target || value.high < target;
  return `${met ? "met" : "MISSED"}${isSure ? "" : " (unsure: the target lies between the laps)"}`;
}

await runBench({
  name: "throughput",
  question: "How many requests per second on one core, and how much CPU time a turn?",
  run,
});
