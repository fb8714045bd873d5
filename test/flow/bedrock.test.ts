// Goal: Bedrock is one provider for its operator: one set of credentials, three APIs, signed requests, and errors that
// mean what they mean elsewhere. Method: a scripted Bedrock that verifies every signature, through the front door.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { streamedIn } from "./bedrock-requests.ts";
import {
  always,
  cut,
  fails,
  failsInside,
  inOrder,
  oneTool,
  text,
  type Script,
} from "../support/dialects/step.ts";
import {
  inConversation,
  model,
  startGateway,
  type ConfigTree,
  type Json,
} from "../support/gateway.ts";
import { AWS, lastOf, SECRET, startBedrock } from "./bedrock-scene.ts";

const MODELS = [
  model("claude", { model: "anthropic.claude-sonnet-4-6" }),
  model("nova", { model: "amazon.nova-pro-v1:0" }),
  model("oss", { model: "openai.gpt-oss-120b-1:0" }),
];
const ASK: Json = { messages: [{ role: "user", content: "Hello?" }] };

async function startScene(t: TestContext, about: ConfigTree = { aws: AWS }, script?: Script) {
  const bedrock = await startBedrock(t, script === undefined ? undefined : () => script);
  const { url: baseUrl } = bedrock.upstream;
  const entry = { id: "bedrock", baseUrl, models: MODELS, ...about };
  const gateway = await startGateway(t, { providers: [entry] });
  const messages = (body: Json, headers = {}) =>
    fetch(`${gateway.url}/v1/messages?beta=true`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ max_tokens: 100, ...ASK, ...body }),
    });
  const chat = (body: Json, headers = {}) => gateway.chat({ ...ASK, ...body }, headers);
  return { ...bedrock, gateway, messages, chat };
}

test("Claude is relayed to a client that speaks its dialect, signed, and by its global name", async (t) => {
  const { upstream, messages, signed, faults } = await startScene(t);
  for (const stream of [false, true]) {
    const answer = await messages({ model: "bedrock/claude", stream });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("x-router-model"), "bedrock/claude");
    assert.match(await answer.text(), /Hello\./);
    const { path, headers, body } = lastOf(upstream);
    assert.equal(path, "/anthropic/v1/messages?beta=true");
    assert.equal(headers["anthropic-version"], "2023-06-01");
    assert.deepEqual(body, {
      max_tokens: 100,
      ...ASK,
      model: "global.anthropic.claude-sonnet-4-6",
      stream,
    });
  }
  for (const checked of signed) {
    assert.deepEqual(checked, {
      keyId: AWS.accessKeyId,
      region: "us-east-1",
      service: "bedrock",
      signedHeaders: ["host", "x-amz-date"],
    });
  }
  assert.deepEqual(faults, []);
});

test("a client of chat completions reaches every model, each through its own API", async (t) => {
  const { upstream, chat, signed, faults } = await startScene(t);
  const paths = {
    claude: ["/anthropic/v1/messages", "/anthropic/v1/messages"],
    nova: [
      "/model/amazon.nova-pro-v1%3A0/converse",
      "/model/amazon.nova-pro-v1%3A0/converse-stream",
    ],
    oss: ["/openai/v1/chat/completions", "/openai/v1/chat/completions"],
  };
  for (const [id, [whole, streamed]] of Object.entries(paths)) {
    for (const stream of [false, true]) {
      const answer = await chat({ model: `bedrock/${id}`, stream });
      const told = await answer.text();
      assert.equal(answer.status, 200, told);
      assert.match(told, stream ? /data: \[DONE\]\n\n/ : /Hello\./);
      assert.equal(lastOf(upstream).path, stream ? streamed : whole);
    }
  }
  assert.equal(signed.length, 6);
  assert.deepEqual(faults, []);
});

test("tools go round through the binary stream of Converse", async (t) => {
  const { chat, faults } = await startScene(
    t,
    { aws: AWS },
    inOrder(oneTool("look", { q: 7 }), text("Seven.")),
  );
  const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
  const called = await streamedIn(await chat({ model: "bedrock/nova", stream: true, tools }));
  const [call] = called.calls;
  assert.deepEqual([call?.name, call?.arguments], ["look", '{"q":7}']);
  const messages = [
    ...ASK["messages"],
    {
      role: "assistant",
      content: null,
      tool_calls: [
        { id: call?.id, type: "function", function: { name: "look", arguments: '{"q":7}' } },
      ],
    },
    { role: "tool", tool_call_id: call?.id, content: "7 it is" },
  ];
  const after = await streamedIn(
    await chat({ model: "bedrock/nova", stream: true, tools, messages }),
  );
  assert.equal(after.text, "Seven.");
  assert.deepEqual(faults, []);
});

test("temporary credentials are sent and signed with their token", async (t) => {
  const { chat, upstream, signed } = await startScene(t, {
    aws: { ...AWS, sessionToken: "FwoGZXIvYXdzE" },
  });
  assert.equal((await chat({ model: "bedrock/nova" })).status, 200);
  assert.equal(lastOf(upstream).headers["x-amz-security-token"], "FwoGZXIvYXdzE");
  assert.ok(signed[0]?.signedHeaders.includes("x-amz-security-token"));
});

test("a Bedrock key is enough, and nothing is signed with it", async (t) => {
  const { chat, messages, upstream, signed, faults } = await startScene(t, {
    keys: ["bedrock-api-key-1"],
  });
  assert.equal((await chat({ model: "bedrock/nova" })).status, 200);
  assert.equal((await messages({ model: "bedrock/claude" })).status, 200);
  assert.equal(lastOf(upstream).headers.authorization, "Bearer bedrock-api-key-1");
  assert.equal(lastOf(upstream).headers["x-amz-date"], undefined);
  assert.deepEqual(signed, [null, null]);
  assert.deepEqual(faults, []);
});

test("a model's own dialect wins over the usual one", async (t) => {
  const { messages, upstream, faults } = await startScene(t, {
    aws: AWS,
    models: [
      model("claude", { model: "anthropic.claude-sonnet-4-6", dialect: "bedrock-converse" }),
    ],
  });
  assert.equal((await messages({ model: "bedrock/claude" })).status, 200);
  const { path } = lastOf(upstream);
  assert.equal(path, "/model/global.anthropic.claude-sonnet-4-6/converse");
  assert.deepEqual(faults, []);
});

test("counting tokens asks nobody, because Bedrock has no such call in this dialect", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const answer = await fetch(`${gateway.url}/v1/messages/count_tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "bedrock/claude", ...ASK }),
  });
  assert.equal(answer.headers.get("x-router-token-count"), "estimate");
  assert.equal(upstream.requests.length, 0);
});

test("a refused signature is the operator's fault, and no secret is told", async (t) => {
  const { chat, gateway } = await startScene(t, { aws: AWS }, always(fails("invalid_key")));
  const answer = await chat({ model: "bedrock/nova" });
  const { error }: Json = await answer.json();
  assert.deepEqual([answer.status, error.code], [502, "upstream_rejected_key"]);
  const told = JSON.stringify(error) + gateway.logged();
  assert.ok(!told.includes(SECRET) && !told.includes(AWS.accessKeyId));
  const { data } = await gateway.read("/v1/providers");
  assert.equal(data[0].keys[0].state, "quarantined");
});

test("an error quoting the secret is told in our own words", async (t) => {
  const { upstream, messages } = await startScene(t);
  upstream.respond(() => ({
    status: 400,
    json: { type: "error", error: { type: "invalid_request_error", message: `no ${SECRET}` } },
  }));
  const answer = await messages({ model: "bedrock/claude" });
  assert.equal(answer.status, 400);
  assert.ok(!(await answer.text()).includes(SECRET));
});

test("an error inside the binary stream, or its cut, never looks like an end", async (t) => {
  const long = text("A text of some length, over and over. ".repeat(9));
  for (const trouble of [failsInside(long, 8, "overloaded"), cut(long, 8)]) {
    const { chat } = await startScene(t, { aws: AWS }, always(trouble));
    const answer = await chat({ model: "bedrock/nova", stream: true });
    assert.equal(answer.status, 200);
    const told = await answer.text();
    assert.match(told, /"error":\{/);
    assert.doesNotMatch(told, /\[DONE\]|"finish_reason":"/);
  }
});

test("throttling before the answer waits for the key's model, as the platform says", async (t) => {
  const { chat, gateway } = await startScene(t, { aws: AWS }, always(fails("rate_limited", 7)));
  const answer = await chat({ model: "bedrock/nova" });
  assert.equal(answer.status, 429);
  assert.ok(Number(answer.headers.get("retry-after")) >= 1);
  const { data } = await gateway.read("/v1/providers");
  assert.equal(data[0].keys[0].state, "ok", "other models go on");
});

test("a conversation is pinned to a Bedrock model like to any other", async (t) => {
  const { chat } = await startScene(t);
  const first = await chat({ model: "bedrock/claude" }, inConversation("c-1"));
  const again = await chat({ model: "bedrock/claude" }, inConversation("c-1"));
  assert.equal(first.headers.get("x-router-pin"), "set");
  assert.equal(again.headers.get("x-router-pin"), "kept");
});
