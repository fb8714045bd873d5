// A fault as the Messages dialect writes errors, before and inside a stream.
// Must never show a cause, a stack or an upstream's text about keys.

import type { Fault, FaultCode } from "../turn/fault.ts";
import { messageEvent } from "./anthropic-event.ts";

/** The dialect's names for kinds of errors, by status. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [401, "authentication_error"],
  [402, "billing_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [408, "timeout_error"],
  [413, "request_too_large"],
  [429, "rate_limit_error"],
  [504, "timeout_error"],
]);

/**
 * Clients take this name for a model that is short of capacity: they give up early, or go to another model of their
 * own choice. So it is told of a provider that said so, and never of a conversation that is kept on its model.
 */
const OVERLOADED: ReadonlySet<FaultCode> = new Set<FaultCode>(["upstream_overloaded"]);

function errorType({ code, status }: Fault): string {
  if (OVERLOADED.has(code)) return "overloaded_error";
  return TYPES.get(status) ?? (status < 500 ? "invalid_request_error" : "api_error");
}

function errorObject(fault: Fault, requestId: string) {
  const { code, param } = fault;
  const details = {
    error_code: code,
    ...(param === null ? {} : { param }),
    // Which parts of the request a client has to leave out before it tries again.
    ...(code === "thread_unsupported_request" ? { unsupported: ["thread"] } : {}),
  };
  return {
    type: "error",
    error: { type: errorType(fault), message: fault.message, details },
    request_id: requestId,
  };
}

/** The error body of the dialect. */
export function messagesErrorBody(fault: Fault, requestId: string): string {
  return JSON.stringify(errorObject(fault, requestId));
}

/** The error event inside a stream: SDKs of this dialect throw on it, so a cut stream never looks clean. */
export function messagesErrorEvent(fault: Fault, requestId: string): Buffer {
  return Buffer.from(messageEvent(errorObject(fault, requestId)));
}
