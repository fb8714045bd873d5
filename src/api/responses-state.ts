// What a Responses request may name that only a provider keeps: the answer it goes on from. Where that cannot be had,
// clients are told in the words they know, and send everything.

import { makeFault, throwFault, type Fault } from "../turn/fault.ts";

const UNKNOWN_ANSWER =
  "The answer that `previous_response_id` names is not kept where this turn can be served. " +
  "Send the whole conversation in `input`, without `previous_response_id`.";

export function unknownAnswer(): Fault {
  return makeFault("previous_response_not_found", UNKNOWN_ANSWER, {
    param: "previous_response_id",
  });
}

/** A request that names single items, or a conversation, instead of sending them. */
export function keptElsewhere(): Fault {
  const message =
    "The request names items, or a conversation, that only another provider can have kept. " +
    "Send the items themselves in `input` (with `store: false`, SDKs do).";
  return makeFault("invalid_request", message, { param: "input" });
}

export function throwUnknownAnswer(): never {
  return throwFault("previous_response_not_found", UNKNOWN_ANSWER, {
    param: "previous_response_id",
  });
}
