// What an upstream's refusal means for us: whose fault, may another key or deployment help, when to come back.
// Must never decide by status alone (a 429 can mean money), nor let a provider's text about keys reach a caller.

import { makeFault, type Fault } from "../turn/fault.ts";
import { readErrorBody } from "./error-body.ts";
import { ruleOn, type FaultScope } from "./refusal-rules.ts";
import { readRetryAfter } from "./retry-after.ts";

/**
 * Behind a stream's first byte there is no status to go by: some agents (pi) look in the error's
 * text for words they know from providers, and give up where they find none.
 */
export const RETRY_ADVICE = "You can retry your request.";

export interface UpstreamFault {
  readonly fault: Fault;
  readonly scope: FaultScope;
  /** Milliseconds after which the provider said to come back; null: it did not say. */
  readonly retryAfterMs: number | null;
  /** True for a key that will not work by waiting: refused, or unpaid. */
  readonly quarantine: boolean;
  /** The upstream's own answer, relayed as it is when the request itself was at fault; never a part of it. */
  readonly relay: { readonly status: number; readonly body: Buffer } | null;
}

export interface UpstreamRefusal {
  readonly status: number;
  readonly header: (name: string) => string | null;
  readonly body: Buffer;
  /** False when the body is only the beginning of what was sent. */
  readonly whole: boolean;
  readonly now: number;
}

/** Where a platform names its errors that gives them no name in the body. */
const ERROR_TYPE_HEADER = "x-amzn-errortype";

/** Classifies an answer whose status says it failed. */
export function classifyRefusal(refusal: UpstreamRefusal): UpstreamFault {
  const { status, header, body, whole, now } = refusal;
  const error = readErrorBody(body, header(ERROR_TYPE_HEADER));
  const retryAfter = readRetryAfter(header, error, now);
  const { fault, scope, quarantine } = ruleOn({ status, error, retryAfter });
  return {
    fault,
    scope,
    retryAfterMs: retryAfter.ms,
    quarantine: quarantine ?? false,
    relay: isOfRequest(scope) && whole ? { status, body } : null,
  };
}

/** Whether the request is at fault, and neither key nor provider: nobody's health suffers from it. */
export function isOfRequest(scope: FaultScope): boolean {
  return scope === "request" || scope === "context" || scope === "size";
}

/** Classifies a failure below HTTP: refused, reset, timed out. `started`: bytes of an answer had come. */
export function classifyFailure(error: Error, started: boolean): UpstreamFault {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const fault = failureFault(code, started);
  return { fault, scope: "deployment", retryAfterMs: null, quarantine: false, relay: null };
}

function failureFault(code: string, started: boolean): Fault {
  if (
    code === "UND_ERR_HEADERS_TIMEOUT" ||
    code === "UND_ERR_BODY_TIMEOUT" ||
    code === "FAIRLEAD_TOTAL_TIMEOUT"
  ) {
    const message = `The provider timed out: it sent nothing for too long. ${RETRY_ADVICE}`;
    return makeFault("upstream_timeout", message);
  }
  if (started) {
    const message = `The provider's answer was cut off before its end. ${RETRY_ADVICE}`;
    return makeFault("upstream_stream_cut", message);
  }
  const message = "The provider cannot be reached. Try again shortly.";
  return makeFault("upstream_unavailable", message, { retryAfterSeconds: 1 });
}

/** A fault found in the answer itself rather than in its status. */
export function answerFault(
  code: "upstream_invalid_answer" | "upstream_error_in_stream" | "upstream_stream_cut",
  message: string,
): UpstreamFault {
  return {
    fault: makeFault(code, message),
    scope: "deployment",
    retryAfterMs: null,
    quarantine: false,
    relay: null,
  };
}
