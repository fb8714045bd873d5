// A turn that goes on from an answer which only one provider keeps: it is planned for that provider alone, and where
// nobody there can serve it, the client is told so that it sends everything, and any other can.
// Must never send such a turn to a provider that knows nothing of the answer.

import { keptElsewhere, unknownAnswer } from "../api/responses-state.ts";
import type { PinEntry } from "../conversation/record.ts";
import { makePlan, type PlanInput, type PlanResult } from "../routing/plan.ts";
import type { Fault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import { isOfRequest } from "../upstream/classify.ts";
import { reachableFrom } from "../upstream/outbound.ts";
import { finalFault } from "./final-fault.ts";
import { planInput } from "./plan-input.ts";
import type { Sending, Sent } from "./send.ts";
import type { Call, Stations } from "./stations.ts";

/** The plan; where there is none for want of a kept answer alone, the fault says that. */
export function planTurn(call: Call, input: PlanInput): PlanResult {
  const planned = makePlan(input);
  const { needsOwnDialect, identity } = call.request;
  if (planned.ok || needsOwnDialect !== true) return planned;
  if (!makePlan(freed(call, input)).ok) return planned;
  const fault = identity.previousAnswer === null ? keptElsewhere() : unknownAnswer();
  return { ok: false, fault, exclusions: planned.exclusions };
}

/** The fault of a turn whose plan was walked. */
export function walkedFault(stations: Stations, sending: Sending, sent: Sent): Fault | null {
  const { call, profile } = sending;
  const { walked, decision } = sent;
  const fault = finalFault(walked, { decision, profile });
  const { result } = walked;
  if (fault === null || result.kind !== "failed" || result.started) return fault;
  if (isOfRequest(result.failure.scope) || !isAnchored(call)) return fault;
  const pin = decision?.pinBefore ?? null;
  return isServedElsewhere(stations, call, { profile, pin }) ? unknownAnswer() : fault;
}

function isAnchored({ goesOnFrom, request }: Call): boolean {
  return goesOnFrom !== null && request.identity.previousAnswer !== null;
}

/** Whether the turn could go to another provider, if it did not rest on what this one keeps. */
function isServedElsewhere(
  stations: Stations,
  call: Call,
  turn: { readonly profile: Profile; readonly pin: PinEntry | null },
): boolean {
  const planned = makePlan(freed(call, planInput(stations, call, turn)));
  if (!planned.ok) return false;
  return planned.plan.attempts.some(
    ({ deployment }) => deployment.provider !== call.goesOnFrom?.provider,
  );
}

/** The same request with its whole history in it. */
function freed({ request, wire }: Call, input: PlanInput): PlanInput {
  const dialects = reachableFrom(request.dialect, { translates: wire.codec !== null });
  return { ...input, needs: { ...input.needs, dialects, provider: null } };
}
