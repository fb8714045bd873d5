// Goal: a turn that a client sends again because it failed is the same turn, paid for and recorded each time, and never
// evidence of a loop. Method: turns that fail, break off or are left by the client, and then come again.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import {
  inConversation,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { startUpstream, textAnswer, toolAnswer, type Scripted } from "../support/upstream.ts";

const HEADERS = inConversation("again");
const TURNS = "/v1/conversations/again/turns?limit=200";
const DOWN: Scripted = { status: 503, json: { error: { message: "down" } } };
const BODY = agentBody([...opening("Do it."), ...honestRounds(2)]);

async function startScene(t: TestContext) {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  return { upstream, gateway: await startGateway(t, { providers: [provider("lab", upstream)] }) };
}

async function send(gateway: TestGateway, body: unknown, headers = HEADERS) {
  const response = await gateway.chat(body, headers);
  const text = await response.text();
  const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  return {
    status: response.status,
    text,
    turn: response.headers.get("x-conversation-turn"),
    receipt,
  };
}

/** A turn may be settled after its client has gone: waits until so many are in the books. */
async function settled(gateway: TestGateway, count: number): Promise<readonly Json[]> {
  for (;;) {
    const { data } = await gateway.read(TURNS);
    if (data.length >= count) return data;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a failed turn that is sent again is the same turn with a receipt of its own", async (t) => {
  const { upstream, gateway } = await startScene(t);
  upstream.respond(() => DOWN);
  const failed = await send(gateway, BODY);
  assert.equal(failed.status, 503);
  const again = await send(gateway, BODY);
  upstream.respond(textAnswer("Done."));
  const answered = await send(gateway, BODY);
  assert.deepEqual([failed.turn, again.turn, answered.turn], ["1", "1", "1"]);
  const receipts = (await gateway.read(TURNS)).data;
  assert.deepEqual(
    receipts.map(({ outcome, conversation }: Json) => [
      outcome,
      conversation.turn,
      conversation.resend,
    ]),
    [
      ["failed", 1, false],
      ["failed", 1, true],
      ["completed", 1, true],
    ],
  );
  assert.equal(new Set(receipts.map(({ request_id }: Json) => request_id)).size, 3);
  const { turns, threads, totals } = await gateway.read("/v1/conversations/again");
  assert.deepEqual([turns, threads[0].turns, threads[0].steps_remembered], [1, 1, 2]);
  assert.equal(threads[0].last_turn.resends, 2);
  assert.equal(totals.failed_turns, 2);
  const next = await send(gateway, agentBody([...opening("Do it."), ...honestRounds(3)]));
  assert.deepEqual([next.turn, next.receipt.conversation.resend], ["2", false]);
});

test("a stream that was cut is sent again as the same turn, and both are paid for", async (t) => {
  const { upstream, gateway } = await startScene(t);
  const whole = textAnswer("A text that is long enough to be cut.", {
    promptTokens: 100,
    completionTokens: 50,
  });
  upstream.respond((request, count) => {
    const script = whole(request);
    return count === 1 && "events" in script ? { ...script, cutAfter: 3 } : script;
  });
  const stream = { ...BODY, stream: true };
  const cut = await send(gateway, stream);
  assert.match(cut.text, /"code":"upstream_stream_cut"/);
  assert.doesNotMatch(cut.text, /\[DONE\]/);
  const answered = await send(gateway, stream);
  assert.match(answered.text, /\[DONE\]\n\n$/);
  assert.equal(answered.turn, "1");
  const [first, second] = (await gateway.read(TURNS)).data;
  assert.deepEqual(
    [first.outcome, second.outcome, second.conversation.resend],
    ["cut", "completed", true],
  );
  assert.equal(first.execution.tokens.estimated, true);
  assert.ok(first.cost.total_usd > 0 && second.cost.total_usd > 0);
  const { budget } = await gateway.read("/v1/conversations/again");
  const sum = Math.round((first.cost.total_usd + second.cost.total_usd) * 1e9);
  assert.equal(Math.round(budget.spent_usd * 1e9), sum);
});

test("a turn that its client left is sent again as the same turn", async (t) => {
  const { upstream, gateway } = await startScene(t);
  const long = textAnswer("A text that is long enough to be left in the middle.");
  upstream.respond((request, count) => {
    const script = long(request);
    return count === 1 && "events" in script ? { ...script, holdAfter: 3 } : script;
  });
  const leave = new AbortController();
  const left = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...HEADERS },
    body: JSON.stringify({ ...BODY, stream: true }),
    signal: leave.signal,
  });
  await left.body?.getReader().read();
  leave.abort();
  await upstream.requests[0]?.aborted;
  const [first] = await settled(gateway, 1);
  assert.equal(first?.outcome, "aborted");
  const again = await send(gateway, { ...BODY, stream: true });
  assert.deepEqual([again.turn, again.receipt.conversation.resend], ["1", true]);
  const { turns, threads } = await gateway.read("/v1/conversations/again");
  assert.deepEqual([turns, threads[0].steps_remembered], [1, 2]);
});

test("a turn that is sent again while its first attempt still hangs counts its evidence once", async (t) => {
  const { upstream, gateway } = await startScene(t);
  await send(gateway, agentBody(opening("Do it.")));
  const begun = [...opening("Do it."), ...stuckRounds(1)];
  const release = Promise.withResolvers<void>();
  upstream.respond(async (request, count) => {
    if (count === 2) await release.promise;
    return textAnswer("Done.")(request);
  });
  const hanging = send(gateway, agentBody(begun));
  while (upstream.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
  for (let times = 0; times < 5; times += 1) await send(gateway, agentBody(begun));
  release.resolve();
  await hanging;
  const { threads } = await gateway.read("/v1/conversations/again");
  assert.equal(threads.length, 1);
  assert.equal(threads[0].steps_remembered, 1);
  assert.equal(threads[0].state, "steady");
});

test("an equal transcript after an answer is a new turn without new evidence", async (t) => {
  const { gateway } = await startScene(t);
  const stuck = agentBody([...opening("Do it."), ...stuckRounds(2)]);
  for (let turn = 1; turn <= 8; turn += 1) {
    const { receipt } = await send(gateway, stuck);
    assert.deepEqual(
      [receipt.conversation.turn, receipt.conversation.resend, receipt.conversation.state],
      [turn, false, "steady"],
    );
  }
  const { threads } = await gateway.read("/v1/conversations/again");
  assert.equal(threads[0].steps_remembered, 2);
});

test("with an Idempotency-Key an answered turn that comes again is the same turn, with its own cost", async (t) => {
  const { gateway } = await startScene(t);
  const keyed = { ...HEADERS, "idempotency-key": "turn-1" };
  const first = await send(gateway, BODY, keyed);
  const again = await send(gateway, BODY, keyed);
  assert.deepEqual([again.turn, again.receipt.conversation.resend], ["1", true]);
  assert.ok(first.receipt.cost.total_usd > 0);
  assert.equal(again.receipt.cost.total_usd, first.receipt.cost.total_usd);
  assert.notEqual(again.receipt.request_id, first.receipt.request_id);
  const other = await send(gateway, BODY, { ...HEADERS, "idempotency-key": "turn-2" });
  assert.deepEqual([other.turn, other.receipt.conversation.resend], ["2", false]);
  const longer = agentBody([...opening("Do it."), ...honestRounds(3)]);
  const next = await send(gateway, longer, { ...HEADERS, "idempotency-key": "turn-2" });
  assert.deepEqual(
    [next.turn, next.receipt.conversation.resend],
    ["3", false],
    "a key names one transcript",
  );
});

test("a correction that went out with a failed turn goes out with its resend, byte for byte", async (t) => {
  const { upstream, gateway } = await startScene(t);
  upstream.respond(toolAnswer("search", { q: "report" }));
  for (let rounds = 0; rounds <= 3; rounds += 1) {
    await send(gateway, agentBody([...opening("Do it."), ...stuckRounds(rounds)]));
  }
  upstream.respond(() => DOWN);
  const corrected = agentBody([...opening("Do it."), ...stuckRounds(4)]);
  const failed = await send(gateway, corrected);
  assert.equal(failed.status, 503);
  assert.equal(failed.receipt.correction.level, 1);
  upstream.respond(textAnswer("I stop."));
  const again = await send(gateway, corrected);
  assert.deepEqual([again.turn, again.receipt.correction], [failed.turn, null]);
  const bodies = upstream.requests
    .filter(({ raw }) => raw.includes("[fairlead]"))
    .map(({ raw }) => raw.toString());
  assert.ok(bodies.length >= 2);
  assert.equal(new Set(bodies).size, 1);
  const { corrections } = await gateway.read("/v1/conversations/again");
  assert.equal(corrections.length, 1);
  assert.equal(corrections[0].outcome.kind, "recovered");
});
