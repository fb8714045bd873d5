// The Redis store keeps the promises of all stores, and bears a Redis that is dead or silent.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { openStore } from "../../src/store/open-store.ts";
import { startOwnRedis, startRedis, type RedisServer } from "../support/redis-server.ts";
import { describeStore, type OpenEmpty } from "./contract.ts";
import { describeModel } from "./model.ts";
import { describePaging } from "./paging.ts";
import { HOUR_MS, turnCommit } from "./turn-commit.ts";

const server = await startRedis();
after(() => server?.stop());

async function openAt(
  context: TestContext,
  { url }: Pick<RedisServer, "url">,
  onBackgroundError: (error: Error) => void = () => {},
): Promise<Awaited<ReturnType<OpenEmpty>> & { readonly raw: Redis; readonly prefix: string }> {
  const keyPrefix = `test-${randomUUID()}:`;
  const store = await openStore({ url, durability: "normal", keyPrefix, onBackgroundError });
  const raw = new Redis(url, { maxRetriesPerRequest: 0 });
  raw.on("error", () => undefined);
  context.after(async () => {
    await store.close();
    // A server of a single test is gone by now, and its keys with it.
    const left = url === server?.url ? await raw.keys(`${keyPrefix}*`) : [];
    if (left.length > 0) await raw.unlink(left);
    raw.disconnect();
  });
  return { store, address: { url, keyPrefix }, raw, prefix: keyPrefix };
}

async function ownRedis(context: TestContext, port?: number): Promise<RedisServer> {
  const own = await startOwnRedis(port);
  assert.ok(own !== null, "this test needs the redis-server program");
  context.after(() => own.stop());
  return own;
}

function describeRedis(running: RedisServer): void {
  const open: OpenEmpty = (context) => openAt(context, running);
  describeStore("Redis", open);
  describePaging("Redis", open);
  describeModel("Redis", open);

  test("everything of one conversation shares a hash tag and a lifetime", async (context) => {
    const { store, raw, prefix } = await openAt(context, running);
    const expiresAt = Date.now() + HOUR_MS;
    const thread = { thread: "main", expectedVersion: 0, body: "t" };
    await store.commit(turnCommit({ key: "k", thread, expiresAt, requestIds: ["r"] }));
    const names = await raw.keys(`${prefix}{k}*`);
    const kinds = names.map((name) => name.slice(`${prefix}{k}:`.length)).toSorted();
    assert.deepEqual(kinds, ["receipt-order:acme", "receipts:acme", "row", "threads"]);
    assert.equal(await raw.pexpiretime(`${prefix}{k}:row`), expiresAt);
    assert.equal(await raw.pexpiretime(`${prefix}{k}:threads`), expiresAt);
    for (const name of names) assert.ok((await raw.pttl(name)) > 0, `${name} expires`);
  });

  test("an id cannot choose its slot or another's key", async (context) => {
    const { store, raw, prefix } = await openAt(context, running);
    for (const key of ["}x{k}", "a:row", "k}:row"]) {
      assert.equal(await store.commit(turnCommit({ key })), "committed");
    }
    const rows = await raw.keys(`${prefix}*:row`);
    assert.equal(rows.length, 3);
    for (const name of rows) assert.match(name.slice(prefix.length), /^\{[^{}:]+\}:row$/);
    const url = running.url;
    const braced = openStore({ url, durability: "normal", keyPrefix: "a{b}" });
    await assert.rejects(braced, /prefix/);
  });

  test("a stale or missing index costs a listing, not an error", async (context) => {
    const { store, raw, prefix } = await openAt(context, running);
    await store.commit(turnCommit({ key: "k", requestIds: ["r"] }));
    await raw.zadd(`${prefix}index:acme`, Date.now() + 5, "ghost");
    await raw.zadd(`${prefix}expiry`, 1, "not JSON", 2, '["acme","ghost"]');
    const query = { tenant: "acme", state: null, profile: null, limit: 5, cursor: null };
    const { items } = await store.listConversations(query);
    assert.deepEqual(
      items.map(({ key }) => key),
      ["k"],
    );
    assert.equal(await store.sweep(Date.now()), 1);
    assert.deepEqual(await raw.zrange(`${prefix}index:acme`, 0, "-1"), ["k"]);
    await raw.del(`${prefix}index:acme`, `${prefix}{request:acme:r}:conversation`);
    assert.deepEqual((await store.listConversations(query)).items, []);
    assert.equal(await store.readReceipt("acme", "r"), null);
    assert.equal((await store.listReceipts({ ...query, key: "k" })).items.length, 1);
    await store.commit(turnCommit({ key: "k", expectedVersion: 1 }));
    assert.equal((await store.listConversations(query)).items.length, 1, "the next turn heals it");
  });

  test("a stale expiry cannot take a conversation that lives on", async (context) => {
    const { store, raw, prefix } = await openAt(context, running);
    const expiresAt = Date.now() + HOUR_MS;
    await store.commit(turnCommit({ key: "k", expiresAt }));
    const member = JSON.stringify(["acme", "k"]);
    await raw.zadd(`${prefix}expiry`, 1, member);
    assert.equal(await store.sweep(Date.now()), 0);
    assert.equal((await store.loadConversation("k"))?.version, 1);
    assert.equal(await raw.zscore(`${prefix}expiry`, member), String(expiresAt), "and is mended");
  });

  test("a Redis that forgot the scripts is taught them again", async (context) => {
    const { store, raw } = await openAt(context, running);
    await store.commit(turnCommit({ key: "k" }));
    await raw.script("FLUSH");
    assert.equal(await store.commit(turnCommit({ key: "k", expectedVersion: 1 })), "committed");
  });

  test("old receipts of a living conversation leave as new ones come", async (context) => {
    const { store } = await openAt(context, running);
    const now = Date.now();
    for (let version = 0; version < 5; version += 1) {
      const commit = turnCommit({
        key: "k",
        expectedVersion: version,
        requestIds: [`r${version}`],
      });
      const at = now + version * 10;
      const receipts = commit.receipts.map((one) => ({ ...one, at, expiresAt: at + 15 + HOUR_MS }));
      await store.commit({ ...commit, receipts });
    }
    const late = turnCommit({ key: "k", expectedVersion: 5, requestIds: ["late"] });
    const at = now + HOUR_MS + 30;
    const receipts = late.receipts.map((one) => ({ ...one, at, expiresAt: at + HOUR_MS }));
    await store.commit({ ...late, receipts });
    const page = await store.listReceipts({ tenant: "acme", key: "k", limit: 9, cursor: null });
    const ids = page.items.map((body) => JSON.parse(body).requestId);
    assert.deepEqual(ids, ["r2", "r3", "r4", "late"]);
  });

  test("quarantined rows are bounded, and leave with their conversation", async (context) => {
    const { store, raw, prefix } = await openAt(context, running);
    await store.commit(turnCommit({ key: "k0" }));
    for (let at = 0; at < 15; at += 1) await store.quarantine("k0", `${at}`, "bad");
    assert.equal(await raw.llen(`${prefix}{k0}:quarantine`), 10);
    await store.deleteConversation("acme", "k0");
    assert.equal(await raw.exists(`${prefix}{k0}:quarantine`), 0);
    for (let at = 1; at <= 105; at += 1) await store.quarantine(`k${at}`, "body", "bad");
    assert.equal((await raw.keys(`${prefix}{*}:quarantine`)).length, 100);
  });

  test("a Redis that dies refuses at once, and serves again when it is back", async (context) => {
    const own = await ownRedis(context);
    assert.ok(own.port !== null);
    const fault = Promise.withResolvers<Error>();
    const { store } = await openAt(context, own, fault.resolve);
    await store.commit(turnCommit({ key: "k" }));
    await own.stop();
    await assert.rejects(store.commit(turnCommit({ key: "k", expectedVersion: 1 })));
    await assert.rejects(store.loadConversation("k"));
    assert.ok((await fault.promise) instanceof Error, "the listener is told, and nothing crashes");
    await assert.rejects(store.ping());
    await ownRedis(context, own.port);
    let serves = false;
    while (!serves) {
      await pause(20);
      serves = await store.ping().then(
        () => true,
        () => false,
      );
    }
    assert.equal(await store.commit(turnCommit({ key: "k" })), "committed");
  });

  test("a Redis that falls silent is given up after a bounded wait", async (context) => {
    const own = await ownRedis(context);
    const { store } = await openAt(context, own);
    own.process?.kill("SIGSTOP");
    await assert.rejects(store.commit(turnCommit({ key: "k" })), /timed out/);
    own.process?.kill("SIGCONT");
    await store.ping();
  });
}

if (server === null) {
  test("the Redis store", { skip: "no redis-server on this machine" }, () => {});
} else {
  describeRedis(server);
}

test("an unreachable Redis is told by host and reason, without the password", async () => {
  const url = "redis://user:secret@127.0.0.1:1/0";
  const opening = openStore({ url, durability: "normal" });
  await assert.rejects(opening, (error: Error) => {
    assert.match(error.message, /127\.0\.0\.1:1 .*ECONNREFUSED/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
});

test("opening a Redis that accepts and never answers ends", async (context) => {
  const silent = createServer((socket) => context.after(() => socket.destroy()));
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  context.after(() => silent.close());
  const address = silent.address();
  assert.ok(address !== null && typeof address === "object");
  const url = `redis://127.0.0.1:${address.port}`;
  await assert.rejects(openStore({ url, durability: "normal" }), /cannot be reached/);
});
