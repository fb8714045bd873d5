// What an answer of the Messages dialect says it used: told at its start, again at its end, each time a part of it.
// Must never lose a figure that only one of them tells.

import { NO_USAGE, type Usage } from "../turn/usage.ts";
import { asObject } from "./json-object.ts";

const FIELDS = [
  "input_tokens",
  "output_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
] as const;

/** Most rounds of one answer whose usage is told one by one. */
const ITERATIONS_MAX = 1_000;

export interface MessageUsage {
  note(usage: unknown): void;
  /** Null when none was told. */
  told(): Usage | null;
}

export function createMessageUsage(): MessageUsage {
  const counts = new Map<string, number>();
  let thinking = 0;
  let hour = 0;
  /** What condensing the history cost: it stands beside the sums, not in them. */
  let condensing = { input: 0, output: 0 };
  let isTold = false;
  return {
    note(value) {
      const usage = asObject(value);
      if (usage === null) return;
      isTold = true;
      for (const field of FIELDS) {
        // What comes later is the sum so far; a field that is left out says nothing.
        if (typeof usage[field] === "number") counts.set(field, count(usage[field]));
      }
      const thoughts = asObject(usage["output_tokens_details"])?.["thinking_tokens"];
      if (typeof thoughts === "number") thinking = count(thoughts);
      const forHour = asObject(usage["cache_creation"])?.["ephemeral_1h_input_tokens"];
      if (typeof forHour === "number") hour = count(forHour);
      if (Array.isArray(usage["iterations"])) condensing = condensingOf(usage["iterations"]);
    },
    told() {
      if (!isTold) return null;
      const of = (field: (typeof FIELDS)[number]): number => counts.get(field) ?? 0;
      const cacheReadTokens = of("cache_read_input_tokens");
      const cacheWriteTokens = of("cache_creation_input_tokens");
      return {
        ...NO_USAGE,
        inputTokens: of("input_tokens") + cacheReadTokens + cacheWriteTokens + condensing.input,
        outputTokens: of("output_tokens") + condensing.output,
        cacheReadTokens,
        cacheWriteTokens,
        ...(hour === 0 ? {} : { cacheWriteHourTokens: hour }),
        reasoningTokens: thinking,
      };
    },
  };
}

function condensingOf(iterations: readonly unknown[]) {
  const sums = { input: 0, output: 0 };
  for (const value of iterations.slice(0, ITERATIONS_MAX)) {
    const iteration = asObject(value);
    if (iteration?.["type"] !== "compaction") continue;
    sums.input += count(iteration["input_tokens"]);
    sums.output += count(iteration["output_tokens"]);
  }
  return sums;
}

/** Counts that make no sense are taken as 0. */
function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
