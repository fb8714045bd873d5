// How a provider is asked in each wire format: where, and how its answer is read.
// Must never change a body: what is sent was written by the client's wire, or by a translation.

import type { ClientDialect, UpstreamDialect } from "../turn/dialect.ts";
import { createChatReader } from "./chat-answer.ts";
import type { AnswerReader, TextWatch } from "./dialect.ts";

export interface OutboundTarget {
  /** Name of the model at the provider. */
  readonly model: string;
  readonly stream: boolean;
  /** The client's query with its question mark; "" for none. */
  readonly search: string;
}

export interface Outbound {
  /** Path behind the provider's base URL, with its query. */
  path(target: OutboundTarget): string;
  /** `watch`: who looks at the text of the answer, if anybody. */
  createReader(watch: TextWatch | null): AnswerReader;
}

const chat: Outbound = {
  path: () => "/chat/completions",
  createReader: createChatReader,
};

const OUTBOUNDS: ReadonlyMap<UpstreamDialect, Outbound> = new Map([["openai-chat", chat]]);

/** In what a model can be asked for a client that speaks `dialect`: the same, relayed, before all others. */
export function reachableFrom(dialect: ClientDialect): readonly UpstreamDialect[] {
  return OUTBOUNDS.has(dialect) ? [dialect] : [];
}

/** Null: bytes of this dialect cannot be sent to anybody. */
export function outboundOf(dialect: UpstreamDialect): Outbound | null {
  return OUTBOUNDS.get(dialect) ?? null;
}
