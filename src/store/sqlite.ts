// The default store: one SQLite file, shared by all gateways of one host.
// Must never lose an acknowledged commit when the process dies; with `strict`, nor in a power cut.

import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import type { ConversationStore } from "../conversation/store-port.ts";
import { checkCommit } from "./commit-check.ts";
import { createWriteBatch, isBusy } from "./sqlite-batch.ts";
import { startCheckpoints } from "./sqlite-checkpoint.ts";
import { prepareCommit } from "./sqlite-commit.ts";
import { prepareReads, prepareRemovals } from "./sqlite-queries.ts";
import { migrateSchema } from "./sqlite-schema.ts";

/** How long SQLite may hold the event loop for a lock; sqlite-batch.ts then waits without. */
const BUSY_TIMEOUT_MS = 10;
/** How long opening waits for another process that opens or migrates the same file. */
const OPEN_WAIT_MS = 5_000;
/** Pause between two tries to open. */
const OPEN_RETRY_MS = 20;
/** Page cache of the connection, in KiB. */
const CACHE_KIB = 16_384;
/** The log shrinks to this when it starts anew. */
const WAL_KEPT_BYTES = 16 * 1024 * 1024;
/** Pages after which SQLite checkpoints by itself, should the checkpoint thread be lost. */
const FALLBACK_CHECKPOINT_PAGES = 1_000;

export interface SqliteStoreOptions {
  /** Path of the database file; it and its folder are created, readable by their owner alone. */
  readonly file: string;
  /**
   * `normal`: an acknowledged commit survives the death of the process.
   * `strict`: it survives a power cut too, for the price of one disk flush a transaction.
   */
  readonly durability: "normal" | "strict";
  /** Faults of background work that no caller waits for. */
  readonly onBackgroundError: (error: Error) => void;
}

function createFile(file: string): void {
  if (file === "" || file.startsWith(":")) {
    throw new Error("A sqlite: store needs the path of a file; use memory: to keep nothing.");
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, "a", 0o600));
}

function configure(database: DatabaseSync, options: SqliteStoreOptions): void {
  const synchronous = options.durability === "strict" ? "FULL" : "NORMAL";
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${synchronous};
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
    PRAGMA cache_size = -${CACHE_KIB};`);
  migrateSchema(database, options.file);
}

async function openDatabase(options: SqliteStoreOptions): Promise<DatabaseSync> {
  createFile(options.file);
  const database = new DatabaseSync(options.file, { timeout: BUSY_TIMEOUT_MS });
  const giveUpAtMs = performance.now() + OPEN_WAIT_MS;
  for (;;) {
    try {
      configure(database, options);
      return database;
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUpAtMs) {
        database.close();
        throw error;
      }
      await pause(OPEN_RETRY_MS);
    }
  }
}

/** Rejects when the file cannot be opened, is not a Fairlead store, or is a newer Fairlead's. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<ConversationStore> {
  const database = await openDatabase(options);
  const batch = createWriteBatch(database);
  const reads = prepareReads(database);
  const removals = prepareRemovals(database);
  const commitTurn = prepareCommit(database);
  const alive = database.prepare("SELECT 1 FROM conversation LIMIT 1");
  const checkpoints = startCheckpoints({
    file: options.file,
    onError: options.onBackgroundError,
    // Short: the checkpoint thread has just moved all but the newest pages. If another process is
    // in the way, SQLite says so in its answer, and the checkpoint thread asks again.
    onLogTooLong: () => database.exec("PRAGMA wal_checkpoint(TRUNCATE)"),
    onLost: () => database.exec(`PRAGMA wal_autocheckpoint = ${FALLBACK_CHECKPOINT_PAGES}`),
  });
  let closing: Promise<void> | null = null;
  async function close(): Promise<void> {
    await batch.close();
    await checkpoints.close();
    database.close();
  }
  return {
    kind: "sqlite",
    loadConversation: async (key) => reads.loadConversation(key),
    loadThread: async (key, thread) => reads.loadThread(key, thread),
    loadAnswer: async (key) => reads.loadAnswer(key),
    async commit(commit) {
      checkCommit(commit);
      return await batch.run(() => commitTurn(commit));
    },
    readReceipt: async (tenant, requestId) => reads.readReceipt(tenant, requestId),
    listReceipts: async (query) => reads.listReceipts(query),
    listConversations: async (query) => reads.listConversations(query),
    quarantine: (key, body, reason) => batch.run(() => removals.quarantine(key, body, reason)),
    deleteConversation: (tenant, key) => batch.run(() => removals.deleteConversation(tenant, key)),
    sweep: (now) => batch.run(() => removals.sweep(now)),
    async ping() {
      alive.get();
    },
    close: () => (closing ??= close()),
  };
}
