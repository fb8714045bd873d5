// Goal: what a model of another dialect is asked is valid there, complete, and says what could not be carried.
// Method: chat completions requests through the front door, scripted providers of other dialects, and their judges.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { always, fails, inOrder, text, type Script } from "../support/dialects/step.ts";
import {
  startDialectUpstream,
  type DialectName,
  type DialectUpstream,
} from "../support/dialects/scripted-upstream.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

const MESSAGES = [{ role: "user", content: "Hello?" }];
const ASKING = { model: "lab/big", messages: MESSAGES };

interface Scene {
  readonly gateway: TestGateway;
  readonly upstream: DialectUpstream;
  /** The body of the newest request upstream. */
  readonly sent: () => Json;
}

async function startScene(
  t: TestContext,
  dialect: DialectName,
  about: { readonly script?: Script; readonly provider?: object; readonly config?: object } = {},
): Promise<Scene> {
  const upstream = await startDialectUpstream(dialect, about.script ?? always(text("Hello.")));
  t.after(() => upstream.close());
  const entry = { ...provider("lab", upstream, { dialect }), ...about.provider };
  const gateway = await startGateway(t, { ...about.config, providers: [entry] });
  return { gateway, upstream, sent: () => upstream.requests.at(-1)?.body };
}

async function asked(gateway: TestGateway, body: object, headers = {}): Promise<Json> {
  const response = await gateway.chat({ ...ASKING, ...body }, headers);
  const content = await response.text();
  assert.equal(response.status, 200, content);
  return { headers: response.headers, content };
}

async function refused(gateway: TestGateway, body: object): Promise<Json> {
  const response = await gateway.chat({ ...ASKING, ...body });
  const { error }: Json = await response.json();
  return { status: response.status, ...error };
}

test("a parameter that cannot be carried is named in a header and in the receipt", async (t) => {
  const { gateway, upstream } = await startScene(t, "anthropic-messages");
  for (const stream of [false, true]) {
    const { headers } = await asked(gateway, { stream, n: 2, seed: 7 });
    const warnings = headers.get("x-router-warnings");
    assert.match(warnings, /`n` is not carried.*\| `seed` is not carried/);
    const receipt = await gateway.read(`/v1/receipts/${headers.get("x-request-id")}`);
    assert.equal(receipt.warnings.length, 2);
  }
  assert.equal((await asked(gateway, {})).headers.get("x-router-warnings"), null);
  assert.deepEqual(upstream.faults, []);
});

test("a warning never repeats what a caller wrote beyond a name", async (t) => {
  const { gateway } = await startScene(t, "anthropic-messages");
  const { headers } = await asked(gateway, { ["naïve\nname"]: "canary" });
  const warnings = headers.get("x-router-warnings");
  assert.match(warnings, /`na\?ve\?name`/);
  assert.doesNotMatch(warnings, /canary/);
});

test("a provider that is told to reject gets no request that would lose a parameter", async (t) => {
  const settings = { provider: { parameters: "reject" } };
  const { gateway, upstream } = await startScene(t, "anthropic-messages", settings);
  for (const stream of [false, true]) {
    const many = await refused(gateway, { stream, n: 2 });
    assert.deepEqual([many.status, many.code, many.param], [400, "invalid_request", "n"]);
    const seeded = await refused(gateway, { stream, seed: 7 });
    assert.deepEqual([seeded.status, seeded.param], [400, "seed"]);
  }
  assert.equal(upstream.requests.length, 0);
  await asked(gateway, { temperature: 0.5 });
  assert.equal(upstream.requests.length, 1);
});

test("a bound on the answer is the caller's, at most the model's, and the model's where one is due", async (t) => {
  const { gateway, upstream, sent } = await startScene(t, "anthropic-messages");
  await asked(gateway, {});
  assert.equal(sent().max_tokens, 8_192);
  await asked(gateway, { max_tokens: 100 });
  assert.equal(sent().max_tokens, 100);
  await asked(gateway, { max_completion_tokens: 1_000_000 });
  assert.equal(sent().max_tokens, 8_192);
  await asked(gateway, { reasoning_effort: "high" });
  assert.equal(sent().max_tokens, 8_192);
  assert.ok(sent().thinking.budget_tokens < 8_192);
  assert.deepEqual(upstream.faults, []);
});

test("ids of calls become valid and unique, and each result stays with its call", async (t) => {
  const call = (id: string, q: number) => ({
    id,
    type: "function",
    function: { name: "look", arguments: JSON.stringify({ q }) },
  });
  const round = (id: string, q: number) => [
    { role: "assistant", content: null, tool_calls: [call(id, q)] },
    { role: "tool", tool_call_id: id, content: `result ${q}` },
  ];
  const messages = [
    ...MESSAGES,
    ...round("call:1|weird id", 1),
    ...round("call:1|weird id", 2),
    { role: "assistant", content: null, tool_calls: [call("same", 3), call("same", 4)] },
    { role: "tool", tool_call_id: "same", content: "result 3" },
    { role: "tool", tool_call_id: "same", content: "result 4" },
  ];
  const { gateway, upstream, sent } = await startScene(t, "anthropic-messages");
  await asked(gateway, { messages });
  assert.deepEqual(upstream.faults, []);
  const blocks = sent().messages.flatMap((message: Json) => message.content);
  const inputs = new Map(
    blocks
      .filter(({ type }: Json) => type === "tool_use")
      .map(({ id, input }: Json) => [id, input.q]),
  );
  assert.deepEqual([...inputs.values()], [1, 2, 3, 4]);
  for (const block of blocks.filter(({ type }: Json) => type === "tool_result")) {
    assert.match(
      JSON.stringify(block),
      new RegExp(`result ${String(inputs.get(block.tool_use_id))}`),
    );
  }
  const first = upstream.requests[0]?.raw;
  await asked(gateway, { messages });
  assert.deepEqual(upstream.requests[1]?.raw, first, "an equal request is equal to the byte");
});

test("a system message among the others is carried where the dialect has a place for it", async (t) => {
  for (const dialect of ["gemini", "anthropic-messages", "bedrock-converse"] as const) {
    const { gateway, upstream } = await startScene(t, dialect);
    const messages = [
      { role: "system", content: "At the start." },
      ...MESSAGES,
      { role: "assistant", content: "Yes?" },
      { role: "developer", content: "In the middle." },
      { role: "user", content: "Go on." },
    ];
    await asked(gateway, { messages });
    assert.deepEqual(upstream.faults, [], dialect);
    assert.match(upstream.requests[0]?.raw.toString() ?? "", /In the middle\./);
  }
});

test("thoughts that the model cannot read are not sent to it", async (t) => {
  for (const dialect of ["gemini", "anthropic-messages", "openai-responses"] as const) {
    const { gateway, upstream } = await startScene(t, dialect);
    const messages = [
      ...MESSAGES,
      { role: "assistant", content: "Yes?", reasoning_content: "a thought of another" },
      { role: "user", content: "Go on." },
    ];
    await asked(gateway, { messages, reasoning_effort: "low" });
    assert.deepEqual(upstream.faults, [], dialect);
    assert.doesNotMatch(upstream.requests[0]?.raw.toString() ?? "", /thought of another/);
  }
});

test("a round of tools whose thoughts the client lost is answered without new ones", async (t) => {
  const { gateway, upstream, sent } = await startScene(t, "anthropic-messages");
  const calls = [{ id: "a", type: "function", function: { name: "look", arguments: "{}" } }];
  const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
  const messages = [
    ...MESSAGES,
    { role: "assistant", content: null, tool_calls: calls },
    { role: "tool", tool_call_id: "a", content: "seen" },
  ];
  const { headers } = await asked(gateway, { messages, tools, reasoning_effort: "low" });
  assert.equal(sent().thinking, undefined);
  assert.match(headers.get("x-router-warnings"), /answers without/);
  assert.deepEqual(upstream.faults, []);
});

test("an image at an address that is not public is not fetched", async (t) => {
  const { gateway, upstream } = await startScene(t, "bedrock-converse");
  const inside = await startUpstream();
  t.after(() => inside.close());
  for (const url of [
    `${inside.url}/a.png`,
    "http://169.254.169.254/a.png",
    "http://localhost/a.png",
  ]) {
    const content = [{ type: "image_url", image_url: { url } }];
    const fault = await refused(gateway, { messages: [{ role: "user", content }] });
    assert.equal(fault.status, 400);
    assert.match(fault.message, /could not be fetched/);
  }
  assert.equal(inside.requests.length, 0);
  assert.equal(upstream.requests.length, 0);
});

test("an image by URL stays one for a provider that fetches it itself", async (t) => {
  for (const dialect of ["anthropic-messages", "openai-responses"] as const) {
    const { gateway, upstream } = await startScene(t, dialect);
    const content = [{ type: "image_url", image_url: { url: "https://example.com/a.png" } }];
    await asked(gateway, { messages: [{ role: "user", content }] });
    assert.deepEqual(upstream.faults, []);
    assert.match(upstream.requests[0]?.raw.toString() ?? "", /https:\/\/example\.com\/a\.png/);
  }
});

test("the provider sees its own key and nothing of the gateway or the packages in between", async (t) => {
  for (const dialect of [
    "openai-responses",
    "anthropic-messages",
    "gemini",
    "bedrock-converse",
  ] as const) {
    const headers = { provider: { headers: { "x-team": "blue" } } };
    const { gateway, upstream } = await startScene(t, dialect, headers);
    await asked(gateway, {}, { ...inConversation("own", "CHAT"), traceparent: "00-1-2-01" });
    const seen = upstream.requests[0]?.headers ?? {};
    assert.match(JSON.stringify(seen), /secret-lab-1/);
    assert.doesNotMatch(JSON.stringify(seen), /set-by-the-transport|ai-sdk/);
    assert.equal(seen["user-agent"], undefined);
    assert.equal(seen["x-team"], "blue");
    assert.equal(seen["traceparent"], "00-1-2-01");
    assert.equal(seen["accept-encoding"], "identity");
    assert.deepEqual(upstream.faults, []);
  }
});

test("a deployment of the client's own dialect takes over, and the other way round", async (t) => {
  const other = await startDialectUpstream("anthropic-messages");
  const own = await startDialectUpstream("openai-chat");
  t.after(() => Promise.all([other.close(), own.close()]));
  const providers = [
    provider("one", other, { dialect: "anthropic-messages", models: [model("m")] }),
    provider("two", own, { models: [model("m")] }),
  ];
  for (const [order, entries] of [providers, providers.toReversed()].entries()) {
    const gateway = await startGateway(t, { providers: entries });
    other.play(always(fails("server")));
    own.play(always(text("Relayed.")));
    assert.match((await asked(gateway, { model: "m" })).content, /Relayed\./, `order ${order}`);
    other.play(always(text("Translated.")));
    own.play(always(fails("server")));
    assert.match((await asked(gateway, { model: "m" })).content, /Translated\./, `order ${order}`);
  }
});

test("a model is asked in the client's dialect wherever it speaks that too", async (t) => {
  const upstream = await startDialectUpstream("openai-chat");
  t.after(() => upstream.close());
  const dialect = ["openai-responses", "openai-chat"];
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, { dialect })] });
  await asked(gateway, {});
  assert.equal(upstream.requests[0]?.path, "/v1/chat/completions");
});

test("structured output and forced tools are asked for in the provider's way", async (t) => {
  const schema = {
    type: "object",
    properties: { a: { type: "string" } },
    required: ["a"],
    additionalProperties: false,
  };
  const format = { type: "json_schema", json_schema: { name: "thing", schema, strict: true } };
  const tools = [
    { type: "function", function: { name: "look", parameters: schema, strict: true } },
  ];
  const choice = { type: "function", function: { name: "look" } };
  for (const dialect of ["openai-responses", "anthropic-messages", "gemini"] as const) {
    const { gateway, upstream } = await startScene(t, dialect);
    await asked(gateway, { response_format: format });
    await asked(gateway, { tools, tool_choice: choice, parallel_tool_calls: false });
    await asked(gateway, { tools, tool_choice: "required", stop: ["END"], temperature: 0.2 });
    assert.deepEqual(upstream.faults, [], dialect);
    for (const { raw } of upstream.requests.slice(0, 1))
      assert.match(raw.toString(), /"a":\{"type":"string"/i);
  }
});

test("thoughts sealed for one provider do not reach another one of the client's own dialect", async (t) => {
  const upstream = await startDialectUpstream("openai-chat");
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const signature = `fairlead.${Buffer.from('{"anthropic":{"signature":"x"}}').toString("base64url")}`;
  const details = [{ type: "reasoning.text", text: "hm", signature, format: "fairlead" }];
  const sealed = { role: "assistant", content: "Yes?", reasoning_content: "hm" };
  const messages = [
    ...MESSAGES,
    { ...sealed, reasoning_details: details },
    { role: "user", content: "Go on." },
  ];
  await asked(gateway, { messages });
  const sent = upstream.requests[0]?.body;
  const plain = [MESSAGES[0], { role: "assistant", content: "Yes?" }, messages[2]];
  assert.deepEqual(sent, { model: "big-1", messages: plain });
});

test("a correction stands in a valid place of the translated request, and goes where it is refused", async (t) => {
  const { gateway, upstream } = await startScene(t, "anthropic-messages", {
    script: inOrder(text("a"), text("b")),
  });
  const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
  const messages: Json[] = [...MESSAGES];
  for (let turn = 1; turn <= 6; turn += 1) {
    await asked(gateway, { messages, tools }, inConversation("looping"));
    const call = { id: `c${turn}`, type: "function", function: { name: "look", arguments: "{}" } };
    messages.push(
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: `c${turn}`, content: "nothing" },
    );
  }
  assert.deepEqual(upstream.faults, []);
  const last = upstream.requests.at(-1)?.raw.toString() ?? "";
  assert.match(last, /look/);
  const conversation = await gateway.read("/v1/conversations/looping");
  assert.ok(
    JSON.stringify(conversation).includes('"corrections":[{'),
    JSON.stringify(conversation),
  );
  const correction = /\[(?:fairlead|router)[^\]]*\]/i.exec(last);
  assert.ok(correction, last.slice(-600));
});
