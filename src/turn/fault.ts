// Every way a turn can fail, as one closed table: code, status, who is to blame, may it be tried again.
// Must never: carry prompts, keys or upstream secrets in a message, nor invent a code outside this table.

/** Who has to change something for the fault to go away. */
export type Blame = "caller" | "gateway" | "upstream" | "operator";

interface FaultKind {
  /** HTTP status the client sees. */
  readonly status: number;
  readonly blame: Blame;
  /** True when the very same request may succeed later. Policy refusals are never retryable. */
  readonly retryable: boolean;
}

const caller = (status: number): FaultKind => ({ status, blame: "caller", retryable: false });
const upstream = (status: number): FaultKind => ({ status, blame: "upstream", retryable: true });

// 409 is missing on purpose: seven of ten agent clients retry it and three die of it (docs/adr/0003).
const FAULTS = {
  invalid_json: caller(400),
  invalid_encoding: caller(400),
  invalid_request: caller(400),
  duplicate_field: caller(400),
  body_too_deep: caller(400),
  body_too_large: caller(413),
  headers_too_large: caller(431),
  unsupported_encoding: caller(415),
  unsupported_media_type: caller(415),
  invalid_header: caller(400),
  invalid_conversation_id: caller(400),
  unknown_profile: caller(400),
  invalid_hints: caller(400),
  thread_unsupported_request: caller(400),
  previous_response_not_found: caller(400),
  model_not_found: caller(404),
  no_capable_model: caller(400),
  missing_api_key: caller(401),
  invalid_api_key: caller(401),
  forbidden: caller(403),
  conversation_ended: caller(403),
  not_found: caller(404),
  method_not_allowed: caller(405),
  upgrade_required: caller(426),
  request_timeout: caller(408),
  // Not a 5xx, although the operator is to blame: clients retry those, and no retry will rate a model.
  floor_unmet: { status: 400, blame: "operator", retryable: false },
  no_deployment: { status: 400, blame: "operator", retryable: false },
  pinned_model_unavailable: upstream(503),
  upstream_unavailable: upstream(502),
  upstream_timeout: upstream(504),
  upstream_overloaded: upstream(503),
  upstream_rate_limited: upstream(429),
  upstream_rejected_key: { status: 502, blame: "operator", retryable: false },
  upstream_billing: { status: 402, blame: "operator", retryable: false },
  upstream_model_missing: { status: 502, blame: "operator", retryable: false },
  upstream_invalid_request: { status: 400, blame: "caller", retryable: false },
  upstream_invalid_answer: upstream(502),
  upstream_stream_cut: upstream(502),
  upstream_error_in_stream: upstream(502),
  client_closed_request: { status: 499, blame: "caller", retryable: false },
  queue_full: { status: 503, blame: "gateway", retryable: true },
  state_unavailable: { status: 503, blame: "gateway", retryable: true },
  shutting_down: { status: 503, blame: "gateway", retryable: true },
  internal: { status: 500, blame: "gateway", retryable: true },
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof FAULTS;

export interface Fault extends FaultKind {
  readonly code: FaultCode;
  /** One or two sentences that say what happened and what to do next. Safe to show to the caller. */
  readonly message: string;
  /** Name of the field or header at fault, if there is one. */
  readonly param: string | null;
  /** Whole seconds after which a retry makes sense, for the Retry-After header. */
  readonly retryAfterSeconds: number | null;
}

interface FaultDetail {
  readonly param?: string;
  readonly retryAfterSeconds?: number;
}

/** Builds the fault of this code. Pure; `message` must be safe to show to the caller. */
export function makeFault(code: FaultCode, message: string, detail: FaultDetail = {}): Fault {
  return {
    code,
    ...FAULTS[code],
    message,
    param: detail.param ?? null,
    retryAfterSeconds: detail.retryAfterSeconds ?? null,
  };
}

/** A fault on its way across I/O: thrown in a station, caught once where the answer is written. */
export class FaultError extends Error {
  override readonly name = "FaultError";
  readonly fault: Fault;

  constructor(fault: Fault, cause?: unknown) {
    super(fault.message, { cause });
    this.fault = fault;
  }
}

/** Shorthand for `throw new FaultError(makeFault(…))` as an expression. */
export function throwFault(code: FaultCode, message: string, detail: FaultDetail = {}): never {
  throw new FaultError(makeFault(code, message, detail));
}
