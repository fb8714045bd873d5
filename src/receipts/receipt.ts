// The receipt of a turn: what was asked, what was tried and why, what it cost, what the conversation learned.
// Must never hold a prompt, an answer, a tool's arguments or result, or a key.

import type { Usage } from "../turn/usage.ts";
import { toUsd } from "./price.ts";

export interface ReceiptAttempt {
  readonly deployment: string;
  readonly key: string;
  readonly outcome: string;
  readonly code: string | null;
  readonly status: number | null;
  readonly milliseconds: number;
}

export interface ReceiptConversation {
  readonly id: string;
  readonly identity: string;
  readonly turn: number;
  readonly thread: string;
  readonly thread_kind: string;
  readonly thread_found_by: string;
  readonly profile: string;
  readonly state: string;
  readonly resend: boolean;
}

/** A loop whose outcome was told by this turn, with all it has used since it was first seen. */
export interface ReceiptEpisode {
  readonly id: string;
  readonly pattern: string;
  readonly arm: string;
  readonly outcome: string;
  readonly turns: number;
  readonly level: number;
  readonly corrections: number;
  readonly stronger_turns: number;
  readonly tokens: { readonly input: number; readonly output: number };
  /** Of the turns whose price is known. */
  readonly cost_usd: number;
  readonly unpriced_turns: number;
}

export interface ReceiptInput {
  readonly requestId: string;
  readonly tenant: string;
  readonly caller: string;
  readonly at: number;
  readonly requested: string;
  readonly profile: string;
  readonly stream: boolean;
  readonly outcome: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly routing: {
    readonly strategy: string;
    readonly reason: string;
    readonly candidatesEvaluated: number;
    readonly planned: readonly { readonly deployment: string; readonly reason: string }[];
    readonly exclusions: readonly { readonly deployment: string; readonly reason: string }[];
  };
  readonly winner: {
    readonly deployment: string;
    readonly provider: string;
    readonly model: string;
  } | null;
  readonly attempts: readonly ReceiptAttempt[];
  readonly usage: Usage;
  readonly usageEstimated: boolean;
  readonly costNanoUsd: number | null;
  readonly finish: string | null;
  readonly toolCalls: readonly string[];
  /** How the answer went round in circles; null: it did not, or nobody watched. */
  readonly repetition: { readonly kind: string; readonly count: number } | null;
  /** The answer was cut for it. */
  readonly cut: boolean;
  readonly timings: {
    readonly totalMs: number;
    readonly overheadMs: number;
    readonly firstByteMs: number | null;
  };
  readonly conversation: ReceiptConversation | null;
  readonly pin: {
    readonly event: string;
    readonly from: string | null;
    readonly to: string | null;
    readonly note: string | null;
  } | null;
  readonly verdict: {
    readonly severity: string;
    readonly pattern: string | null;
    readonly count: number;
    readonly tools: readonly string[];
  } | null;
  readonly correction: {
    readonly id: string;
    readonly level: number;
    readonly pattern: string;
    readonly refused: boolean;
  } | null;
  readonly correctionsCarried: number;
  readonly outcomes: readonly {
    readonly correction: string;
    readonly kind: string;
    readonly turns: number;
  }[];
  readonly episodes: readonly ReceiptEpisode[];
  readonly strongerTurn: { readonly deployment: string | null; readonly reason: string } | null;
  readonly catalogVersion: string;
  readonly warnings: readonly string[];
}

/** The receipt as it is stored and served. The seed's names stay; what is ours stands beside them. */
export function makeReceipt(input: ReceiptInput) {
  const { usage, winner } = input;
  const cost = input.costNanoUsd === null ? null : toUsd(input.costNanoUsd);
  return {
    request_id: input.requestId,
    timestamp: new Date(input.at).toISOString(),
    tenant: input.tenant,
    caller: input.caller,
    outcome: input.outcome,
    error: input.error,
    requested_model: input.requested,
    profile: input.profile,
    stream: input.stream,
    routing: {
      strategy: input.routing.strategy,
      candidates_evaluated: input.routing.candidatesEvaluated,
      winner: winner?.deployment ?? null,
      reason: input.routing.reason,
      planned: input.routing.planned,
      exclusions: input.routing.exclusions,
    },
    execution: {
      provider: winner?.provider ?? null,
      model: winner?.model ?? null,
      latency_ms: round(input.timings.totalMs),
      first_byte_ms: input.timings.firstByteMs === null ? null : round(input.timings.firstByteMs),
      routing_overhead_ms: round(input.timings.overheadMs),
      finish_reason: input.finish,
      tool_calls: input.toolCalls,
      repetition: input.repetition,
      cut: input.cut ? "repetition" : null,
      tokens: {
        prompt: usage.inputTokens,
        completion: usage.outputTokens,
        total: usage.inputTokens + usage.outputTokens,
        cached: usage.cacheReadTokens,
        cache_written: usage.cacheWriteTokens,
        reasoning: usage.reasoningTokens,
        estimated: input.usageEstimated,
      },
    },
    cost: {
      provider_cost_usd: cost,
      platform_fee_usd: 0,
      total_usd: cost,
      savings_vs_default_usd: null,
    },
    fallback: {
      used: input.attempts.length > 1,
      attempts: input.attempts,
    },
    conversation: input.conversation,
    pin: input.pin,
    verdict: input.verdict,
    correction: input.correction,
    corrections_carried: input.correctionsCarried,
    outcomes: input.outcomes,
    episodes: input.episodes,
    stronger_turn: input.strongerTurn,
    catalog_version: input.catalogVersion,
    warnings: input.warnings,
  };
}

export type Receipt = ReturnType<typeof makeReceipt>;

/** Milliseconds with one decimal: more would be noise. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
