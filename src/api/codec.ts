// What a client's dialect must be able to do so that models of other dialects can answer it.
// A codec is pure: it must never send, fetch or count anything, nor lose a part of a request in silence.

import type { CanonicalCall, CanonicalPart, CanonicalResult } from "../turn/canonical.ts";

export interface DecodedRequest {
  readonly call: CanonicalCall;
  /** What of the request cannot be carried, one sentence each: for `x-router-warnings` and the receipt. */
  readonly warnings: readonly string[];
  /** Tools that the model is told by another name or as another kind, by the name it is told. */
  readonly renamedTools?: ReadonlyMap<string, NamedTool>;
}

/** A tool as the client named it. */
export interface NamedTool {
  readonly type: string;
  readonly name: string;
  readonly namespace: string | null;
}

/** What an answer says of itself. */
export interface AnswerIdentity {
  /** Id of the answer in the client's dialect is made from it. */
  readonly requestId: string;
  /** Name of the model, as the client gets to see it. */
  readonly model: string;
  /** Seconds since the epoch. */
  readonly created: number;
  /** Whether the client asked for the usage of a stream, where its dialect asks. */
  readonly wantsUsage: boolean;
  /** What decoding the request has renamed. */
  readonly renamedTools?: ReadonlyMap<string, NamedTool> | undefined;
}

/** Writes one answer. Parts come in order; the first bytes may be returned for any of them. */
export interface AnswerEncoder {
  /** The events for this part, complete with their blank lines; "" where it has none. */
  part(part: CanonicalPart): string;
  /** All that has to follow the `finish` part but the terminal event. */
  end(): string;
  /** The event without which the stream counts as cut. */
  terminal(): string;
  /** The whole answer as the JSON body. */
  json(result: CanonicalResult): string;
}

export interface Codec {
  /** `body` is the parsed request, corrections in place. Throws a FaultError that says what to change. */
  decode(body: unknown): DecodedRequest;
  createEncoder(answer: AnswerIdentity): AnswerEncoder;
}
