// Goal: no client takes a piece of a translated answer for the whole, nor waits for a piece that is there.
// Method: a provider of chat completions whose stream the test writes by hand, and the raw stream of each client.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { provider, startGateway } from "../support/gateway.ts";
import {
  beginEvents,
  delta,
  eventOf,
  FINISH,
  startLive,
  type LiveUpstream,
} from "./live-upstream.ts";

const SCHEMA = { type: "object", properties: { q: { type: "number" } } };

interface Client {
  readonly path: string;
  readonly body: object;
  /** What tells the client that a call is whole. */
  readonly wholeCall: RegExp;
}

const CLIENTS: Readonly<Record<string, Client>> = {
  "anthropic-messages": {
    path: "/v1/messages",
    body: {
      model: "lab/big",
      max_tokens: 100,
      messages: [{ role: "user", content: "Look." }],
      tools: [{ name: "look", input_schema: SCHEMA }],
    },
    wholeCall: /"type":"content_block_stop","index":1/,
  },
  "openai-responses": {
    path: "/v1/responses",
    body: {
      model: "lab/big",
      input: "Look.",
      tools: [{ type: "function", name: "look", parameters: SCHEMA, strict: false }],
    },
    wholeCall: /"type":"response\.(?:function_call_arguments|output_item)\.done"/,
  },
  gemini: {
    path: "/v1beta/models/lab%2Fbig:streamGenerateContent?alt=sse",
    body: {
      contents: [{ role: "user", parts: [{ text: "Look." }] }],
      tools: [{ functionDeclarations: [{ name: "look", parametersJsonSchema: SCHEMA }] }],
    },
    wholeCall: /"functionCall"/,
  },
};

function piece(part: object) {
  return { choices: [{ index: 0, delta: part }] };
}

const BEGINS = piece({
  tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "look" } }],
});
const ARGUMENTS = piece({ tool_calls: [{ index: 0, function: { arguments: '{"q":1' } }] });

async function ask(t: TestContext, upstream: LiveUpstream, { path, body }: Client) {
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  return fetch(gateway.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, ...(path.includes("alt=sse") ? {} : { stream: true }) }),
  });
}

for (const [name, client] of Object.entries(CLIENTS)) {
  for (const sent of [[BEGINS], [BEGINS, ARGUMENTS]]) {
    test(`a call that breaks off after ${sent.length} pieces is never whole for ${name}`, async (t) => {
      const upstream = await startLive(t, ({ response }) => {
        beginEvents(response);
        response.end([delta("Let me look."), ...sent].map(eventOf).join(""));
      });
      const told = await (await ask(t, upstream, client)).text();
      assert.match(told, /Let me look\./);
      assert.doesNotMatch(told, client.wholeCall);
      assert.match(told, /upstream_stream_cut/);
    });
  }
}

test("a call behind a text is told while it is written", async (t) => {
  const client = CLIENTS["anthropic-messages"];
  assert.ok(client);
  const upstream = await startLive(t, ({ response }) => {
    beginEvents(response);
    response.write([delta("Let me look."), BEGINS, ARGUMENTS].map(eventOf).join(""));
  });
  const { body } = await ask(t, upstream, client);
  assert.ok(body);
  let told = "";
  // The provider goes on only after this: a call that is held back would never come.
  for await (const chunk of body) {
    told += Buffer.from(chunk).toString("utf8");
    if (told.includes("input_json_delta")) break;
  }
  assert.match(told, /"content_block_stop","index":0.*"tool_use".*"input_json_delta"/s);
});

test("a translated turn is booked like a relayed one, cache and all", async (t) => {
  const usage = { prompt_tokens: 1_000, completion_tokens: 10, prompt_cache_hit_tokens: 600 };
  const details = { cached_tokens: 500, cache_write_tokens: 300 };
  for (const told of [usage, { ...usage, prompt_tokens_details: details }]) {
    const upstream = await startLive(t, ({ response }) => {
      beginEvents(response);
      response.end([delta("Hello."), FINISH, { choices: [], usage: told }].map(eventOf).join(""));
    });
    const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
    const costs: unknown[] = [];
    for (const path of ["/v1/chat/completions", "/v1/messages"]) {
      const messages = [{ role: "user", content: "Hello?" }];
      const body = { model: "lab/big", max_tokens: 100, stream: true, messages };
      const response = await fetch(gateway.url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      await response.text();
      const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
      costs.push(receipt.cost);
    }
    assert.deepEqual(costs[1], costs[0]);
  }
});

test("a long stream whose blank lines come by themselves arrives whole", async (t) => {
  const words = "x".repeat(1024 * 1024);
  const count = 17;
  const upstream = await startLive(t, ({ response }) => {
    beginEvents(response);
    const lines = Array.from({ length: count }, () => eventOf(delta(words)).slice(0, -1));
    const next = (): void => {
      const line = lines.shift();
      if (line === undefined) {
        response.end(eventOf({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }));
        return;
      }
      response.write(line);
      response.write("\n", next);
    };
    next();
  });
  const client = CLIENTS["gemini"];
  assert.ok(client);
  const told = await (await ask(t, upstream, client)).text();
  assert.ok(told.length > count * words.length);
  assert.match(told, /"finishReason":"STOP"/);
});
