// A client's dialect as the flow needs it: how its requests are read, and how answers, faults and endings are written.
// One object a dialect, chosen by the path of the request. Must never decide anything about a turn.

import type { Fault } from "../turn/fault.ts";
import type { ClientDialect } from "../turn/dialect.ts";
import type { RankKey } from "../turn/profile.ts";
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

/** A call of the dialect that counts the tokens of a request, and asks no model. */
export interface TokenCounting {
  /** A guess that rests on the request alone. */
  estimate(request: TurnRequest): number;
  /** The JSON answer. */
  body(tokens: number): string;
}

/** What chooses among models where no conversation and no quality does. */
export interface StatelessChoice {
  readonly rankBy: readonly RankKey[];
  /** True: answers of two models do not fit together, so that no failure moves a request to another model. */
  readonly oneModel: boolean;
}

export interface Wire {
  readonly dialect: ClientDialect;
  /** Present: its requests are no turns of a conversation, whatever their headers say. */
  readonly stateless?: StatelessChoice;
  /** Null: only models that speak this very dialect can answer. */
  readonly codec: Codec | null;
  /** Absent: the dialect has no such call. */
  readonly counting?: TokenCounting;
  /** Client headers of this dialect that an upstream of the same dialect must see. */
  readonly relayedHeaders: readonly string[];
  /** Id of an answer that is written here; absent where no later request can name one. */
  answerId?(requestId: string): string;
  /** Throws a FaultError that says what to change. */
  readRequest(from: WireBody): TurnRequest;
  errorBody(fault: Fault, requestId: string): string;
  /** The error event inside a stream: SDKs of the dialect throw on it, so a cut stream never looks clean. */
  errorEvent(fault: Fault, requestId: string): Buffer;
  /** Present: its clients take an SSE comment for broken data, so a stream of theirs holds none. */
  readonly breaksOnComments?: true;
  /** Adds the gateway's object to a JSON answer; the same bytes where the dialect has no room for it. */
  addGatewayObject(body: Buffer, gateway: GatewayObject): Buffer;
  /** A valid assistant message that an agent can read, instead of an error that its client would retry. */
  endingBody(ending: EndingAnswer): string;
  /** The same as a stream. `terminal` is the event without which it counts as cut. */
  endingStream(ending: EndingAnswer): { readonly events: string; readonly terminal: string };
}
