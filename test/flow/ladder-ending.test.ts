// Goal: a loop that nothing helped ends kindly, only where the operator asked for it, and words open it again.
// Method: an agent that repeats itself whatever it reads, and what its client gets for it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore } from "../../src/store/memory.ts";
import { honestRounds, stuckRounds } from "../support/agent-turns.ts";
import { startLadder } from "../support/ladder-scene.ts";
import type { Json } from "../support/gateway.ts";

const KIND = { divergence: { ending: "kind" } };
const said = (text: string): Json => ({ role: "user", content: text });
/** What a client keeps of the ending: it is the assistant's newest message. */
const ending = (answer: Json): Json => answer.choices[0].message;

test("a loop that nothing helped ends with an answer that says what was seen and how to go on", async (t) => {
  const { turns, turn, upstream, conversation } = await startLadder(t, KIND);
  await turns(0, 9);
  const before = upstream.requests.length;
  const ended = await turn(10);
  assert.equal(ended.status, 200);
  assert.equal(ended.model, "fairlead/ending");
  assert.equal(ended.state, "halted");
  assert.equal(upstream.requests.length, before, "no model was asked");
  const { content, tool_calls: calls } = ending(ended.answer);
  assert.equal(calls, undefined);
  assert.match(content, /round in circles .*"search".* 3 notes/);
  assert.match(content, /new message of the user .*opens it again/);
  assert.equal(ended.receipt.outcome, "ended");
  assert.equal(ended.receipt.cost.total_usd, 0);
  assert.equal(ended.receipt.episodes[0].outcome, "ended");
  const seen = await conversation();
  assert.equal(seen.state, "halted");
  assert.equal(seen.corrections.length, 3);
  assert.ok(seen.corrections.every(({ outcome }: Json) => outcome.kind === "ended"));
  const again = await turn(11);
  assert.equal(again.model, "fairlead/ending", "and it stays ended");
  assert.equal(upstream.requests.length, before);
});

test("where the profile does not ask for it, no loop is ever ended", async (t) => {
  const { turns } = await startLadder(t, { divergence: {} });
  const last = await turns(0, 24);
  assert.equal(last.model, "lab/held");
  assert.equal(last.state, "escalated");
});

test("a stronger model is tried before an end", async (t) => {
  const both = { divergence: { ending: "kind", strongerTurnsMax: 1 } };
  const { turns, turn } = await startLadder(t, both);
  assert.equal((await turns(0, 10)).model, "lab/best");
  assert.equal((await turn(11)).model, "lab/held");
  assert.equal((await turn(12)).model, "fairlead/ending");
});

test("an agent that brings anything new, or polls what moves, is never ended", async (t) => {
  const { turn } = await startLadder(t, KIND);
  for (let rounds = 0; rounds <= 24; rounds += 1) {
    // Every third call of the same thing is followed by real work.
    const mixed = Array.from({ length: rounds }, (_, round) =>
      round % 3 === 2 ? honestRounds(1, round) : stuckRounds(1, round),
    ).flat();
    const { model, state } = await turn(0, mixed);
    assert.equal(model, "lab/held");
    assert.notEqual(state, "halted");
  }
});

test("new words of a person open an ended conversation again, the same words twice do not", async (t) => {
  const { turns, turn, conversation } = await startLadder(t, KIND);
  const ended = await turns(0, 10);
  const told = [ending(ended.answer), said("Search the archive instead.")];
  const resumed = await turn(10, told);
  assert.equal(resumed.model, "lab/held");
  assert.equal(resumed.state, "escalated");
  // The same loop has to be seen in full once more before it is ended again.
  const more = (rounds: number) => turn(10, [...told, ...stuckRounds(rounds, 30)]);
  for (let rounds = 1; rounds <= 3; rounds += 1) {
    assert.equal((await more(rounds)).model, "lab/held");
  }
  let last = await more(4);
  for (let rounds = 5; last.model !== "fairlead/ending"; rounds += 1) {
    assert.ok(rounds < 12, "it ends again");
    last = await more(rounds);
  }
  const rounds = 12;
  const nagged = [...told, ...stuckRounds(rounds, 30), ending(last.answer)];
  const nagging = await turn(10, [...nagged, said("Search the archive instead.")]);
  assert.equal(nagging.model, "fairlead/ending");
  assert.equal((await conversation()).episodes.at(-1).outcome, "ended");
});

test("work after a person's words is a recovery of the loop that was ended", async (t) => {
  const { turns, turn, conversation } = await startLadder(t, KIND);
  const ended = await turns(0, 10);
  const told = [ending(ended.answer), said("Search the archive instead.")];
  await turn(10, told);
  const on = await turn(10, [...told, ...honestRounds(1, 40)]);
  assert.equal(on.state, "steady");
  const [episode] = (await conversation()).episodes;
  assert.equal(episode.outcome, "recovered");
  assert.equal(episode.open, false);
});

test("a person's reset opens an ended conversation, and its ladder begins anew", async (t) => {
  const { turns, turn, gateway, conversation } = await startLadder(t, KIND);
  await turns(0, 10);
  const response = await fetch(`${gateway.url}/v1/conversations/stuck/actions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"action":"reset"}',
  });
  assert.equal(response.status, 200);
  const next = await turn(11);
  assert.equal(next.model, "lab/held");
  assert.equal(next.state, "steady");
  assert.equal((await conversation()).episodes[0].outcome, "reset");
});

test("where a shape was demanded, an ended conversation refuses in words its client can read", async (t) => {
  const body = { response_format: { type: "json_object" } };
  const { turns } = await startLadder(t, { ...KIND, body });
  const ended = await turns(0, 10);
  assert.equal(ended.status, 403);
  assert.equal(ended.answer.error.code, "conversation_ended");
  assert.match(ended.answer.error.message, /round in circles/);
});

test("a loop to which nothing was sent is never ended", async (t) => {
  const silent = { divergence: { ending: "kind", correctionsMax: 0 } };
  assert.equal((await (await startLadder(t, silent)).turns(0, 16)).model, "lab/held");
  const headers = { "x-router-corrections": "off" };
  const { turns, upstream } = await startLadder(t, { ...KIND, headers });
  assert.equal((await turns(0, 16)).model, "lab/held");
  assert.ok(upstream.requests.every(({ raw }) => !raw.includes("[fairlead]")));
});

test("when the operator takes endings back, what was ended goes on", async (t) => {
  const store = createMemoryStore();
  const ended = await startLadder(t, { ...KIND, store });
  assert.equal((await ended.turns(0, 10)).model, "fairlead/ending");
  const { turn } = await startLadder(t, { divergence: {}, store });
  assert.equal((await turn(11)).model, "lab/held");
});
