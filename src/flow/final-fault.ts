// The one fault a caller sees when every attempt has failed, and when to come back. Pure.
// Must never blame the caller for an outage, nor offer a locked conversation another model.

import type { PlannedAttempt } from "../routing/plan.ts";
import { makeFault, type Fault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
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
  const { result } = walked;
  if (result.kind === "completed") return null;
  if (result.kind === "aborted") {
    return makeFault("client_closed_request", "The client closed the request before its end.");
  }
  const { fault, scope } = result.failure;
  const locked = turn.decision !== null && turn.profile.pin.mode === "lock";
  // The stream has begun, or the request itself is at fault: another deployment would not help.
  if (result.started || scope === "request" || !locked) return fault;
  const model = walked.step?.deployment.model ?? "the pinned model";
  const seconds = Math.min(
    RETRY_AFTER_SECONDS_MAX,
    Math.max(
      RETRY_AFTER_SECONDS_MIN,
      Math.ceil(walked.restMs / 1_000),
      fault.retryAfterSeconds ?? 0,
    ),
  );
  const message =
    `This conversation is pinned to ${model}, and no deployment of it answered (last: ${fault.code}). ` +
    `It is kept on its model rather than moved to another one. Try again in ${seconds} s.`;
  return makeFault("pinned_model_unavailable", message, { retryAfterSeconds: seconds });
}
