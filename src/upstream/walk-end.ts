// What a walk that found no answer tells: the best of its failures, or that what could answer rests. Pure.
// Must never let the last try decide alone: what another key will serve soon is not lost.

import { makeFault, type Fault } from "../turn/fault.ts";
import type { AttemptResult } from "./attempt.ts";
import { isOfRequest, type UpstreamFault } from "./classify.ts";

/** A try that failed before anything went to the client, and that another one may heal. */
export interface Failed<Step> {
  readonly result: AttemptResult;
  readonly failure: UpstreamFault;
  readonly step: Step;
  readonly key: string;
}

/** Longest wait told to a caller, in seconds. */
const RETRY_AFTER_SECONDS_MAX = 3_600;

export const NOTHING_TRIED: Fault = makeFault(
  "upstream_unavailable",
  "No deployment could be tried for this turn. Try again shortly.",
  { retryAfterSeconds: 1 },
);

/**
 * Of those that may pass by themselves, the one that is rested first; without any such, what the caller can
 * change, else the last.
 * `restMs`: milliseconds until the key and the deployment of a failure have rested. Null: no failure.
 */
export function bestFailure<Step>(
  failures: readonly Failed<Step>[],
  restMs: (failed: Failed<Step>) => number,
): Failed<Step> | null {
  let best: Failed<Step> | null = null;
  for (const failed of failures) {
    const before = best?.failure.fault.retryable === true ? best : null;
    if (before !== null) {
      if (failed.failure.fault.retryable && restMs(failed) <= restMs(before)) best = failed;
    } else if (best === null || failed.failure.fault.retryable || !isCallers(best)) {
      best = failed;
    }
  }
  return best;
}

function isCallers<Step>({ failure }: Failed<Step>): boolean {
  return isOfRequest(failure.scope);
}

/** The fault of a rate limit that ends in `restMs` milliseconds. */
export function rateLimited(restMs: number): Fault {
  const seconds = Math.min(RETRY_AFTER_SECONDS_MAX, Math.max(1, Math.ceil(restMs / 1_000)));
  const message = `The provider limits the rate. Try again in ${seconds} s.`;
  return makeFault("upstream_rate_limited", message, { retryAfterSeconds: seconds });
}

/** The result of a walk that did not ask what it would have asked. */
export function notTried(fault: Fault): AttemptResult {
  const scope = "deployment";
  return failedBefore({ fault, scope, retryAfterMs: null, quarantine: false, relay: null });
}

/** The result of an attempt that sent nothing. */
export function failedBefore(failure: UpstreamFault): AttemptResult {
  return {
    kind: "failed",
    failure,
    warnings: [],
    summary: { usage: null, finish: null, toolCalls: [], pieces: 0 },
    started: false,
    firstByteMs: null,
    totalMs: 0,
    headers: {},
    status: null,
  };
}
