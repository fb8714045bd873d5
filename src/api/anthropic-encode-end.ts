// The end of an answer as a message tells it: why the model stopped, and what it used.
// Must never make up a reason: what has no word here is an end like any other.

import type { CanonicalFinish, CanonicalUsage } from "../turn/canonical.ts";
import { messageUsage } from "./anthropic-event.ts";

interface End {
  readonly finishReason: CanonicalFinish;
  readonly usage: CanonicalUsage;
}

/** Words of this dialect that a provider may have used itself. */
const OWN_WORDS: ReadonlySet<string> = new Set([
  "end_turn",
  "stop_sequence",
  "max_tokens",
  "tool_use",
  "refusal",
  "model_context_window_exceeded",
]);

/** `end` null: nobody told it. */
export function endOf(end: End | null, hasCalls: boolean) {
  return {
    stop: {
      stop_reason: end === null ? wordOf("stop", hasCalls) : reasonOf(end.finishReason, hasCalls),
      stop_sequence: null,
    },
    usage: end === null ? messageUsage({}) : usageOf(end.usage),
  };
}

function reasonOf({ unified, raw }: CanonicalFinish, hasCalls: boolean): string {
  return raw !== undefined && OWN_WORDS.has(raw) ? raw : wordOf(unified, hasCalls);
}

function wordOf(unified: CanonicalFinish["unified"], hasCalls: boolean): string {
  switch (unified) {
    case "length":
      return "max_tokens";
    case "content-filter":
      return "refusal";
    case "tool-calls":
      return "tool_use";
    default:
      // Some servers say "stop" although they ask for a tool: a client would not run it.
      return hasCalls ? "tool_use" : "end_turn";
  }
}

/** Here the input leaves out what the cache held or took. */
function usageOf({ inputTokens, outputTokens }: CanonicalUsage) {
  const { total = 0, cacheRead = 0, cacheWrite = 0 } = inputTokens;
  return messageUsage({
    input: inputTokens.noCache ?? Math.max(0, total - cacheRead - cacheWrite),
    output: outputTokens.total ?? 0,
    cacheRead,
    cacheWrite,
  });
}
