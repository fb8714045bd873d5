// Runs the variants against each other: fresh processes every round, and within a round short
// slices in alternating order, so that what disturbs the machine disturbs all of them alike.
// Must never let two variants work at the same time: all are up, one is asked.

import type { LoadOrder, LoadResult } from "./load-protocol.ts";
import { say } from "./report.ts";
import { orderOfRound } from "./statistics.ts";
import { type Surroundings, checkAnswers } from "./surroundings.ts";
import { BARE, type StartedVariant, type Variant, startVariant } from "./variants.ts";

/** Enough to keep a variant busy all through its warm-up, even where the cell itself does not. */
const WARM_UP_CONNECTIONS = 16;

/** One kind of load. */
export interface Cell {
  readonly name: string;
  readonly size: LoadOrder["size"];
  readonly stream: boolean;
  readonly connections: number;
}

export interface ComparisonPlan {
  readonly variants: readonly Variant[];
  readonly cells: readonly Cell[];
  readonly fairleadCli: string | null;
  readonly rounds: number;
  readonly lapsPerRound: number;
  /** Load on a fresh process before its first slice; for cells after the first, half of it. */
  readonly warmUpMs: number;
  /** Load at the beginning of every slice that does not count. */
  readonly settleMs: number;
  readonly sliceMs: number;
  /** Called after every lap, while nothing is loaded. */
  afterLap?(lap: number): void;
}

/** One measured window. Compare it only with slices of the same lap. */
export interface Slice {
  readonly lap: number;
  readonly variant: string;
  readonly cell: string;
  readonly result: LoadResult;
}

export interface Comparison {
  readonly slices: readonly Slice[];
  /** Variants that are not in the figures, with the reason. */
  readonly absent: ReadonlyMap<string, string>;
}

/** Rejects when the bare relay fails; any other variant that fails is left out, with the reason. */
export async function compare(
  surroundings: Surroundings,
  plan: ComparisonPlan,
): Promise<Comparison> {
  const slices: Slice[] = [];
  const absent = new Map<string, string>();
  for (let round = 0; round < plan.rounds; round += 1) {
    say(`round ${round + 1} of ${plan.rounds} …`);
    const arena = { surroundings, plan, absent, round, started: new Map() };
    try {
      await startAll(arena);
      for (let lap = 0; lap < plan.lapsPerRound; lap += 1) {
        await runLap(arena, round * plan.lapsPerRound + lap, slices);
      }
    } finally {
      for (const variant of arena.started.values()) await variant.stop();
    }
  }
  return { slices: slices.filter(({ variant }) => !absent.has(variant)), absent };
}

interface Arena {
  readonly surroundings: Surroundings;
  readonly plan: ComparisonPlan;
  readonly absent: Map<string, string>;
  readonly round: number;
  readonly started: Map<string, StartedVariant>;
}

async function startAll(arena: Arena): Promise<void> {
  const { surroundings, plan, absent, started } = arena;
  for (const variant of orderOfRound(plan.variants, arena.round)) {
    if (absent.has(variant.name)) continue;
    try {
      const up = await startVariant(variant, {
        upstreamPort: surroundings.upstreamPort,
        core: surroundings.cores.variant,
        fairleadCli: plan.fairleadCli,
      });
      started.set(variant.name, up);
      await checkAnswers(up.port);
      await warmUp(arena, variant, up);
    } catch (error) {
      await leaveOut(arena, variant, error);
    }
  }
}

/** Measured: the cost of a request halves within the first 20 000 as the code is compiled. */
async function warmUp(arena: Arena, variant: Variant, up: StartedVariant): Promise<void> {
  for (const [index, each] of arena.plan.cells.entries()) {
    const cell = { ...each, connections: WARM_UP_CONNECTIONS };
    const measureMs = index === 0 ? arena.plan.warmUpMs : arena.plan.warmUpMs / 2;
    const result = await load(arena, { variant, up, cell, warmUpMs: 0, measureMs });
    requireSound(result);
    if (result.requests === 0) throw new Error(`no answer within ${measureMs} ms`);
  }
}

async function runLap(arena: Arena, lap: number, slices: Slice[]): Promise<void> {
  const { plan, started } = arena;
  for (const cell of plan.cells) {
    for (const variant of orderOfRound(plan.variants, lap)) {
      const up = started.get(variant.name);
      if (up === undefined) continue;
      const windowMs = { warmUpMs: plan.settleMs, measureMs: plan.sliceMs };
      try {
        const result = await load(arena, { variant, up, cell, ...windowMs });
        requireSound(result);
        // On a crowded machine a short slice may pass without any answer: it says nothing.
        if (result.requests === 0) continue;
        slices.push({ lap, variant: variant.name, cell: cell.name, result });
      } catch (error) {
        await leaveOut(arena, variant, error);
      }
    }
  }
  plan.afterLap?.(lap);
}

interface LoadOptions {
  readonly variant: Variant;
  readonly up: StartedVariant;
  readonly cell: Cell;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

function load(arena: Arena, options: LoadOptions): Promise<LoadResult> {
  const { variant, up, cell, warmUpMs, measureMs } = options;
  return arena.surroundings.load({
    port: up.port,
    size: cell.size,
    stream: cell.stream,
    connections: cell.connections,
    conversation: variant.conversation,
    label: `${variant.name}-${arena.round}-${cell.name.replaceAll(/\W+/g, "-")}`,
    warmUpMs,
    measureMs,
    watchPid: up.pid,
    watchCore: arena.surroundings.cores.variant,
  });
}

/** A variant that refuses or drops requests is quick for the wrong reason. */
function requireSound(result: LoadResult): void {
  if (result.failures > 0) {
    throw new Error(`${result.failures} requests failed, the first with: ${result.firstFailure}`);
  }
}

async function leaveOut(arena: Arena, variant: Variant, error: unknown): Promise<void> {
  const message = error instanceof Error ? error.message : String(error);
  const up = arena.started.get(variant.name);
  arena.started.delete(variant.name);
  const lastWords = up?.process.lastWords() ?? "";
  await up?.stop();
  if (variant.name === BARE) {
    throw new Error(`the bare relay failed, there is nothing to compare with: ${message}`, {
      cause: error,
    });
  }
  const reason = [message, lastWords].filter((text) => text !== "").join(" | stderr: ");
  arena.absent.set(variant.name, reason);
  say(`left out: ${variant.title}: ${reason}`);
}
