// The life of a turn, station by station. Who reads this file knows the product; nothing here computes anything.
//
//   receive → (conversation: load, decide, pin, store) → plan → send → settle → answer
//
// Must never import a vendor, write to a store by itself, or answer before the books are kept (I1).

import { makePlan } from "./routing/plan.ts";
import type { Plan, PlannedAttempt } from "./routing/plan.ts";
import { makeFault, type Fault } from "./turn/fault.ts";
import type { Profile } from "./turn/profile.ts";
import type { AnswerSummary } from "./upstream/dialect.ts";
import type { Walked } from "./upstream/walk.ts";
import { breakStream, endStream, sendEnding, sendFault, sendJson } from "./flow/answer.ts";
import type { AnswerHead } from "./flow/answer.ts";
import { decide, type Decision } from "./flow/decide.ts";
import { endingText, endingFault } from "./flow/ending.ts";
import type { EndedTurn } from "./flow/ended-turn.ts";
import { logTurn } from "./flow/log-turn.ts";
import { planInput } from "./flow/plan-input.ts";
import { defaultProfile, receiveChat } from "./flow/receive.ts";
import { finalFault } from "./flow/final-fault.ts";
import { headOf, sendTurn, type Sending } from "./flow/send.ts";
import { settle, SETTLE_WAIT_MS, settleWithin } from "./flow/settle.ts";
import type { Call, Incoming, Stations } from "./flow/stations.ts";

const NOTHING_SAID: AnswerSummary = { usage: null, finish: null, toolCalls: [], pieces: 0 };

/** Serves one chat completions request. Throws a FaultError for a request that cannot even be read. */
export async function serveChat(stations: Stations, incoming: Incoming): Promise<void> {
  const call = await receiveChat(stations, incoming);
  if (call.identity.kind === "conversation") await serveConversation(stations, call);
  else await serveStateless(stations, call);
}

/** The short path: no conversation, no state, one plan. */
async function serveStateless(stations: Stations, call: Call): Promise<void> {
  const profile = call.namedProfile ?? defaultProfile(stations, "defaultProfile");
  const planned = makePlan(planInput(stations, call, { profile, pin: null }));
  if (planned.ok) return serve(stations, { call, decision: null, profile, plan: planned.plan });
  return refuse(stations, { call, decision: null, profile, fault: planned.fault, exclusions: planned.exclusions });
}

async function serveConversation(stations: Stations, call: Call): Promise<void> {
  const decision = await decide(stations, call);
  const { profile, plan } = decision;
  if (decision.asked.ending !== null) return end(stations, call, decision);
  if (plan !== null) return serve(stations, { call, decision, profile, plan });
  const fault = decision.fault ?? makeFault("internal", "The turn could not be planned. Try again.");
  return refuse(stations, { call, decision, profile, fault, exclusions: decision.exclusions });
}

/** Send, settle, answer. */
async function serve(stations: Stations, sending: Sending): Promise<void> {
  const { call } = sending;
  const { walked, decision, overheadMs } = await sendTurn(stations, sending);
  const { result } = walked;
  const head = headOf(sending, decision, walked.step?.planned ?? null);
  const turn = endedTurn({ sending, decision, walked, overheadMs });
  if (result.kind === "completed" && result.body === null) {
    const settled = await settleWithin(stations, turn, SETTLE_WAIT_MS);
    if (settled.saved || stations.config.durability === "normal") endStream(call, settled, result.terminal ?? "");
    else breakStream(call, UNSAVED);
    return logTurn(stations, turn, settled.receipt);
  }
  const settled = await settle(stations, turn);
  if (result.kind === "completed" && result.body !== null) {
    const strict = !settled.saved && stations.config.durability === "strict";
    const withGatewayObject = stations.config.receipts.inBody;
    if (strict) sendFault({ head, fault: UNSAVED, relay: null });
    else sendJson({ head, upstream: result.headers, body: result.body, settled, withGatewayObject });
  } else if (turn.fault !== null && result.started) {
    breakStream(call, turn.fault);
  } else if (turn.fault !== null) {
    const relay = result.kind === "failed" ? result.failure.relay : null;
    sendFault({ head: { ...head, state: settled.state }, fault: turn.fault, relay });
  }
  return logTurn(stations, turn, settled.receipt);
}

const UNSAVED: Fault = makeFault(
  "state_unavailable",
  "The turn was answered, but its record could not be stored, and this gateway is set to be strict. Send it again.",
);

interface Ended {
  readonly sending: Sending;
  readonly decision: Decision | null;
  readonly walked: Walked<PlannedAttempt>;
  readonly overheadMs: number;
}

function endedTurn({ sending, decision, walked, overheadMs }: Ended): EndedTurn {
  const { call, plan, profile } = sending;
  const { result } = walked;
  const fault = finalFault(walked, { decision, profile });
  const failed = result.started ? ("cut" as const) : ("failed" as const);
  return {
    call,
    decision,
    profile: profile.name,
    plan,
    exclusions: plan.exclusions,
    served: walked.step?.deployment ?? null,
    attempts: walked.attempts,
    outcome: result.kind === "failed" ? failed : result.kind,
    fault,
    summary: result.summary,
    correctionRefused: walked.correctionRefused,
    firstByteMs: result.firstByteMs,
    overheadMs,
    warnings: [],
  };
}

interface Unserved {
  readonly call: Call;
  readonly decision: Decision | null;
  readonly profile: Profile;
  readonly fault: Fault | null;
  readonly exclusions: Plan["exclusions"];
}

/** A turn for which no model is asked still is a turn: it has a receipt that says why. */
async function refuse(stations: Stations, unserved: Unserved & { readonly fault: Fault }): Promise<void> {
  const turn = unservedTurn(stations, unserved, "failed");
  const settled = await settle(stations, turn);
  sendFault({ head: unservedHead(unserved, settled.state), fault: unserved.fault, relay: null });
  logTurn(stations, turn, settled.receipt);
}

/** The conversation is over: a message its agent can read, or a 403 where a shape was demanded. */
async function end(stations: Stations, call: Call, decision: Decision): Promise<void> {
  const fault = call.request.demandsShape ? endingFault(decision) : null;
  const unserved = { call, decision, profile: decision.profile, fault, exclusions: [] };
  const turn = unservedTurn(stations, unserved, "ended");
  const settled = await settle(stations, turn);
  const head = unservedHead(unserved, settled.state);
  if (fault === null) sendEnding(head, settled, endingText(decision));
  else sendFault({ head, fault, relay: null });
  logTurn(stations, turn, settled.receipt);
}

function unservedHead(unserved: Unserved, state: string | null): AnswerHead {
  const { call, decision, profile } = unserved;
  return { call, decision, profile: profile.name, plan: null, planned: null, state };
}

function unservedTurn(stations: Stations, unserved: Unserved, outcome: "failed" | "ended"): EndedTurn {
  const { call, decision, profile, fault, exclusions } = unserved;
  return {
    call, decision, profile: profile.name, plan: null, exclusions, served: null, attempts: [],
    outcome, fault, summary: NOTHING_SAID, correctionRefused: false, firstByteMs: null,
    overheadMs: stations.clock.monotonicMs() - call.startedMs, warnings: [],
  };
}
