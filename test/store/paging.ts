// What the lists of every store promise, while others write.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type {
  ConversationListing,
  ConversationQuery,
  ConversationStore,
} from "../../src/conversation/store-port.ts";
import { InvalidCursorError } from "../../src/store/cursor.ts";
import type { OpenEmpty } from "./contract.ts";
import { turnCommit } from "./turn-commit.ts";

const ALL: ConversationQuery = {
  tenant: "acme",
  state: null,
  profile: null,
  limit: 3,
  cursor: null,
};

type OnPage = (page: readonly ConversationListing[]) => Promise<void>;

async function walk(
  store: ConversationStore,
  query: ConversationQuery,
  onPage: OnPage = async () => {},
): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.listConversations({ ...query, cursor });
    assert.ok(page.items.length <= query.limit);
    keys.push(...page.items.map(({ key }) => key));
    await onPage(page.items);
    cursor = page.cursor;
  } while (cursor !== null);
  return keys;
}

async function walkReceipts(
  store: ConversationStore,
  { key, limit, onPage }: { key: string; limit: number; onPage: () => Promise<unknown> },
): Promise<string[]> {
  const bodies: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.listReceipts({ tenant: "acme", key, limit, cursor });
    bodies.push(...page.items);
    await onPage();
    cursor = page.cursor;
  } while (cursor !== null);
  return bodies;
}

function orderTests(open: OpenEmpty): void {
  test("conversations are listed newest first and once, on pages of any size", async (context) => {
    const { store } = await open(context);
    const base = Date.now();
    const expected: string[] = [];
    for (let at = 0; at < 12; at += 1) {
      // Four conversations share each millisecond.
      const updatedAt = base + Math.floor(at / 4);
      const key = `k${String(at).padStart(2, "0")}`;
      await store.commit(turnCommit({ key, updatedAt }));
      expected.unshift(key);
    }
    for (const limit of [1, 2, 3, 4, 5, 12, 200]) {
      assert.deepEqual(await walk(store, { ...ALL, limit }), expected, `limit ${limit}`);
    }
  });

  test("a listing shows the facets of the last commit and the money spent", async (context) => {
    const { store } = await open(context);
    await store.commit(turnCommit({ key: "k", state: "open", addSpentNanoUsd: 7 }));
    const last = turnCommit({ key: "k", expectedVersion: 1, state: "warned", addSpentNanoUsd: 5 });
    await store.commit(last);
    const { items } = await store.listConversations(ALL);
    assert.deepEqual(items, [{ ...last.conversation?.facets, key: "k", spentNanoUsd: 12 }]);
  });

  test("lists can be narrowed by state and profile", async (context) => {
    const { store } = await open(context);
    const base = Date.now();
    for (let at = 0; at < 12; at += 1) {
      const state = at % 2 === 0 ? "open" : "closed";
      const profile = at % 3 === 0 ? "AGENT" : "CHAT";
      const key = `k${String(at).padStart(2, "0")}`;
      await store.commit(turnCommit({ key, state, profile, updatedAt: base + at }));
    }
    const open2 = await walk(store, { ...ALL, state: "open", limit: 2 });
    assert.deepEqual(open2, ["k10", "k08", "k06", "k04", "k02", "k00"]);
    const both = await walk(store, { ...ALL, state: "open", profile: "AGENT", limit: 1 });
    assert.deepEqual(both, ["k06", "k00"]);
    assert.deepEqual(await walk(store, { ...ALL, state: "unknown" }), []);
  });

  test("pages miss and repeat nothing that stands still while others move up", async (context) => {
    const { store } = await open(context);
    const base = Date.now();
    const keys = Array.from({ length: 20 }, (_, at) => `k${String(at).padStart(2, "0")}`);
    for (const [at, key] of keys.entries()) {
      await store.commit(turnCommit({ key, updatedAt: base + at }));
    }
    let version = 1;
    const seen = await walk(store, { ...ALL, limit: 4 }, async () => {
      // k19 was on the first page, and comes to the front again and again.
      const updatedAt = base + 100 + version;
      await store.commit(turnCommit({ key: "k19", expectedVersion: version, updatedAt }));
      await store.commit(turnCommit({ key: `new${version}`, updatedAt }));
      version += 1;
    });
    assert.deepEqual(seen, keys.toReversed());
  });

  test("receipts are listed in the order of their commits, while more arrive", async (context) => {
    const { store } = await open(context);
    const names = ["z", "a", "m", "b", "y"];
    for (const [at, name] of names.entries()) {
      await store.commit(turnCommit({ key: "k", expectedVersion: at, requestIds: [name] }));
      await store.commit(turnCommit({ key: "other", expectedVersion: at, requestIds: [`o${at}`] }));
    }
    let late = 0;
    const onPage = async (): Promise<void> => {
      if (late === 3) return;
      const expectedVersion = names.length + late;
      late += 1;
      const requestIds = [`late-${late}`];
      await store.commit(turnCommit({ key: "k", expectedVersion, requestIds }));
    };
    const bodies = await walkReceipts(store, { key: "k", limit: 2, onPage });
    const expected = [...names, "late-1", "late-2", "late-3"];
    assert.deepEqual(
      bodies,
      expected.map((requestId) => JSON.stringify({ requestId })),
    );
  });
}

function cursorTests(open: OpenEmpty): void {
  test("a cursor that the list did not give out is refused by name", async (context) => {
    const { store } = await open(context);
    for (let at = 0; at < 3; at += 1) {
      await store.commit(turnCommit({ key: "k", expectedVersion: at, requestIds: [`r${at}`] }));
      await store.commit(turnCommit({ key: `k${at}` }));
    }
    const receipts = { tenant: "acme", key: "k", limit: 1 };
    const fromReceipts = (await store.listReceipts({ ...receipts, cursor: null })).cursor;
    const fromConversations = (await store.listConversations({ ...ALL, limit: 1 })).cursor;
    const forged = ["", "nonsense", "W10", "e30", "bnVsbA", "x".repeat(10_000)];
    const half = fromConversations?.slice(0, -4) ?? null;
    const isRefused = (error: unknown): boolean =>
      error instanceof InvalidCursorError && error.name === "InvalidCursorError";
    for (const cursor of [...forged, half, fromReceipts]) {
      await assert.rejects(store.listConversations({ ...ALL, cursor }), isRefused, `${cursor}`);
    }
    for (const cursor of [...forged, fromConversations]) {
      await assert.rejects(store.listReceipts({ ...receipts, cursor }), isRefused, `${cursor}`);
    }
  });

  test("a page size outside the limits is refused", async (context) => {
    const { store } = await open(context);
    for (const limit of [0, -1, 1.5, 201, Number.NaN]) {
      await assert.rejects(store.listConversations({ ...ALL, limit }), RangeError);
      const receipts = store.listReceipts({ tenant: "acme", key: "k", limit, cursor: null });
      await assert.rejects(receipts, RangeError);
    }
  });
}

export function describePaging(name: string, open: OpenEmpty): void {
  describe(`lists of the ${name} store`, () => {
    orderTests(open);
    cursorTests(open);
  });
}
