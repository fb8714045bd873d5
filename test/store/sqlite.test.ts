// The SQLite store keeps the promises of all stores, and survives what happens to its file.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import type { ConversationStore } from "../../src/conversation/store-port.ts";
import { openStore } from "../../src/store/open-store.ts";
import { answerRemovalTests } from "./answers.ts";
import { describeStore, spawnChild, type OpenEmpty } from "./contract.ts";
import { describeModel } from "./model.ts";
import { describePaging } from "./paging.ts";
import { readNames, turnCommit } from "./turn-commit.ts";

/** How many acknowledged commits are waited for before the child is killed. */
const KILL_AFTER_COMMITS = 150;

const opened = new Map<string, readonly ConversationStore[]>();

function temporaryFile(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-sqlite-"));
  const file = join(folder, "data", "store.db");
  context.after(async () => {
    // First the stores, then their file.
    await Promise.all((opened.get(file) ?? []).map((store) => store.close()));
    opened.delete(file);
    rmSync(folder, { recursive: true, force: true });
  });
  return file;
}

async function openFile(
  context: TestContext,
  file: string,
  durability: "normal" | "strict" = "normal",
): Promise<ConversationStore> {
  const store = await openStore({
    url: `sqlite:${file}`,
    durability,
    onBackgroundError: (error) => assert.ifError(error),
  });
  opened.set(file, [...(opened.get(file) ?? []), store]);
  return store;
}

const open: OpenEmpty = async (context) => {
  const file = temporaryFile(context);
  const store = await openFile(context, file);
  return { store, address: { url: `sqlite:${file}`, keyPrefix: "" } };
};

describeStore("SQLite", open);
answerRemovalTests(open);
describePaging("SQLite", open);
describeModel("SQLite", open);

test("a new database is readable by its owner alone", async (context) => {
  const file = temporaryFile(context);
  const store = await openFile(context, file);
  await store.commit(turnCommit({ key: "k" }));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(`${file}-wal`).mode & 0o777, 0o600);
});

test("a store that is closed and opened again still has everything", async (context) => {
  const file = temporaryFile(context);
  for (const [expectedVersion, durability] of (["normal", "strict"] as const).entries()) {
    const store = await openFile(context, file, durability);
    const commit = turnCommit({ key: "k", expectedVersion, addSpentNanoUsd: 3 });
    assert.equal(await store.commit(commit), "committed");
    await store.close();
    assert.equal(existsSync(`${file}-wal`), false, "the log is back in the file");
  }
  const store = await openFile(context, file);
  const stored = { version: 2, body: '{"version":2}', spentNanoUsd: 6 };
  assert.deepEqual(await store.loadConversation("k"), stored);
});

test("a store of the version before keeps what it has, and learns to keep answers", async (context) => {
  const file = temporaryFile(context);
  const first = await openFile(context, file);
  await first.commit(turnCommit({ key: "k" }));
  await first.close();
  const older = new DatabaseSync(file);
  older.exec("DROP TABLE answer; PRAGMA user_version = 1");
  older.close();
  const store = await openFile(context, file);
  assert.equal((await store.loadConversation("k"))?.version, 1);
  const answers = [{ key: "a", body: "{}", expiresAt: Date.now() + 60_000 }];
  await store.commit({ ...turnCommit({ key: "k", expectedVersion: 1 }), answers });
  assert.equal(await store.loadAnswer("a"), "{}");
});

test("a store from a newer Fairlead is refused and left alone", async (context) => {
  const file = temporaryFile(context);
  await (await openFile(context, file)).close();
  const newer = new DatabaseSync(file);
  newer.exec("PRAGMA user_version = 999");
  newer.close();
  await assert.rejects(openFile(context, file), /newer Fairlead \(schema 999/);
  const after = new DatabaseSync(file);
  assert.equal(after.prepare("PRAGMA user_version").get()?.["user_version"], 999);
  after.close();
});

test("a file that is no Fairlead store is refused and left alone", async (context) => {
  const file = temporaryFile(context);
  await (await openFile(context, file)).close();
  rmSync(file);
  const foreign = new DatabaseSync(file);
  foreign.exec("CREATE TABLE precious (id INTEGER)");
  foreign.close();
  await assert.rejects(openFile(context, file), /another program/);
  writeFileSync(file, "this is a text file, and by no means a database".repeat(50));
  await assert.rejects(openFile(context, file), /not a database/);
});

test("a failed transaction rejects all its turns, and the next one works", async (context) => {
  const file = temporaryFile(context);
  const store = await openFile(context, file);
  await store.commit(turnCommit({ key: "k" }));
  const saboteur = new DatabaseSync(file, { timeout: 5_000 });
  saboteur.exec(`CREATE TRIGGER sabotage BEFORE INSERT ON receipt
    WHEN new.request_id = 'bad' BEGIN SELECT raise(ABORT, 'sabotaged'); END`);
  const outcomes = await Promise.allSettled([
    store.commit(turnCommit({ key: "beside", requestIds: ["good"] })),
    store.commit(turnCommit({ key: "k", expectedVersion: 1, requestIds: ["bad"] })),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(await store.loadConversation("beside"), null);
  assert.equal(await store.readReceipt("acme", "good"), null);
  saboteur.exec("DROP TRIGGER sabotage");
  saboteur.close();
  assert.equal(await store.commit(turnCommit({ key: "k", expectedVersion: 1 })), "committed");
});

test("a turn waits for the lock of another process and holds up no other", async (context) => {
  const file = temporaryFile(context);
  const store = await openFile(context, file);
  const other = new DatabaseSync(file, { timeout: 5_000 });
  other.exec("BEGIN IMMEDIATE");
  const commit = store.commit(turnCommit({ key: "k" }));
  let settled = false;
  void commit.finally(() => (settled = true));
  for (let round = 0; round < 20; round += 1) {
    // The event loop turns and reads are served, while the write waits.
    assert.equal(await store.loadConversation("k"), null);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(settled, false);
  other.exec("COMMIT");
  other.close();
  assert.equal(await commit, "committed");
});

test("a process that is killed while it commits loses no acknowledged turn", async (context) => {
  const file = temporaryFile(context);
  const address = { url: `sqlite:${file}`, keyPrefix: "" };
  const child = spawnChild({ ...address, key: "k", name: "t", commits: 1e9, parallel: 8 });
  assert.ok(child.stdout !== null);
  const acknowledged: string[] = [];
  for await (const name of createInterface(child.stdout)) {
    acknowledged.push(name);
    if (acknowledged.length === KILL_AFTER_COMMITS) child.kill("SIGKILL");
  }
  if (child.signalCode === null) await once(child, "exit");
  assert.equal(child.signalCode, "SIGKILL");
  const store = await openFile(context, file);
  const stored = await store.loadConversation("k");
  const names = new Set(readNames(stored?.body ?? "").names);
  for (const name of acknowledged) {
    assert.ok(names.has(name), `${name} is in the conversation`);
    assert.notEqual(await store.readReceipt("acme", name), null, `receipt of ${name}`);
  }
  assert.equal(stored?.version, names.size);
  assert.equal(stored.spentNanoUsd, names.size);
});

test("quarantined rows are bounded, and leave with their conversation", async (context) => {
  const file = temporaryFile(context);
  const store = await openFile(context, file);
  const copies = Array.from({ length: 1_010 }, (_, at) => store.quarantine("k", `${at}`, "bad"));
  await Promise.all([...copies, store.commit(turnCommit({ key: "k" }))]);
  const reader = new DatabaseSync(file);
  context.after(() => reader.close());
  const count = reader.prepare("SELECT count(*) AS rows, min(body + 0) AS oldest FROM quarantine");
  assert.deepEqual({ ...count.get() }, { rows: 1_000, oldest: 10 });
  await store.deleteConversation("acme", "k");
  assert.equal(count.get()?.["rows"], 0);
});

test("one sweep removes a bounded number of rows", async (context) => {
  const { store } = await open(context);
  const expiresAt = Date.now();
  const thread = { thread: "main", expectedVersion: 0, body: "" };
  const keys = Array.from({ length: 400 }, (_, at) => `k${at}`);
  await Promise.all(keys.map((key) => store.commit(turnCommit({ key, thread, expiresAt }))));
  assert.equal(await store.sweep(expiresAt), 500);
  assert.equal(await store.sweep(expiresAt), 300);
  assert.equal(await store.sweep(expiresAt), 0);
});

test("a sqlite store without the path of a file is refused", async (context) => {
  await assert.rejects(openFile(context, ""), /path of a file/);
  await assert.rejects(openFile(context, ":memory:"), /path of a file/);
});
