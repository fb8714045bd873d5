// The tables of the SQLite store and their version. Must never rewrite a newer Fairlead's file.
// Bodies stand last in their tables: a list of facets then never touches a large body's pages.

import type { DatabaseSync } from "node:sqlite";

/** Kept in `PRAGMA user_version`; 0 is an empty file. Raise it with a step in MIGRATIONS. */
const SCHEMA_VERSION = 2;

const CREATE_VERSION_1 = `
  CREATE TABLE conversation (
    key TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    version INTEGER NOT NULL,
    spent_nano_usd INTEGER NOT NULL,
    display_id TEXT NOT NULL,
    state TEXT NOT NULL,
    profile TEXT NOT NULL,
    turns INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX conversation_by_update ON conversation (tenant, updated_at DESC, key DESC);
  CREATE INDEX conversation_by_expiry ON conversation (expires_at);

  CREATE TABLE thread (
    conversation_key TEXT NOT NULL,
    thread TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (conversation_key, thread)
  ) STRICT;

  CREATE TABLE receipt (
    sequence INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    request_id TEXT NOT NULL,
    conversation_key TEXT,
    at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (tenant, request_id)
  ) STRICT;
  CREATE INDEX receipt_by_conversation ON receipt (conversation_key, sequence)
    WHERE conversation_key IS NOT NULL;
  CREATE INDEX receipt_by_expiry ON receipt (expires_at);

  CREATE TABLE quarantine (
    sequence INTEGER PRIMARY KEY,
    conversation_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX quarantine_by_conversation ON quarantine (conversation_key);
`;

const CREATE_VERSION_2 = `
  CREATE TABLE answer (
    key TEXT NOT NULL UNIQUE,
    conversation_key TEXT,
    expires_at INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX answer_by_conversation ON answer (conversation_key)
    WHERE conversation_key IS NOT NULL;
  CREATE INDEX answer_by_expiry ON answer (expires_at);
`;

/** Step n leads from schema version n to n + 1. */
const MIGRATIONS: readonly string[] = [CREATE_VERSION_1, CREATE_VERSION_2];

function readSchemaVersion(database: DatabaseSync): number {
  const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
  if (typeof version !== "number") throw new Error("SQLite did not tell its user_version");
  return version;
}

function refuseForeign(database: DatabaseSync, file: string): void {
  const version = readSchemaVersion(database);
  if (version > SCHEMA_VERSION) {
    throw new Error(
      `${file} was written by a newer Fairlead (schema ${version}; this one knows ` +
        `${SCHEMA_VERSION}). Start the newer Fairlead, or name another file as the store.`,
    );
  }
  if (version > 0) return;
  const tables = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.["tables"];
  if (tables !== 0) {
    throw new Error(`${file} is the database of another program. Name another file as the store.`);
  }
}

/**
 * Brings the file to SCHEMA_VERSION in one transaction; several processes may try at once.
 * Throws when the file is newer or another program's. SQLITE_BUSY is passed on.
 */
export function migrateSchema(database: DatabaseSync, file: string): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    refuseForeign(database, file);
    for (const step of MIGRATIONS.slice(readSchemaVersion(database))) database.exec(step);
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
