// The errors of OpenAI's API, the same for chat, responses and embeddings.
// Must never say more than status, type and code: classifiers read these, not the words.

import type { ErrorOptions, WireError } from "./dialect.ts";
import type { ErrorName } from "./step.ts";

interface Row {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly message: string;
}

const ERRORS: Readonly<Record<ErrorName, Row>> = {
  rate_limited: {
    status: 429,
    type: "requests",
    code: "rate_limit_exceeded",
    message: "Rate limit reached for requests.",
  },
  overloaded: {
    status: 503,
    type: "service_unavailable_error",
    code: "server_is_overloaded",
    message: "Our servers are currently overloaded. Please try again later.",
  },
  server: {
    status: 500,
    type: "server_error",
    code: null,
    message: "The server had an error while processing your request.",
  },
  context_overflow: {
    status: 400,
    type: "invalid_request_error",
    code: "context_length_exceeded",
    message: "Your input exceeds the context window of this model.",
  },
  invalid_key: {
    status: 401,
    type: "invalid_request_error",
    code: "invalid_api_key",
    message: "Incorrect API key provided.",
  },
  billing: {
    status: 429,
    type: "insufficient_quota",
    code: "insufficient_quota",
    message: "You exceeded your current quota.",
  },
  invalid_request: {
    status: 400,
    type: "invalid_request_error",
    code: null,
    message: "Invalid request.",
  },
  model_missing: {
    status: 404,
    type: "invalid_request_error",
    code: "model_not_found",
    message: "The model does not exist or you do not have access to it.",
  },
};

export function openaiError(
  error: ErrorName,
  { retryAfterSeconds }: ErrorOptions,
): WireError & {
  readonly json: { readonly error: Omit<Row, "status"> & { readonly param: null } };
} {
  const { status, ...row } = ERRORS[error];
  const headers = retryAfterSeconds === null ? {} : { "retry-after": String(retryAfterSeconds) };
  return { status, headers, json: { error: { ...row, param: null } } };
}
