// Goal: a budget warns once, ends kindly, costs nothing when it ends, and can be raised. Method: a provider of which
// every answer costs exactly ten cents, and the client library that agents use.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import OpenAI from "openai";
import { agentBody, honestRounds, opening, stuckRounds, TOOLS } from "../support/agent-turns.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { startUpstream, textAnswer } from "../support/upstream.ts";

const TEN_CENTS = { promptTokens: 100_000, completionTokens: 0 };
const NOTE = "Wrap up";
const ID = "frugal";
const PATH = `/v1/conversations/${ID}`;

type SentHeaders = Readonly<Record<string, string>>;

const withBudget = (usd: string, more: SentHeaders = {}): SentHeaders => ({
  ...inConversation(ID),
  "x-conversation-budget-usd": usd,
  ...more,
});

async function startScene(t: TestContext) {
  const upstream = await startUpstream(textAnswer("Done.", TEN_CENTS));
  t.after(() => upstream.close());
  const models = [model("big", { model: "big-1", price: { input: 1, output: 1 } })];
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, { models })] });
  const noted = () => upstream.requests.filter(({ raw }) => raw.includes(NOTE)).length;
  return { upstream, gateway, noted };
}

async function send(
  gateway: TestGateway,
  headers: Readonly<Record<string, string>>,
  body: unknown = agentBody(opening("Do it.")),
) {
  const response = await gateway.chat(body, headers);
  const text = await response.text();
  return { status: response.status, text, header: (name: string) => response.headers.get(name) };
}

/** So many turns of a growing history. */
async function spend(
  gateway: TestGateway,
  turns: number,
  headers = withBudget("1.00"),
): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    const { status, text } = await send(
      gateway,
      headers,
      agentBody([...opening("Do it."), ...honestRounds(turn)]),
    );
    assert.equal(status, 200, text);
  }
}

const grown = (rounds: number) => agentBody([...opening("Do it."), ...honestRounds(rounds)]);

test("from 80 % on the model is told once to wrap up, behind the newest message", async (t) => {
  const { gateway, upstream, noted } = await startScene(t);
  await spend(gateway, 8);
  assert.equal(noted(), 0);
  await send(gateway, withBudget("1.00"), grown(8));
  assert.equal(noted(), 1);
  const sent: Json = upstream.requests.at(-1)?.body;
  const last = sent.messages.at(-1);
  assert.equal(last.role, "user");
  assert.match(last.content, /^\[fairlead\] .*80 %/);
  const conversation = await gateway.read(PATH);
  assert.equal(conversation.life, "warned");
  assert.equal(conversation.state, "steady");
  // It stays where it was said, and is not said again.
  await send(gateway, withBudget("1.00"), grown(9));
  const again: Json = upstream.requests.at(-1)?.body;
  const notes = again.messages.filter(({ content }: Json) => String(content).includes(NOTE));
  assert.equal(notes.length, 1);
  assert.equal(again.messages.at(-1).role, "tool");
});

test("a side request does not take the warning away from the main thread", async (t) => {
  const { gateway, noted } = await startScene(t);
  await spend(gateway, 8);
  const side = { model: "auto", messages: [{ role: "user", content: "Give this a title." }] };
  await send(gateway, withBudget("1.00"), side);
  assert.equal(noted(), 0);
  await send(gateway, withBudget("1.00"), grown(8));
  assert.equal(noted(), 1);
});

async function exhaust(t: TestContext) {
  const scene = await startScene(t);
  await spend(scene.gateway, 10);
  return { ...scene, before: scene.upstream.requests.length };
}

test("at 100 % the agent reads a kind ending with its own library, whole and streamed", async (t) => {
  const { gateway, upstream, before } = await exhaust(t);
  const client = new OpenAI({
    baseURL: `${gateway.url}/v1`,
    apiKey: "none",
    maxRetries: 0,
    defaultHeaders: withBudget("1.00"),
  });
  const messages = [{ role: "user" as const, content: "Go on." }];
  const whole = await client.chat.completions.create({ model: "auto", messages });
  assert.equal(whole.model, "fairlead/ending");
  assert.equal(whole.choices[0]?.finish_reason, "stop");
  assert.match(whole.choices[0]?.message.content ?? "", /out of budget: 1 USD of 1 spent/);
  assert.doesNotMatch(
    whole.choices[0]?.message.content ?? "",
    /reset/,
    "a reset forgives no money",
  );
  assert.equal(whole.usage?.total_tokens, 0);
  const stream = client.chat.completions.stream({ model: "auto", messages });
  const streamed = await stream.finalChatCompletion();
  assert.equal(streamed.choices[0]?.message.content, whole.choices[0]?.message.content);
  assert.equal(streamed.choices[0]?.finish_reason, "stop");
  assert.equal(upstream.requests.length, before, "no model is asked");
});

test("the ending is marked, costs nothing and is no evidence", async (t) => {
  const { gateway } = await exhaust(t);
  for (let times = 0; times < 6; times += 1) {
    const body = agentBody([...opening("Do it."), ...stuckRounds(times)]);
    const { status, header } = await send(gateway, withBudget("1.00"), body);
    assert.equal(status, 200);
    assert.equal(header("x-router-model"), "fairlead/ending");
    assert.equal(header("x-conversation-state"), "steady");
    const receipt = await gateway.read(`/v1/receipts/${header("x-request-id")}`);
    assert.deepEqual(
      [receipt.outcome, receipt.cost.total_usd, receipt.routing.winner, receipt.fallback.attempts],
      ["ended", 0, null, []],
    );
  }
  const conversation = await gateway.read(PATH);
  assert.equal(conversation.life, "exhausted");
  assert.equal(conversation.budget.spent_usd, 1);
  assert.equal(conversation.pins[0].model, "big-1");
});

const SHAPES: Readonly<Record<string, Json>> = {
  "a JSON schema": {
    response_format: {
      type: "json_schema",
      json_schema: { name: "a", schema: { type: "object" } },
    },
  },
  "a JSON object": { response_format: { type: "json_object" } },
  "a tool by name": {
    tool_choice: { type: "function", function: { name: "search" } },
    tools: TOOLS,
  },
  "any tool": { tool_choice: "required", tools: TOOLS },
};

test("where a shape was demanded, the ending is a refusal that no client tries again", async (t) => {
  const { gateway, upstream, before } = await exhaust(t);
  for (const [shape, about] of Object.entries(SHAPES)) {
    for (const stream of [false, true]) {
      const { status, text, header } = await send(gateway, withBudget("1.00"), {
        ...agentBody(opening("Do it.")),
        stream,
        ...about,
      });
      assert.equal(status, 403, shape);
      const { error } = JSON.parse(text);
      assert.equal(error.code, "conversation_ended");
      assert.match(error.message, /budget/);
      assert.equal(header("x-should-retry"), "false");
      assert.equal(header("retry-after"), null);
    }
  }
  for (const about of [{ tool_choice: "auto" }, { response_format: { type: "text" } }]) {
    assert.equal(
      (await send(gateway, withBudget("1.00"), agentBody(opening("Do it."), about))).status,
      200,
    );
  }
  assert.equal(upstream.requests.length, before);
});

test("a raised budget leads back to the same model", async (t) => {
  const { gateway, noted } = await exhaust(t);
  assert.equal(
    (await send(gateway, withBudget("1.00"))).header("x-router-model"),
    "fairlead/ending",
  );
  const back = await send(gateway, withBudget("5"), grown(11));
  assert.deepEqual(
    [back.header("x-router-model"), back.header("x-router-pin")],
    ["lab/big", "kept"],
  );
  const conversation = await gateway.read(PATH);
  assert.deepEqual([conversation.life, conversation.budget.limit_usd], ["open", 5]);
  // The new budget is kept, and has a warning of its own.
  await spend(gateway, 29, inConversation(ID));
  const before = noted();
  const warned = await send(
    gateway,
    inConversation(ID),
    agentBody([...opening("Another."), ...honestRounds(1)]),
  );
  assert.equal(warned.status, 200);
  assert.equal(noted(), before + 1);
});

test("a budget that is raised to little more than was spent warns at once", async (t) => {
  const { gateway, noted } = await exhaust(t);
  await send(gateway, withBudget("1.00"));
  const before = noted();
  const body = agentBody([...opening("Do something else."), ...honestRounds(1)]);
  assert.equal((await send(gateway, withBudget("1.20"), body)).header("x-router-model"), "lab/big");
  assert.equal(noted(), before + 1);
});

test("a budget may be named later and lowered, and is then reached", async (t) => {
  const { gateway } = await startScene(t);
  await spend(gateway, 3, inConversation(ID));
  assert.equal((await gateway.read(PATH)).budget.limit_usd, null);
  assert.equal((await send(gateway, withBudget("10"))).header("x-router-model"), "lab/big");
  assert.equal(
    (await send(gateway, withBudget("0.25"))).header("x-router-model"),
    "fairlead/ending",
  );
  assert.equal(
    (await send(gateway, inConversation(ID))).header("x-router-model"),
    "fairlead/ending",
  );
});

test("sub-agents spend from the same budget and are ended with it", async (t) => {
  const { gateway } = await startScene(t);
  await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      send(gateway, withBudget("1.00", { "x-claude-code-agent-id": `agent-${index}` })),
    ),
  );
  assert.equal((await gateway.read(PATH)).budget.spent_usd, 1);
  const main = await send(gateway, withBudget("1.00"), agentBody(opening("The main work.")));
  assert.equal(main.header("x-router-model"), "fairlead/ending");
});

test("a malformed budget is refused by name instead of being no limit", async (t) => {
  const { gateway, upstream } = await startScene(t);
  for (const budget of [
    "",
    "0",
    "-1",
    "1e3",
    "ten",
    "1,5",
    "0x10",
    "Infinity",
    "NaN",
    "1.0000000001",
    " ",
  ]) {
    const { status, text } = await send(gateway, withBudget(budget));
    assert.equal(status, 400, `"${budget}"`);
    assert.match(text, /x-conversation-budget-usd/i);
  }
  assert.equal(upstream.requests.length, 0);
});

test("after X-Conversation-Final the next turn begins a new generation with the same pin", async (t) => {
  const { gateway } = await startScene(t);
  await spend(gateway, 1);
  await send(gateway, withBudget("1.00", { "x-conversation-final": "true" }), grown(1));
  const closed = await gateway.read(PATH);
  assert.deepEqual([closed.life, closed.state, closed.generation], ["closed", "closed", 1]);
  const next = await send(gateway, withBudget("1.00"), grown(2));
  assert.equal(next.header("x-router-pin"), "kept");
  const reopened = await gateway.read(PATH);
  assert.deepEqual([reopened.life, reopened.generation, reopened.turns], ["open", 2, 3]);
  assert.equal(reopened.budget.spent_usd, 0.3, "a new generation forgives nothing");
});
