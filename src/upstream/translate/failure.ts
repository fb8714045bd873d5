// What it means that a translated attempt failed: from what the transport saw, not from what a package says.
// Must never show a provider's words that hold a secret, nor let the words into the fault itself.

import { FaultError, makeFault, type Fault } from "../../turn/fault.ts";
import { answerFault, classifyFailure, classifyRefusal, RETRY_ADVICE } from "../classify.ts";
import type { UpstreamFault } from "../classify.ts";
import { asObject, parseJson } from "../json-object.ts";
import { AnswerTooLargeError, type ExchangeNotes } from "./exchange.ts";

/** Longest text of a provider that is passed on, in characters. */
const TEXT_LENGTH_MAX = 1_000;

export interface FailureView {
  readonly error: unknown;
  readonly notes: ExchangeNotes;
  readonly stream: boolean;
  /** The error body of the client's dialect. */
  readonly errorBody: (fault: Fault) => string;
  readonly now: number;
}

export function failureOf(view: FailureView): UpstreamFault {
  const { error, notes } = view;
  if (error instanceof FaultError) return requestFault(error.fault);
  if (notes.refusal !== null) return refusal(view);
  if (notes.failure instanceof AnswerTooLargeError) {
    const message = "The provider's answer is larger than limits.answerBytesMax allows.";
    return answerFault("upstream_invalid_answer", message);
  }
  if (notes.failure !== null) return classifyFailure(notes.failure, notes.firstByteMs !== null);
  if (notes.status === null) return requestFault(untranslatable(error));
  if (view.stream) {
    const message = `The provider reported an error inside its answer. ${RETRY_ADVICE}`;
    return answerFault("upstream_error_in_stream", message);
  }
  const message = "The provider's answer is not one of its dialect. Try again.";
  return answerFault("upstream_invalid_answer", message);
}

/** The request itself cannot be served here: nobody's health suffers from it. */
export function requestFault(fault: Fault): UpstreamFault {
  return { fault, scope: "request", retryAfterMs: null, quarantine: false, relay: null };
}

/** Nothing was sent: the package could not write the request. */
function untranslatable(error: unknown): Fault {
  const told = asObject(error)?.["functionality"];
  const what = typeof told === "string" ? `: ${told.slice(0, 200)}` : ".";
  const message = `The request cannot be translated for this model${what}`;
  return makeFault("upstream_invalid_request", message);
}

/** Where the request was at fault, the client gets the provider's words in its own dialect. */
function refusal({ notes, errorBody, now }: FailureView): UpstreamFault {
  const { body, whole } = notes.refusal ?? { body: Buffer.alloc(0), whole: false };
  const header = (name: string): string | null => {
    const value = notes.headers[name];
    return typeof value === "string" ? value : null;
  };
  const status = notes.status ?? 500;
  const failure = classifyRefusal({ status, header, body, whole, now });
  if (failure.relay === null) return failure;
  const said = messageOf(body);
  const message = said === "" ? failure.fault.message : `The provider said: ${said}`;
  const told = errorBody({ ...failure.fault, message });
  return { ...failure, relay: { status, body: Buffer.from(told) } };
}

/** The text of an error body, wherever its dialect keeps it. */
function messageOf(body: Buffer): string {
  const parsed = parseJson(body.toString("utf8"));
  const root = asObject(Array.isArray(parsed) ? parsed[0] : parsed) ?? {};
  const error = asObject(root["error"]) ?? root;
  const text = error["message"] ?? root["message"] ?? root["error"];
  return typeof text === "string" ? text.slice(0, TEXT_LENGTH_MAX) : "";
}
