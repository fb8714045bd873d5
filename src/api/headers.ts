// The gateway's own request headers, read once and checked. Must never let a malformed value pass as "not sent".

import { makeFault, throwFault, FaultError } from "../turn/fault.ts";

/** Headers as node gives them: lower-case names; a repeated header is joined with a comma or a list. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** One conversation id: no comma (node joins repeated headers with one), no spaces, no control characters. */
export const CONVERSATION_ID = /^[A-Za-z0-9._:~@/-]{1,256}$/;
/** Most of a profile's name that is looked at and repeated, in characters; none is longer than 64. */
const PROFILE_LENGTH_MAX = 80;
/** Longest X-Routing-Hints header, in characters. */
const HINTS_LENGTH_MAX = 8_192;
/** Longest Idempotency-Key, in characters. */
const IDEMPOTENCY_LENGTH_MAX = 255;
const REGION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Largest budget a caller may ask for, in USD. */
const BUDGET_USD_MAX = 1_000_000;

export interface CallHeaders {
  readonly conversationId: string | null;
  /** Upper case; checked against the known profiles by the gateway. */
  readonly profile: string | null;
  readonly hints: string | null;
  readonly budgetUsd: number | null;
  readonly final: boolean;
  readonly idempotencyKey: string | null;
  /** The geography or region the request must stay in; null: any. */
  readonly region: string | null;
  /** False for `X-Router-Corrections: off`. */
  readonly corrections: boolean;
}

/** Reads the gateway's headers. Throws a FaultError that names the header at fault. */
export function readCallHeaders(headers: RequestHeaders): CallHeaders {
  return {
    conversationId: readConversationId(headers),
    profile: readProfile(headers),
    hints: readText(headers, "x-routing-hints", HINTS_LENGTH_MAX),
    budgetUsd: readBudget(headers),
    final: readSwitch(headers, "x-conversation-final", { true: true, false: false }) ?? false,
    idempotencyKey: readText(headers, "idempotency-key", IDEMPOTENCY_LENGTH_MAX),
    region: readRegion(headers),
    corrections: readSwitch(headers, "x-router-corrections", { on: true, off: false }) ?? true,
  };
}

/** The first value of a header; null when it was not sent. */
export function headerValue(headers: RequestHeaders, name: string): string | null {
  const value = headers[name];
  if (value === undefined) return null;
  return typeof value === "string" ? value : (value[0] ?? null);
}

/** Headers of the client that an upstream may need. All others stay here: ids, keys and hints are ours. */
const FORWARDED_HEADERS = ["traceparent", "tracestate"] as const;

/** The headers that go upstream; the provider's key is added where it is known. */
export function forwardedHeaders(
  headers: RequestHeaders,
  { stream, relayed }: { readonly stream: boolean; readonly relayed: readonly string[] },
): Record<string, string> {
  const forwarded: Record<string, string> = {
    "content-type": "application/json",
    accept: stream ? "text/event-stream" : "application/json",
    "accept-encoding": "identity",
  };
  for (const name of [...FORWARDED_HEADERS, ...relayed]) {
    const value = headers[name];
    if (typeof value === "string") forwarded[name] = value;
  }
  return forwarded;
}

function readConversationId(headers: RequestHeaders): string | null {
  const value = headerValue(headers, "x-conversation-id");
  if (value === null) return null;
  if (CONVERSATION_ID.test(value)) return value;
  const message =
    "X-Conversation-ID must be one value of 1 to 256 letters, digits or . _ : ~ @ / -. " +
    "Send it once, without spaces, commas or line breaks; hash the id if it holds anything else.";
  throw new FaultError(
    makeFault("invalid_conversation_id", message, { param: "X-Conversation-ID" }),
  );
}

function readProfile(headers: RequestHeaders): string | null {
  const value = headerValue(headers, "x-router-profile");
  // What no profile can be called is unknown like any other name; it is only made fit to be shown.
  return (
    value
      ?.replace(/[^\x20-\x7e]/g, "?")
      .slice(0, PROFILE_LENGTH_MAX)
      .toUpperCase() ?? null
  );
}

function readText(headers: RequestHeaders, name: string, lengthMax: number): string | null {
  const value = headerValue(headers, name);
  if (value === null || value === "") return null;
  if (value.length <= lengthMax) return value;
  return throwFault("invalid_header", `${name} may have at most ${lengthMax} characters.`, {
    param: name,
  });
}

function readRegion(headers: RequestHeaders): string | null {
  const name = "x-router-region";
  const value = headerValue(headers, name);
  if (value === null) return null;
  if (REGION.test(value)) return value.toLowerCase();
  const message =
    "X-Router-Region must be one geography or region, such as eu or eu-central-1: " +
    "up to 64 letters, digits or - . _.";
  return throwFault("invalid_header", message, { param: name });
}

function readBudget(headers: RequestHeaders): number | null {
  const name = "x-conversation-budget-usd";
  const value = headerValue(headers, name);
  if (value === null) return null;
  const amount = Number(value);
  const plain = /^\d{1,7}(\.\d{1,9})?$/.test(value);
  if (plain && amount > 0 && amount <= BUDGET_USD_MAX) return amount;
  const message =
    "X-Conversation-Budget-USD must be an amount in USD such as 0.50, " +
    `above 0 and at most ${BUDGET_USD_MAX}.`;
  return throwFault("invalid_header", message, { param: name });
}

function readSwitch(
  headers: RequestHeaders,
  name: string,
  words: Readonly<Record<string, boolean>>,
): boolean | null {
  const value = headerValue(headers, name);
  if (value === null) return null;
  const known = Object.entries(words).find(([word]) => word === value.toLowerCase());
  if (known !== undefined) return known[1];
  const message = `${name} must be one of: ${Object.keys(words).join(", ")}.`;
  return throwFault("invalid_header", message, { param: name });
}
