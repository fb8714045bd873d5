// The life of a turn, station by station. Who reads this file knows the product; nothing here computes anything.
//
//   receive → (conversation: load, decide, pin, store) → plan → send → settle → answer
//
// Must never import a vendor, write to a store by itself, or answer before the books are kept (I1).

import { planTurn, walkedFault } from "./flow/anchored.ts";
import { breakStream, cutEnd, endStream, sendFault, sendJson } from "./flow/answer.ts";
import { countForPlan } from "./flow/context-fit.ts";
import { decide } from "./flow/decide.ts";
import { turnOf } from "./flow/ended-turn.ts";
import { logTurn } from "./flow/log-turn.ts";
import { planInput } from "./flow/plan-input.ts";
import { defaultProfile, receiveTurn } from "./flow/receive.ts";
import { headOf, sendTurn, type Sending, type Sent } from "./flow/send.ts";
import { settle, SETTLE_WAIT_MS, settleWithin, type Settled } from "./flow/settle.ts";
import type { Call, Incoming, Stations } from "./flow/stations.ts";
import { endTurn, refuseTurn } from "./flow/unserved.ts";
import { makeFault, type Fault } from "./turn/fault.ts";

/** Serves one turn, whatever dialect its client speaks. Throws a FaultError for a request that cannot even be read. */
export async function serveTurn(stations: Stations, incoming: Incoming): Promise<void> {
  const call = await receiveTurn(stations, incoming);
  if (call.identity.kind === "conversation") await serveConversation(stations, call);
  else await serveStateless(stations, call);
}

/** The short path: no conversation, no state, one plan. */
async function serveStateless(stations: Stations, call: Call): Promise<void> {
  const profile = call.namedProfile ?? defaultProfile(stations, "defaultProfile");
  const plan = (of: Call) => planTurn(of, planInput(stations, of, { profile, pin: null }));
  const first = plan(call);
  const counted = await countForPlan(stations, call, first.ok ? first.plan : null);
  const planned = counted === null ? first : plan(counted);
  const base = { call, decision: null, profile };
  if (planned.ok) await serve(stations, { ...base, plan: planned.plan });
  else
    await refuseTurn(stations, { ...base, fault: planned.fault, exclusions: planned.exclusions });
}

/** The conversation decides first: thread, verdict, correction, budget, pin. Then the plan is walked. */
async function serveConversation(stations: Stations, call: Call): Promise<void> {
  const decision = await decide(stations, call);
  const { asked, profile, plan, exclusions } = decision;
  if (asked.ending !== null) await endTurn(stations, call, decision);
  else if (plan !== null) await serve(stations, { call, decision, profile, plan });
  else {
    const fault = decision.fault ?? makeFault("internal", "The turn could not be planned.");
    await refuseTurn(stations, { call, decision, profile, fault, exclusions });
  }
}

/** Send, settle, answer. */
async function serve(stations: Stations, sending: Sending): Promise<void> {
  const sent = await sendTurn(stations, sending);
  const { result } = sent.walked;
  const fault = walkedFault(stations, sending, sent);
  const turn = turnOf(sending, sent, fault);
  const streamed = result.kind === "completed" && result.body === null;
  const settled = streamed
    ? await settleWithin(stations, turn, SETTLE_WAIT_MS)
    : await settle(stations, turn);
  answer(stations, { sending, sent, settled, fault });
  logTurn(stations, turn, settled.receipt);
}

interface Answering {
  readonly sending: Sending;
  readonly sent: Sent;
  readonly settled: Settled;
  readonly fault: Fault | null;
}

/** The end of the answer, now that the turn is in the books, or that it is known that it is not. */
function answer(stations: Stations, { sending, sent, settled, fault }: Answering): void {
  const { config } = stations;
  const { walked, decision } = sent;
  const { result } = walked;
  const { call } = sending;
  const state = settled.saved ? null : settled.state;
  const { warnings } = result;
  const head = { ...headOf(sending, decision, walked.step?.planned ?? null), state, warnings };
  // Strict durability: what is not in the books was not answered.
  const refused = !settled.saved && config.durability === "strict" ? UNSAVED : null;
  if (result.kind === "completed" && refused === null) {
    const withGatewayObject = config.receipts.inBody;
    const { headers: upstream, body } = result;
    if (body === null) endStream(call, settled, result.terminal ?? cutEnd(call, settled, result));
    else sendJson({ head, upstream, body, settled, withGatewayObject });
    return;
  }
  const shown = fault ?? refused;
  if (shown === null) return;
  const relay = result.kind === "failed" ? result.failure.relay : null;
  if (result.started) breakStream(call, shown);
  else sendFault({ head, fault: shown, relay });
}

const UNSAVED: Fault = makeFault(
  "state_unavailable",
  "The turn was answered, but its record could not be stored, and this gateway is strict about " +
    "that. You can retry your request.",
);
