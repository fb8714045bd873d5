// Goal: embeddings pass the gateway as they are, choose by price, heal without changing the model, and are no turns of
// a conversation. Method: the official SDK and bare HTTP, against scripted providers with a strict judge.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import OpenAI from "openai";
import {
  embeddingAnswer,
  validateOpenaiEmbeddings,
  vectorOf,
} from "../support/dialects/openai-embeddings.ts";
import {
  inConversation,
  model,
  provider,
  readTree,
  startGateway,
  type Json,
} from "../support/gateway.ts";
import { startUpstream, type UpstreamHandler } from "../support/upstream.ts";

const ASKING = { model: "auto", input: "Hello?" };

type SentHeaders = Readonly<Record<string, string>>;

const embedder = (id: string, input: number, about = {}) => ({
  id,
  capabilities: ["embeddings"],
  price: { input, output: 0 },
  ...about,
});

async function startEmbedder(t: TestContext, handler?: UpstreamHandler) {
  const faults: string[] = [];
  const upstream = await startUpstream((request, count) => {
    faults.push(...validateOpenaiEmbeddings(request.path, request.headers, request.body));
    return handler?.(request, count) ?? { json: embeddingAnswer(request.body) };
  });
  t.after(() => upstream.close());
  return { ...upstream, faults };
}

async function startScene(t: TestContext, about: Readonly<Record<string, unknown>> = {}) {
  const upstream = await startEmbedder(t);
  const models = [
    model("big", { model: "big-1" }),
    embedder("dear", 0.2),
    embedder("cheap", 0.02, { model: "cheap-1" }),
  ];
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { models })],
    ...about,
  });
  const post = (body: unknown, headers: SentHeaders = {}) => embed(gateway.url, body, headers);
  return { gateway, upstream, post };
}

function embed(url: string, body: unknown, headers: SentHeaders = {}): Promise<Response> {
  return fetch(`${url}/v1/embeddings`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function jsonOf(response: Response): Promise<Json> {
  return response.json();
}

test("the client's library gets its vectors, in the form it asks for by itself", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const sdk = new OpenAI({ apiKey: "any", baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  const asked = { model: "lab/cheap", input: ["one", "two"], dimensions: 5 };
  const made = await sdk.embeddings.create(asked);
  assert.deepEqual(
    made.data.map(({ embedding }) => embedding),
    [vectorOf("one", 5), vectorOf("two", 5)],
  );
  const sent: Json = upstream.requests[0]?.body;
  // The library asks for the short form where its user says nothing.
  assert.deepEqual(sent, { ...asked, model: "cheap-1", encoding_format: "base64" });
  await sdk.embeddings.create({ ...asked, encoding_format: "float" });
  await sdk.embeddings.create({ ...asked, input: [1, 2, 3] });
  await sdk.embeddings.create({ ...asked, input: [[1], [2]] });
  assert.deepEqual(upstream.faults, []);
});

test("answers come through byte for byte, and what they used is in the receipt with its cost", async (t) => {
  const { gateway, upstream, post } = await startScene(t);
  const body = { model: "cheap-1", input: ["a", "b", "c"] };
  const direct = await fetch(`${upstream.baseUrl}/embeddings`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer k" },
    body: JSON.stringify(body),
  });
  const relayed = await post(body);
  assert.equal(await relayed.text(), await direct.text());
  assert.equal(relayed.headers.get("x-router-model"), "lab/cheap");
  const receipt = await gateway.read(`/v1/receipts/${relayed.headers.get("x-request-id")}`);
  assert.deepEqual(receipt.execution.tokens.prompt, 9);
  assert.equal(receipt.execution.tokens.completion, 0);
  assert.equal(receipt.cost.provider_cost_usd, (9 * 0.02) / 1_000_000);
});

test("without anything to change the very bytes go on, and the gateway's fields never do", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const send = (body: string) =>
    fetch(`${gateway.url}/v1/embeddings`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
  const plain = '{ "input" : ["\\u0068i"] , "model":"cheap-1" }';
  await send(plain);
  assert.equal(upstream.requests[0]?.raw.toString(), plain);
  await send('{"x-routing-hints":{},"input":"hi","model":"lab/cheap","x-fallback-chain":[]}');
  assert.equal(upstream.requests[1]?.raw.toString(), '{"input":"hi","model":"cheap-1"}');
});

test("auto takes the cheapest model for embeddings, under every profile", async (t) => {
  const { post } = await startScene(t);
  for (const profile of ["CHAT", "AGENT", "BATCH", "SAVINGS"]) {
    const response = await post(ASKING, { "x-router-profile": profile });
    assert.equal(response.status, 200, profile);
    assert.equal(response.headers.get("x-router-model"), "lab/cheap");
    assert.equal(response.headers.get("x-router-profile"), profile);
  }
});

test("headers of a conversation make no turn of it", async (t) => {
  const { gateway, post } = await startScene(t);
  const headers = { ...inConversation("mine"), "x-session-id": "mine" };
  const response = await post(ASKING, headers);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("x-conversation-id"), null);
  assert.equal(response.headers.get("x-router-pin"), null);
  const none = await fetch(`${gateway.url}/v1/conversations/mine`);
  assert.equal(none.status, 404);
  const malformed = await post(ASKING, { "x-conversation-id": "a b" });
  assert.equal(malformed.status, 400);
});

test("models for words and models for vectors are not mixed up, and the refusal says so", async (t) => {
  const { gateway, upstream, post } = await startScene(t);
  const words = await post({ ...ASKING, model: "lab/big" });
  assert.equal(words.status, 400);
  const { error } = await jsonOf(words);
  assert.equal(error.code, "no_capable_model");
  assert.match(error.message, /lab\/big: serves no embeddings/);
  const vectors = await gateway.chat({
    model: "lab/cheap",
    messages: [{ role: "user", content: "hi" }],
  });
  assert.equal(vectors.status, 400);
  assert.match((await jsonOf(vectors)).error.message, /lab\/cheap: serves embeddings only/);
  assert.equal(upstream.requests.length, 0);
});

test("a request without anything to embed is refused in the dialect's own shape", async (t) => {
  const { upstream, post } = await startScene(t);
  for (const [body, param] of [
    [{ model: "auto" }, "input"],
    [{ model: "auto", input: [] }, "input"],
    [{ model: "auto", input: {} }, "input"],
    [{ input: "hi" }, "model"],
    [{ ...ASKING, Input: "twice" }, "input"],
  ] as const) {
    const response = await post(body);
    assert.equal(response.status, 400);
    const { error } = await jsonOf(response);
    assert.equal(error.param, param);
    assert.equal(error.type, "invalid_request_error");
  }
  const unknown = await post({ ...ASKING, model: "nobody" });
  assert.equal(unknown.status, 404);
  assert.equal(upstream.requests.length, 0);
});

const limited = { status: 429, headers: { "retry-after": "30" }, json: { error: {} } } as const;

test("what fails with one key is served with another", async (t) => {
  const upstream = await startEmbedder(t, ({ headers, body }) =>
    headers.authorization === "Bearer first" ? limited : { json: embeddingAnswer(body) },
  );
  const about = { keys: ["first", "second"], models: [embedder("only", 0.1)] };
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, about)] });
  for (let turn = 0; turn < 6; turn += 1) {
    assert.equal((await embed(gateway.url, ASKING)).status, 200);
  }
  const refused = upstream.requests.filter(({ headers }) =>
    headers.authorization?.includes("first"),
  );
  assert.ok(refused.length <= 1, "and the key that is limited rests");
});

test("what fails at one deployment is served by another of the same model, never by another model", async (t) => {
  const failing = await startEmbedder(t, () => ({ status: 500, json: { error: {} } }));
  const working = await startEmbedder(t);
  const shared = embedder("shared", 0.1, { model: "same-1" });
  const gateway = await startGateway(t, {
    providers: [
      provider("lab", failing, { models: [shared, embedder("alone", 0.05)] }),
      provider("spare", working, { models: [shared, embedder("other", 0.5)] }),
    ],
  });
  for (let turn = 0; turn < 4; turn += 1) {
    const response = await embed(gateway.url, { ...ASKING, model: "same-1" });
    assert.equal(response.headers.get("x-router-model"), "spare/shared");
  }
  // The cheapest one rests by now, and still nobody else's vectors stand in for its own.
  for (let turn = 0; turn < 4; turn += 1) {
    const response = await embed(gateway.url, ASKING);
    assert.ok(response.status >= 500, String(response.status));
    assert.equal(response.headers.get("x-router-model"), "lab/alone");
  }
  const asked = working.requests.map(({ body }: { readonly body: Json }) => body.model);
  assert.deepEqual([...new Set(asked)], ["same-1"]);
});

test("an answer of many megabytes passes, and what it used is still told", async (t) => {
  const data = Array.from({ length: 64 }, (_, index) => ({
    object: "embedding",
    index,
    embedding: Array.from({ length: 3_000 }, (_each, at) => (index + at) / 7),
  }));
  const usage = { prompt_tokens: 64, total_tokens: 64, details: { cached: 0 } };
  const upstream = await startEmbedder(t, () => ({ json: { object: "list", data, usage } }));
  const models = [embedder("only", 0.1)];
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, { models })] });
  const response = await embed(gateway.url, ASKING);
  assert.equal((await jsonOf(response)).data.length, 64);
  const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  assert.equal(receipt.execution.tokens.prompt, 64);
});

test("what is no list of vectors is no answer", async (t) => {
  const bad = [{ object: "list" }, { error: { message: "no" } }, { object: "list", data: "none" }];
  const upstream = await startEmbedder(t, (_request, count) => ({ json: bad[count - 1] }));
  const models = [embedder("only", 0.1)];
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, { models })] });
  for (let turn = 0; turn < bad.length; turn += 1) {
    assert.equal((await embed(gateway.url, ASKING)).status, 502);
  }
});

test("a provider that takes any model embeds with any that it knows", async (t) => {
  const upstream = await startEmbedder(t);
  const { models: _models, ...open } = provider("lab", upstream);
  const gateway = await startGateway(t, { providers: [open] });
  const response = await embed(gateway.url, { ...ASKING, model: "lab/text-embedder" });
  assert.equal(response.status, 200);
  const sent: Json = upstream.requests[0]?.body;
  assert.equal(sent.model, "text-embedder");
});

test("the catalog's models for embeddings need no more than a key", async (t) => {
  const upstream = await startEmbedder(t);
  const known = { id: "openai", baseUrl: upstream.baseUrl, keys: ["k"] };
  const gateway = await startGateway(t, { providers: [known] });
  for (const name of ["text-embedding-3-small", "auto", "openai/text-embedding-3-small"]) {
    const response = await embed(gateway.url, { ...ASKING, model: name });
    assert.equal(response.headers.get("x-router-model"), "openai/text-embedding-3-small");
    const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
    assert.equal(receipt.cost.provider_cost_usd, (3 * 0.02) / 1_000_000);
  }
  const words = await gateway.chat({
    model: "text-embedding-3-small",
    messages: [{ role: "user", content: "hi" }],
  });
  assert.equal(words.status, 400);
});

test("a configuration says at once where embeddings cannot be served", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const tree = (about: object) => ({
    providers: [
      { id: "lab", baseUrl: "http://127.0.0.1:1/v1", models: [embedder("a", 1)], ...about },
    ],
  });
  assert.equal(readTree(folder, tree({})).deployments[0]?.id, "lab/a");
  assert.throws(() => readTree(folder, tree({ dialect: "gemini" })), /serves embeddings, which/);
  const mixed = [embedder("a", 1, { capabilities: ["tools", "embeddings"] })];
  assert.throws(() => readTree(folder, tree({ models: mixed })), /stands alone/);
});

test("the simulator embeds without any key, and like texts are near each other", async (t) => {
  const gateway = await startGateway(t, { providers: [{ id: "sim" }] });
  const input = ["the cat sat on the mat", "a cat on the mat", "quarterly tax returns"];
  const made = await jsonOf(await embed(gateway.url, { model: "auto", input }));
  const [cat, mat, tax]: number[][] = made.data.map(({ embedding }: Json) => embedding);
  assert.ok(cat !== undefined && mat !== undefined && tax !== undefined);
  const near = (left: readonly number[], right: readonly number[]) =>
    left.reduce((sum, value, at) => sum + value * (right[at] ?? 0), 0);
  assert.ok(Math.abs(near(cat, cat) - 1) < 1e-6);
  assert.ok(near(cat, mat) > near(cat, tax));
  const sdk = new OpenAI({ apiKey: "any", baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  const again = await sdk.embeddings.create({ model: "sim/embed", input: input[0] ?? "" });
  assert.deepEqual(again.data[0]?.embedding.map(Math.fround), cat.map(Math.fround));
  const chat = await gateway.chat({ model: "auto", messages: [{ role: "user", content: "hi" }] });
  assert.notEqual(chat.headers.get("x-router-model"), "sim/embed");
});
