// A client's dialect as the flow needs it: how its requests are read, and how answers, faults and endings are written.
// One object a dialect, chosen by the path of the request. Must never decide anything about a turn.

import type { Fault } from "../turn/fault.ts";
import type { ClientDialect } from "../turn/dialect.ts";
import type { TurnRequest } from "../turn/turn-request.ts";
import type { Codec } from "./codec.ts";
import type { EndingAnswer, GatewayObject } from "./gateway-object.ts";
import type { RequestHeaders } from "./headers.ts";

/** A request whose body has been decoded. */
export interface WireBody {
  readonly body: Buffer;
  readonly headers: RequestHeaders;
  /** Path with its query, as it was sent. */
  readonly url: string;
  readonly depthMax: number;
}

export interface Wire {
  readonly dialect: ClientDialect;
  /** Null: only models that speak this very dialect can answer. */
  readonly codec: Codec | null;
  /** Client headers of this dialect that an upstream of the same dialect must see. */
  readonly relayedHeaders: readonly string[];
  /** Throws a FaultError that says what to change. */
  readRequest(from: WireBody): TurnRequest;
  errorBody(fault: Fault, requestId: string): string;
  /** The error event inside a stream: SDKs of the dialect throw on it, so a cut stream never looks clean. */
  errorEvent(fault: Fault, requestId: string): Buffer;
  /** Adds the gateway's object to a JSON answer; the same bytes where the dialect has no room for it. */
  addGatewayObject(body: Buffer, gateway: GatewayObject): Buffer;
  /** A valid assistant message that an agent can read, instead of an error that its client would retry. */
  endingBody(ending: EndingAnswer): string;
  /** The same as a stream. `terminal` is the event without which it counts as cut. */
  endingStream(ending: EndingAnswer): { readonly events: string; readonly terminal: string };
}
