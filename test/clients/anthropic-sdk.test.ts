// Goal: the Anthropic SDK works through the gateway by its base URL and two headers alone. Method: the real SDK, with
// its own retries and threads, against a provider that refuses what a real one would; what users see is asserted.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import Anthropic, {
  APIError,
  BadRequestError,
  NotFoundError,
  OverloadedError,
  PermissionDeniedError,
  ServiceUnavailableError,
} from "@anthropic-ai/sdk";
import type { ContentBlock, MessageParam, Tool } from "@anthropic-ai/sdk/resources/messages";
import {
  always,
  cut,
  fails,
  failsInside,
  inOrder,
  oneTool,
  reply,
  text,
} from "../support/dialects/step.ts";
import type { Json } from "../support/gateway.ts";
import { MARKER, startMessagesScene, type MessagesScene } from "./support/messages-scene.ts";
import { agentHeaders, countingFetch, FINAL_TEXT, MODEL, TOOL } from "./support/scene.ts";

const INPUT_SCHEMA = { type: "object" as const, properties: { city: { type: "string" } } };
const TOOLS: Tool[] = [
  { name: TOOL.name, description: TOOL.description, input_schema: INPUT_SCHEMA },
];
const REQUEST = { model: MODEL, max_tokens: 200 };
const QUESTION: MessageParam[] = [{ role: "user", content: "Weather in Bern?" }];
/** Where an agent of these tests gives up by itself. */
const TURNS_MAX = 12;

function clientOf(
  scene: MessagesScene,
  headers: Readonly<Record<string, string>> = {},
  about: { readonly maxRetries?: number; readonly fetch?: typeof fetch } = {},
): Anthropic {
  const defaultHeaders = { ...headers };
  return new Anthropic({ apiKey: "none", baseURL: scene.gateway.url, defaultHeaders, ...about });
}

/** The loop every agent has; null when it gave up. */
async function runAgent(client: Anthropic, stream = false): Promise<string | null> {
  const messages = [...QUESTION];
  for (let turn = 1; turn <= TURNS_MAX; turn += 1) {
    const request = { ...REQUEST, messages, tools: TOOLS };
    const { content, stop_reason: stop } = stream
      ? await client.messages.stream(request).finalMessage()
      : await client.messages.create(request);
    messages.push({ role: "assistant", content });
    if (stop !== "tool_use") return textOf(content);
    messages.push({ role: "user", content: resultsOf(content) });
  }
  return null;
}

function resultsOf(content: readonly ContentBlock[]) {
  return content.flatMap((block) =>
    block.type === "tool_use"
      ? [{ type: "tool_result" as const, tool_use_id: block.id, content: TOOL.result }]
      : [],
  );
}

function textOf(content: readonly { readonly type: string; readonly text?: unknown }[]): string {
  return content.map((block) => (block.type === "text" ? String(block.text) : "")).join("");
}

/** The agent was corrected, recovered, and never left its model; nothing it sent was refused. */
async function assertRecovered({ gateway, upstream }: MessagesScene, id: string): Promise<Json> {
  const seen = await gateway.read(`/v1/conversations/${id}`);
  assert.equal(seen.profile, "AGENT");
  const corrected = upstream.requests.map(({ raw }) => raw.includes(MARKER));
  assert.deepEqual(corrected, [false, false, false, false, true]);
  assert.deepEqual(upstream.faults, []);
  assert.equal(seen.turns, 5);
  assert.equal(seen.corrections.length, 1);
  assert.equal(seen.corrections[0].outcome.kind, "recovered");
  assert.deepEqual(modelsOf(upstream.requests), [seen.pins[0].model]);
  assert.equal(seen.totals.failed_turns, 0);
  return seen;
}

function modelsOf(requests: readonly { readonly body: unknown }[]): readonly string[] {
  return [...new Set(requests.map(({ body }) => String(Object(body).model)))];
}

for (const stream of [false, true]) {
  const how = stream ? "that streams" : "that waits for whole answers";
  test(`an agent ${how} is corrected and ends by itself, on one model`, async (t) => {
    const scene = await startMessagesScene(t);
    const client = clientOf(scene, agentHeaders("messages-loop"));
    assert.equal(await runAgent(client, stream), FINAL_TEXT);
    await assertRecovered(scene, "messages-loop");
  });
}

test("a correction as a system message is taken where the model is known to take one", async (t) => {
  const scene = await startMessagesScene(t, undefined, { place: "late-system" });
  const client = clientOf(scene, agentHeaders("messages-late"));
  assert.equal(await runAgent(client), FINAL_TEXT);
  await assertRecovered(scene, "messages-late");
  const sent: Json = scene.upstream.requests.at(-1)?.body;
  assert.equal(sent.messages.at(-1).role, "system");
});

test("the tool runner's message threads are declined, and it goes on with the whole history", async (t) => {
  const scene = await startMessagesScene(t);
  const client = clientOf(scene, agentHeaders("messages-runner"));
  const tool = {
    type: "custom" as const,
    name: TOOL.name,
    description: TOOL.description,
    input_schema: INPUT_SCHEMA,
    parse: (input: unknown) => input,
    run: () => TOOL.result,
  };
  const runner = client.beta.messages.toolRunner({
    ...REQUEST,
    messages: [{ role: "user", content: "Weather in Bern?" }],
    tools: [tool],
  });
  assert.equal(textOf((await runner.runUntilDone()).content), FINAL_TEXT);
  await assertRecovered(scene, "messages-runner");
  for (const { body } of scene.upstream.requests) assert.equal(Object(body).thread, undefined);
});

test("what a model thought goes back to it as it came", async (t) => {
  const step = reply({
    reasoning: "Let me see.",
    isRedacted: true,
    calls: oneTool(TOOL.name).calls,
  });
  const scene = await startMessagesScene(t, inOrder(step, text("Done.")));
  const client = clientOf(scene, agentHeaders("messages-thinking"));
  const request = { ...REQUEST, max_tokens: 2_000, tools: TOOLS };
  const thinking = { type: "enabled" as const, budget_tokens: 1_024 };
  const { content } = await client.messages
    .stream({ ...request, thinking, messages: QUESTION })
    .finalMessage();
  const results = { role: "user" as const, content: resultsOf(content) };
  const messages = [...QUESTION, { role: "assistant" as const, content }, results];
  await client.messages.create({ ...request, thinking, messages });
  assert.deepEqual(scene.upstream.faults, []);
  const sent: Json = scene.upstream.requests.at(-1)?.body;
  assert.deepEqual(sent.messages[1].content, JSON.parse(JSON.stringify(content)));
});

test("every answer says in its headers what the gateway did, and its receipt counts the cache", async (t) => {
  const scene = await startMessagesScene(t, always(text("Hello.")));
  const client = clientOf(scene, agentHeaders("messages-headers"));
  const asked = client.messages.create({ ...REQUEST, messages: QUESTION });
  const { data, response } = await asked.withResponse();
  assert.equal(textOf(data.content), "Hello.");
  assert.equal(response.headers.get("x-conversation-id"), "messages-headers");
  assert.equal(response.headers.get("x-router-pin"), "set");
  const receipt = await scene.gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  const { tokens } = receipt.execution;
  assert.deepEqual(
    [tokens.prompt, tokens.cached, tokens.cache_written, tokens.completion],
    [100, 40, 10, 20],
  );
});

test("models can be listed, all pages of them", async (t) => {
  const scene = await startMessagesScene(t);
  const names: string[] = [];
  for await (const { id, type, display_name: shown } of clientOf(scene).models.list()) {
    assert.deepEqual([type, shown], ["model", id]);
    names.push(id);
  }
  for (const name of ["auto", MODEL, "lab/first", "spare/second"]) assert.ok(names.includes(name));
});

test("tokens are counted by the provider that would answer", async (t) => {
  const scene = await startMessagesScene(t);
  const asked = clientOf(scene, agentHeaders("messages-count")).messages.countTokens({
    model: "lab/first",
    messages: QUESTION,
    tools: TOOLS,
  });
  const { data, response } = await asked.withResponse();
  const [request] = scene.upstream.requests;
  assert.equal(request?.path, "/v1/messages/count_tokens");
  assert.equal(data.input_tokens, Math.ceil((request?.raw.length ?? 0) / 4));
  assert.equal(response.headers.get("x-router-token-count"), "provider");
  assert.equal(Object(request?.body).model, "first-1");
  const seen = await fetch(`${scene.gateway.url}/v1/conversations/messages-count`);
  assert.equal(seen.status, 404, "a count is no turn of a conversation");
});

const REFUSALS = [
  {
    what: "a malformed conversation id",
    headers: { "X-Conversation-ID": "two words" },
    model: MODEL,
    kind: BadRequestError,
    code: "invalid_conversation_id",
    says: /1 to 256 letters/,
  },
  {
    what: "an unknown model",
    headers: { "X-Conversation-ID": "refused" },
    model: "nobody-1",
    kind: NotFoundError,
    code: "model_not_found",
    says: /nobody-1/,
  },
] as const;

for (const { what, headers, model, kind, code, says } of REFUSALS) {
  test(`${what} is a ${kind.name} that says what to do, and is not tried again`, async (t) => {
    const scene = await startMessagesScene(t);
    const asked = countingFetch();
    const client = clientOf(scene, headers, { fetch: asked.fetch });
    await assert.rejects(
      client.messages.create({ ...REQUEST, model, messages: QUESTION }),
      (error) => {
        assert.ok(error instanceof kind);
        assert.equal(error.errorCode, code);
        assert.match(error.message, says);
        return true;
      },
    );
    assert.equal(asked.count(), 1);
    assert.equal(scene.upstream.requests.length, 0);
  });
}

test("a provider's refusal of the request comes through word for word", async (t) => {
  const scene = await startMessagesScene(t, always(fails("context_overflow")));
  await assert.rejects(
    clientOf(scene, agentHeaders("messages-long")).messages.create({
      ...REQUEST,
      messages: QUESTION,
    }),
    (error) => {
      assert.ok(error instanceof BadRequestError);
      assert.match(error.message, /prompt is too long: 210000 tokens > 200000 maximum/);
      return true;
    },
  );
});

test("a pinned model that is down is a 503 with Retry-After: waited for, then given up, never swapped", async (t) => {
  const scene = await startMessagesScene(t, always(text("Hello.")));
  const asked = countingFetch();
  const options = { maxRetries: 1, fetch: asked.fetch };
  const client = clientOf(scene, agentHeaders("messages-down"), options);
  const ask = () => client.messages.create({ ...REQUEST, messages: QUESTION });
  await ask();
  scene.upstream.play(always(fails("overloaded")));
  await assert.rejects(ask(), (error) => {
    assert.ok(error instanceof ServiceUnavailableError);
    assert.deepEqual([error.errorCode, error.type], ["pinned_model_unavailable", "api_error"]);
    assert.match(error.headers.get("retry-after") ?? "", /^[1-9]\d?$/);
    return true;
  });
  assert.equal(asked.count(), 3, "one turn, one try, one retry of the SDK");
  assert.equal(modelsOf(scene.upstream.requests).length, 1);
});

test("without a pin an overloaded provider is told as one", async (t) => {
  const scene = await startMessagesScene(t, always(fails("overloaded")));
  const client = clientOf(scene, {}, { maxRetries: 0 });
  await assert.rejects(client.messages.create({ ...REQUEST, messages: QUESTION }), (error) => {
    assert.ok(error instanceof APIError && !(error instanceof OverloadedError));
    assert.deepEqual([error.status, error.type], [503, "overloaded_error"]);
    return true;
  });
});

test("a provider that fails before its first words is left for another one, unseen", async (t) => {
  const failing = failsInside(text("never seen"), 2, "overloaded");
  const scene = await startMessagesScene(t, inOrder(failing, text("Here.")));
  const client = clientOf(scene, agentHeaders("messages-early"), { maxRetries: 0 });
  const message = await client.messages.stream({ ...REQUEST, messages: QUESTION }).finalMessage();
  assert.equal(textOf(message.content), "Here.");
  assert.equal(scene.upstream.requests.length, 2);
});

for (const { what, script, code } of [
  {
    what: "an error within a stream",
    script: always(failsInside(text("a text of several pieces"), 5, "overloaded")),
    code: "upstream_error_in_stream",
  },
  {
    what: "a stream that is cut",
    script: always(cut(text("a text of several pieces"), 5)),
    code: "upstream_stream_cut",
  },
]) {
  test(`${what} is thrown after the text that came, and is not tried again`, async (t) => {
    const scene = await startMessagesScene(t, script);
    const asked = countingFetch();
    const client = clientOf(scene, agentHeaders("messages-broken"), { fetch: asked.fetch });
    let came = "";
    const stream = client.messages.stream({ ...REQUEST, messages: QUESTION });
    stream.on("text", (words) => {
      came += words;
    });
    await assert.rejects(stream.finalMessage(), (error) => {
      assert.ok(error instanceof APIError);
      assert.equal(error.errorCode, code);
      assert.match(error.message, /You can retry your request/);
      return true;
    });
    assert.notEqual(came, "");
    assert.equal(asked.count(), 1);
    const seen = await scene.gateway.read("/v1/conversations/messages-broken");
    assert.equal(seen.totals.failed_turns, 1);
  });
}

/** A conversation whose budget one turn uses up. */
async function spent(t: TestContext, id: string) {
  const scene = await startMessagesScene(t, always(oneTool(TOOL.name, { city: "Bern" })));
  const headers = agentHeaders(id, { "X-Conversation-Budget-USD": "0.0001" });
  const asked = countingFetch();
  return { scene, asked, client: clientOf(scene, headers, { fetch: asked.fetch }) };
}

for (const stream of [false, true]) {
  const how = stream ? "in a stream" : "at once";
  test(`a used-up budget ends the agent with a message it can read, ${how}`, async (t) => {
    const { scene, asked, client } = await spent(t, "messages-budget");
    assert.match((await runAgent(client, stream)) ?? "", /out of budget/);
    assert.equal(scene.upstream.requests.length, 1);
    assert.equal(asked.count(), 2);
  });
}

test("a used-up budget is a 403 where an answer of a certain shape was demanded", async (t) => {
  const { asked, client } = await spent(t, "messages-shape");
  const ask = () =>
    client.messages.create({
      ...REQUEST,
      messages: QUESTION,
      tools: TOOLS,
      tool_choice: { type: "any" },
    });
  await ask();
  await assert.rejects(ask(), (error) => {
    assert.ok(error instanceof PermissionDeniedError);
    assert.equal(error.errorCode, "conversation_ended");
    return true;
  });
  assert.equal(asked.count(), 2);
});
