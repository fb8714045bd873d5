// Goal: a loop that outlives its corrections gets a turn or two on a stronger model, where the operator allows it, and
// nothing else changes. Method: an agent that repeats itself, and a provider that writes down which model it is asked.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConversationStore } from "../../src/conversation/store-port.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import { inConversation, model, type Json } from "../support/gateway.ts";
import { MODELS, startLadder, STUCK } from "../support/ladder-scene.ts";
import { toolAnswer, type CapturedRequest } from "../support/upstream.ts";

const STRONGER = { divergence: { strongerTurnsMax: 2 } };
const MARKER = "[fairlead]";

function asked(request: CapturedRequest | undefined): string {
  const body: Json = request?.body;
  return body.model;
}

test("when corrections did not help one turn goes to a stronger model, and the pin stays", async (t) => {
  const { turns, turn, upstream, conversation } = await startLadder(t, STRONGER);
  const corrected = await turns(0, 9);
  assert.equal(corrected.model, "lab/held");
  const stronger = await turn(10);
  assert.equal(stronger.model, "lab/best");
  assert.equal(stronger.pin, "kept");
  assert.equal(stronger.state, "escalated");
  assert.match(stronger.reason ?? "", /one turn on a stronger model/);
  assert.equal(asked(upstream.requests.at(-1)), "best-1");
  assert.ok(upstream.requests.at(-1)?.raw.includes(MARKER), "it reads what was said before");
  const { receipt } = stronger;
  assert.equal(receipt.stronger_turn.deployment, "lab/best");
  assert.equal(receipt.routing.strategy, "stronger_turn");
  assert.deepEqual([receipt.pin.event, receipt.pin.to], ["kept", "lab/held"]);
  assert.match(receipt.pin.note, /lab\/best/);
  const back = await turn(11);
  assert.equal(back.model, "lab/held");
  assert.equal(back.pin, "kept");
  assert.equal(back.receipt.stronger_turn, null);
  const [pin] = (await conversation()).pins;
  assert.deepEqual([pin.state, pin.model], ["home", "held-1"]);
});

test("a conversation gets two such turns at most, with the cool-down between them", async (t) => {
  const { turns, upstream, conversation } = await startLadder(t, STRONGER);
  await turns(0, 20);
  const models = upstream.requests.map(asked);
  assert.deepEqual(
    models.flatMap((name, index) => (name === "best-1" ? [index] : [])),
    [10, 12],
  );
  const [episode] = (await conversation()).episodes;
  assert.equal(episode.stronger_turns, 2);
  assert.equal(episode.outcome, "escalated");
});

test("nobody who has not asked for it gets a turn on a stronger model", async (t) => {
  const { turns, upstream } = await startLadder(t, { divergence: {} });
  await turns(0, 16);
  assert.deepEqual([...new Set(upstream.requests.map(asked))], ["held-1"]);
});

test("a stronger model that turns the agent round is a recovery of the same episode", async (t) => {
  const handler = (request: CapturedRequest) =>
    asked(request) === "best-1"
      ? toolAnswer("search", { q: "another way" })(request)
      : STUCK(request);
  const { turns, turn, conversation } = await startLadder(t, { ...STRONGER, handler });
  await turns(0, 10);
  const next = await turn(10, honestRounds(1, 50));
  assert.equal(next.model, "lab/held");
  assert.equal(next.state, "steady");
  const [episode] = (await conversation()).episodes;
  assert.equal(episode.outcome, "recovered");
  assert.equal(episode.stronger_turns, 1);
  assert.equal(next.receipt.episodes[0].outcome, "recovered");
});

test("without a stronger model that may be chosen the turn stays on its own, and the receipt says why", async (t) => {
  const [held, , weak] = MODELS;
  const small = model("best", { model: "best-1", contextTokens: 60 });
  const quality = { chat: 0.7, agent: 0.7, coding: 0.7 };
  const peer = model("peer", { model: "peer-1", quality });
  const unrated = model("unrated", { model: "unrated-1", quality: {} });
  for (const models of [
    [held, weak],
    [held, small],
    [held, peer, unrated],
  ]) {
    const known = models.filter((entry) => entry !== undefined);
    const { turns } = await startLadder(t, { ...STRONGER, models: known });
    const last = await turns(0, 10);
    assert.equal(last.status, 200);
    assert.equal(last.model, "lab/held");
    assert.equal(last.receipt.stronger_turn.deployment, null);
    assert.match(last.receipt.stronger_turn.reason, /no model above 0\.70 may be chosen/);
  }
});

test("a model that the caller has named is never left", async (t) => {
  const { turns, upstream } = await startLadder(t, { ...STRONGER, body: { model: "lab/held" } });
  const last = await turns(0, 10);
  assert.match(last.receipt.stronger_turn.reason, /the caller has named the model/);
  assert.deepEqual([...new Set(upstream.requests.map(asked))], ["held-1"]);
});

test("a stronger model that fails or refuses costs the turn nothing: the pinned one answers", async (t) => {
  for (const status of [503, 400]) {
    const handler = (request: CapturedRequest) =>
      asked(request) === "best-1"
        ? { status, json: { error: { message: "not for you" } } }
        : STUCK(request);
    const { turns, conversation } = await startLadder(t, { ...STRONGER, handler });
    const last = await turns(0, 10);
    assert.equal(last.status, 200);
    assert.equal(last.model, "lab/held");
    assert.equal(last.pin, "kept");
    const tried = last.receipt.fallback.attempts.map(({ deployment }: Json) => deployment);
    assert.deepEqual(tried, ["lab/best", "lab/held"]);
    assert.equal((await conversation()).pins[0].model, "held-1");
  }
});

test("a turn on a stronger model that failed is still one when it is sent again", async (t) => {
  let down = false;
  const handler = (request: CapturedRequest) =>
    down ? { status: 503, json: { error: { message: "down" } } } : STUCK(request);
  const { turns, turn, upstream } = await startLadder(t, { ...STRONGER, handler });
  await turns(0, 9);
  down = true;
  assert.equal((await turn(10)).status, 503);
  down = false;
  const before = upstream.requests.length;
  const again = await turn(10);
  assert.equal(again.status, 200);
  assert.equal(again.receipt.conversation.resend, true);
  assert.equal(asked(upstream.requests[before]), "best-1");
  assert.equal(again.pin, "kept");
  assert.equal((await turn(11)).model, "lab/held");
});

test("a stronger turn that could not be stored is not taken (#2)", async (t) => {
  const store = createMemoryStore();
  let broken = false;
  const fragile: ConversationStore = {
    ...store,
    commit: (commit) =>
      broken ? Promise.reject(new Error("as the test wants")) : store.commit(commit),
  };
  const { turns, gateway, upstream } = await startLadder(t, { ...STRONGER, store: fragile });
  await turns(0, 9);
  broken = true;
  const messages = [...opening("Find the report."), ...stuckRounds(10)];
  const response = await gateway.chat(agentBody(messages), inConversation("stuck", "LADDER"));
  assert.equal(response.headers.get("x-router-model"), "lab/held");
  assert.equal(response.headers.get("x-conversation-state"), "degraded");
  assert.equal(asked(upstream.requests.at(-1)), "held-1");
});

test("a side request beside a stronger turn stays on the pin", async (t) => {
  const { turns, gateway } = await startLadder(t, STRONGER);
  await turns(0, 10);
  const title = { ...agentBody([{ role: "user", content: "Make a title" }]), tools: undefined };
  const response = await gateway.chat(title, inConversation("stuck", "LADDER"));
  assert.equal(response.headers.get("x-router-model"), "lab/held");
});
