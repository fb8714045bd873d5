// A turn that has ended, in one value: what was decided, what was tried, what came of it. And its receipt.
// Must never hold text of the conversation.

import {
  STREAM_REPETITION,
  type Repetition,
} from "../conversation/divergence/stream-repetition.ts";
import type { Verdict } from "../conversation/divergence/verdict.ts";
import { pinEvent, type PinWord } from "../conversation/pins.ts";
import type { Plan } from "../routing/plan.ts";
import { costNanoUsd } from "../receipts/price.ts";
import { makeReceipt, type Receipt, type ReceiptAttempt } from "../receipts/receipt.ts";
import type { Deployment } from "../turn/deployment.ts";
import type { Fault } from "../turn/fault.ts";
import { NO_USAGE, type Usage } from "../turn/usage.ts";
import type { AnswerSummary } from "../upstream/dialect.ts";
import type { Decision } from "./decide.ts";
import type { Sending, Sent } from "./send.ts";
import type { Call, Stations } from "./stations.ts";
import { toldIn, type Step } from "./told.ts";

/** How a turn ended, in the words of the receipt. */
export type EndedOutcome = "completed" | "failed" | "aborted" | "cut" | "ended";

export interface EndedTurn {
  readonly call: Call;
  /** Null on the stateless path. */
  readonly decision: Decision | null;
  readonly profile: string;
  readonly plan: Plan | null;
  readonly exclusions: Plan["exclusions"];
  /** What served the turn, or what was tried last; null when nothing was. */
  readonly served: Deployment | null;
  readonly attempts: readonly ReceiptAttempt[];
  readonly outcome: EndedOutcome;
  readonly fault: Fault | null;
  readonly summary: AnswerSummary;
  /** The answer went round in circles; null: it did not, or nobody watched. */
  readonly repetition: Repetition | null;
  /** It was cut here for that reason. */
  readonly cut: boolean;
  readonly correctionRefused: boolean;
  readonly firstByteMs: number | null;
  /** Milliseconds from the first byte of the request to the first byte upstream. */
  readonly overheadMs: number;
  readonly warnings: readonly string[];
}

/** The value of a turn whose plan was walked. */
export function turnOf(sending: Sending, sent: Sent, fault: Fault | null): EndedTurn {
  const { call, plan, profile } = sending;
  const { walked } = sent;
  const { result } = walked;
  const cut = result.kind === "completed" && result.cut !== null;
  const failed = result.started ? ("cut" as const) : ("failed" as const);
  return {
    call,
    decision: sent.decision,
    profile: profile.name,
    plan,
    exclusions: plan.exclusions,
    served: walked.step?.deployment ?? null,
    attempts: walked.attempts,
    outcome: result.kind === "failed" ? failed : result.kind,
    fault,
    // What the client is told of an answer that was cut here.
    summary: cut ? { ...result.summary, finish: "length" } : result.summary,
    repetition: sent.repetition,
    cut,
    correctionRefused: walked.correctionRefused,
    firstByteMs: result.firstByteMs,
    overheadMs: sent.overheadMs,
    warnings: [...leftOut(sent), ...result.warnings],
  };
}

function leftOut({ leftOut: count }: Sent): readonly string[] {
  return count === 0 ? [] : [`${count} tries in the middle are left out here.`];
}

/** About 4 bytes make a token in English text: good enough for what an upstream did not tell. */
const BYTES_PER_TOKEN = 4;

export interface TurnUsage {
  readonly usage: Usage;
  readonly estimated: boolean;
}

/** The usage as told, or for an answer that broke off before telling it, an estimate marked as such. */
export function usageOf(turn: EndedTurn): TurnUsage {
  const { usage, pieces } = turn.summary;
  if (usage !== null) return { usage, estimated: false };
  const begun = turn.outcome === "completed" || pieces > 0;
  if (!begun) return { usage: NO_USAGE, estimated: false };
  const inputTokens = Math.ceil(turn.call.body.length / BYTES_PER_TOKEN);
  return { usage: { ...NO_USAGE, inputTokens, outputTokens: pieces }, estimated: true };
}

/** Null: the price is not known. A turn that used nothing costs nothing, whatever the price. */
export function costOf(turn: EndedTurn): number | null {
  const { usage } = usageOf(turn);
  if (usage.inputTokens + usage.outputTokens === 0) return 0;
  return costNanoUsd(usage, turn.served?.price ?? null);
}

/** The word for the pin, as far as it can be told for this deployment. */
export function pinWord(decision: Decision, deployment: Deployment | null): PinWord {
  const side = decision.asked.kind === "side" && decision.pinBefore === null;
  if (deployment === null || decision.profile.pin.mode === "none" || side) return "none";
  if (isException(decision, deployment)) return "kept";
  const served = { deployment: deployment.id, model: deployment.model };
  return pinEvent(decision.pinBefore?.snapshot ?? null, served);
}

/** This deployment was planned outside the pin, for this one turn. */
export function isException(decision: Decision, deployment: Deployment): boolean {
  const attempts = decision.plan?.attempts ?? [];
  return attempts.some(
    (planned) => planned.hop === "exception" && planned.deployment === deployment,
  );
}

/** What the rows were after the turn was settled; null on the stateless path and where nothing was stored. */
export interface SettledView {
  /** The turn's own commits: the one before its bytes, if there was one, and the one at its end. */
  readonly steps: readonly Step[];
  readonly turn: number;
  readonly state: string;
}

export function receiptOf(
  stations: Stations,
  turn: EndedTurn,
  settled: SettledView | null,
): Receipt {
  const { call, decision } = turn;
  const { usage, estimated } = usageOf(turn);
  return makeReceipt({
    requestId: call.requestId,
    tenant: call.caller.tenant,
    caller: call.caller.id,
    at: call.at,
    requested: call.request.model,
    profile: turn.profile,
    stream: call.request.stream,
    outcome: turn.outcome,
    error: turn.fault === null ? null : { code: turn.fault.code, message: turn.fault.message },
    routing: {
      strategy: turn.plan?.strategy ?? "none",
      reason: servedReason(turn),
      candidatesEvaluated: turn.plan?.candidatesEvaluated ?? 0,
      planned: (turn.plan?.attempts ?? []).map(({ deployment, reason }) => ({
        deployment: deployment.id,
        reason,
      })),
      exclusions: turn.exclusions,
    },
    winner: turn.outcome === "failed" ? null : winnerOf(turn.served),
    attempts: turn.attempts,
    usage,
    usageEstimated: estimated,
    costNanoUsd: costOf(turn),
    finish: turn.summary.finish,
    toolCalls: turn.summary.toolCalls,
    repetition: turn.repetition,
    cut: turn.cut,
    timings: {
      totalMs: stations.clock.monotonicMs() - call.startedMs,
      overheadMs: turn.overheadMs,
      firstByteMs: turn.firstByteMs,
    },
    ...(decision === null ? STATELESS : conversationParts(turn, decision, settled)),
    catalogVersion: call.offer.catalogVersion,
    warnings: turn.warnings,
  });
}

const STATELESS = {
  conversation: null,
  pin: null,
  verdict: null,
  correction: null,
  correctionsCarried: 0,
  outcomes: [],
  episodes: [],
  strongerTurn: null,
};

/** Why the deployment that served was planned; the plan's own reason when nothing served. */
export function servedReason(turn: Pick<EndedTurn, "plan" | "served">): string {
  const planned = turn.plan?.attempts.find(({ deployment }) => deployment === turn.served);
  return planned?.reason ?? turn.plan?.reason ?? "no model was asked";
}

function winnerOf(served: Deployment | null) {
  if (served === null) return null;
  return { deployment: served.id, provider: served.provider, model: served.model };
}

function conversationParts(turn: EndedTurn, decision: Decision, settled: SettledView | null) {
  const { asked, question, pinBefore } = decision;
  const home = pinBefore?.snapshot.context;
  const from = home?.away ?? home?.home?.deployment ?? null;
  const served = turn.outcome === "failed" ? null : turn.served;
  const outside = served !== null && isException(decision, served);
  const { verdict, correction } = asked;
  return {
    conversation: {
      id: decision.conversation.record.displayId,
      identity: turn.call.identity.source,
      turn: settled?.turn ?? asked.turn,
      thread: asked.threadId,
      thread_kind: asked.kind,
      thread_found_by: question.match.by,
      profile: decision.profile.name,
      state: settled?.state ?? asked.thread.machine.value,
      resend: asked.resend,
    },
    pin: {
      event: pinWord(decision, served),
      from,
      to: outside ? from : (served?.id ?? null),
      note: outside ? `one turn on ${served?.id}; the pin stays` : pinNote(decision),
    },
    verdict: receiptVerdict(verdict, turn.repetition),
    correction:
      correction === null
        ? null
        : {
            id: correction.id,
            level: correction.level,
            pattern: correction.pattern,
            refused: turn.correctionRefused,
          },
    correctionsCarried: asked.insertions.length - (turn.correctionRefused ? 1 : 0),
    ...toldIn(settled?.steps ?? []),
    strongerTurn: decision.stronger,
  };
}

/** What was said of the request; where that is nothing that needs acting on, what was found in the answer. */
function receiptVerdict(verdict: Verdict | null, repetition: Repetition | null) {
  if (repetition !== null && verdict?.severity !== "firing") {
    const { count } = repetition;
    return { severity: "firing", pattern: STREAM_REPETITION, count, tools: [] };
  }
  if (verdict === null || verdict.severity === "clear") return null;
  const { severity, pattern, count, tools } = verdict;
  return { severity, pattern, count, tools };
}

/** An existing history without a record: said, never passed over. */
function pinNote(decision: Decision): string | null {
  const { transcript } = decision.question;
  const isNew = decision.pinBefore === null && decision.asked.turn === 1;
  if (!isNew || transcript.count < 3) return null;
  return "history without a record: the pin was lost, or the conversation began elsewhere";
}
