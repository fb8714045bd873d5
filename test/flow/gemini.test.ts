// Goal: a turn of the Gemini dialect passes the gateway as it is, and is a turn of its conversation. Method: the
// official SDK and bare HTTP, against a scripted provider whose judge knows what a real one takes.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { ApiError, GoogleGenAI, type Content, type GenerateContentConfig } from "@google/genai";
import { generateText, streamText } from "ai";
import { hashApiKey } from "../../src/admission/api-key.ts";
import {
  always,
  cut,
  endsEarly,
  fails,
  failsInside,
  oneTool,
  reasoned,
  reply,
  text,
  until,
  type Script,
} from "../support/dialects/step.ts";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import { inConversation, model, provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

const PEPPER = "a-pepper-of-forty-characters-or-so-1234567";
const MARKER = "[fairlead]";
const LOOK = { name: "look", parametersJsonSchema: { type: "object" } };
const HELLO: Json = { contents: [{ role: "user", parts: [{ text: "Hello?" }] }] };
const WHOLE = "models/auto:generateContent";
const STREAM = "models/auto:streamGenerateContent?alt=sse";
/** Of a generation whose calls must bring their signatures back. */
const MODEL = model("big", { model: "gemini-3-pro" });

type SentHeaders = Readonly<Record<string, string>>;

async function startScene(t: TestContext, script: Script = always(text("Hello.")), about = {}) {
  const upstream = await startDialectUpstream("gemini", script, { refusesFaults: true });
  t.after(() => upstream.close());
  const entry = provider("lab", upstream, { dialect: "gemini", models: [MODEL] });
  const gateway = await startGateway(t, { providers: [entry], ...about });
  const post = (path: string, body: Json = HELLO, headers: SentHeaders = {}) =>
    fetch(`${gateway.url}/v1beta/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const sdk = (headers: SentHeaders = {}) =>
    new GoogleGenAI({ apiKey: "of-the-client", httpOptions: { baseUrl: gateway.url, headers } });
  return { gateway, upstream, post, sdk };
}

test("the model goes into the path, and keys, ids and query of the client stay here", async (t) => {
  const { gateway, upstream, post } = await startScene(t);
  const headers = { "x-goog-api-key": "of-the-client", ...inConversation("mine") };
  const response = await post(`${WHOLE}?key=of-the-query`, HELLO, headers);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("x-router-model"), "lab/big");
  await post(`models/lab%2Fbig:streamGenerateContent?alt=sse&key=of-the-query`, HELLO, headers);
  const [whole, stream] = upstream.requests;
  assert.equal(whole?.path, "/v1beta/models/gemini-3-pro:generateContent");
  assert.equal(stream?.path, "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse");
  assert.equal(whole?.headers["x-goog-api-key"], "secret-lab-1");
  assert.doesNotMatch(JSON.stringify(whole?.headers), /of-the-|mine/);
  assert.deepEqual(upstream.faults, []);
  assert.doesNotMatch(gateway.logged(), /of-the-|secret/);
});

test("a provider is known by an address with and without its version", async (t) => {
  const upstream = await startDialectUpstream("gemini");
  t.after(() => upstream.close());
  const entry = provider("lab", { baseUrl: upstream.url }, { dialect: "gemini" });
  const gateway = await startGateway(t, { providers: [entry] });
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify(HELLO);
  await fetch(`${gateway.url}/v1/${WHOLE}`, { method: "POST", headers, body });
  assert.equal(upstream.requests[0]?.path, "/v1beta/models/big-1:generateContent");
});

test("a name of the caller's own stays in its place in the path", async (t) => {
  const upstream = await startDialectUpstream("gemini");
  t.after(() => upstream.close());
  const { models: _models, ...open } = provider("lab", upstream, { dialect: "gemini" });
  const gateway = await startGateway(t, { providers: [open] });
  const ask = (name: string) =>
    fetch(`${gateway.url}/v1beta/models/${encodeURIComponent(name)}:generateContent`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(HELLO),
    });
  await ask("lab/../files?x#y");
  await ask("lab/tunedModels/mine");
  const sent = upstream.requests.map(({ path }) => path);
  assert.deepEqual(sent, [
    "/v1beta/models/..%2Ffiles%3Fx%23y:generateContent",
    "/v1beta/tunedModels/mine:generateContent",
  ]);
});

test("answers come through byte for byte: a stream holds no comment, on which clients would break", async (t) => {
  const calls = oneTool("look", { q: 1 }).calls;
  const { gateway, upstream, post } = await startScene(
    t,
    always(reply({ reasoning: "Hm.", text: "Ünïcode.", calls })),
  );
  for (const path of [WHOLE, STREAM]) {
    const direct = await fetch(`${upstream.baseUrl}/${path.replace("auto", "gemini-3-pro")}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-goog-api-key": "k" },
      body: JSON.stringify(HELLO),
    });
    // The number of the request stands in its answer.
    const numbered = (body: string) => body.replace(/(scripted|call_)\d+/g, "$1N");
    const relayed = await post(path);
    const [own, theirs] = [numbered(await relayed.text()), numbered(await direct.text())];
    assert.equal(own, theirs);
    const receipt = await gateway.read(`/v1/receipts/${relayed.headers.get("x-request-id")}`);
    assert.equal(receipt.execution.tokens.prompt, 100);
    assert.equal(receipt.execution.tokens.completion, 20);
    assert.equal(receipt.execution.tokens.cached, 40);
    assert.equal(receipt.execution.tokens.reasoning, 8);
  }
});

async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function jsonOf(response: Response): Promise<Json> {
  return response.json();
}

/** An agent that calls its tool until the model answers in words, as the SDK's users write it. */
async function runAgent(
  sdk: GoogleGenAI,
  { stream, turnsMax }: { readonly stream: boolean; readonly turnsMax: number },
) {
  const contents: Content[] = [{ role: "user", parts: [{ text: "Find it." }] }];
  const config: GenerateContentConfig = {
    systemInstruction: "You are an agent.",
    tools: [{ functionDeclarations: [LOOK] }],
  };
  for (let turn = 1; turn <= turnsMax; turn += 1) {
    const asked = { model: "auto", contents, config };
    const chunks = stream
      ? await collected(await sdk.models.generateContentStream(asked))
      : [await sdk.models.generateContent(asked)];
    const said = chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []);
    const parts = said.filter((part) => part.text !== "");
    contents.push({ role: "model", parts });
    const calls = parts.flatMap(({ functionCall }) => functionCall ?? []);
    const words = parts.map((part) => part.text ?? "").join("");
    if (calls.length === 0) return { turn, words };
    const responses = calls.map(({ id = "", name = "" }) => ({
      functionResponse: { id, name, response: { output: "nothing found" } },
    }));
    contents.push({ role: "user", parts: responses });
  }
  return { turn: turnsMax, words: null };
}

for (const stream of [false, true]) {
  const how = stream ? "streamed" : "whole";
  test(`a loop is corrected, and the provider takes every request of it (${how})`, async (t) => {
    const script = until(MARKER, oneTool("look", { q: 1 }), text("I stop looking."));
    const { gateway, upstream, sdk } = await startScene(t, script);
    const run = await runAgent(sdk(inConversation("loop-1")), { stream, turnsMax: 12 });
    assert.deepEqual(run, { turn: 5, words: "I stop looking." });
    assert.deepEqual(upstream.faults, []);
    const sent: Json = upstream.requests[4]?.body;
    const { role, parts } = sent.contents.at(-1);
    assert.equal(role, "user");
    assert.ok(parts.at(-2).functionResponse);
    assert.match(parts.at(-1).text, /^\[fairlead\] /);
    const seen = await gateway.read("/v1/conversations/loop-1");
    assert.equal(seen.corrections[0].outcome.kind, "recovered");
  });
}

test("calls without ids and answers in another order are a loop all the same", async (t) => {
  const { upstream, post } = await startScene(t, always(text("Hm.")));
  const call = (name: string) => ({ functionCall: { name, args: {} } });
  const answer = (name: string) => ({ functionResponse: { name, response: { output: name } } });
  const contents = [...HELLO.contents];
  for (let turn = 0; turn < 5; turn += 1) {
    const flipped = turn % 2 === 0 ? ["b", "a"] : ["a", "b"];
    contents.push({ role: "model", parts: [call("a")] }, { role: "model", parts: [call("b")] });
    contents.push({ role: "user", parts: flipped.map(answer) });
    await post("models/lab/big:generateContent", { contents }, inConversation("loop-2"));
  }
  assert.ok(upstream.requests.some(({ raw }) => raw.includes(MARKER)));
});

test("a refused prompt is an answer, not an error", async (t) => {
  const blocked = { promptFeedback: { blockReason: "SAFETY" }, usageMetadata: {} };
  const upstream = await startUpstream(({ path }) =>
    path.includes("stream") ? { events: [blocked] } : { json: blocked },
  );
  t.after(() => upstream.close());
  const entry = provider("lab", { baseUrl: upstream.url }, { dialect: "gemini" });
  const gateway = await startGateway(t, { providers: [entry] });
  const sdk = new GoogleGenAI({ apiKey: "any", httpOptions: { baseUrl: gateway.url } });
  const asked = { model: "auto", contents: "Hello?" };
  const whole = await sdk.models.generateContent(asked);
  assert.equal(whole.promptFeedback?.blockReason, "SAFETY");
  const chunks = await collected(await sdk.models.generateContentStream(asked));
  assert.equal(chunks[0]?.promptFeedback?.blockReason, "SAFETY");
  assert.equal(upstream.requests.length, 2);
});

async function thrownBy(run: () => Promise<unknown>): Promise<ApiError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  return assert.fail("no error");
}

test("refusals come in the dialect's own shape, with what to do", async (t) => {
  const { upstream, post, sdk } = await startScene(t, always(fails("rate_limited", 7)));
  const limited = await post(WHOLE);
  assert.equal(limited.status, 429);
  const { error } = await jsonOf(limited);
  assert.deepEqual([error.code, error.status], [429, "RESOURCE_EXHAUSTED"]);
  assert.equal(error.details[0].reason, "UPSTREAM_RATE_LIMITED");
  assert.match(error.details[1].retryDelay, /^\d+s$/);
  const unknown = await post("models/nobody/none:generateContent");
  assert.equal(unknown.status, 404);
  assert.equal((await jsonOf(unknown)).error.status, "NOT_FOUND");
  const array = await post("models/auto:streamGenerateContent");
  assert.equal(array.status, 400);
  assert.match((await jsonOf(array)).error.message, /\?alt=sse/);
  const counted = await post("models/auto:countTokens");
  assert.equal(counted.status, 404);
  assert.equal((await jsonOf(counted)).error.status, "NOT_FOUND");
  upstream.play(always(fails("invalid_request")));
  const asked = { model: "lab/big", contents: "Hello?" };
  const thrown = await thrownBy(() => sdk().models.generateContent(asked));
  assert.equal(thrown.status, 400);
  assert.match(thrown.message, /Invalid argument\./);
});

test("a key in the query is none: it would end up in logs", async (t) => {
  const file = join(mkdtempSync(join(tmpdir(), "fairlead-pepper-")), "pepper");
  t.after(() => rmSync(dirname(file), { recursive: true, force: true }));
  writeFileSync(file, PEPPER);
  const key = { id: "team", tenant: "team", hash: hashApiKey("right-key", PEPPER) };
  const { gateway, post } = await startScene(t, always(text("Hello.")), {
    keys: [key],
    keyPepper: { file },
  });
  const refused = await post(`${WHOLE}?key=right-key`);
  assert.equal(refused.status, 401);
  assert.equal((await jsonOf(refused)).error.status, "UNAUTHENTICATED");
  const taken = await post(`${WHOLE}?key=right-key`, HELLO, { "x-goog-api-key": "right-key" });
  assert.equal(taken.status, 200);
  assert.doesNotMatch(gateway.logged(), /right-key/);
});

test("an error inside a stream, and a cut one, throw at the client", async (t) => {
  const { upstream, sdk } = await startScene(t);
  const long = text("A text of some length, that goes on and on.");
  const asked = { model: "auto", contents: "Hello?" };
  for (const broken of [failsInside(long, 3, "overloaded"), cut(long, 3), endsEarly(long, 3)]) {
    upstream.play(always(broken));
    const stream = await sdk().models.generateContentStream(asked);
    const thrown = await thrownBy(() => collected(stream));
    assert.equal(thrown.status, 502);
    assert.match(thrown.message, /retry your request/);
  }
});

test("an error in front of the first content is healed at another deployment, unseen", async (t) => {
  const failing = await startDialectUpstream("gemini", always(fails("overloaded")));
  const spare = await startDialectUpstream("gemini", always(reasoned("Hm.", "Here.")));
  t.after(() => Promise.all([failing.close(), spare.close()]));
  const models = [MODEL];
  const gateway = await startGateway(t, {
    providers: [
      provider("lab", failing, { dialect: "gemini", models }),
      provider("spare", spare, { dialect: "gemini", models }),
    ],
    logicalModels: { mine: [{ to: "lab/big" }, { to: "spare/big" }] },
  });
  const sdk = new GoogleGenAI({ apiKey: "any", httpOptions: { baseUrl: gateway.url } });
  const asked = { model: "gemini-3-pro", contents: "Hello?" };
  for (let turn = 0; turn < 3; turn += 1) {
    assert.equal((await sdk.models.generateContent(asked)).text, "Here.");
    const stream = await sdk.models.generateContentStream(asked);
    const words = (await collected(stream)).map((chunk) => chunk.text ?? "");
    assert.equal(words.join(""), "Here.");
  }
});

test("the end of a budget is an answer that a client can read", async (t) => {
  const { sdk } = await startScene(t, always(text("Hello.")));
  const client = sdk({ ...inConversation("frugal"), "x-conversation-budget-usd": "0.000001" });
  const asked = { model: "auto", contents: "Hello?" };
  assert.equal((await client.models.generateContent(asked)).text, "Hello.");
  const ended = await client.models.generateContent(asked);
  assert.equal(ended.modelVersion, "fairlead/ending");
  assert.equal(ended.candidates?.[0]?.finishReason, "STOP");
  assert.match(ended.text ?? "", /budget/i);
  const chunks = await collected(await client.models.generateContentStream(asked));
  assert.match(chunks.map((chunk) => chunk.text ?? "").join(""), /budget/i);
  assert.equal(chunks.at(-1)?.candidates?.[0]?.finishReason, "STOP");
});

test("clients that leave the collection out of the path are served too", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const google = createGoogleGenerativeAI({ baseURL: `${gateway.url}/v1beta`, apiKey: "any" });
  const answer = await generateText({ model: google("lab/big"), prompt: "Hello?", maxRetries: 0 });
  assert.equal(answer.text, "Hello.");
  const stream = streamText({ model: google("auto"), prompt: "Hello?", maxRetries: 0 });
  assert.equal(await stream.text, "Hello.");
  assert.deepEqual(upstream.faults, []);
});

test("models are listed as clients of this dialect look for them", async (t) => {
  const { gateway, sdk } = await startScene(t);
  const names = (await collected(await sdk().models.list())).map(({ name }) => name);
  assert.deepEqual(names, ["models/auto", "models/lab/big"]);
  const one = await sdk().models.get({ model: "lab/big" });
  assert.equal(one.inputTokenLimit, 200_000);
  const unknown = await fetch(`${gateway.url}/v1beta/models/nobody`);
  assert.equal(unknown.status, 404);
  assert.equal((await jsonOf(unknown)).error.status, "NOT_FOUND");
});
