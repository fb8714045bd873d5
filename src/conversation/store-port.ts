// What the conversation station asks of a store, as an interface. Implemented in store/ by memory, SQLite and Redis.
// A store moves opaque JSON text and versions: it must never look into a body, decide anything, or read a clock.

/** A row with its version. Version 1 is the first one written; 0 stands for "not there yet". */
export interface StoredRow {
  readonly version: number;
  /** JSON text, written and read by the conversation station. */
  readonly body: string;
}

export interface StoredConversation extends StoredRow {
  /** Money spent so far, in nano-USD. Kept by atomic increment, so parallel turns cannot lose any. */
  readonly spentNanoUsd: number;
}

/** What a list shows and filters by, kept beside the body. */
export interface ConversationFacets {
  /** The id as the client gave it (a hash for sources that are not ids). */
  readonly displayId: string;
  readonly state: string;
  readonly profile: string;
  readonly turns: number;
  /** Milliseconds since the epoch, from the caller's clock. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt: number;
}

export interface ConversationWrite {
  /** Hash of tenant and conversation id: the isolation between tenants lies in this key. */
  readonly key: string;
  /** 0: the row must not exist yet. */
  readonly expectedVersion: number;
  readonly body: string;
  readonly facets: ConversationFacets;
  /** Added to the stored amount, never written over it. */
  readonly addSpentNanoUsd: number;
}

export interface ThreadWrite {
  readonly thread: string;
  readonly expectedVersion: number;
  readonly body: string;
}

/** A receipt on its way to the ledger. `requestId` is unique: writing it again changes nothing. */
export interface ReceiptWrite {
  readonly requestId: string;
  readonly at: number;
  readonly expiresAt: number;
  readonly body: string;
}

/** What is known of an answer by the id that its provider gave it. Written again, the newest counts. */
export interface AnswerWrite {
  /** Hash of tenant and answer id: the isolation between tenants lies in this key. */
  readonly key: string;
  /** JSON text. Must never hold anything of the answer itself. */
  readonly body: string;
  readonly expiresAt: number;
}

/** One atomic unit: all of it is stored, or none. Without a conversation only the receipts are appended. */
export interface TurnCommit {
  readonly tenant: string;
  readonly conversation: ConversationWrite | null;
  /** Only together with a conversation. */
  readonly thread: ThreadWrite | null;
  readonly receipts: readonly ReceiptWrite[];
  /** Of answers that a later request may go on from. */
  readonly answers?: readonly AnswerWrite[];
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Opaque; null at the end. */
  readonly cursor: string | null;
}

export interface ConversationListing extends ConversationFacets {
  readonly key: string;
  readonly spentNanoUsd: number;
}

export interface ConversationQuery {
  readonly tenant: string;
  readonly state: string | null;
  readonly profile: string | null;
  /** 1 … LIST_LIMIT_MAX. */
  readonly limit: number;
  readonly cursor: string | null;
}

/** Most items one page may hold, in every list of the product. */
export const LIST_LIMIT_MAX = 200;

/** All methods reject with an Error when the store cannot be reached or refuses; none waits without bound. */
export interface ConversationStore {
  /** For logs and /readyz: `memory`, `sqlite`, `redis`. */
  readonly kind: string;
  loadConversation(key: string): Promise<StoredConversation | null>;
  loadThread(key: string, thread: string): Promise<StoredRow | null>;
  /** Body of what was written of an answer; null when nothing was, or when it is gone. */
  loadAnswer(key: string): Promise<string | null>;
  /**
   * Compare-and-set of both rows plus the receipts, in one transaction.
   * `conflict`: a version was not the expected one; nothing at all was stored.
   */
  commit(commit: TurnCommit): Promise<"committed" | "conflict">;
  /** Body of a receipt of this tenant; null when unknown or another tenant's. */
  readReceipt(tenant: string, requestId: string): Promise<string | null>;
  /** Receipts of one conversation, oldest first. */
  listReceipts(query: {
    readonly tenant: string;
    readonly key: string;
    readonly limit: number;
    readonly cursor: string | null;
  }): Promise<Page<string>>;
  /** Conversations of one tenant, most recently updated first. */
  listConversations(query: ConversationQuery): Promise<Page<ConversationListing>>;
  /** Keeps a copy of a row that could not be read, for a person to look at. Bounded by the store. */
  quarantine(key: string, body: string, reason: string): Promise<void>;
  /**
   * Deletes a conversation with its threads and receipts, and the answers where the store finds them by it (else they
   * expire). True when it was there.
   */
  deleteConversation(tenant: string, key: string): Promise<boolean>;
  /** Removes what has expired at `now`, a bounded number of rows a call. Returns how many. */
  sweep(now: number): Promise<number>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
