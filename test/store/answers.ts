// What every store promises of the answers that later requests go on from. Must never know which store it looks at.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { OpenEmpty } from "./contract.ts";
import { HOUR_MS, statelessCommit, turnCommit } from "./turn-commit.ts";

function answerOf(key: string, body = `{"of":"${key}"}`, expiresAt = Date.now() + HOUR_MS) {
  return { key, body, expiresAt };
}

export function answerTests(open: OpenEmpty): void {
  test("what is known of an answer is found by its key, the newest of it", async (context) => {
    const { store } = await open(context);
    assert.equal(await store.loadAnswer("a"), null);
    await store.commit({ ...turnCommit({ key: "k" }), answers: [answerOf("a"), answerOf("b")] });
    assert.equal(await store.loadAnswer("a"), '{"of":"a"}');
    const alone = { ...statelessCommit("acme", ["r"]), answers: [answerOf("a", "{}")] };
    assert.equal(await store.commit(alone), "committed");
    assert.equal(await store.loadAnswer("a"), "{}");
    assert.equal(await store.loadAnswer("b"), '{"of":"b"}');
  });

  test("a turn without answers is stored as before", async (context) => {
    const { store } = await open(context);
    await store.commit({ ...turnCommit({ key: "k" }), answers: [] });
    assert.equal((await store.loadConversation("k"))?.version, 1);
  });

  test("an answer whose time is not a whole number is refused, and nothing is stored", async (context) => {
    const { store } = await open(context);
    const commit = { ...turnCommit({ key: "k" }), answers: [answerOf("a", "{}", 0.5)] };
    await assert.rejects(store.commit(commit), /answer\.expiresAt/);
    assert.equal(await store.loadConversation("k"), null);
  });
}

/** Of the stores that find answers by their conversation and by time themselves. */
export function answerRemovalTests(open: OpenEmpty): void {
  test("answers go with their conversation, and with their time", async (context) => {
    const { store } = await open(context);
    await store.commit({ ...turnCommit({ key: "k" }), answers: [answerOf("a")] });
    await store.commit({ ...turnCommit({ key: "l" }), answers: [answerOf("b")] });
    const old = answerOf("old", "{}", Date.now() - 1);
    await store.commit({ ...statelessCommit("acme", []), answers: [old] });
    assert.equal(await store.deleteConversation("acme", "k"), true);
    assert.equal(await store.loadAnswer("a"), null);
    while ((await store.sweep(Date.now())) > 0);
    assert.equal(await store.loadAnswer("old"), null);
    assert.notEqual(await store.loadAnswer("b"), null);
  });
}
