// Goal: what a person asks of a conversation happens, and what happened is told truly. Method: actions between and
// during turns of an agent that sends whole transcripts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { startUpstream, textAnswer, toolAnswer } from "../support/upstream.ts";

const MARKER = "[fairlead]";

async function correct(gateway: TestGateway, id: string): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/conversations/${id}/actions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action: "correct" }),
  });
  assert.equal(response.status, 200, await response.text());
}

test("a correction that a person asks for while a turn is in flight goes out with the next (#2)", async (t) => {
  const upstream = await startUpstream(toolAnswer("search", { q: "a" }));
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const headers = inConversation("person");
  const turn = (rounds: number): Promise<Response> =>
    gateway.chat(agentBody([...opening("x"), ...honestRounds(rounds)]), headers);
  await turn(0);
  await turn(1);
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  upstream.respond(async (request) => {
    arrived.resolve();
    await gate.promise;
    return textAnswer("an answer of its own")(request);
  });
  const flying = turn(2);
  await arrived.promise;
  await correct(gateway, "person");
  gate.resolve();
  await flying;
  const before = await gateway.read("/v1/conversations/person");
  assert.equal(before.threads[0].outcome, null, "nothing was sent, so nothing has helped");
  upstream.respond(toolAnswer("search", { q: "c" }));
  await turn(3);
  await turn(4);
  const marked = upstream.requests.map(({ raw }) => raw.includes(MARKER));
  assert.deepEqual(marked, [false, false, false, true, true]);
  const after = await gateway.read("/v1/conversations/person");
  assert.equal(after.corrections.length, 1);
  assert.equal(after.corrections[0].pattern, "operator");
});

test("a recovery by progress stands in the receipt of the turn that showed it (#2)", async (t) => {
  const upstream = await startUpstream(toolAnswer("search", { q: "report" }));
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const headers = inConversation("progress");
  for (let rounds = 0; rounds <= 4; rounds += 1) {
    await gateway.chat(agentBody([...opening("x"), ...stuckRounds(rounds)]), headers);
  }
  const on = [...opening("x"), ...stuckRounds(4), ...honestRounds(1, 9)];
  const last = await gateway.chat(agentBody(on), headers);
  const receipt = await gateway.read(`/v1/receipts/${last.headers.get("x-request-id")}`);
  assert.equal(receipt.outcomes.length, 1);
  assert.equal(receipt.outcomes[0].kind, "recovered");
});

test("a condition of the operator's outranks the pin: regulated turns stay where they may go (#2)", async (t) => {
  const [eu, us] = await Promise.all([startUpstream(), startUpstream()]);
  t.after(() => Promise.all([eu.close(), us.close()]));
  const gateway = await startGateway(t, {
    providers: [
      provider("eu", eu, { models: [model("big", { model: "eu-1" })] }),
      provider("us", us, { models: [model("small", { model: "us-1" })] }),
    ],
    logicalModels: {
      chat: [
        { to: "eu/big", when: { header: { "x-data-class": "regulated" } } },
        { to: "us/small", weight: 100 },
      ],
    },
  });
  for (const profile of ["AGENT", "CHAT"]) {
    const headers = inConversation(`residency-${profile}`, profile);
    const body = { ...agentBody(opening("x")), model: "chat" };
    const first = await gateway.chat(body, headers);
    assert.equal(first.headers.get("x-router-model"), "us/small");
    const seen = us.requests.length;
    const more = { ...agentBody([...opening("x"), ...honestRounds(1)]), model: "chat" };
    const second = await gateway.chat(more, { ...headers, "x-data-class": "regulated" });
    assert.equal(us.requests.length, seen, "nothing regulated reached the other region");
    if (profile === "CHAT") assert.equal(second.headers.get("x-router-model"), "eu/big");
    else assert.equal(second.status, 400);
  }
});

test("a system prompt that tells the time leaves an agent one thread (#2)", async (t) => {
  const upstream = await startUpstream(toolAnswer("search", { q: "report" }));
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  for (let rounds = 0; rounds <= 3; rounds += 1) {
    const system: Json = { role: "system", content: `You are an agent. It is 10:0${rounds}.` };
    const messages = [system, { role: "user", content: "x" }, ...honestRounds(rounds)];
    await gateway.chat(agentBody(messages), inConversation("clock"));
  }
  const seen = await gateway.read("/v1/conversations/clock");
  assert.deepEqual(
    seen.threads.map(({ kind, turns }: Json) => [kind, turns]),
    [["main", 4]],
  );
});

test("a title request before the first turn fails over like any other, and pins nothing (#2)", async (t) => {
  const upstream = await startUpstream((request) => {
    const body: Json = request.body;
    if (body.model === "left-1") return { status: 503, json: { error: { message: "down" } } };
    return textAnswer("A title")(request);
  });
  t.after(() => upstream.close());
  const quality = { chat: 0.8, agent: 0.8, coding: 0.8 };
  const models = [
    model("left", { model: "left-1" }),
    model("right", { model: "right-1", quality }),
  ];
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, { models })] });
  const headers = { "x-claude-code-session-id": "titled", "x-router-profile": "AGENT" };
  const title = { model: "auto", messages: [{ role: "user", content: "Make a title" }] };
  const response = await gateway.chat(title, headers);
  assert.equal(response.status, 200, await response.text());
  assert.equal(response.headers.get("x-router-model"), "lab/right");
  const seen = await gateway.read("/v1/conversations/titled");
  assert.deepEqual(seen.pins, []);
});
