// Goal: a client that sends only what is new stays in its conversation, is watched and corrected in it, and is never
// answered by a provider that knows nothing of what came before. Method: the official OpenAI SDK with
// `previous_response_id` and `conversation`, against scripted providers.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import OpenAI, { APIError } from "openai";
import type { Response } from "openai/resources/responses/responses";
import { hashApiKey, mintApiKey } from "../../src/admission/api-key.ts";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { workFolder } from "../support/gateway-process.ts";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import type { DialectUpstream } from "../support/dialects/scripted-upstream.ts";
import { always, fails, oneTool, text, until, type Script } from "../support/dialects/step.ts";

const PEPPER = "0123456789abcdef0123456789abcdef";
const MARKER = "[fairlead]";
const LOOK: Json = {
  type: "function",
  name: "look",
  parameters: { type: "object" },
  strict: false,
};
const DIALECT = "openai-responses";

function clientOf(gateway: TestGateway, headers: Readonly<Record<string, string>> = {}): OpenAI {
  const about = { apiKey: "none", maxRetries: 0, defaultHeaders: headers };
  return new OpenAI({ baseURL: `${gateway.url}/v1`, ...about });
}

async function upstreamOf(t: TestContext, script: Script): Promise<DialectUpstream> {
  const upstream = await startDialectUpstream(DIALECT, script);
  t.after(() => upstream.close());
  return upstream;
}

async function startScene(t: TestContext, script: Script) {
  const upstream = await upstreamOf(t, script);
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { dialect: DIALECT })],
  });
  return { upstream, gateway };
}

/** The outputs of an answer's calls, and nothing else: what a client that sends deltas sends. */
function outputsOf({ output }: Response, value: string): Json[] {
  return output.flatMap((item) =>
    item.type === "function_call"
      ? [{ type: "function_call_output", call_id: item.call_id, output: value }]
      : [],
  );
}

async function refused(asked: PromiseLike<unknown>): Promise<APIError> {
  const error = await Promise.resolve(asked).then(
    () => assert.fail("an answer, where a fault was expected"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof APIError, String(error));
  return error;
}

function assertUnknown({ status, code, param }: APIError): void {
  const told = [status, code, param];
  assert.deepEqual(told, [400, "previous_response_not_found", "previous_response_id"]);
}

for (const stream of [false, true]) {
  const how = stream ? "streamed" : "whole";
  test(`a loop in ${how} deltas is corrected, in the conversation of its first turn`, async (t) => {
    const script = until(MARKER, oneTool("look", { q: 1 }), text("I stop."));
    const { upstream, gateway } = await startScene(t, script);
    const client = clientOf(gateway);
    const ask = (about: Json, headers = {}) =>
      stream
        ? client.responses
            .stream({ model: "lab/big", tools: [LOOK], ...about }, { headers })
            .finalResponse()
        : client.responses.create({ model: "lab/big", tools: [LOOK], ...about }, { headers });
    let last = await ask({ input: "Look." }, { "X-Conversation-ID": "d-1" });
    for (let turn = 2; turn <= 9 && last.output_text === ""; turn += 1) {
      last = await ask({ previous_response_id: last.id, input: outputsOf(last, "nothing") });
    }
    assert.equal(last.output_text, "I stop.");
    assert.deepEqual(upstream.faults, []);
    const seen = await gateway.read("/v1/conversations/d-1");
    assert.equal(seen.turns, 5);
    assert.equal(seen.threads.length, 1);
    assert.equal(seen.corrections.length, 1);
    assert.match(seen.corrections[0].text, /look/);
    assert.equal(seen.corrections[0].outcome.kind, "recovered");
  });
}

test("an agent that polls in deltas, and sees something new each time, is left alone", async (t) => {
  const { gateway } = await startScene(t, always(oneTool("look", { q: 1 })));
  const client = clientOf(gateway, { "X-Conversation-ID": "d-2" });
  let last = await client.responses.create({ model: "lab/big", input: "Wait.", tools: [LOOK] });
  for (let turn = 2; turn <= 8; turn += 1) {
    const input = outputsOf(last, `queue position ${100 - turn * 7}, ${turn} of 9 steps done`);
    const about = { previous_response_id: last.id, input, tools: [LOOK] };
    last = await client.responses.create({ model: "lab/big", ...about });
  }
  const seen = await gateway.read("/v1/conversations/d-2");
  assert.deepEqual([seen.turns, seen.threads.length, seen.corrections.length], [8, 1, 0]);
});

test("an answer that nobody knows makes no conversation, and the provider judges it", async (t) => {
  const { upstream, gateway } = await startScene(t, always(text("Hello.")));
  const about = { model: "lab/big", input: "On.", previous_response_id: "resp_unknown" };
  const { response } = await clientOf(gateway).responses.create(about).withResponse();
  assert.equal(response.headers.get("x-conversation-id"), null);
  assert.equal(Object(upstream.requests[0]?.body).previous_response_id, "resp_unknown");
});

test("two agents without an id, and without a history of their own, are two conversations", async (t) => {
  const { gateway } = await startScene(t, always(text("Hello.")));
  const client = clientOf(gateway, { "X-Router-Profile": "AGENT" });
  const ids = ["resp_a", "resp_b"].map(async (id) => {
    const about = { model: "lab/big", input: "Go on.", previous_response_id: id };
    const { response } = await client.responses.create(about).withResponse();
    return response.headers.get("x-conversation-id");
  });
  const [one, two] = await Promise.all(ids);
  assert.ok(one !== null && two !== null);
  assert.notEqual(one, two);
});

test("another tenant's answer is an unknown one", async (t) => {
  const upstream = await upstreamOf(t, always(text("Hello.")));
  const file = join(workFolder(t), "pepper");
  writeFileSync(file, PEPPER);
  const tenants = ["one", "two"].map((tenant) => ({
    tenant,
    key: mintApiKey({ environment: "dev", random: randomBytes }),
  }));
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { dialect: DIALECT })],
    keyPepper: { file },
    keys: tenants.map(({ tenant, key }) => {
      return { id: `${tenant}-user`, tenant, role: "user", hash: hashApiKey(key, PEPPER) };
    }),
  });
  const [one, two] = tenants.map(
    ({ key }) => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: key, maxRetries: 0 }),
  );
  assert.ok(one !== undefined && two !== undefined);
  const headers = { "X-Conversation-ID": "mine" };
  const first = await one.responses.create({ model: "lab/big", input: "x" }, { headers });
  const about = { model: "lab/big", input: "y", previous_response_id: first.id };
  const own = await one.responses.create(about).withResponse();
  assert.equal(own.response.headers.get("x-conversation-id"), "mine");
  const foreign = await two.responses.create(about).withResponse();
  assert.equal(foreign.response.headers.get("x-conversation-id"), null);
});

async function startPair(t: TestContext) {
  const a = await upstreamOf(t, always(text("I am a.")));
  const b = await upstreamOf(t, always(text("I am b.")));
  const gateway = await startGateway(t, {
    providers: [provider("a", a, { dialect: DIALECT }), provider("b", b, { dialect: DIALECT })],
    logicalModels: { m: [{ to: "a/big" }, { to: "b/big" }] },
  });
  return { a, b, gateway };
}

test("only the provider that gave the answer may go on from it, with or without a conversation", async (t) => {
  for (const headers of [{}, { "X-Conversation-ID": "p" }]) {
    const { a, b, gateway } = await startPair(t);
    const client = clientOf(gateway, { "X-Router-Profile": "BATCH", ...headers });
    let last = await client.responses.create({ model: "m", input: "Hi" });
    const first = last.output_text;
    for (let turn = 2; turn <= 6; turn += 1) {
      const about = { model: "m", input: "On.", previous_response_id: last.id };
      last = await client.responses.create(about);
      assert.equal(last.output_text, first);
    }
    assert.deepEqual([a, b].map(({ requests }) => requests.length).sort(), [0, 6]);
  }
});

test("when that provider is down, the client is told to send everything, and is served elsewhere", async (t) => {
  const { a, b, gateway } = await startPair(t);
  const headers = { "X-Conversation-ID": "h", "X-Router-Profile": "AGENT" };
  const client = clientOf(gateway, headers);
  const first = await client.responses.create({ model: "m", input: "Hi" });
  const [home, other] = first.output_text === "I am a." ? [a, b] : [b, a];
  home.play(always(fails("overloaded")));
  const about = { model: "m", input: "On.", previous_response_id: first.id };
  assertUnknown(await refused(client.responses.create(about)));
  assert.equal(other.requests.length, 0);
  const input: Json[] = [{ role: "user", content: "Hi" }, ...first.output];
  input.push({ role: "user", content: "On." });
  const whole = await client.responses.create({ model: "m", input });
  assert.notEqual(whole.output_text, first.output_text);
  const seen = await gateway.read("/v1/conversations/h");
  assert.equal(seen.pins.length, 1);
  assert.equal(seen.pins[0].model, "big-1");
});

test("with nobody else to ask, a provider that is down is told as what it is", async (t) => {
  const { upstream, gateway } = await startScene(t, always(text("Hello.")));
  const client = clientOf(gateway, { "X-Conversation-ID": "alone", "X-Router-Profile": "AGENT" });
  const first = await client.responses.create({ model: "lab/big", input: "Hi" });
  upstream.play(always(fails("overloaded")));
  const about = { model: "lab/big", input: "On.", previous_response_id: first.id };
  const error = await refused(client.responses.create(about));
  assert.deepEqual([error.status, error.code], [503, "pinned_model_unavailable"]);
});

test("an answer that was written here is kept by nobody, and the client is told so", async (t) => {
  const upstream = await startDialectUpstream("anthropic-messages", always(text("Hello.")));
  t.after(() => upstream.close());
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { dialect: "anthropic-messages" })],
  });
  const client = clientOf(gateway);
  const headers = { "X-Conversation-ID": "t" };
  const first = await client.responses.create({ model: "lab/big", input: "Hi" }, { headers });
  const about = { model: "lab/big", input: "On.", previous_response_id: first.id };
  assertUnknown(await refused(client.responses.create(about)));
  assert.equal(upstream.requests.length, 1);
});

test("turns of a conversation that its provider keeps are one conversation and one thread here", async (t) => {
  const script = until(MARKER, oneTool("look", { q: 1 }), text("I stop."));
  const { upstream, gateway } = await startScene(t, script);
  const client = clientOf(gateway);
  const about = { model: "lab/big", conversation: "conv_1", tools: [LOOK] };
  let last = await client.responses.create({ ...about, input: "Look." });
  for (let turn = 2; turn <= 9 && last.output_text === ""; turn += 1) {
    const asked = { ...about, conversation: { id: "conv_1" }, input: outputsOf(last, "nothing") };
    last = await client.responses.create(asked);
  }
  assert.equal(last.output_text, "I stop.");
  assert.deepEqual(upstream.faults, []);
  const seen = await gateway.read("/v1/conversations/conv_1");
  assert.deepEqual(
    [seen.identity, seen.turns, seen.threads.length, seen.corrections.length],
    ["body.conversation", 5, 1, 1],
  );
});

test("an answer that is not kept is not remembered either", async (t) => {
  const { gateway } = await startScene(t, always(text("Hello.")));
  const client = clientOf(gateway);
  const headers = { "X-Conversation-ID": "n" };
  const asked = { model: "lab/big", input: "Hi", store: false };
  const first = await client.responses.create(asked, { headers });
  const about = { model: "lab/big", input: "On.", previous_response_id: first.id };
  const { response } = await client.responses.create(about).withResponse();
  assert.equal(response.headers.get("x-conversation-id"), null);
});

test("a model that the caller names takes over no turn that its provider knows nothing of", async (t) => {
  const { a, b, gateway } = await startPair(t);
  const client = clientOf(gateway, { "X-Router-Profile": "CHAT" });
  const first = await client.responses.create({ model: "a/big", input: "Hi" });
  const about = { model: "b/big", input: "On.", previous_response_id: first.id };
  const error = await refused(client.responses.create(about));
  assertUnknown(error);
  assert.deepEqual([a.requests.length, b.requests.length], [1, 0]);
});
