// The command line that all benches share, and which variants it selects.
// Must never be read anywhere but at the start of a bench.

import { parseArgs } from "node:util";
import { BARE, VARIANTS, type Variant } from "./variants.ts";

export interface BenchOptions {
  readonly quick: boolean;
  /** null: the bench's own number. */
  readonly rounds: number | null;
  readonly variants: readonly Variant[];
  readonly fairleadCli: string | null;
}

export const USAGE = `options:
  --quick           about 20 seconds, rough
  --rounds N        more rounds: narrower ranges, longer run
  --only a,b        only these variants (the bare relay is always among them):
                    ${VARIANTS.map((variant) => variant.name).join(", ")}
  --fairlead FILE   the cli.ts to start, for instance of another working copy
  --help`;

/** Reads the arguments. Throws an Error with a message for people when they make no sense. */
export function readBenchOptions(args: readonly string[]): BenchOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      only: { type: "string" },
      fairlead: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  if (rounds !== null && (!Number.isInteger(rounds) || rounds < 1)) {
    throw new Error("--rounds takes a whole number from 1 on");
  }
  const only = values.only?.split(",") ?? null;
  const unknown = only?.find((name) => VARIANTS.every((variant) => variant.name !== name));
  if (unknown !== undefined) throw new Error(`there is no variant "${unknown}"\n${USAGE}`);
  const variants = VARIANTS.filter(({ name, fullOnly }) =>
    only === null ? !(values.quick && fullOnly) : name === BARE || only.includes(name),
  );
  return { quick: values.quick, rounds, variants, fairleadCli: values.fairlead ?? null };
}
