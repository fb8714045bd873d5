// A fault as the client's own dialect writes errors, before and inside a stream.
// Must never show a cause, a stack or an upstream's text about keys.

import type { Fault } from "../turn/fault.ts";

/** OpenAI's names for kinds of errors, by who is to blame and the status. */
function errorType(fault: Fault): string {
  if (fault.status === 401) return "authentication_error";
  if (fault.status === 403) return "permission_error";
  if (fault.status === 429) return "rate_limit_error";
  if (fault.blame === "caller") return "invalid_request_error";
  return "server_error";
}

/** The error body of the chat completions dialect. */
export function chatErrorBody(fault: Fault, requestId: string): string {
  return JSON.stringify({
    error: {
      message: fault.message,
      type: errorType(fault),
      param: fault.param,
      code: fault.code,
      request_id: requestId,
    },
  });
}

/** The error event inside a stream: SDKs of this dialect throw on it, so a cut stream never looks clean. */
export function chatErrorEvent(fault: Fault, requestId: string): Buffer {
  return Buffer.from(`data: ${chatErrorBody(fault, requestId)}\n\n`);
}

/** Headers that go with a fault. */
export function faultHeaders(fault: Fault): Record<string, string> {
  const headers: Record<string, string> = { "content-type": "application/json; charset=utf-8" };
  if (fault.retryAfterSeconds !== null) headers["retry-after"] = String(fault.retryAfterSeconds);
  // SDKs retry some statuses by themselves; what cannot succeed says so.
  if (!fault.retryable) headers["x-should-retry"] = "false";
  return headers;
}
