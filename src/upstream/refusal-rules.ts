// What each refusal of a provider means, as rules that are asked in order: money, load, speed, keys, size, models.
// Names count before the status, and both before words. Pure. Must never let a provider's text into a fault.

import { makeFault, type Fault } from "../turn/fault.ts";
import type { ErrorBody } from "./error-body.ts";
import type { RetryAfter } from "./retry-after.ts";

/**
 * What a fault is tied to, and so where the turn may be served instead. request: nowhere. context: at a model with a
 * larger one. size: at another provider. key: with another key. key-model: with another key, and this key may go on
 * with other models. deployment: at another one.
 */
export type FaultScope = "request" | "context" | "size" | "key" | "key-model" | "deployment";

/** What is known of a refusal before it is ruled on. */
export interface Refused {
  readonly status: number;
  readonly error: ErrorBody;
  readonly retryAfter: RetryAfter;
}

export interface Ruling {
  readonly fault: Fault;
  readonly scope: FaultScope;
  /** True for a key that will not work by waiting. */
  readonly quarantine?: boolean;
}

/** Names that mean money, whatever else is said. */
const MONEY_NAMES = anywhere(
  "credit_balance",
  "billing",
  "spend_limit",
  "organization_usage_limit",
  "payment_required",
  "insufficient_credit",
);
/** A name that providers also give to a limit that passes by itself. */
const QUOTA_NAMES = /insufficient_quota/i;
/** Sentences about money that come without a name; they must open the message, where no caller's text can stand. */
const MONEY_MESSAGE = /^Your credit balance is too low\b/;
const OVERLOAD_NAMES = exactly(
  "overloaded_error",
  "server_is_overloaded",
  "UNAVAILABLE",
  "ModelNotReady",
  "ServiceUnavailable",
);
const OVERLOAD_STATUSES: ReadonlySet<number> = new Set([498, 503, 529]);
const SPEED_NAMES = exactly(
  "rate_limit_exceeded",
  "rate_limit_error",
  "slow_down",
  "RESOURCE_EXHAUSTED",
  "Throttling",
  "TooManyRequests",
  "ServiceQuotaExceeded",
);
/** Names of a refused key under a status that may also blame the request. */
const KEY_NAMES = exactly(
  "invalid_api_key",
  "API_KEY_INVALID",
  "API_KEY_EXPIRED",
  "authentication_error",
  "UNAUTHENTICATED",
  "UnrecognizedClient",
  "InvalidClientTokenId",
  "IncompleteSignature",
  "InvalidSignature",
  "MissingAuthenticationToken",
  "ExpiredToken",
);
/** Names under status 403 that mean the gateway's account rather than what the caller wrote. */
const ACCOUNT_NAMES = anywhere(
  "permission",
  "api_key",
  "authenticat",
  "authoriz",
  "access_?denied",
  "account",
  "organization",
  "unsupported_country",
  "SERVICE_DISABLED",
);
const PLACE_MESSAGE = /^(User location is not supported|Gemini API free tier is not available)\b/;
const MODEL_NAMES = exactly(
  "model_?not_?found",
  "unknown_model",
  "invalid_model",
  "model_decommissioned",
  "DeploymentNotFound",
  "ResourceNotFound",
);
/** Sentences of a platform about the name or the route it was asked at; so short that no caller's text is in them. */
const MODEL_MESSAGE =
  /^Invocation of model ID .{1,256} with on-demand throughput isn.t supported|isn.t supported on this route/;
const MODEL_MESSAGE_LENGTH_MAX = 512;
const CONTEXT_NAMES = exactly("context_length_exceeded", "model_context_window_exceeded");
const CONTEXT_WORDS = anywhere(
  "context_length_exceeded",
  "maximum context length",
  "too many tokens",
  "prompt is too long",
  "input is too long",
  "maximum number of tokens",
  "exceed context limit",
  "context window",
  "context size",
  "`inputs` tokens",
);
/** The statuses under which those words are the provider's, and not a sign of something else. */
const CONTEXT_STATUSES: ReadonlySet<number> = new Set([400, 403, 413, 422]);
const FILTER_NAMES = exactly(
  "content_policy_violation",
  "content_filter",
  "ResponsibleAIPolicyViolation",
);
const TIMEOUT_NAMES = exactly("DEADLINE_EXCEEDED", "ModelTimeout");
/** Longest wait passed on to a caller, in seconds: a provider's wrong clock must not bench it for days. */
const RETRY_AFTER_SECONDS_MAX = 3_600;

const RULES: readonly ((refused: Refused) => Ruling | null)[] = [
  ruleOnMoney,
  ruleOnLoad,
  ruleOnSpeed,
  ruleOnKey,
  ruleOnSize,
  ruleOnModel,
  ruleOnServer,
];

/** What a refusal means. What no rule knows is the request's own fault. */
export function ruleOn(refused: Refused): Ruling {
  for (const rule of RULES) {
    const ruling = rule(refused);
    if (ruling !== null) return ruling;
  }
  const message = named(refused, FILTER_NAMES)
    ? "The provider's content filter refused the request."
    : "The provider refused the request as invalid.";
  return { fault: makeFault("upstream_invalid_request", message), scope: "request" };
}

function ruleOnMoney(refused: Refused): Ruling | null {
  const { status, error } = refused;
  const told = named(refused, MONEY_NAMES) || MONEY_MESSAGE.test(error.message);
  // Who asks to come back, or names the rate, speaks of speed even where a quota is mentioned.
  const isSpeed = refused.retryAfter.asked || named(refused, SPEED_NAMES);
  const quota = named(refused, QUOTA_NAMES) && !(status === 429 && isSpeed);
  if (status !== 402 && !(isRefusal(status) && (told || quota))) return null;
  const message =
    "The provider refuses this account for billing reasons. The operator has to settle it.";
  return { fault: makeFault("upstream_billing", message), scope: "key", quarantine: true };
}

function ruleOnLoad(refused: Refused): Ruling | null {
  if (!OVERLOAD_STATUSES.has(refused.status) && !named(refused, OVERLOAD_NAMES)) return null;
  const message = "The provider is overloaded. Try again shortly.";
  const fault = makeFault("upstream_overloaded", message, { retryAfterSeconds: 1 });
  return { fault, scope: "deployment" };
}

function ruleOnSpeed(refused: Refused): Ruling | null {
  const { status, retryAfter } = refused;
  // A request that is larger than a whole minute's limit is not healed by waiting.
  if (status === 413 || (status !== 429 && !named(refused, SPEED_NAMES))) return null;
  const told = Math.max(1, Math.ceil((retryAfter.ms ?? 1_000) / 1_000));
  const seconds = Math.min(told, RETRY_AFTER_SECONDS_MAX);
  const message = `The provider limits the rate. Try again in ${seconds} s.`;
  const fault = makeFault("upstream_rate_limited", message, { retryAfterSeconds: seconds });
  return { fault, scope: "key-model" };
}

function ruleOnKey(refused: Refused): Ruling | null {
  const { status, error } = refused;
  const refuses = status === 400 || status === 403;
  const isKey = status === 401 || (refuses && named(refused, KEY_NAMES));
  // A 403 is often about what the caller wrote (moderation): only one that names the account, or says
  // nothing at all, counts against the key, and only for this model.
  const isForbidden = status === 403 && (named(refused, ACCOUNT_NAMES) || error.silent);
  if (!isKey && !isForbidden && !(status === 400 && PLACE_MESSAGE.test(error.message))) return null;
  const message = "The provider refused the gateway's key. The operator has to check it.";
  const fault = makeFault("upstream_rejected_key", message);
  return { fault, scope: isKey ? "key" : "key-model", quarantine: isKey };
}

/** Too long for the model, or too large for the provider: both may be served elsewhere. */
function ruleOnSize(refused: Refused): Ruling | null {
  const { status, error } = refused;
  const words = status === 403 ? error.message : error.words;
  const told = named(refused, CONTEXT_NAMES) || CONTEXT_WORDS.test(words);
  if (CONTEXT_STATUSES.has(status) && told) {
    const message = "The request does not fit the model's context.";
    return { fault: makeFault("upstream_invalid_request", message), scope: "context" };
  }
  if (status !== 413) return null;
  const message = "The request is larger than the provider takes.";
  return { fault: makeFault("upstream_invalid_request", message), scope: "size" };
}

function ruleOnModel(refused: Refused): Ruling | null {
  const { status, error } = refused;
  const scope = "deployment";
  if (status === 405) {
    const message =
      "The provider takes no such requests at this address. The operator has to check its baseUrl.";
    return { fault: makeFault("upstream_model_missing", message), scope };
  }
  const said =
    status === 400 &&
    error.message.length <= MODEL_MESSAGE_LENGTH_MAX &&
    MODEL_MESSAGE.test(error.message);
  if (status !== 404 && !said && !(isRefusal(status) && named(refused, MODEL_NAMES))) return null;
  const message =
    "The provider does not know this model. The operator has to check its name and the provider's baseUrl.";
  return { fault: makeFault("upstream_model_missing", message), scope };
}

function ruleOnServer(refused: Refused): Ruling | null {
  const { status } = refused;
  const scope = "deployment";
  if (status === 408 || status === 504 || named(refused, TIMEOUT_NAMES)) {
    const message = "The provider took too long. Try again.";
    return { fault: makeFault("upstream_timeout", message), scope };
  }
  // 409 is never passed on: agents either storm or die of it (docs/adr/0003). 424: the model behind it failed.
  if (isRefusal(status) && status !== 409 && status !== 424) return null;
  const message = `The provider answered with status ${status}. Try again.`;
  return { fault: makeFault("upstream_unavailable", message), scope };
}

/** These names, as they are or as the class of an exception. */
function exactly(...names: readonly string[]): RegExp {
  return new RegExp(`^(?:${names.join("|")})(?:Exception)?$`, "i");
}

function anywhere(...words: readonly string[]): RegExp {
  return new RegExp(words.join("|"), "i");
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500;
}

function named({ error }: Refused, pattern: RegExp): boolean {
  return error.names.some((name) => pattern.test(name));
}
