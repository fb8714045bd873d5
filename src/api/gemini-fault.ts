// A fault as the Gemini dialect writes errors, before and inside a stream.
// Must never show a cause, a stack or an upstream's text about keys.

import type { Fault } from "../turn/fault.ts";
import { geminiEvent } from "./gemini-event.ts";

/** The dialect's names for kinds of errors, by status. */
const STATUSES: ReadonlyMap<number, string> = new Map([
  [401, "UNAUTHENTICATED"],
  [402, "FAILED_PRECONDITION"],
  [403, "PERMISSION_DENIED"],
  [404, "NOT_FOUND"],
  [408, "DEADLINE_EXCEEDED"],
  [429, "RESOURCE_EXHAUSTED"],
  [499, "CANCELLED"],
  [500, "INTERNAL"],
  [502, "UNAVAILABLE"],
  [503, "UNAVAILABLE"],
  [504, "DEADLINE_EXCEEDED"],
]);

const GOOGLE_RPC = "type.googleapis.com/google.rpc";

function errorObject(fault: Fault, requestId: string) {
  const { code, status, message, param, retryAfterSeconds } = fault;
  const info = {
    "@type": `${GOOGLE_RPC}.ErrorInfo`,
    reason: code.toUpperCase(),
    domain: "fairlead",
    metadata: { code, requestId, ...(param === null ? {} : { param }) },
  };
  // Clients of this dialect look for patience here, not in a header.
  const retry = {
    "@type": `${GOOGLE_RPC}.RetryInfo`,
    retryDelay: `${retryAfterSeconds ?? 0}s`,
  };
  return {
    error: {
      code: status,
      message,
      status: STATUSES.get(status) ?? (status < 500 ? "INVALID_ARGUMENT" : "INTERNAL"),
      details: retryAfterSeconds === null ? [info] : [info, retry],
    },
  };
}

/** The error body of the dialect. */
export function geminiErrorBody(fault: Fault, requestId: string): string {
  return JSON.stringify(errorObject(fault, requestId));
}

/** The error event inside a stream: SDKs of this dialect throw on it, so a cut stream never looks clean. */
export function geminiErrorEvent(fault: Fault, requestId: string): Buffer {
  return Buffer.from(geminiEvent(errorObject(fault, requestId)));
}
