// The unit in which the gateway's own work on a large body is counted: one JSON.parse of that body,
// measured on the core the variants run on, between their slices.
// Must never be taken from another run: it moves with the machine as much as everything else.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { z } from "zod";

const PROBE_MS_MAX = 20_000;

const parseCostSchema = z.object({
  bytes: z.int(),
  /** CPU time of `JSON.parse(text)`, in microseconds. */
  parseMicros: z.number(),
  /** CPU time of `JSON.parse(buffer.toString())`, in microseconds. */
  decodeAndParseMicros: z.number(),
});

export type ParseCost = z.infer<typeof parseCostSchema>;

/** Runs the probe in a fresh process and blocks until it is done. */
export function measureParseCost(core: number | null): ParseCost {
  const pin = core === null ? [] : ["taskset", "-c", String(core)];
  const probe = join(import.meta.dirname, "json-parse-probe.ts");
  const [command, ...args] = [...pin, process.execPath, probe] as const;
  const output = execFileSync(command ?? process.execPath, args, { timeout: PROBE_MS_MAX });
  return parseCostSchema.parse(JSON.parse(output.toString()));
}
