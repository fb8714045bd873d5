// The one fault a caller sees when every attempt has failed, and when to come back. Pure.
// Must never blame the caller for an outage, nor offer a locked conversation another model.

import type { PlannedAttempt } from "../routing/plan.ts";
import { makeFault, type Fault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import { rateLimited } from "../upstream/walk-end.ts";
import type { Walked } from "../upstream/walk.ts";
import type { Decision } from "./decide.ts";

/** Bounds of the Retry-After of a pinned model, in seconds: soon enough for an agent, late enough for a provider. */
const RETRY_AFTER_SECONDS_MIN = 1;
const RETRY_AFTER_SECONDS_MAX = 60;

/** Null: nothing failed, or nobody is left to be told. */
export function finalFault(
  walked: Walked<PlannedAttempt>,
  turn: { readonly decision: Decision | null; readonly profile: Profile },
): Fault | null {
  const { result, restMs } = walked;
  if (result.kind === "completed") return null;
  if (result.kind === "aborted") {
    const message = "The client left, or stopped reading, before the end of the answer.";
    return makeFault("client_closed_request", message);
  }
  const { fault, scope } = result.failure;
  // The stream has begun, or the request itself is at fault: another deployment would not help.
  if (result.started || scope === "request") return fault;
  // No waiting helps: only the operator can, and must be told. A full queue is the gateway's own matter.
  if (!fault.retryable || fault.blame === "gateway") return fault;
  // A side request sets no pin: without one there is nothing it could be held to.
  const { decision } = turn;
  const held = decision !== null && (decision.asked.kind !== "side" || decision.pinBefore !== null);
  const locked = held && turn.profile.pin.mode === "lock";
  return locked ? pinnedFault(walked, fault) : soonest(fault, restMs);
}

/** The fault with the Retry-After of what may be tried first again. */
function soonest(fault: Fault, restMs: number): Fault {
  if (fault.code === "upstream_rate_limited") return rateLimited(restMs);
  return restMs > 0 ? { ...fault, retryAfterSeconds: Math.ceil(restMs / 1_000) } : fault;
}

function pinnedFault({ step, restMs }: Walked<PlannedAttempt>, fault: Fault): Fault {
  const model = step?.deployment.model ?? "the pinned model";
  const seconds = Math.min(
    RETRY_AFTER_SECONDS_MAX,
    Math.max(RETRY_AFTER_SECONDS_MIN, Math.ceil(restMs / 1_000)),
  );
  const message =
    `This conversation is pinned to ${model}, and no deployment of it answered (${fault.code}). ` +
    `It is kept on its model rather than moved to another one. Try again in ${seconds} s.`;
  return makeFault("pinned_model_unavailable", message, { retryAfterSeconds: seconds });
}
