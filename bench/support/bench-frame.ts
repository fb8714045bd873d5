// The frame of every bench: arguments, the processes around it, one line of JSON, a clean end.
// Must never leave a process running, whatever happens inside.

import { type BenchOptions, USAGE, readBenchOptions } from "./options.ts";
import * as report from "./report.ts";
import { type Surroundings, startSurroundings } from "./surroundings.ts";

export interface Bench {
  readonly name: string;
  readonly question: string;
  /** Prints its tables and returns what goes into the line of JSON. */
  run(surroundings: Surroundings, options: BenchOptions): Promise<object>;
}

/** Runs a bench with the arguments of this process; the exit code is 1 when it cannot be run. */
export async function runBench(bench: Bench): Promise<void> {
  try {
    const options = readBenchOptions(process.argv.slice(2));
    if (options === "help") {
      report.say(`${bench.question}\n${USAGE}`);
      return;
    }
    report.say(bench.question);
    const startedMs = performance.now();
    const surroundings = await startSurroundings();
    try {
      if (surroundings.cores.variant === null) {
        report.say("no taskset or only one core: processes are not pinned, expect more noise");
      }
      const result = await bench.run(surroundings, options);
      const elapsedSeconds = Math.round((performance.now() - startedMs) / 1000);
      report.say(`(${elapsedSeconds} s)\n`);
      const machine = report.describeMachine();
      report.printJson({ bench: bench.name, machine, quick: options.quick, ...result });
    } finally {
      await surroundings.stop();
    }
  } catch (error) {
    report.say(`${bench.name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
