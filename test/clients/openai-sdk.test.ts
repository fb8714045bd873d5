// Goal: the `openai` SDK works through the gateway by its base URL and two headers alone. Method: the real SDK, with
// its own retries, against a scripted provider; what users see (texts, exceptions, headers) is asserted.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, {
  APIError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
} from "openai";
import type {
  ChatCompletionMessageParam,
  ChatCompletionMessageToolCall,
  ChatCompletionTool,
} from "openai/resources";
import { textAnswer } from "../support/upstream.ts";
import {
  agentHeaders,
  assertRecovered,
  callTool,
  countingFetch,
  cutStream,
  errorInStream,
  FINAL_TEXT,
  MODEL,
  modelsOf,
  OUT_OF_ORDER,
  startScene,
  TOOL,
  type Scene,
} from "./support/scene.ts";

const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
} as const;
const TOOLS: ChatCompletionTool[] = [
  {
    type: "function",
    function: { name: TOOL.name, description: TOOL.description, parameters: PARAMETERS },
  },
];
const QUESTION: ChatCompletionMessageParam[] = [{ role: "user", content: "Weather in Bern?" }];
/** Where an agent of these tests gives up by itself. */
const TURNS_MAX = 12;

function clientOf(
  scene: Scene,
  headers: Readonly<Record<string, string>>,
  about: { readonly maxRetries?: number; readonly fetch?: typeof fetch } = {},
): OpenAI {
  const defaultHeaders = { ...headers };
  return new OpenAI({ apiKey: "not-a-key", baseURL: scene.baseUrl, defaultHeaders, ...about });
}

/** The loop every agent has; null when it gave up. */
async function runAgent(client: OpenAI, model: string = MODEL): Promise<string | null> {
  const messages = [...QUESTION];
  for (let turn = 1; turn <= TURNS_MAX; turn += 1) {
    const answer = await client.chat.completions.create({ model, messages, tools: TOOLS });
    const message = answer.choices[0]?.message;
    assert.ok(message !== undefined);
    messages.push(message);
    if (message.tool_calls === undefined) return message.content;
    messages.push(...resultsOf(message.tool_calls));
  }
  return null;
}

function resultsOf(
  calls: readonly Pick<ChatCompletionMessageToolCall, "id">[],
): ChatCompletionMessageParam[] {
  return calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: TOOL.result }));
}

/** The same loop over streams, put together by hand as most agents do. */
async function runStreamingAgent(client: OpenAI): Promise<string | null> {
  const messages = [...QUESTION];
  for (let turn = 1; turn <= TURNS_MAX; turn += 1) {
    const stream = await client.chat.completions.create({
      model: MODEL,
      messages,
      tools: TOOLS,
      stream: true,
    });
    let content = "";
    const calls: { id: string; type: "function"; function: { name: string; arguments: string } }[] =
      [];
    for await (const chunk of stream) {
      const choice = chunk.choices[0];
      assert.ok(choice !== undefined, "a chunk without a choice was not asked for");
      content += choice.delta.content ?? "";
      for (const part of choice.delta.tool_calls ?? []) {
        const call = (calls[part.index] ??= {
          id: part.id ?? "",
          type: "function",
          function: { name: part.function?.name ?? "", arguments: "" },
        });
        call.function.arguments += part.function?.arguments ?? "";
      }
    }
    if (calls.length === 0) return content;
    assert.deepEqual(JSON.parse(calls[0]?.function.arguments ?? ""), { city: "Bern" });
    messages.push({ role: "assistant", content: null, tool_calls: calls }, ...resultsOf(calls));
  }
  return null;
}

test("an agent's own loop is corrected and ends by itself, on one model", async (t) => {
  const scene = await startScene(t);
  const client = clientOf(scene, agentHeaders("openai-loop"));
  assert.equal(await runAgent(client), FINAL_TEXT);
  await assertRecovered(scene, "openai-loop");
});

test("an agent that streams is corrected and ends by itself, on one model", async (t) => {
  const scene = await startScene(t);
  const client = clientOf(scene, agentHeaders("openai-stream"));
  assert.equal(await runStreamingAgent(client), FINAL_TEXT);
  await assertRecovered(scene, "openai-stream");
});

for (const stream of [false, true]) {
  test(`runTools ${stream ? "with" : "without"} streams is corrected and ends by itself`, async (t) => {
    const scene = await startScene(t);
    const client = clientOf(scene, agentHeaders("openai-runner"));
    const tool = {
      type: "function" as const,
      function: {
        name: TOOL.name,
        description: TOOL.description,
        parameters: { ...PARAMETERS, required: ["city"] },
        parse: (text: string): unknown => JSON.parse(text),
        function: () => TOOL.result,
      },
    };
    const params = { model: MODEL, messages: QUESTION, tools: [tool] };
    const { completions } = client.chat;
    const runner = stream
      ? completions.runTools({ ...params, stream: true })
      : completions.runTools({ ...params });
    assert.equal(await runner.finalContent(), FINAL_TEXT);
    await assertRecovered(scene, "openai-runner");
  });
}

test("a bare model name and one header are enough", async (t) => {
  const scene = await startScene(t);
  const client = clientOf(scene, { "X-Conversation-ID": "openai-bare" });
  assert.equal(await runAgent(client, "second-1"), FINAL_TEXT);
  const seen = await assertRecovered(scene, "openai-bare");
  assert.equal(seen.pins[0].model, "second-1");
});

test("every answer says in its headers what the gateway did", async (t) => {
  const scene = await startScene(t, textAnswer("Hello."));
  const client = clientOf(scene, agentHeaders("openai-headers"));
  const { data, response, request_id } = await client.chat.completions
    .create({ model: MODEL, messages: QUESTION })
    .withResponse();
  assert.equal(data.choices[0]?.message.content, "Hello.");
  assert.equal(response.headers.get("x-conversation-id"), "openai-headers");
  assert.equal(response.headers.get("x-router-profile"), "AGENT");
  assert.equal(response.headers.get("x-router-pin"), "set");
  assert.equal(response.headers.get("x-router-model"), `lab/${data.model.split("-")[0]}`);
  assert.match(request_id ?? "", /^req_/);
  const receipt = await scene.gateway.read(`/v1/receipts/${request_id}`);
  assert.equal(receipt.conversation.id, "openai-headers");
});

test("usage comes in a stream exactly when the client asks for it", async (t) => {
  const scene = await startScene(t, textAnswer("Hello."));
  const client = clientOf(scene, agentHeaders("openai-usage"));
  const request = { model: MODEL, messages: QUESTION, stream: true } as const;
  const usages = async (options?: { include_usage: boolean }): Promise<number[]> => {
    const asked = options === undefined ? request : { ...request, stream_options: options };
    const stream = await client.chat.completions.create(asked);
    const found: number[] = [];
    for await (const { usage } of stream) if (usage) found.push(usage.total_tokens);
    return found;
  };
  assert.deepEqual(await usages({ include_usage: true }), [15]);
  assert.deepEqual(await usages(), []);
  const seen = await scene.gateway.read("/v1/conversations/openai-usage");
  assert.equal(seen.totals.output_tokens, 10);
});

test("models can be listed", async (t) => {
  const scene = await startScene(t);
  const { data } = await clientOf(scene, {}).models.list();
  const names = data.map(({ id }) => id);
  for (const name of ["auto", MODEL, "lab/first", "spare/second"]) assert.ok(names.includes(name));
});

const REFUSALS = [
  {
    what: "a malformed conversation id",
    headers: { "X-Conversation-ID": "two words" },
    model: MODEL,
    kind: BadRequestError,
    status: 400,
    code: "invalid_conversation_id",
    param: "X-Conversation-ID",
    says: /1 to 256 letters/,
  },
  {
    what: "an unknown profile",
    headers: { "X-Conversation-ID": "refused", "X-Router-Profile": "NOBODY" },
    model: MODEL,
    kind: BadRequestError,
    status: 400,
    code: "unknown_profile",
    param: "X-Router-Profile",
    says: /Use one of: .*AGENT/,
  },
  {
    what: "an unknown model",
    headers: { "X-Conversation-ID": "refused" },
    model: "nobody-1",
    kind: NotFoundError,
    status: 404,
    code: "model_not_found",
    param: "model",
    says: /nobody-1/,
  },
] as const;

for (const { what, headers, model, kind, status, code, param, says } of REFUSALS) {
  test(`${what} is a ${kind.name} that says what to do, and is not tried again`, async (t) => {
    const scene = await startScene(t);
    const asked = countingFetch();
    const client = clientOf(scene, headers, { fetch: asked.fetch });
    await assert.rejects(client.chat.completions.create({ model, messages: QUESTION }), (error) => {
      assert.ok(error instanceof kind);
      assert.deepEqual([error.status, error.code, error.param], [status, code, param]);
      assert.match(error.message, says);
      return true;
    });
    assert.equal(asked.count(), 1);
    assert.equal(scene.upstream.requests.length, 0);
  });
}

test("a pinned model that is down is a 503 with Retry-After: waited for, then given up, never swapped", async (t) => {
  const scene = await startScene(t, textAnswer("Hello."));
  const asked = countingFetch();
  const options = { maxRetries: 1, fetch: asked.fetch };
  const client = clientOf(scene, agentHeaders("openai-down"), options);
  const ask = () => client.chat.completions.create({ model: MODEL, messages: QUESTION });
  await ask();
  scene.upstream.respond(() => OUT_OF_ORDER);
  await assert.rejects(ask(), (error) => {
    assert.ok(error instanceof InternalServerError);
    assert.deepEqual([error.status, error.code], [503, "pinned_model_unavailable"]);
    assert.match(error.message, /kept on its model/);
    assert.match(error.headers.get("retry-after") ?? "", /^[1-9]\d?$/);
    return true;
  });
  assert.equal(asked.count(), 3, "one turn, one try, one retry of the SDK");
  assert.equal(modelsOf(scene.upstream).length, 1);
});

test("a provider that comes back is found by the SDK's own retry, on the same model", async (t) => {
  const scene = await startScene(t, textAnswer("Hello."));
  const client = clientOf(scene, agentHeaders("openai-back"));
  const ask = () => client.chat.completions.create({ model: MODEL, messages: QUESTION });
  await ask();
  const before = scene.upstream.requests.length;
  // Both deployments of the model fail once: that is the whole first turn.
  scene.upstream.respond((request, count) =>
    count <= before + 2 ? OUT_OF_ORDER : textAnswer("Back again.")(request),
  );
  const answer = await ask();
  assert.equal(answer.choices[0]?.message.content, "Back again.");
  assert.equal(modelsOf(scene.upstream).length, 1);
});

const BREAKS = [
  { what: "an error within a stream", handler: errorInStream, code: "upstream_error_in_stream" },
  { what: "a stream that is cut", handler: cutStream, code: "upstream_stream_cut" },
] as const;

for (const { what, handler, code } of BREAKS) {
  test(`${what} is thrown after the text that came, and is not tried again`, async (t) => {
    const scene = await startScene(t, handler);
    const asked = countingFetch();
    const client = clientOf(scene, agentHeaders("openai-broken"), { fetch: asked.fetch });
    const stream = await client.chat.completions.create({
      model: MODEL,
      messages: QUESTION,
      stream: true,
    });
    let text = "";
    const read = async (): Promise<void> => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    };
    await assert.rejects(read(), (error) => {
      assert.ok(error instanceof APIError);
      assert.equal(error.code, code);
      assert.match(error.message, /You can retry your request/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    assert.notEqual(text, "");
    assert.equal(asked.count(), 1);
    const seen = await scene.gateway.read("/v1/conversations/openai-broken");
    assert.equal(seen.totals.failed_turns, 1);
  });
}

test("a used-up budget ends the agent with a message it can read, without asking the model", async (t) => {
  const scene = await startScene(t, callTool);
  const headers = agentHeaders("openai-budget", { "X-Conversation-Budget-USD": "0.0001" });
  const asked = countingFetch();
  const text = await runAgent(clientOf(scene, headers, { fetch: asked.fetch }));
  assert.match(text ?? "", /out of budget/);
  assert.equal(scene.upstream.requests.length, 1);
  assert.equal(asked.count(), 2);
  const seen = await scene.gateway.read("/v1/conversations/openai-budget");
  assert.equal(seen.life, "exhausted");
});

test("a used-up budget is a 403 where an answer of a certain shape was demanded", async (t) => {
  const scene = await startScene(t, callTool);
  const headers = agentHeaders("openai-shape", { "X-Conversation-Budget-USD": "0.0001" });
  const asked = countingFetch();
  const client = clientOf(scene, headers, { fetch: asked.fetch });
  const ask = () =>
    client.chat.completions.create({
      model: MODEL,
      messages: QUESTION,
      tools: TOOLS,
      tool_choice: "required",
    });
  await ask();
  await assert.rejects(ask(), (error) => {
    assert.ok(error instanceof PermissionDeniedError);
    assert.deepEqual([error.status, error.code], [403, "conversation_ended"]);
    return true;
  });
  assert.equal(asked.count(), 2);
});
