// The end of an answer as a response tells it: whether it is whole, and what it used.

import type { CanonicalFinish, CanonicalUsage } from "../turn/canonical.ts";
import { responseUsage } from "./responses-event.ts";

/** `usage` null: not told. */
export function endOf({ unified }: CanonicalFinish, usage: CanonicalUsage | null) {
  const reason = INCOMPLETE[unified] ?? null;
  return {
    status: reason === null ? ("completed" as const) : ("incomplete" as const),
    incomplete_details: reason === null ? null : { reason },
    usage: usage === null ? null : usageOf(usage),
  };
}

/** Why an answer is not whole; every other end is one. */
const INCOMPLETE: Partial<Record<CanonicalFinish["unified"], string>> = {
  length: "max_output_tokens",
  "content-filter": "content_filter",
};

function usageOf({ inputTokens, outputTokens }: CanonicalUsage) {
  return responseUsage({
    inputTokens: inputTokens.total ?? 0,
    outputTokens: outputTokens.total ?? 0,
    cacheReadTokens: inputTokens.cacheRead ?? 0,
    cacheWriteTokens: inputTokens.cacheWrite ?? 0,
    reasoningTokens: outputTokens.reasoning ?? 0,
  });
}
