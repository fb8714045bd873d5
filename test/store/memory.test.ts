// The memory store keeps the promises of all stores, and its bounds.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createMemoryStore,
  MEMORY_CONVERSATIONS_MAX,
  MEMORY_RECEIPTS_MAX,
  MEMORY_THREADS_MAX,
} from "../../src/store/memory.ts";
import { answerRemovalTests } from "./answers.ts";
import { describeStore, type OpenEmpty } from "./contract.ts";
import { describePaging } from "./paging.ts";
import { statelessCommit, turnCommit } from "./turn-commit.ts";

const open: OpenEmpty = async () => ({ store: createMemoryStore(), address: null });

describeStore("memory", open);
describePaging("memory", open);
answerRemovalTests(open);

test("memory gives up the conversation that was committed longest ago", async () => {
  const store = createMemoryStore();
  await store.commit(turnCommit({ key: "used" }));
  await store.commit(turnCommit({ key: "idle" }));
  await store.commit(turnCommit({ key: "used", expectedVersion: 1 }));
  for (let at = 2; at <= MEMORY_CONVERSATIONS_MAX; at += 1) {
    await store.commit(turnCommit({ key: `k${at}` }));
  }
  assert.equal(await store.loadConversation("idle"), null);
  assert.equal((await store.loadConversation("used"))?.version, 2);
});

test("memory bounds the threads of a conversation, and all receipts", async () => {
  const store = createMemoryStore();
  for (let at = 0; at <= MEMORY_THREADS_MAX; at += 1) {
    const thread = { thread: `t${at}`, expectedVersion: 0, body: "t" };
    await store.commit(turnCommit({ key: "k", expectedVersion: at, thread }));
  }
  assert.equal(await store.loadThread("k", "t0"), null);
  assert.equal((await store.loadThread("k", "t1"))?.version, 1);
  const ids = Array.from({ length: MEMORY_RECEIPTS_MAX + 1 }, (_, at) => `r${at}`);
  await store.commit(statelessCommit("acme", ids));
  assert.equal(await store.readReceipt("acme", "r0"), null);
  assert.notEqual(await store.readReceipt("acme", "r1"), null);
});
