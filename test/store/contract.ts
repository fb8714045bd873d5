// What every store promises, as one suite that runs over all of them.
// Must never know which store it is looking at.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import type { ConversationStore } from "../../src/conversation/store-port.ts";
import { answerTests } from "./answers.ts";
import type { ChildOrder } from "./commit-child.ts";
import { commitUntilThrough, HOUR_MS, readNames, statelessCommit } from "./turn-commit.ts";
import { turnCommit } from "./turn-commit.ts";

export interface EmptyStore {
  readonly store: ConversationStore;
  /** How another process opens the same store; null where none can. */
  readonly address: { readonly url: string; readonly keyPrefix: string } | null;
}

/** Opens a store that nothing was written to, and closes it after the test. */
export type OpenEmpty = (context: TestContext) => Promise<EmptyStore>;

/** Prints the names of its acknowledged commits on stdout. */
export function spawnChild(order: ChildOrder): ReturnType<typeof spawn> {
  const script = fileURLToPath(new URL("./commit-child.ts", import.meta.url));
  const stdio = ["ignore", "pipe", "inherit"] as const;
  return spawn(process.execPath, [script, JSON.stringify(order)], { stdio: [...stdio] });
}

async function runChild(order: ChildOrder): Promise<string[]> {
  const child = spawnChild(order);
  const output = child.stdout === null ? "" : await text(child.stdout);
  return output.split("\n").filter((name) => name !== "");
}

function rowTests(open: OpenEmpty): void {
  test("what was committed is read back to the letter", async (context) => {
    const { store } = await open(context);
    let number = 0;
    const anyText = fc.string({ unit: "binary", maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(
        anyText,
        anyText,
        fc.string({ unit: "binary" }),
        async (body, own, thread) => {
          const key = `key-${(number += 1)}`;
          const write = { thread, expectedVersion: 0, body: own };
          const commit = turnCommit({ key, body, thread: write, requestIds: [`id-${number}`] });
          assert.equal(await store.commit(commit), "committed");
          const stored = { version: 1, body, spentNanoUsd: 0 };
          assert.deepEqual(await store.loadConversation(key), stored);
          assert.deepEqual(await store.loadThread(key, thread), { version: 1, body: own });
          const receipt = commit.receipts[0]?.body;
          assert.equal(await store.readReceipt("acme", `id-${number}`), receipt);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("what was never written is not there", async (context) => {
    const { store } = await open(context);
    await store.commit(turnCommit({ key: "known" }));
    assert.equal(await store.loadConversation("unknown"), null);
    assert.equal(await store.loadThread("unknown", "main"), null);
    assert.equal(await store.loadThread("known", "main"), null);
    assert.equal(await store.readReceipt("acme", "unknown"), null);
    await store.ping();
  });

  test("versions of a conversation and of each thread count up on their own", async (context) => {
    const { store } = await open(context);
    for (const expectedVersion of [0, 1, 2]) {
      const thread = { thread: "main", expectedVersion, body: `${expectedVersion}` };
      assert.equal(
        await store.commit(turnCommit({ key: "k", expectedVersion, thread })),
        "committed",
      );
    }
    const side = { thread: "side", expectedVersion: 0, body: "side" };
    await store.commit(turnCommit({ key: "k", expectedVersion: 3, thread: side }));
    assert.equal((await store.loadConversation("k"))?.version, 4);
    assert.deepEqual(await store.loadThread("k", "main"), { version: 3, body: "2" });
    assert.deepEqual(await store.loadThread("k", "side"), { version: 1, body: "side" });
  });

  test("a quarantined copy leaves the row as it is", async (context) => {
    const { store } = await open(context);
    await store.commit(turnCommit({ key: "k", body: "poison" }));
    await store.quarantine("k", "poison", "not JSON");
    assert.equal((await store.loadConversation("k"))?.body, "poison");
  });
}

function conflictTests(open: OpenEmpty): void {
  const stale = [
    { title: "conversation", expectedVersion: 0, threadVersion: 1 },
    { title: "thread", expectedVersion: 1, threadVersion: 0 },
    { title: "thread that is not there", expectedVersion: 1, threadVersion: 7 },
  ];
  for (const { title, expectedVersion, threadVersion } of stale) {
    test(`a commit on a stale ${title} leaves nothing of itself behind`, async (context) => {
      const { store } = await open(context);
      const thread = { thread: "main", expectedVersion: 0, body: "first" };
      await store.commit(turnCommit({ key: "k", body: "first", thread, addSpentNanoUsd: 5 }));
      const loser = turnCommit({
        key: "k",
        body: "second",
        expectedVersion,
        state: "closed",
        addSpentNanoUsd: 100,
        thread: { thread: "main", expectedVersion: threadVersion, body: "second" },
        requestIds: ["lost"],
      });
      // Neighbours of the loser, which may share its transaction, go through.
      const outcomes = await Promise.all([
        store.commit(turnCommit({ key: "before", requestIds: ["before"] })),
        store.commit(loser),
        store.commit(turnCommit({ key: "after", requestIds: ["after"] })),
      ]);
      assert.deepEqual(outcomes, ["committed", "conflict", "committed"]);
      const stored = { version: 1, body: "first", spentNanoUsd: 5 };
      assert.deepEqual(await store.loadConversation("k"), stored);
      assert.deepEqual(await store.loadThread("k", "main"), { version: 1, body: "first" });
      assert.equal(await store.readReceipt("acme", "lost"), null);
      const query = { tenant: "acme", profile: null, limit: 10, cursor: null };
      const closed = await store.listConversations({ ...query, state: "closed" });
      assert.deepEqual(closed, { items: [], cursor: null });
      const receipts = await store.listReceipts({
        tenant: "acme",
        key: "k",
        limit: 9,
        cursor: null,
      });
      assert.deepEqual(receipts.items, []);
      assert.notEqual(await store.readReceipt("acme", "before"), null);
      assert.notEqual(await store.readReceipt("acme", "after"), null);
    });
  }

  test("of two first turns at once exactly one wins", async (context) => {
    const { store } = await open(context);
    const outcomes = await Promise.all([
      store.commit(turnCommit({ key: "k", body: "one" })),
      store.commit(turnCommit({ key: "k", body: "two" })),
    ]);
    assert.deepEqual(outcomes.toSorted(), ["committed", "conflict"]);
    assert.equal((await store.loadConversation("k"))?.version, 1);
  });

  test("a malformed commit is refused and harms none beside it", async (context) => {
    const { store } = await open(context);
    const good = store.commit(turnCommit({ key: "good" }));
    const half = store.commit(turnCommit({ key: "half", addSpentNanoUsd: 0.5 }));
    const negative = store.commit(turnCommit({ key: "negative", expectedVersion: -1 }));
    const thread = { thread: "main", expectedVersion: 0, body: "" };
    const lonely = store.commit({ tenant: "acme", conversation: null, thread, receipts: [] });
    await assert.rejects(half, RangeError);
    await assert.rejects(negative, RangeError);
    await assert.rejects(lonely, TypeError);
    assert.equal(await good, "committed");
    assert.equal(await store.loadConversation("half"), null);
  });
}

function parallelTests(open: OpenEmpty): void {
  test("fifty parallel turns of one conversation lose nothing", async (context) => {
    const { store } = await open(context);
    const names = Array.from({ length: 50 }, (_, turn) => `turn-${turn}`);
    await Promise.all(names.map((name) => commitUntilThrough(store, { key: "k", name })));
    const stored = await store.loadConversation("k");
    assert.equal(stored?.version, 50);
    assert.equal(stored.spentNanoUsd, 50);
    assert.deepEqual(readNames(stored.body).names.toSorted(), names.toSorted());
    assert.equal((await store.loadThread("k", "main"))?.version, 50);
    const receipts = await store.listReceipts({
      tenant: "acme",
      key: "k",
      limit: 100,
      cursor: null,
    });
    assert.equal(new Set(receipts.items).size, 50);
  });

  test("three gateway processes on one conversation lose nothing", async (context) => {
    const { store, address } = await open(context);
    if (address === null) {
      context.skip("this store belongs to one process");
      return;
    }
    const orders = ["a", "b", "c"].map((name) => {
      return { ...address, key: "k", name, commits: 40, parallel: 4 };
    });
    const acknowledged = (await Promise.all(orders.map(runChild))).flat();
    assert.equal(acknowledged.length, 120);
    const stored = await store.loadConversation("k");
    assert.equal(stored?.version, 120);
    assert.equal(stored.spentNanoUsd, 120);
    assert.deepEqual(readNames(stored.body).names.toSorted(), acknowledged.toSorted());
    for (const name of acknowledged) {
      assert.notEqual(await store.readReceipt("acme", name), null, `receipt of ${name}`);
    }
  });
}

function bookTests(open: OpenEmpty): void {
  test("money adds up, and a request is charged once however often it comes", async (context) => {
    const { store } = await open(context);
    const spent = async (): Promise<number | undefined> =>
      (await store.loadConversation("k"))?.spentNanoUsd;
    const add = (expectedVersion: number, requestIds: string[]): Promise<string> =>
      store.commit(turnCommit({ key: "k", expectedVersion, addSpentNanoUsd: 10, requestIds }));
    await add(0, ["r1"]);
    await add(1, ["r2"]);
    assert.equal(await spent(), 20);
    assert.equal(await add(2, ["r1"]), "committed");
    assert.equal(await spent(), 20, "the same request again");
    await add(3, []);
    assert.equal(await spent(), 30, "an amount without a receipt");
    await add(4, ["r2", "r3"]);
    assert.equal(await spent(), 40, "a new receipt beside an old one");
    assert.equal((await store.loadConversation("k"))?.version, 5);
  });

  test("the first receipt of a request stands", async (context) => {
    const { store } = await open(context);
    const first = turnCommit({ key: "k", requestIds: ["r"] });
    await store.commit(first);
    const changed = first.receipts.map((receipt) => ({ ...receipt, body: "changed" }));
    const again = turnCommit({ key: "k", expectedVersion: 1 });
    await store.commit({ ...again, receipts: changed });
    await store.commit({ ...statelessCommit("acme", []), receipts: changed });
    assert.equal(await store.readReceipt("acme", "r"), first.receipts[0]?.body);
    const page = await store.listReceipts({ tenant: "acme", key: "k", limit: 10, cursor: null });
    assert.deepEqual(page.items, [first.receipts[0]?.body]);
  });

  test("receipts without a conversation are kept once, and by tenant", async (context) => {
    const { store } = await open(context);
    const commit = statelessCommit("acme", ["a", "b"]);
    assert.equal(await store.commit(commit), "committed");
    const changed = commit.receipts.map((receipt) => ({ ...receipt, body: "changed" }));
    assert.equal(await store.commit({ ...commit, receipts: changed }), "committed");
    assert.equal(await store.readReceipt("acme", "a"), commit.receipts[0]?.body);
    assert.equal(await store.readReceipt("acme", "b"), commit.receipts[1]?.body);
    assert.equal(await store.readReceipt("other", "a"), null);
  });

  test("a tenant sees and touches nothing of another", async (context) => {
    const { store } = await open(context);
    await store.commit(turnCommit({ key: "k", requestIds: ["r"] }));
    const intruder = turnCommit({ tenant: "evil", key: "k", expectedVersion: 1, body: "stolen" });
    assert.equal(await store.commit(intruder), "conflict");
    assert.equal(await store.readReceipt("evil", "r"), null);
    const query = { tenant: "evil", limit: 10, cursor: null };
    const conversations = await store.listConversations({ ...query, state: null, profile: null });
    assert.deepEqual(conversations.items, []);
    assert.deepEqual((await store.listReceipts({ ...query, key: "k" })).items, []);
    assert.equal(await store.deleteConversation("evil", "k"), false);
    assert.equal((await store.loadConversation("k"))?.body, '{"version":1}');
    assert.notEqual(await store.readReceipt("acme", "r"), null);
    await store.commit(turnCommit({ tenant: "evil", key: "own", requestIds: ["r"] }));
    assert.equal((await store.listReceipts({ ...query, key: "own" })).items.length, 1);
  });
}

function removalTests(open: OpenEmpty): void {
  test("a deleted conversation leaves no thread and no receipt", async (context) => {
    const { store } = await open(context);
    const thread = { thread: "main", expectedVersion: 0, body: "t" };
    await store.commit(turnCommit({ key: "k", thread, requestIds: ["r"] }));
    await store.commit(turnCommit({ key: "other", thread, requestIds: ["s"] }));
    assert.equal(await store.deleteConversation("acme", "k"), true);
    assert.equal(await store.deleteConversation("acme", "k"), false);
    assert.equal(await store.loadConversation("k"), null);
    assert.equal(await store.loadThread("k", "main"), null);
    assert.equal(await store.readReceipt("acme", "r"), null);
    const query = { tenant: "acme", limit: 10, cursor: null };
    assert.deepEqual((await store.listReceipts({ ...query, key: "k" })).items, []);
    const left = await store.listConversations({ ...query, state: null, profile: null });
    assert.deepEqual(
      left.items.map(({ key }) => key),
      ["other"],
    );
    assert.notEqual(await store.readReceipt("acme", "s"), null);
    assert.equal(await store.commit(turnCommit({ key: "k", thread })), "committed");
  });

  test("a sweep takes what has expired and leaves the living", async (context) => {
    const { store } = await open(context);
    const now = Date.now();
    const thread = { thread: "main", expectedVersion: 0, body: "t" };
    const short = { thread, expiresAt: now + HOUR_MS };
    const long = { thread, expiresAt: now + 9 * HOUR_MS };
    await store.commit(turnCommit({ key: "short", ...short }));
    await store.commit(turnCommit({ key: "long", ...long }));
    await store.commit(turnCommit({ key: "prolonged", ...short }));
    await store.commit(
      turnCommit({ key: "prolonged", expectedVersion: 1, expiresAt: long.expiresAt }),
    );
    assert.equal(await store.sweep(now), 0);
    while ((await store.sweep(now + 2 * HOUR_MS)) > 0);
    assert.equal(await store.loadConversation("short"), null);
    assert.equal(await store.loadThread("short", "main"), null);
    assert.equal((await store.loadConversation("long"))?.version, 1);
    assert.equal((await store.loadThread("long", "main"))?.version, 1);
    assert.equal((await store.loadConversation("prolonged"))?.version, 2);
    const query = { tenant: "acme", state: null, profile: null, limit: 10, cursor: null };
    const left = (await store.listConversations(query)).items.map(({ key }) => key);
    assert.deepEqual(left.toSorted(), ["long", "prolonged"]);
  });

  test("a receipt lives by its own time, longer than its conversation", async (context) => {
    const { store } = await open(context);
    const now = Date.now();
    const old = turnCommit({ key: "k", expiresAt: now + HOUR_MS, requestIds: ["stays"] });
    const receipts = old.receipts.map((one) => ({ ...one, expiresAt: now + 9 * HOUR_MS }));
    await store.commit({ ...old, receipts });
    const gone = { requestId: "gone", at: now - HOUR_MS, expiresAt: now - 1, body: "gone" };
    await store.commit({ ...statelessCommit("acme", []), receipts: [gone] });
    while ((await store.sweep(now + 2 * HOUR_MS)) > 0);
    assert.equal(await store.loadConversation("k"), null);
    assert.equal(await store.readReceipt("acme", "gone"), null);
    assert.notEqual(await store.readReceipt("acme", "stays"), null);
  });

  test("a closed store refuses instead of waiting", async (context) => {
    const { store } = await open(context);
    const last = store.commit(turnCommit({ key: "k" }));
    await Promise.all([store.close(), store.close()]);
    assert.equal(await last, "committed");
    await assert.rejects(store.commit(turnCommit({ key: "k", expectedVersion: 1 })), Error);
    await assert.rejects(store.loadConversation("k"), Error);
    await assert.rejects(store.ping(), Error);
  });
}

/** Runs the parts that need no paging; `describePaging` and `describeModel` hold the rest. */
export function describeStore(name: string, open: OpenEmpty): void {
  describe(`the ${name} store`, () => {
    rowTests(open);
    conflictTests(open);
    parallelTests(open);
    bookTests(open);
    removalTests(open);
    answerTests(open);
  });
}
