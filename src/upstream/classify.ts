// What an upstream's refusal means for us: whose fault, may another key or deployment help, when to come back.
// Must never decide by status alone (a 429 can mean money), nor let a provider's text about keys reach a caller.

import { makeFault, type Fault } from "../turn/fault.ts";

/**
 * Behind a stream's first byte there is no status to go by: some agents (pi) look in the error's
 * text for words they know from providers, and give up where they find none.
 */
export const RETRY_ADVICE = "You can retry your request.";

/** What the fault is tied to: only a request-wide fault is the caller's own, the others may heal elsewhere. */
export type FaultScope = "request" | "key" | "deployment";

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

/** Names that mean money rather than speed, whatever the status. */
const BILLING_CODES =
  /insufficient_quota|credit_balance_exhausted|billing|spend_limit|organization_usage_limit|payment_required/i;
const OVERFLOW_CODES =
  /context_length_exceeded|maximum context length|too many tokens|prompt is too long/i;

/**
 * A refused key under a status that blames the request. A prompt that is quoted back cannot match,
 * because the quotes in it are escaped.
 */
const KEY_CODES = /"code"\s*:\s*"invalid_api_key"|"reason"\s*:\s*"API_KEY_INVALID"/;
/** Longest wait passed on to a caller, in seconds: a provider's wrong clock must not bench it for days. */
const RETRY_AFTER_SECONDS_MAX = 3_600;

/** Classifies an answer whose status says it failed. */
export function classifyRefusal(refusal: UpstreamRefusal): UpstreamFault {
  const { status, body, whole } = refusal;
  const words = errorWords(body);
  const retryAfterMs = readRetryAfter(refusal);
  const relay = { status, body };
  const make = (fault: Fault, scope: FaultScope, quarantine = false): UpstreamFault => ({
    fault,
    scope,
    retryAfterMs,
    quarantine,
    relay: scope === "request" && whole ? relay : null,
  });
  if (status === 402 || (status === 429 && BILLING_CODES.test(words))) {
    const message =
      "The provider refuses this account for billing reasons. The operator has to settle it.";
    return make(makeFault("upstream_billing", message), "key", true);
  }
  if (status === 429) {
    const told = Math.max(1, Math.ceil((retryAfterMs ?? 1_000) / 1_000));
    const seconds = Math.min(told, RETRY_AFTER_SECONDS_MAX);
    const message = `The provider limits the rate. Try again in ${seconds} s.`;
    return make(makeFault("upstream_rate_limited", message, { retryAfterSeconds: seconds }), "key");
  }
  if (OVERFLOW_CODES.test(words))
    return make(invalidRequest("The request does not fit the model's context."), "request");
  if (status === 401 || status === 403 || (status === 400 && KEY_CODES.test(words))) {
    const message = "The provider refused the gateway's key. The operator has to check it.";
    return make(makeFault("upstream_rejected_key", message), "key", status !== 403);
  }
  if (status === 404) {
    const message = "The provider does not know this model. The operator has to check its name.";
    return make(makeFault("upstream_model_missing", message), "deployment");
  }
  if (status === 408 || status === 504) {
    return make(
      makeFault("upstream_timeout", "The provider took too long. Try again."),
      "deployment",
    );
  }
  if (status === 503 || status === 529) {
    const message = "The provider is overloaded. Try again shortly.";
    return make(makeFault("upstream_overloaded", message, { retryAfterSeconds: 1 }), "deployment");
  }
  // 409 is never passed on: agents either storm or die of it (docs/adr/0003).
  if (status >= 500 || status < 400 || status === 409) {
    const message = `The provider answered with status ${status}. Try again.`;
    return make(makeFault("upstream_unavailable", message), "deployment");
  }
  return make(invalidRequest("The provider refused the request as invalid."), "request");
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

function invalidRequest(message: string): Fault {
  return makeFault("upstream_invalid_request", message);
}

/** Most of an error body that is searched for known words, in bytes. */
const ERROR_WORDS_BYTES = 4_096;

function errorWords(body: Buffer): string {
  return body.subarray(0, ERROR_WORDS_BYTES).toString("latin1");
}

/** `retry-after-ms`, then `retry-after` in seconds or as a date. Garbage counts as not said. */
function readRetryAfter(refusal: UpstreamRefusal): number | null {
  const exact = Number(refusal.header("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(exact) && exact >= 0) return exact;
  const text = refusal.header("retry-after");
  if (text === null) return null;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - refusal.now);
}
