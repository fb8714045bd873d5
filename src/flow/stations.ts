// What a turn passes through, made once by the gateway and handed to every turn. Holds no state of any turn.

import type { Caller } from "../admission/api-key.ts";
import type { ClientReply } from "../api/client-reply.ts";
import type { CallHeaders, RequestHeaders } from "../api/headers.ts";
import type { Identity } from "../api/identity.ts";
import type { Wire } from "../api/wire.ts";
import type { Config } from "../config.ts";
import type { ConversationRecord, ThreadRecord } from "../conversation/record.ts";
import type { ConversationStore } from "../conversation/store-port.ts";
import type { Metrics } from "../receipts/metrics.ts";
import type { ModelNames } from "../routing/candidates.ts";
import type { Profile } from "../turn/profile.ts";
import type { TurnRequest } from "../turn/turn-request.ts";
import type { Health } from "../upstream/health.ts";
import type { TokenCounter } from "../upstream/tokens/counter.ts";
import type { Walker } from "../upstream/walk.ts";
import type { AnswerLink } from "./answer-links.ts";
import type { KeyedQueue } from "./keyed-queue.ts";
import type { PinCache } from "./pin-cache.ts";
import type { RowMemo } from "./row-memo.ts";

export interface Clock {
  /** Milliseconds since the epoch: for timestamps only. */
  readonly now: () => number;
  /** Milliseconds that never jump: for durations. */
  readonly monotonicMs: () => number;
}

/** What happened that a person should hear of, counted since start. */
export interface Counters {
  unsaved: number;
  degraded: number;
  quarantined: number;
  conflicts: number;
  waiting: number;
}

export interface TurnLog {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}

/** What can be asked for, with its facts. Never changes: a turn keeps the one it began with. */
export interface Offer {
  readonly names: ModelNames;
  readonly catalogVersion: string;
}

export interface Stations {
  readonly config: Config;
  /** The newest offer, for what begins now. */
  readonly offer: () => Offer;
  /** Providers that refuse `stream_options`: their streams tell no usage. */
  readonly withoutUsageEvent: ReadonlySet<string>;
  readonly store: ConversationStore;
  /** Keeps a line for later when the store could not take it; false when it is full. */
  readonly spill: (line: string) => Promise<boolean>;
  readonly walker: Walker;
  readonly health: Health;
  readonly tokens: TokenCounter;
  readonly queue: KeyedQueue;
  readonly pinCache: PinCache;
  /** How the rows read that this process wrote last. */
  readonly memo: {
    readonly conversations: RowMemo<ConversationRecord>;
    readonly threads: RowMemo<ThreadRecord>;
  };
  readonly counters: Counters;
  readonly metrics: Metrics;
  readonly log: TurnLog;
  readonly clock: Clock;
  readonly random: () => number;
}

/** A request as it came in, before anything is known of it. */
export interface Incoming {
  /** The dialect its client speaks. */
  readonly wire: Wire;
  readonly requestId: string;
  readonly caller: Caller;
  readonly headers: RequestHeaders;
  /** Path with its query, as it was sent. */
  readonly url: string;
  readonly body: Buffer;
  readonly reply: ClientReply;
  readonly offer: Offer;
  readonly at: number;
  readonly startedMs: number;
}

/** A request that has been read: who asks, for which conversation, under which profile. */
export interface Call extends Incoming {
  readonly request: TurnRequest;
  readonly own: CallHeaders;
  readonly identity: Identity;
  /** What is known of the answer that the request goes on from; null: nothing, or it holds its whole history. */
  readonly goesOnFrom: AnswerLink | null;
  /** The profile the caller named, or its key's; null: the conversation's stored one or the default. */
  readonly namedProfile: Profile | null;
  /** Counted in one vocabulary, files left out; null: not counted. */
  readonly inputTokens: number | null;
  readonly agent: string | null;
  readonly agentClient: boolean;
}
