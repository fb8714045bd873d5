// The store for tests, demos and `store: memory:`: everything in Maps, gone with the process.
// Must never grow without bound: what was written longest ago is given up first.

import type {
  ConversationFacets,
  ConversationListing,
  ConversationQuery,
  ConversationStore,
  Page,
  ReceiptWrite,
  StoredRow,
  TurnCommit,
} from "../conversation/store-port.ts";
import { checkCommit } from "./commit-check.ts";
import {
  checkLimit,
  decodeConversationCursor,
  decodeReceiptCursor,
  encodeConversationCursor,
  encodeReceiptCursor,
} from "./cursor.ts";

/** Most conversations held, before the one committed longest ago is given up. */
export const MEMORY_CONVERSATIONS_MAX = 10_000;
/** Most threads held of one conversation. */
export const MEMORY_THREADS_MAX = 1_000;
/** Most receipts held, over all tenants. */
export const MEMORY_RECEIPTS_MAX = 50_000;
/** Most answers of which something is held, over all tenants. */
export const MEMORY_ANSWERS_MAX = 50_000;
/** Most unreadable rows kept for a person to look at. */
const QUARANTINE_ROWS_MAX = 1_000;
/** Most rows one sweep removes. */
const SWEEP_ROWS_MAX = 500;

interface Conversation {
  readonly tenant: string;
  readonly version: number;
  readonly body: string;
  readonly facets: ConversationFacets;
  readonly spentNanoUsd: number;
  readonly threads: Map<string, StoredRow>;
}

interface Receipt {
  readonly sequence: number;
  readonly tenant: string;
  readonly key: string | null;
  readonly expiresAt: number;
  readonly body: string;
}

interface Answer {
  readonly conversationKey: string | null;
  readonly body: string;
  readonly expiresAt: number;
}

interface Tables {
  readonly conversations: Map<string, Conversation>;
  /** By tenant and request id, in the order of arrival. */
  readonly receipts: Map<string, Receipt>;
  readonly answers: Map<string, Answer>;
  readonly quarantine: { key: string; body: string; reason: string }[];
  lastSequence: number;
}

function receiptId(tenant: string, requestId: string): string {
  return JSON.stringify([tenant, requestId]);
}

/** Map entries keep the order of their first insertion, so the first entry is the oldest. */
function evictOldest<Value>(map: Map<string, Value>, entriesMax: number): void {
  for (const key of map.keys()) {
    if (map.size <= entriesMax) return;
    map.delete(key);
  }
}

function appendReceipt(tables: Tables, commit: TurnCommit, receipt: ReceiptWrite): boolean {
  const id = receiptId(commit.tenant, receipt.requestId);
  if (tables.receipts.has(id)) return false;
  tables.lastSequence += 1;
  tables.receipts.set(id, {
    sequence: tables.lastSequence,
    tenant: commit.tenant,
    key: commit.conversation?.key ?? null,
    expiresAt: receipt.expiresAt,
    body: receipt.body,
  });
  evictOldest(tables.receipts, MEMORY_RECEIPTS_MAX);
  return true;
}

function writeAnswers(tables: Tables, { answers = [], conversation }: TurnCommit): void {
  const conversationKey = conversation?.key ?? null;
  for (const { key, body, expiresAt } of answers) {
    tables.answers.delete(key);
    tables.answers.set(key, { conversationKey, body, expiresAt });
  }
  evictOldest(tables.answers, MEMORY_ANSWERS_MAX);
}

function commitTurn(tables: Tables, commit: TurnCommit): "committed" | "conflict" {
  const { conversation, thread, receipts } = commit;
  const stored = conversation === null ? undefined : tables.conversations.get(conversation.key);
  if (conversation !== null) {
    if ((stored?.version ?? 0) !== conversation.expectedVersion) return "conflict";
    if (stored !== undefined && stored.tenant !== commit.tenant) return "conflict";
    const threadVersion = thread === null ? 0 : (stored?.threads.get(thread.thread)?.version ?? 0);
    if (thread !== null && threadVersion !== thread.expectedVersion) return "conflict";
  }
  writeAnswers(tables, commit);
  const fresh = receipts.filter((receipt) => appendReceipt(tables, commit, receipt)).length;
  if (conversation === null) return "committed";
  const booked = receipts.length > 0 && fresh === 0;
  const spentNanoUsd = (stored?.spentNanoUsd ?? 0) + (booked ? 0 : conversation.addSpentNanoUsd);
  const threads = stored?.threads ?? new Map<string, StoredRow>();
  if (thread !== null) {
    threads.delete(thread.thread);
    threads.set(thread.thread, { version: thread.expectedVersion + 1, body: thread.body });
    evictOldest(threads, MEMORY_THREADS_MAX);
  }
  tables.conversations.delete(conversation.key);
  tables.conversations.set(conversation.key, {
    tenant: commit.tenant,
    version: conversation.expectedVersion + 1,
    body: conversation.body,
    facets: conversation.facets,
    spentNanoUsd: Math.min(spentNanoUsd, Number.MAX_SAFE_INTEGER),
    threads,
  });
  evictOldest(tables.conversations, MEMORY_CONVERSATIONS_MAX);
  return "committed";
}

function listReceipts(
  tables: Tables,
  query: Parameters<ConversationStore["listReceipts"]>[0],
): Page<string> {
  checkLimit(query.limit);
  const after = decodeReceiptCursor(query.cursor);
  const found: Receipt[] = [];
  for (const receipt of tables.receipts.values()) {
    const wanted = receipt.tenant === query.tenant && receipt.key === query.key;
    if (wanted && receipt.sequence > after) found.push(receipt);
    if (found.length > query.limit) break;
  }
  const items = found.slice(0, query.limit);
  const last = items.at(-1);
  const more = found.length > query.limit && last !== undefined;
  return {
    items: items.map((receipt) => receipt.body),
    cursor: more ? encodeReceiptCursor(last.sequence) : null,
  };
}

function newestFirst(left: ConversationListing, right: ConversationListing): number {
  if (left.updatedAt !== right.updatedAt) return right.updatedAt - left.updatedAt;
  if (left.key === right.key) return 0;
  return left.key < right.key ? 1 : -1;
}

function listConversations(tables: Tables, query: ConversationQuery): Page<ConversationListing> {
  checkLimit(query.limit);
  const after = decodeConversationCursor(query.cursor);
  const found: ConversationListing[] = [];
  for (const [key, { tenant, facets, spentNanoUsd }] of tables.conversations) {
    if (tenant !== query.tenant) continue;
    if (query.state !== null && facets.state !== query.state) continue;
    if (query.profile !== null && facets.profile !== query.profile) continue;
    const { updatedAt } = facets;
    const passed =
      after !== null &&
      (updatedAt > after.updatedAt || (updatedAt === after.updatedAt && key >= after.key));
    if (!passed) found.push({ ...facets, key, spentNanoUsd });
  }
  found.sort(newestFirst);
  const items = found.slice(0, query.limit);
  const last = items.at(-1);
  const more = found.length > query.limit && last !== undefined;
  return { items, cursor: more ? encodeConversationCursor(last) : null };
}

function deleteConversation(tables: Tables, tenant: string, key: string): boolean {
  const stored = tables.conversations.get(key);
  if (stored !== undefined && stored.tenant !== tenant) return false;
  for (const [id, receipt] of tables.receipts) {
    if (receipt.key === key && receipt.tenant === tenant) tables.receipts.delete(id);
  }
  for (const [id, answer] of tables.answers) {
    if (answer.conversationKey === key) tables.answers.delete(id);
  }
  const kept = tables.quarantine.filter((row) => row.key !== key);
  tables.quarantine.splice(0, tables.quarantine.length, ...kept);
  return tables.conversations.delete(key);
}

function sweep(tables: Tables, now: number): number {
  let removed = 0;
  for (const [key, { facets }] of tables.conversations) {
    if (removed >= SWEEP_ROWS_MAX) return removed;
    if (facets.expiresAt <= now && tables.conversations.delete(key)) removed += 1;
  }
  for (const [id, { expiresAt }] of tables.receipts) {
    if (removed >= SWEEP_ROWS_MAX) return removed;
    if (expiresAt <= now && tables.receipts.delete(id)) removed += 1;
  }
  for (const [id, { expiresAt }] of tables.answers) {
    if (removed >= SWEEP_ROWS_MAX) return removed;
    if (expiresAt <= now && tables.answers.delete(id)) removed += 1;
  }
  return removed;
}

/** A store that lives as long as the process. Its methods reject only after `close`. */
export function createMemoryStore(): ConversationStore {
  const tables: Tables = {
    conversations: new Map(),
    receipts: new Map(),
    answers: new Map(),
    quarantine: [],
    lastSequence: 0,
  };
  let closed = false;
  const open = (): Tables => {
    if (closed) throw new Error("The memory store is closed.");
    return tables;
  };
  return {
    kind: "memory",
    async loadConversation(key) {
      const stored = open().conversations.get(key);
      if (stored === undefined) return null;
      return { version: stored.version, body: stored.body, spentNanoUsd: stored.spentNanoUsd };
    },
    async loadThread(key, thread) {
      return open().conversations.get(key)?.threads.get(thread) ?? null;
    },
    loadAnswer: async (key) => open().answers.get(key)?.body ?? null,
    async commit(commit) {
      checkCommit(commit);
      return commitTurn(open(), commit);
    },
    async readReceipt(tenant, requestId) {
      return open().receipts.get(receiptId(tenant, requestId))?.body ?? null;
    },
    listReceipts: async (query) => listReceipts(open(), query),
    listConversations: async (query) => listConversations(open(), query),
    async quarantine(key, body, reason) {
      const { quarantine } = open();
      quarantine.push({ key, body, reason });
      if (quarantine.length > QUARANTINE_ROWS_MAX) quarantine.shift();
    },
    deleteConversation: async (tenant, key) => deleteConversation(open(), tenant, key),
    sweep: async (now) => sweep(open(), now),
    async ping() {
      open();
    },
    async close() {
      closed = true;
    },
  };
}
