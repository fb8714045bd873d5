// A request for one turn as the stations see it, whatever dialect the client speaks. Made by api/, from its bytes.
// Must never hold a parsed history: messages are decoded one by one, on demand.

import type { CorrectionPlace } from "./deployment.ts";
import type { ClientDialect } from "./dialect.ts";
import type { Transcript } from "./transcript.ts";

/** What a body can say about identity; values as they stand in it. */
export interface BodyIdentity {
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly promptCacheKey: string | null;
  readonly user: string | null;
  /** Id of a conversation that the provider keeps; null where the dialect has none. */
  readonly conversation: string | null;
  /** Id of the answer this request goes on from, so that the body holds only what is new. */
  readonly previousAnswer: string | null;
}

export const NO_BODY_IDENTITY: BodyIdentity = {
  metadata: null,
  promptCacheKey: null,
  user: null,
  conversation: null,
  previousAnswer: null,
};

/** A note of the gateway's own in the request. */
export interface BodyInsertion {
  /** Index of the message it follows. */
  readonly index: number;
  readonly text: string;
  readonly place: CorrectionPlace;
}

/** What differs from deployment to deployment in the bytes of one request. */
export interface BodyChanges {
  /** Name of the model at the provider. */
  readonly model: string;
  readonly insertions: readonly BodyInsertion[];
  /** Whether a stream is asked for its usage event, where the client did not ask itself. */
  readonly askForUsage: boolean;
  /** True: the bytes go to the dialect's own codec, which reads what no other provider could. */
  readonly forTranslation?: boolean;
}

export interface TurnRequest {
  readonly dialect: ClientDialect;
  /** The client's own bytes, decoded. */
  readonly body: Buffer;
  readonly model: string;
  readonly stream: boolean;
  /** Whether the client itself asked for the usage event of a stream; true where it needs no asking. */
  readonly wantsUsageEvent: boolean;
  /** It names what only a provider of this dialect can have kept: it cannot be put into another one. */
  readonly needsOwnDialect?: boolean;
  /** The provider keeps the answer, so that a later request may go on from it by its id. */
  readonly keepsState?: boolean;
  readonly hasTools: boolean;
  /** The caller demands a certain shape (JSON schema, forced tool), so that a synthetic answer would break it. */
  readonly demandsShape: boolean;
  readonly wantsJson: boolean;
  readonly hasImages: boolean;
  /** Most tokens of an answer that it asks for; absent or null: it does not say. */
  readonly answerTokens?: number | null;
  /** Lower bound: no model with a smaller context can hold the request. */
  readonly inputTokensMin: number;
  readonly transcript: Transcript;
  readonly identity: BodyIdentity;
  /** The bytes of the tools as they stand in the body; null when there are none. */
  readonly tools: Buffer | null;
  /** The query that goes upstream with it, with its question mark; "" for none. */
  readonly search: string;
  /** The bytes for an upstream that speaks the same dialect. */
  relayBody(changes: BodyChanges): Buffer;
}
