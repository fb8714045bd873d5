// A fault as the Responses dialect writes errors, before and inside a stream.
// Must never show a cause, a stack or an upstream's text about keys.

import type { Fault } from "../turn/fault.ts";
import { chatErrorBody } from "./fault-reply.ts";
import { emptyResponse } from "./responses-event.ts";

/** The error body is the same in all dialects of this vendor. */
export const responsesErrorBody = chatErrorBody;

/** Number of an event whose predecessors are not known here: no stream comes near it. */
const LAST_NUMBER = 1_000_000_000;

/**
 * Two events, because clients listen to one or the other: SDKs throw on `error`, agents take `response.failed` for
 * the end of an answer. In this order: an SDK would miss in the second the id of its answer, which is not known here.
 */
export function responsesErrorEvent(fault: Fault, requestId: string): Buffer {
  const { code, message, param } = fault;
  const response = {
    ...emptyResponse({ requestId, model: "", created: 0 }),
    status: "failed",
    error: { code, message },
  };
  const error: unknown = JSON.parse(responsesErrorBody(fault, requestId));
  const nested =
    typeof error === "object" && error !== null && "error" in error ? error.error : null;
  const events = [
    { type: "error", sequence_number: LAST_NUMBER, code, message, param, error: nested },
    { type: "response.failed", sequence_number: LAST_NUMBER + 1, response },
  ];
  const lines = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  return Buffer.from(lines.join(""));
}
