// What an upstream's refusal means for us: whose fault, may another key or deployment help, when to come back.
// Must never decide by status alone (a 429 can mean money), nor let a provider's text about keys reach a caller.

import { makeFault, type Fault } from "../turn/fault.ts";
import { readErrorBody, type ErrorBody } from "./error-body.ts";

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
const BILLING_NAMES =
  /insufficient_quota|credit_balance|billing|spend_limit|organization_usage_limit|payment_required/i;
/** A name that means speed, whatever else the body says. */
const RATE_NAMES = /^rate_limit_exceeded$/i;
/** Names of a refused key under a status that blames the request. */
const KEY_NAMES = /^(invalid_api_key|API_KEY_INVALID|authentication_error)$/i;
/** Names under status 403 that mean the gateway's account rather than what the caller wrote. */
const ACCOUNT_NAMES =
  /permission|api_key|authenticat|authoriz|access_?denied|account|organization|unsupported_country/i;
const MODEL_NAMES = /^model_not_found$/i;
const OVERFLOW_WORDS =
  /context_length_exceeded|maximum context length|too many tokens|prompt is too long/i;
/** The statuses under which those words are the provider's, and not a sign of something else. */
const OVERFLOW_STATUSES: ReadonlySet<number> = new Set([400, 413, 422]);
/** Longest wait passed on to a caller, in seconds: a provider's wrong clock must not bench it for days. */
const RETRY_AFTER_SECONDS_MAX = 3_600;

/** What is known of a refusal before its status is looked at. */
interface Reading {
  readonly status: number;
  readonly error: ErrorBody;
  readonly words: string;
  readonly retryAfterMs: number | null;
}

interface Ruling {
  readonly fault: Fault;
  readonly scope: FaultScope;
  readonly quarantine?: boolean;
}

/** Classifies an answer whose status says it failed. */
export function classifyRefusal(refusal: UpstreamRefusal): UpstreamFault {
  const { status, body, whole } = refusal;
  const retryAfterMs = readRetryAfter(refusal);
  const reading = { status, error: readErrorBody(body), words: errorWords(body), retryAfterMs };
  const { fault, scope, quarantine } =
    ruleOnAccount(reading) ?? ruleOnDeployment(reading) ?? ruleOnRequest(reading);
  return {
    fault,
    scope,
    retryAfterMs,
    quarantine: quarantine ?? false,
    relay: scope === "request" && whole ? { status, body } : null,
  };
}

/** What another key could heal: money, speed, a key that is refused. */
function ruleOnAccount({ status, error, retryAfterMs }: Reading): Ruling | null {
  const names = (pattern: RegExp): boolean => error.names.some((name) => pattern.test(name));
  const isRefused = status >= 400 && status < 500;
  // Who says when to come back, or that it is about the rate, speaks of speed even where money is mentioned.
  const isSpeed = status === 429 && (retryAfterMs !== null || names(RATE_NAMES));
  if (status === 402 || (isRefused && !isSpeed && names(BILLING_NAMES))) {
    const message =
      "The provider refuses this account for billing reasons. The operator has to settle it.";
    return { fault: makeFault("upstream_billing", message), scope: "key", quarantine: true };
  }
  if (status === 429) {
    const told = Math.max(1, Math.ceil((retryAfterMs ?? 1_000) / 1_000));
    const seconds = Math.min(told, RETRY_AFTER_SECONDS_MAX);
    const message = `The provider limits the rate. Try again in ${seconds} s.`;
    const detail = { retryAfterSeconds: seconds };
    return { fault: makeFault("upstream_rate_limited", message, detail), scope: "key" };
  }
  const isKey = status === 401 || ((status === 400 || status === 403) && names(KEY_NAMES));
  // A 403 is often about what the caller wrote (moderation): only one that names the account, or says
  // nothing at all, counts against the key.
  if (isKey || (status === 403 && (names(ACCOUNT_NAMES) || error.silent))) {
    const message = "The provider refused the gateway's key. The operator has to check it.";
    return { fault: makeFault("upstream_rejected_key", message), scope: "key", quarantine: isKey };
  }
  return null;
}

/** What another deployment could heal. */
function ruleOnDeployment({ status, error }: Reading): Ruling | null {
  const scope = "deployment";
  if (status === 405) {
    const message =
      "The provider takes no chat completions at this address. The operator has to check its baseUrl.";
    return { fault: makeFault("upstream_model_missing", message), scope };
  }
  if (status === 404 || (status === 403 && error.names.some((name) => MODEL_NAMES.test(name)))) {
    const message =
      "The provider does not know this model. The operator has to check its name and the provider's baseUrl.";
    return { fault: makeFault("upstream_model_missing", message), scope };
  }
  if (status === 408 || status === 504) {
    const message = "The provider took too long. Try again.";
    return { fault: makeFault("upstream_timeout", message), scope };
  }
  if (status === 503 || status === 529) {
    const message = "The provider is overloaded. Try again shortly.";
    const detail = { retryAfterSeconds: 1 };
    return { fault: makeFault("upstream_overloaded", message, detail), scope };
  }
  // 409 is never passed on: agents either storm or die of it (docs/adr/0003).
  if (status >= 500 || status < 400 || status === 409) {
    const message = `The provider answered with status ${status}. Try again.`;
    return { fault: makeFault("upstream_unavailable", message), scope };
  }
  return null;
}

/** What is left is the request's own fault. */
function ruleOnRequest({ status, words }: Reading): Ruling {
  const message =
    OVERFLOW_STATUSES.has(status) && OVERFLOW_WORDS.test(words)
      ? "The request does not fit the model's context."
      : "The provider refused the request as invalid.";
  return { fault: makeFault("upstream_invalid_request", message), scope: "request" };
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
