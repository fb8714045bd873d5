// Goal: clients of the Responses dialect are served by providers of their own dialect as if there were no gateway, but
// for pins, corrections and endings. Method: the official OpenAI SDK against the gateway and a scripted provider that
// refuses what the real one would refuse.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import OpenAI, { APIError } from "openai";
import { passedOnHeaders } from "../../src/api/answer-headers.ts";
import { model, provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import type { DialectUpstream } from "../support/dialects/scripted-upstream.ts";
import {
  always,
  cut,
  fails,
  failsInside,
  inOrder,
  oneTool,
  reasoned,
  text,
  tools,
  until,
  type Script,
} from "../support/dialects/step.ts";

const MARKER = "[fairlead]";
const LOOK: Json = {
  type: "function",
  name: "look",
  parameters: { type: "object", properties: { q: { type: "number" } } },
  strict: false,
};

interface Scene {
  readonly gateway: TestGateway;
  readonly upstream: DialectUpstream;
  readonly client: OpenAI;
}

/** The profile CUTTER cuts answers that go round in circles. */
async function startScene(
  t: TestContext,
  script: Script,
  about: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  const upstream = await startDialectUpstream("openai-responses", script, { refusesFaults: true });
  t.after(() => upstream.close());
  const profiles = mkdtempSync(join(tmpdir(), "fairlead-profiles-"));
  t.after(() => rmSync(profiles, { recursive: true, force: true }));
  const divergence = { mode: "correct", cutRepetition: true };
  writeFileSync(join(profiles, "cutter.json"), JSON.stringify({ divergence }));
  const models = [model("big", { model: "big-1", ...about })];
  const gateway = await startGateway(t, {
    profiles,
    providers: [provider("lab", upstream, { dialect: "openai-responses", models })],
  });
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
  return { gateway, upstream, client };
}

/** The error of a request that must fail. */
async function errorOf(asked: PromiseLike<unknown>): Promise<APIError> {
  const error = await Promise.resolve(asked).then(
    () => assert.fail("an answer, where a fault was expected"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof APIError, String(error));
  return error;
}

test("an answer and its stream arrive as their provider wrote them, usage and cost in the receipt", async (t) => {
  const { client, gateway, upstream } = await startScene(t, always(reasoned("Hm.", "Hello.")));
  const params = { model: "lab/big", input: "Hi", instructions: "Be brief." };
  const { data, response } = await client.responses.create(params).withResponse();
  assert.equal(data.output_text, "Hello.");
  assert.equal(data.output[0]?.type, "reasoning");
  assert.equal(response.headers.get("x-router-model"), "lab/big");
  const types: string[] = [];
  const stream = client.responses.stream(params);
  for await (const event of stream) types.push(event.type);
  assert.equal((await stream.finalResponse()).output_text, "Hello.");
  assert.deepEqual([types[0], types.at(-1)], ["response.created", "response.completed"]);
  const id = response.headers.get("x-request-id");
  const { execution, cost } = await gateway.read(`/v1/receipts/${id}`);
  assert.deepEqual(
    [execution.tokens.prompt, execution.tokens.completion, execution.tokens.cached],
    [100, 20, 40],
  );
  assert.ok(cost.total_usd > 0);
  assert.deepEqual(upstream.faults, []);
  assert.equal(upstream.requests[0]?.path, "/v1/responses");
});

test("parallel calls come with their names, and their results go back", async (t) => {
  const both = tools({ name: "look", input: { q: 1 } }, { name: "look", input: { q: 2 } });
  const { client, upstream } = await startScene(t, inOrder(both, text("Done.")));
  const asked = { model: "lab/big", tools: [LOOK], store: false };
  const first = await client.responses.stream({ ...asked, input: "Look." }).finalResponse();
  const input: Json[] = [{ role: "user", content: "Look." }, ...first.output];
  for (const item of first.output) {
    if (item.type !== "function_call") continue;
    const { parsed_arguments: _parsed, ...own } = item;
    input[input.indexOf(item)] = own;
    input.push({ type: "function_call_output", call_id: item.call_id, output: "7" });
  }
  assert.equal((await client.responses.create({ ...asked, input })).output_text, "Done.");
  assert.deepEqual(upstream.faults, []);
});

test("a loop of parallel calls is corrected behind their results, and the note stays where it was", async (t) => {
  const both = tools({ name: "look", input: { q: 1 } }, { name: "look", input: { q: 2 } });
  const { client, gateway, upstream } = await startScene(t, until(MARKER, both, text("I stop.")), {
    correctionPlace: "late-system",
  });
  const input: Json[] = [{ role: "user", content: "Look." }];
  const headers = { "session-id": "s-1", "thread-id": "s-1", "user-agent": "codex_exec/1" };
  const ask = () =>
    client.responses.create({ model: "lab/big", input, tools: [LOOK], store: false }, { headers });
  let last = await ask();
  for (let turn = 2; turn <= 8 && last.output_text === ""; turn += 1) {
    input.push(...last.output);
    for (const item of last.output) {
      if (item.type !== "function_call") continue;
      // What an agent's shell puts in front of its output differs every time, and says nothing.
      const id = `${turn}${item.call_id.length}c0de`.slice(0, 6);
      const printed = `Chunk ID: ${id}\nWall time: 0.0${turn} seconds\nOutput:\nnothing\n`;
      input.push({ type: "function_call_output", call_id: item.call_id, output: printed });
    }
    last = await ask();
  }
  assert.equal(last.output_text, "I stop.");
  assert.deepEqual(upstream.faults, []);
  const corrected = upstream.requests.at(-1)?.body;
  const items: Json[] = Object(corrected).input;
  assert.deepEqual([items.length, items.at(-1).role], [input.length + 1, "developer"]);
  input.push(...last.output, { role: "user", content: "Go on." });
  await ask();
  const after: Json[] = Object(upstream.requests.at(-1)?.body).input;
  assert.deepEqual(after.slice(0, items.length), items, "the prefix is the same");
  const seen = await gateway.read("/v1/conversations/s-1");
  assert.equal(seen.identity, "session-id");
  assert.equal(seen.corrections[0].outcome.kind, "recovered");
});

test("a refusal of the provider's is passed on as it is, and one of ours has its shape", async (t) => {
  const { client, upstream } = await startScene(t, always(fails("context_overflow")));
  const theirs = await errorOf(client.responses.create({ model: "lab/big", input: "x" }));
  assert.deepEqual([theirs.status, theirs.code], [400, "context_length_exceeded"]);
  const ours = await errorOf(client.responses.create({ model: "nobody", input: "x" }));
  assert.deepEqual([ours.status, ours.code, ours.param], [404, "model_not_found", "model"]);
  assert.equal(upstream.requests.length, 1);
});

const BROKEN = text("A text of several pieces.");
for (const [what, script, code] of [
  ["an error event", failsInside(BROKEN, 6, "server"), "upstream_error_in_stream"],
  ["a failed response", failsInside(BROKEN, 6, "overloaded"), "upstream_error_in_stream"],
  ["a cut", cut(BROKEN, 6), "upstream_stream_cut"],
] as const) {
  test(`${what} inside a stream is an error the SDK throws, and a failed response for others`, async (t) => {
    const { client, gateway } = await startScene(t, always(script));
    const params = { model: "lab/big", input: "x", stream: true } as const;
    const error = await errorOf(client.responses.stream(params).finalResponse());
    assert.equal(error.code, code);
    const response = await fetch(`${gateway.url}/v1/responses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(params),
    });
    const sent = await response.text();
    assert.match(sent, /event: response\.failed\ndata: .*"status":"failed"/);
    assert.match(sent, /event: error\n/);
    assert.doesNotMatch(sent, /response\.completed/);
  });
}

test("what fails before its first words is answered by another deployment, unseen", async (t) => {
  const { upstream } = await startScene(t, always(text("unused")));
  const broken = await startDialectUpstream(
    "openai-responses",
    always(failsInside(text("x"), 2, "overloaded")),
  );
  t.after(() => broken.close());
  const dialect = "openai-responses";
  const gateway = await startGateway(t, {
    providers: [provider("a", broken, { dialect }), provider("b", upstream, { dialect })],
    logicalModels: { m: [{ to: "a/big" }, { to: "b/big" }] },
  });
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
  const last = await client.responses.stream({ model: "m", input: "x" }).finalResponse();
  assert.equal(last.output_text, "unused");
});

for (const stream of [false, true]) {
  test(`a used-up budget ends ${stream ? "a stream" : "a turn"} with an answer the agent can read`, async (t) => {
    const { client, upstream } = await startScene(t, always(text("Hello.")));
    const headers = { "X-Conversation-ID": "b", "X-Conversation-Budget-USD": "0.0001" };
    const params = { model: "lab/big", input: "x" };
    await client.responses.create(params, { headers });
    const last = stream
      ? await client.responses.stream(params, { headers }).finalResponse()
      : await client.responses.create(params, { headers });
    assert.match(last.output_text, /out of budget/);
    assert.deepEqual([last.model, last.status], ["fairlead/ending", "completed"]);
    assert.equal(upstream.requests.length, 1);
    const format = { type: "json_schema" as const, name: "n", schema: {}, strict: false };
    const shaped = { ...params, text: { format } };
    const error = await errorOf(client.responses.create(shaped, { headers }));
    assert.deepEqual([error.status, error.code], [403, "conversation_ended"]);
  });
}

test("an answer that repeats itself without end is cut, and ends as one that reached a limit", async (t) => {
  const phrase = "I will look into the file once more and then report. ";
  const { client, gateway } = await startScene(t, always(text(phrase.repeat(400))));
  const headers = { "X-Conversation-ID": "r", "X-Router-Profile": "CUTTER" };
  const last = await client.responses
    .stream({ model: "lab/big", input: "x" }, { headers })
    .finalResponse();
  assert.equal(last.status, "incomplete");
  assert.equal(last.incomplete_details?.reason, "max_output_tokens");
  assert.ok(last.output_text.length < phrase.length * 400);
  assert.ok((last.usage?.output_tokens ?? 0) > 0);
  assert.equal((await gateway.read("/v1/conversations/r")).turns, 1);
});

test("the state of a turn goes to the client and back to the provider", async (t) => {
  const { client, upstream } = await startScene(t, always(oneTool("look", { q: 1 })));
  const headers = { "x-codex-turn-state": "cookie", "session-id": "s" };
  await client.responses.create({ model: "lab/big", input: "x", tools: [LOOK] }, { headers });
  const sent = upstream.requests[0]?.headers ?? {};
  assert.equal(sent["x-codex-turn-state"], "cookie");
  assert.equal(sent["session-id"], undefined);
  const passed = passedOnHeaders({ "x-codex-turn-state": "cookie", "openai-organization": "org" });
  assert.deepEqual(passed, { "x-codex-turn-state": "cookie" });
});

test("a sub-agent that shares its session is a thread of its own in the same conversation", async (t) => {
  const { client, gateway } = await startScene(t, always(text("Hello.")));
  const ask = (thread: string) =>
    client.responses.create(
      { model: "lab/big", input: `I am ${thread}.`, tools: [LOOK], store: false },
      { headers: { "session-id": "s", "thread-id": thread } },
    );
  for (const thread of ["s", "child", "s", "child"]) await ask(thread);
  const seen = await gateway.read("/v1/conversations/s");
  const kinds: readonly string[] = seen.threads.map(({ kind }: Json) => kind);
  assert.deepEqual(kinds.toSorted(), ["agent", "main"]);
});

test("who asks for a socket is told to stream instead", async (t) => {
  const { gateway } = await startScene(t, always(text("x")));
  const { port } = new URL(gateway.url);
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const status = await new Promise((resolve, reject) => {
    const asked = httpRequest({ host: "127.0.0.1", port, path: "/v1/responses", headers });
    asked.on("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on("error", reject);
    asked.end();
  });
  assert.equal(status, 426);
});
