// How a provider is asked in each wire format: where, and how its answer is read.
// Must never change a body: what is sent was written by the client's wire, or by a translation.

import type { ClientDialect, UpstreamDialect } from "../turn/dialect.ts";
import { createChatReader } from "./chat-answer.ts";
import type { AnswerReader, TextWatch } from "./dialect.ts";
import { createEmbeddingsReader } from "./embeddings-answer.ts";
import { createGeminiReader } from "./gemini-answer.ts";
import { createMessagesReader } from "./messages-answer.ts";
import { createCountReader } from "./messages-count.ts";
import { vertexMessages } from "./outbound-vertex.ts";
import { createResponsesReader } from "./responses-answer.ts";
import { TRANSLATED_DIALECTS } from "./translate/models.ts";
import type { Platform } from "./vendors.ts";

export interface OutboundTarget {
  /** Name of the model at the provider. */
  readonly model: string;
  readonly stream: boolean;
  /** The client's query with its question mark; "" for none. */
  readonly search: string;
  /** Path of the provider's base URL, without a slash at its end. */
  readonly basePath: string;
}

/** Top-level fields of a body that a platform wants otherwise, with their values as JSON texts. */
export interface BodyFields {
  readonly set: ReadonlyMap<string, string>;
  readonly defaults: ReadonlyMap<string, string>;
  readonly remove: ReadonlySet<string>;
}

/** A call that counts the tokens of a request. */
export interface CountOutbound {
  path(target: OutboundTarget): string;
  /** Absent: the dialect's own. */
  readonly fields?: BodyFields;
  createReader(): AnswerReader;
}

export interface Outbound {
  /** Path behind the provider's base URL, with its query. */
  path(target: OutboundTarget): string;
  /** What a provider must be told where the client did not say it. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent: the dialect's own. */
  readonly fields?: BodyFields;
  /** Absent: the dialect has no such call. */
  readonly counting?: CountOutbound;
  /** `watch`: who looks at the text of the answer, if anybody. */
  createReader(watch: TextWatch | null): AnswerReader;
}

const chat: Outbound = {
  path: () => "/chat/completions",
  createReader: createChatReader,
};

/** Providers of this dialect are known by addresses with and without a version. */
const VERSIONED = /\/v\d+$/;

function messagesPath(basePath: string): string {
  return VERSIONED.test(basePath) ? "/messages" : "/v1/messages";
}

const messages: Outbound = {
  path: ({ basePath, search }) => messagesPath(basePath) + search,
  counting: {
    path: ({ basePath, search }) => `${messagesPath(basePath)}/count_tokens${search}`,
    createReader: createCountReader,
  },
  headers: { "anthropic-version": "2023-06-01" },
  createReader: createMessagesReader,
};

/** Versions of this dialect have a word behind their number. */
const VERSIONED_WITH_WORD = /\/v\d+(?:alpha|beta)?\d*(?:\/|$)/;
/** Models of one's own stand in another collection. */
const OTHER_COLLECTION = /^(tunedModels)\/(.+)$/;

const gemini: Outbound = {
  path({ model, stream, basePath }) {
    const [, collection = "models", name = model] = OTHER_COLLECTION.exec(model) ?? [];
    const method = stream ? "streamGenerateContent?alt=sse" : "generateContent";
    const version = VERSIONED_WITH_WORD.test(basePath) ? "" : "/v1beta";
    return `${version}/${collection}/${encodeURIComponent(name)}:${method}`;
  },
  createReader: createGeminiReader,
};

const responses: Outbound = {
  path: ({ search }) => `/responses${search}`,
  createReader: createResponsesReader,
};

const embeddings: Outbound = {
  path: () => "/embeddings",
  createReader: createEmbeddingsReader,
};

const OUTBOUNDS: ReadonlyMap<UpstreamDialect, Outbound> = new Map([
  ["openai-chat", chat],
  ["openai-responses", responses],
  ["anthropic-messages", messages],
  ["gemini", gemini],
  ["openai-embeddings", embeddings],
]);

/**
 * In what a model can be asked for a client that speaks `dialect`: the same, relayed, before all others.
 * `translates`: whether this client's requests can be put into another dialect.
 */
export function reachableFrom(
  dialect: ClientDialect,
  { translates }: { readonly translates: boolean },
): readonly UpstreamDialect[] {
  const others = TRANSLATED_DIALECTS.filter((name) => name !== dialect);
  return [...(OUTBOUNDS.has(dialect) ? [dialect] : []), ...(translates ? others : [])];
}

/** No call that counts is known of the platform at its address for this dialect. */
const { counting: _counting, ...messagesWithoutCount } = messages;

/** Where a platform is asked otherwise than the dialect's own provider. */
const AT_PLATFORMS: Readonly<Record<Platform, ReadonlyMap<UpstreamDialect, Outbound>>> = {
  aws: new Map([["anthropic-messages", messagesWithoutCount]]),
  google: new Map([["anthropic-messages", vertexMessages]]),
  azure: new Map(),
};

/** Null: bytes of this dialect cannot be sent to anybody. `platform`: whose address it is; null: nobody's special. */
export function outboundOf(dialect: UpstreamDialect, platform: Platform | null): Outbound | null {
  const own = platform === null ? undefined : AT_PLATFORMS[platform].get(dialect);
  return own ?? OUTBOUNDS.get(dialect) ?? null;
}
