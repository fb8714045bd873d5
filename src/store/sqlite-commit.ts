// One commit of a turn against SQLite: compare-and-set of two rows, and receipts once.
// Must run inside an immediate transaction, and must write nothing when a version does not match.

import type { DatabaseSync } from "node:sqlite";
import type {
  ConversationWrite,
  ReceiptWrite,
  ThreadWrite,
  TurnCommit,
} from "../conversation/store-port.ts";

const READ_VERSIONS = `
  SELECT
    coalesce((SELECT version FROM conversation WHERE key = ?1), 0) AS conversation,
    (SELECT tenant FROM conversation WHERE key = ?1) AS tenant,
    coalesce(
      (SELECT version FROM thread WHERE conversation_key = ?1 AND thread = ?2), 0
    ) AS thread`;

// The sum stops at 2^53 - 1 nano-USD (nine million dollars): beyond it, a read would be refused.
const UPDATE_CONVERSATION = `
  UPDATE conversation SET
    version = version + 1, body = ?, spent_nano_usd = min(spent_nano_usd + ?, 9007199254740991),
    display_id = ?, state = ?, profile = ?, turns = ?,
    created_at = ?, updated_at = ?, expires_at = ?
  WHERE key = ? AND version = ?`;

const INSERT_CONVERSATION = `
  INSERT INTO conversation (
    version, body, spent_nano_usd, display_id, state, profile, turns,
    created_at, updated_at, expires_at, key, tenant
  ) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;

const UPDATE_THREAD = `
  UPDATE thread SET version = version + 1, body = ?
  WHERE conversation_key = ? AND thread = ? AND version = ?`;

const INSERT_THREAD = `
  INSERT INTO thread (version, body, conversation_key, thread) VALUES (1, ?, ?, ?)
  ON CONFLICT DO NOTHING`;

const INSERT_RECEIPT = `
  INSERT OR IGNORE INTO receipt (tenant, request_id, conversation_key, at, expires_at, body)
  VALUES (?, ?, ?, ?, ?, ?)`;

const WRITE_ANSWER = `
  INSERT INTO answer (key, conversation_key, expires_at, body) VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET
    conversation_key = excluded.conversation_key, expires_at = excluded.expires_at,
    body = excluded.body`;

function expectOneChange(result: { readonly changes: number | bigint }, row: string): void {
  // The versions were read under the same write lock, so this can only be a damaged file.
  if (Number(result.changes) !== 1) throw new Error(`SQLite did not write the ${row} row`);
}

type Column = string | number;

function conversationColumns(write: ConversationWrite, addNanoUsd: number): Column[] {
  const { displayId, state, profile, turns, createdAt, updatedAt, expiresAt } = write.facets;
  return [
    write.body,
    addNanoUsd,
    displayId,
    state,
    profile,
    turns,
    createdAt,
    updatedAt,
    expiresAt,
    write.key,
  ];
}

/** Prepares the statements once; the function it returns needs a transaction around it. */
export function prepareCommit(
  database: DatabaseSync,
): (commit: TurnCommit) => "committed" | "conflict" {
  const readVersions = database.prepare(READ_VERSIONS);
  const updateConversation = database.prepare(UPDATE_CONVERSATION);
  const insertConversation = database.prepare(INSERT_CONVERSATION);
  const updateThread = database.prepare(UPDATE_THREAD);
  const insertThread = database.prepare(INSERT_THREAD);
  const insertReceipt = database.prepare(INSERT_RECEIPT);
  const writeAnswer = database.prepare(WRITE_ANSWER);

  function matches(tenant: string, write: ConversationWrite, thread: ThreadWrite | null): boolean {
    const found = readVersions.get(write.key, thread?.thread ?? "");
    if (found === undefined || found["conversation"] !== write.expectedVersion) return false;
    if (found["tenant"] !== null && found["tenant"] !== tenant) return false;
    return thread === null || found["thread"] === thread.expectedVersion;
  }

  function isNewReceipt(commit: TurnCommit, receipt: ReceiptWrite): boolean {
    const { requestId, at, expiresAt, body } = receipt;
    const key = commit.conversation?.key ?? null;
    const result = insertReceipt.run(commit.tenant, requestId, key, at, expiresAt, body);
    return Number(result.changes) === 1;
  }

  function writeConversation(tenant: string, write: ConversationWrite, addNanoUsd: number): void {
    const columns = conversationColumns(write, addNanoUsd);
    const result =
      write.expectedVersion === 0
        ? insertConversation.run(...columns, tenant)
        : updateConversation.run(...columns, write.expectedVersion);
    expectOneChange(result, "conversation");
  }

  function writeThread(key: string, write: ThreadWrite): void {
    const { body, thread, expectedVersion } = write;
    const result =
      expectedVersion === 0
        ? insertThread.run(body, key, thread)
        : updateThread.run(body, key, thread, expectedVersion);
    expectOneChange(result, "thread");
  }

  return (commit) => {
    const { tenant, conversation, thread, receipts, answers = [] } = commit;
    if (conversation !== null && !matches(tenant, conversation, thread)) return "conflict";
    for (const { key, expiresAt, body } of answers) {
      writeAnswer.run(key, conversation?.key ?? null, expiresAt, body);
    }
    const fresh = receipts.filter((receipt) => isNewReceipt(commit, receipt)).length;
    if (conversation === null) return "committed";
    const booked = receipts.length > 0 && fresh === 0;
    writeConversation(tenant, conversation, booked ? 0 : conversation.addSpentNanoUsd);
    if (thread !== null) writeThread(conversation.key, thread);
    return "committed";
  };
}
