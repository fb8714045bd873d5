// The client's side of an ended turn: the answer's head, its end, or its fault, always in the client's dialect.
// Must never let a cut stream look clean (I6), nor end an answer before the turn is in the books (I1).

import { answerHeaders, passedOnHeaders, type AnswerFacts } from "../api/answer-headers.ts";
import { faultHeaders } from "../api/fault-reply.ts";
import { ENDING_MODEL, gatewayComment, type GatewayObject } from "../api/gateway-object.ts";
import type { Plan, PlannedAttempt } from "../routing/plan.ts";
import type { Fault } from "../turn/fault.ts";
import type { Usage } from "../turn/usage.ts";
import type { CutEnd } from "../upstream/dialect.ts";
import { isErrorBody } from "../upstream/error-body.ts";
import type { UpstreamHeaders } from "../upstream/event-relay.ts";
import type { Decision } from "./decide.ts";
import { pinWord } from "./ended-turn.ts";
import type { Settled } from "./settle.ts";
import type { Call } from "./stations.ts";

/** What can be said in the head of an answer, before the turn has ended. */
export interface AnswerHead {
  readonly call: Call;
  readonly decision: Decision | null;
  readonly profile: string;
  readonly plan: Plan | null;
  readonly planned: PlannedAttempt | null;
  /** Overrides the state of the thread: what settling found. */
  readonly state: string | null;
  /** What of the request could not be carried to the model, one sentence each. */
  readonly warnings: readonly string[];
}

export function headFacts(head: AnswerHead): AnswerFacts {
  const { call, decision, planned } = head;
  return {
    requestId: call.requestId,
    profile: head.profile,
    model: planned?.deployment.id ?? null,
    reason: planned?.reason ?? head.plan?.reason ?? "no model was asked",
    decision: head.plan?.strategy ?? "none",
    conversation: decision === null ? null : conversationFacts(head, decision),
    stickyIdentity: call.identity.kind === "sticky" ? call.identity.source : null,
    warnings: head.warnings,
  };
}

function conversationFacts(head: AnswerHead, decision: Decision): AnswerFacts["conversation"] {
  const state = decision.degraded ? "degraded" : decision.asked.thread.machine.value;
  return {
    id: decision.conversation.record.displayId,
    identity: head.call.identity.source,
    turn: decision.asked.turn,
    state: head.state ?? state,
    pin: pinWord(decision, head.planned?.deployment ?? null),
  };
}

/** Begins a stream: everything that is known goes into the headers, before the first byte. */
export function openStream(head: AnswerHead, upstream: UpstreamHeaders): void {
  head.call.reply.open(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
    ...withoutType(passedOnHeaders(upstream)),
    ...answerHeaders(headFacts(head)),
  });
}

/** Ends a stream: what is known only now goes into a comment where one is borne, then the held-back last event. */
export function endStream(call: Call, settled: Settled, terminal: Buffer | string): void {
  if (call.wire.breaksOnComments !== true) {
    call.reply.write(gatewayComment({ ...gatewayObject(settled), state: settled.state }));
  }
  call.reply.write(terminal);
  call.reply.end();
}

/** The last events of a stream that was cut here. What it used is told where the client asked for that. */
export function cutEnd(
  call: Call,
  settled: Settled,
  answer: { readonly cut: CutEnd | null },
): Buffer | string {
  const { tokens } = settled.receipt.execution;
  const usage: Usage = {
    inputTokens: tokens.prompt,
    outputTokens: tokens.completion,
    cacheReadTokens: tokens.cached,
    cacheWriteTokens: tokens.cache_written,
    reasoningTokens: tokens.reasoning,
  };
  return answer.cut?.(call.request.wantsUsageEvent ? usage : null) ?? "";
}

/** Ends a stream that broke: an error event, and never the event of a clean end. */
export function breakStream(call: Call, fault: Fault): void {
  call.reply.write(call.wire.errorEvent(fault, call.requestId));
  call.reply.end();
}

export interface JsonAnswer {
  readonly head: AnswerHead;
  readonly upstream: UpstreamHeaders;
  readonly body: Buffer;
  readonly settled: Settled;
  readonly withGatewayObject: boolean;
}

export function sendJson(answer: JsonAnswer): void {
  const { head, settled } = answer;
  const body = answer.withGatewayObject
    ? head.call.wire.addGatewayObject(answer.body, gatewayObject(settled))
    : answer.body;
  const headers = {
    "content-type": "application/json",
    ...passedOnHeaders(answer.upstream),
    ...answerHeaders(headFacts(head)),
  };
  head.call.reply.send(200, headers, body);
}

export interface FaultAnswer {
  readonly head: AnswerHead;
  readonly fault: Fault;
  /** The upstream's own refusal of the request: passed on as it is where it speaks the client's dialect. */
  readonly relay: { readonly status: number; readonly body: Buffer } | null;
}

export function sendFault(answer: FaultAnswer): void {
  const { head, fault } = answer;
  const relay = answer.relay !== null && isErrorBody(answer.relay.body) ? answer.relay : null;
  const headers = { ...answerHeaders(headFacts(head)), ...faultHeaders(fault) };
  const body = relay?.body ?? head.call.wire.errorBody(fault, head.call.requestId);
  head.call.reply.send(relay?.status ?? fault.status, headers, body);
}

/** The kind ending: a valid assistant message that costs nothing and is marked as the gateway's own. */
export function sendEnding(head: AnswerHead, settled: Settled, text: string): void {
  const { call } = head;
  const ending = { requestId: call.requestId, text, created: Math.floor(call.at / 1000) };
  const facts = { ...headFacts(head), model: ENDING_MODEL, reason: "the conversation has ended" };
  if (!call.request.stream) {
    const headers = { "content-type": "application/json", ...answerHeaders(facts) };
    call.reply.send(200, headers, call.wire.endingBody(ending));
    return;
  }
  call.reply.open(200, { "content-type": "text/event-stream", ...answerHeaders(facts) });
  const { events, terminal } = call.wire.endingStream(ending);
  call.reply.write(events);
  endStream(call, settled, terminal);
}

function gatewayObject(settled: Settled): GatewayObject {
  const { receipt } = settled;
  return {
    request_id: receipt.request_id,
    routing_decision: receipt.routing.strategy,
    cost_usd: receipt.cost.total_usd,
    latency_ms: receipt.execution.latency_ms,
    fallback_used: receipt.fallback.used,
  };
}

function withoutType(headers: Record<string, string>): Record<string, string> {
  const { "content-type": _type, ...others } = headers;
  return others;
}
