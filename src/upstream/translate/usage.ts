// Usage as the translated parts tell it, and as the books want it. Pure. Must never make up a number.

import type { CanonicalUsage } from "../../turn/canonical.ts";
import { NO_USAGE, type Usage } from "../../turn/usage.ts";
import { asObject } from "../json-object.ts";

/** Null when the provider told none. */
export function readUsage(usage: CanonicalUsage): Usage | null {
  const { inputTokens: input, outputTokens: output } = usage;
  if (input.total === undefined && output.total === undefined) return null;
  const hour = hourOf(usage);
  return {
    ...NO_USAGE,
    inputTokens: count(input.total),
    outputTokens: count(output.total),
    cacheReadTokens: count(input.cacheRead),
    cacheWriteTokens: count(input.cacheWrite),
    reasoningTokens: count(output.reasoning),
    ...(hour > 0 ? { cacheWriteHourTokens: hour } : {}),
  };
}

/** Only the provider's own words tell how long a cache entry is kept. */
function hourOf({ raw }: CanonicalUsage): number {
  const creation = asObject(asObject(raw)?.["cache_creation"]);
  return count(creation?.["ephemeral_1h_input_tokens"]);
}

/** The other way round, for an answer that is ended here. Null: not told. */
export function toCanonicalUsage(usage: Usage | null): CanonicalUsage {
  if (usage === null) return NOT_TOLD;
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    inputTokens: {
      total: inputTokens,
      noCache: Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens),
      cacheRead: cacheReadTokens,
      cacheWrite: cacheWriteTokens,
    },
    outputTokens: {
      total: outputTokens,
      text: Math.max(0, outputTokens - reasoningTokens),
      reasoning: reasoningTokens,
    },
  };
}

const NOT_TOLD: CanonicalUsage = {
  inputTokens: {
    total: undefined,
    noCache: undefined,
    cacheRead: undefined,
    cacheWrite: undefined,
  },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};

function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
