// One line in the log for each turn. Must never hold a prompt, an answer, a tool's data or a key.

import type { Receipt } from "../receipts/receipt.ts";
import type { EndedTurn } from "./ended-turn.ts";
import type { Stations } from "./stations.ts";

export function logTurn(stations: Stations, turn: EndedTurn, receipt: Receipt): void {
  const { conversation, execution, cost } = receipt;
  const fields = {
    requestId: receipt.request_id,
    tenant: receipt.tenant,
    conversation: conversation?.id ?? null,
    turn: conversation?.turn ?? null,
    thread: conversation?.thread_kind ?? null,
    profile: receipt.profile,
    requested: receipt.requested_model,
    model: turn.served?.id ?? null,
    reason: receipt.routing.reason,
    outcome: receipt.outcome,
    code: receipt.error?.code ?? null,
    attempts: receipt.fallback.attempts.length,
    pin: receipt.pin?.event ?? null,
    state: conversation?.state ?? null,
    tokensIn: execution.tokens.prompt,
    tokensOut: execution.tokens.completion,
    costUsd: cost.total_usd,
    totalMs: execution.latency_ms,
    firstByteMs: execution.first_byte_ms,
    overheadMs: execution.routing_overhead_ms,
  };
  if (turn.outcome === "completed" || turn.outcome === "ended") stations.log.info(fields, "turn");
  else stations.log.warn(fields, "turn");
}
