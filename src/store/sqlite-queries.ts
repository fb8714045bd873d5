// Everything the SQLite store reads and removes, as statements that are prepared once.
// Must never scan without bound: a page looks at a limited number of rows.

import type { DatabaseSync } from "node:sqlite";
import type {
  ConversationListing,
  ConversationQuery,
  ConversationStore,
  Page,
  StoredConversation,
  StoredRow,
} from "../conversation/store-port.ts";
import {
  checkLimit,
  decodeConversationCursor,
  decodeReceiptCursor,
  encodeConversationCursor,
  encodeReceiptCursor,
} from "./cursor.ts";
import { numberColumn, textColumn } from "./sqlite-row.ts";

/** Most rows one page of a filtered list looks at; a page may therefore be short, or empty. */
const SCAN_ROWS_MAX = 2_000;
/** Most rows one sweep removes, all tables together. */
const SWEEP_ROWS_MAX = 500;
/** Most unreadable rows kept for a person to look at. */
const QUARANTINE_ROWS_MAX = 1_000;
/** Longest unreadable body that is kept, in characters; the rest is cut off. */
const QUARANTINE_BODY_CHARACTERS_MAX = 262_144;

// Without a cursor the page starts before the first row: no row is newer than that.
const LIST_CONVERSATIONS = `
  SELECT key, spent_nano_usd, display_id, state, profile, turns, created_at, updated_at, expires_at
  FROM conversation
  WHERE tenant = ? AND (updated_at, key) < (?, ?)
  ORDER BY updated_at DESC, key DESC`;

const LIST_RECEIPTS = `
  SELECT sequence, body FROM receipt
  WHERE conversation_key = ? AND tenant = ? AND sequence > ?
  ORDER BY sequence LIMIT ?`;

const SWEEP_THREADS = `
  DELETE FROM thread WHERE rowid IN (
    SELECT thread.rowid FROM conversation
    JOIN thread ON thread.conversation_key = conversation.key
    WHERE conversation.expires_at <= ? LIMIT ?)`;

function sweepStatement(table: "conversation" | "receipt" | "answer"): string {
  return `DELETE FROM ${table} WHERE rowid IN (
    SELECT rowid FROM ${table} WHERE expires_at <= ? LIMIT ?)`;
}

export interface SqliteReads {
  loadConversation(key: string): StoredConversation | null;
  loadThread(key: string, thread: string): StoredRow | null;
  loadAnswer(key: string): string | null;
  readReceipt(tenant: string, requestId: string): string | null;
  listReceipts(query: Parameters<ConversationStore["listReceipts"]>[0]): Page<string>;
  listConversations(query: ConversationQuery): Page<ConversationListing>;
}

/** Each of these needs a transaction around it. */
export interface SqliteRemovals {
  quarantine(key: string, body: string, reason: string): void;
  deleteConversation(tenant: string, key: string): boolean;
  sweep(now: number): number;
}

function listing(row: Parameters<typeof textColumn>[0]): ConversationListing {
  return {
    key: textColumn(row, "key"),
    spentNanoUsd: numberColumn(row, "spent_nano_usd"),
    displayId: textColumn(row, "display_id"),
    state: textColumn(row, "state"),
    profile: textColumn(row, "profile"),
    turns: numberColumn(row, "turns"),
    createdAt: numberColumn(row, "created_at"),
    updatedAt: numberColumn(row, "updated_at"),
    expiresAt: numberColumn(row, "expires_at"),
  };
}

function prepareConversationList(
  database: DatabaseSync,
): (query: ConversationQuery) => Page<ConversationListing> {
  const rows = database.prepare(LIST_CONVERSATIONS);
  return (query) => {
    checkLimit(query.limit);
    const after = decodeConversationCursor(query.cursor);
    const items: ConversationListing[] = [];
    let scanned = 0;
    let last: ConversationListing | null = null;
    const start: [number, string] =
      after === null ? [Number.MAX_SAFE_INTEGER, "\u{10ffff}"] : [after.updatedAt, after.key];
    for (const row of rows.iterate(query.tenant, ...start)) {
      if (last !== null && (items.length === query.limit || scanned === SCAN_ROWS_MAX)) {
        return { items, cursor: encodeConversationCursor(last) };
      }
      last = listing(row);
      scanned += 1;
      const wanted =
        (query.state === null || last.state === query.state) &&
        (query.profile === null || last.profile === query.profile);
      if (wanted) items.push(last);
    }
    return { items, cursor: null };
  };
}

export function prepareReads(database: DatabaseSync): SqliteReads {
  const conversation = database.prepare(
    "SELECT version, body, spent_nano_usd FROM conversation WHERE key = ?",
  );
  const thread = database.prepare(
    "SELECT version, body FROM thread WHERE conversation_key = ? AND thread = ?",
  );
  const answer = database.prepare("SELECT body FROM answer WHERE key = ?");
  const receipt = database.prepare("SELECT body FROM receipt WHERE tenant = ? AND request_id = ?");
  const receipts = database.prepare(LIST_RECEIPTS);
  return {
    loadConversation(key) {
      const row = conversation.get(key);
      if (row === undefined) return null;
      const spentNanoUsd = numberColumn(row, "spent_nano_usd");
      return { version: numberColumn(row, "version"), body: textColumn(row, "body"), spentNanoUsd };
    },
    loadThread(key, name) {
      const row = thread.get(key, name);
      if (row === undefined) return null;
      return { version: numberColumn(row, "version"), body: textColumn(row, "body") };
    },
    loadAnswer(key) {
      const row = answer.get(key);
      return row === undefined ? null : textColumn(row, "body");
    },
    readReceipt(tenant, requestId) {
      const row = receipt.get(tenant, requestId);
      return row === undefined ? null : textColumn(row, "body");
    },
    listReceipts({ tenant, key, limit, cursor }) {
      checkLimit(limit);
      const rows = receipts.all(key, tenant, decodeReceiptCursor(cursor), limit + 1);
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const more = rows.length > limit && last !== undefined;
      return {
        items: page.map((row) => textColumn(row, "body")),
        cursor: more ? encodeReceiptCursor(numberColumn(last, "sequence")) : null,
      };
    },
    listConversations: prepareConversationList(database),
  };
}

export function prepareRemovals(database: DatabaseSync): SqliteRemovals {
  const quarantine = database.prepare(
    "INSERT INTO quarantine (conversation_key, body, reason) VALUES (?, ?, ?)",
  );
  const trimQuarantine = database.prepare(
    `DELETE FROM quarantine WHERE sequence <= ? - ${QUARANTINE_ROWS_MAX}`,
  );
  const owner = database.prepare("SELECT tenant FROM conversation WHERE key = ?");
  const removals = [
    "DELETE FROM conversation WHERE key = ?",
    "DELETE FROM thread WHERE conversation_key = ?",
    "DELETE FROM quarantine WHERE conversation_key = ?",
    "DELETE FROM answer WHERE conversation_key = ?",
  ].map((sql) => database.prepare(sql));
  const removeReceipts = database.prepare(
    "DELETE FROM receipt WHERE conversation_key = ? AND tenant = ?",
  );
  const sweeps = [
    SWEEP_THREADS,
    sweepStatement("conversation"),
    sweepStatement("receipt"),
    sweepStatement("answer"),
  ].map((sql) => database.prepare(sql));
  return {
    quarantine(key, body, reason) {
      const copy = body.slice(0, QUARANTINE_BODY_CHARACTERS_MAX);
      trimQuarantine.run(quarantine.run(key, copy, reason).lastInsertRowid);
    },
    deleteConversation(tenant, key) {
      const row = owner.get(key);
      if (row !== undefined && row["tenant"] !== tenant) return false;
      removeReceipts.run(key, tenant);
      for (const statement of removals) statement.run(key);
      return row !== undefined;
    },
    /** Threads go first: a conversation leaves only once none of its threads is left. */
    sweep(now) {
      let removed = 0;
      for (const statement of sweeps) {
        if (removed >= SWEEP_ROWS_MAX) break;
        removed += Number(statement.run(now, SWEEP_ROWS_MAX - removed).changes);
      }
      return removed;
    },
  };
}
