// Turns for which no model is asked: refused by routing, or ended by the conversation itself. They still are turns,
// with a receipt that says why. Must never call an upstream.

import type { Plan } from "../routing/plan.ts";
import type { Fault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import type { AnswerSummary } from "../upstream/dialect.ts";
import { sendEnding, sendFault, type AnswerHead } from "./answer.ts";
import type { Decision } from "./decide.ts";
import type { EndedTurn } from "./ended-turn.ts";
import { endingFault, endingText } from "./ending.ts";
import { logTurn } from "./log-turn.ts";
import { settle } from "./settle.ts";
import type { Call, Stations } from "./stations.ts";

const NOTHING_SAID: AnswerSummary = { usage: null, finish: null, toolCalls: [], pieces: 0 };

export interface Unserved {
  readonly call: Call;
  /** Null on the stateless path. */
  readonly decision: Decision | null;
  readonly profile: Profile;
  readonly fault: Fault;
  readonly exclusions: Plan["exclusions"];
}

/** Answers with the fault, after the books are kept. */
export async function refuseTurn(stations: Stations, unserved: Unserved): Promise<void> {
  const turn = unservedTurn(stations, unserved, "failed");
  const settled = await settle(stations, turn);
  const head = unservedHead(unserved, settled.saved ? null : settled.state);
  sendFault({ head, fault: unserved.fault, relay: null });
  logTurn(stations, turn, settled.receipt);
}

/** The conversation is over: a message its agent can read, or a 403 where a shape was demanded. */
export async function endTurn(stations: Stations, call: Call, decision: Decision): Promise<void> {
  const fault = call.request.demandsShape ? endingFault(decision) : null;
  const ending = { call, decision, profile: decision.profile, fault, exclusions: [] };
  const turn = unservedTurn(stations, ending, "ended");
  const settled = await settle(stations, turn);
  const head = unservedHead(ending, settled.saved ? null : settled.state);
  if (fault === null) sendEnding(head, settled, endingText(decision));
  else sendFault({ head, fault, relay: null });
  logTurn(stations, turn, settled.receipt);
}

function unservedHead(unserved: Omit<Unserved, "fault">, state: string | null): AnswerHead {
  const { call, decision, profile } = unserved;
  return { call, decision, profile: profile.name, plan: null, planned: null, state, warnings: [] };
}

function unservedTurn(
  stations: Stations,
  unserved: Omit<Unserved, "fault"> & { readonly fault: Fault | null },
  outcome: "failed" | "ended",
): EndedTurn {
  const { call, decision, profile, fault, exclusions } = unserved;
  return {
    call,
    decision,
    profile: profile.name,
    plan: null,
    exclusions,
    served: null,
    attempts: [],
    outcome,
    fault,
    summary: NOTHING_SAID,
    repetition: null,
    cut: false,
    correctionRefused: false,
    firstByteMs: null,
    overheadMs: stations.clock.monotonicMs() - call.startedMs,
    warnings: [],
  };
}
