// Goal: a provider's refusal reaches the right one: the caller, the key or the operator, in the client's
// dialect and without anything secret in it.
// Method: refusals of a scripted upstream, seen at the front door.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream, textAnswer, type Scripted } from "../support/upstream.ts";

const ASKING = { model: "lab/big", messages: [{ role: "user", content: "Hello?" }] };
const KEYS = ["secret-lab-1", "secret-lab-2"];
const HEADERS = { "X-Tenant-Token": "Basic secret-of/header", "x-version": "v1" };

async function startScene(t: TestContext) {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const tree = { providers: [provider("lab", upstream, { keys: KEYS, headers: HEADERS })] };
  const gateway = await startGateway(t, tree, { random: () => 0 });
  const ask = async (scripted: Scripted): Promise<{ response: Response; text: string }> => {
    upstream.respond(() => scripted);
    const response = await gateway.chat(ASKING);
    return { response, text: await response.text() };
  };
  return { gateway, upstream, ask };
}

const codeOf = (text: string): Json => JSON.parse(text).error.code;

test("a moderation refusal is relayed, tried once, and held against no key (#2)", async (t) => {
  const { upstream, ask } = await startScene(t);
  const json = { error: { code: 403, message: "Your input was flagged.", metadata: {} } };
  const { response, text } = await ask({ status: 403, json });
  assert.equal(response.status, 403);
  assert.deepEqual(JSON.parse(text), json);
  assert.equal(upstream.requests.length, 1);
  assert.equal(response.headers.get("x-should-retry"), "false");
  const denied = { error: { code: 403, message: "no", status: "PERMISSION_DENIED" } };
  const refused = await ask({ status: 403, json: denied });
  assert.equal(refused.response.status, 502);
  assert.equal(codeOf(refused.text), "upstream_rejected_key");
  assert.equal(upstream.requests.length, 3, "each key was tried");
});

test("a rate limit that mentions billing asks to wait and does not bench the key (#2)", async (t) => {
  const { ask } = await startScene(t);
  const message = "Slow down, or check your plan and billing details at /account/billing.";
  const limited = await ask({ status: 429, json: { error: { message } } });
  assert.equal(limited.response.status, 429);
  assert.equal(codeOf(limited.text), "upstream_rate_limited");
  // A gateway of its own: the limited keys rest now.
  const fresh = await startScene(t);
  const unpaid = await fresh.ask({
    status: 429,
    json: { error: { message, code: "insufficient_quota" } },
  });
  assert.equal(unpaid.response.status, 402);
});

test("a caller's text that comes back cannot bench the operator's keys (#2)", async (t) => {
  const { upstream, ask } = await startScene(t);
  const json = { error: { message: "bad" }, input: { code: "invalid_api_key" } };
  const { response } = await ask({ status: 400, json });
  assert.equal(response.status, 400);
  assert.equal(upstream.requests.length, 1, "no other key was tried");
});

test("an outage that speaks of context is an outage (#2)", async (t) => {
  const { ask } = await startScene(t);
  const json = { error: { message: "maximum context length worker died" } };
  const { response, text } = await ask({ status: 503, json });
  assert.equal(response.status, 503);
  assert.equal(codeOf(text), "upstream_overloaded");
});

test("a refusal the client could not read is told in its own dialect (#2)", async (t) => {
  const { ask } = await startScene(t);
  const bodies = [
    "<html>canary</html>",
    "",
    "[]",
    '{"detail":"canary"}',
    '[{"error":{}}]',
    '"canary"',
  ];
  for (const status of [400, 413, 422]) {
    for (const body of bodies) {
      const { response, text } = await ask({ status, rawChunks: [body] });
      assert.equal(response.status, 400);
      assert.equal(codeOf(text), "upstream_invalid_request", body);
      assert.doesNotMatch(text, /canary/);
      assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
    }
    const { response, text } = await ask({ status, rawChunks: [' {"error":"own words"}'] });
    assert.equal(response.status, status);
    assert.equal(text, ' {"error":"own words"}');
  }
});

test("a wrong base URL is the operator's fault, not the caller's (#2)", async (t) => {
  const { ask } = await startScene(t);
  const { response, text } = await ask({ status: 405, json: { error: { message: "no" } } });
  assert.equal(response.status, 502);
  assert.equal(codeOf(text), "upstream_model_missing");
  assert.match(text, /baseUrl/);
});

test("a provider that quotes a configured header or another key does not get it to the caller (#2)", async (t) => {
  const { upstream, ask } = await startScene(t);
  const quotes = ["Basic secret-of/header", "secret-of/header", "secret-of\\/header", ...KEYS];
  for (const quote of [...quotes, "\\u0073ecret-of/header"]) {
    const body = `{"error":{"message":"bad header ${quote}"}}`;
    const { response, text } = await ask({ status: 400, rawChunks: [body] });
    assert.equal(response.status, 400);
    assert.equal(codeOf(text), "upstream_invalid_request");
    assert.doesNotMatch(text, /ecret-/);
  }
  assert.equal(upstream.requests.at(-1)?.headers["x-tenant-token"], HEADERS["X-Tenant-Token"]);
  const harmless = '{"error":{"message":"use v1 and Basic words"}}';
  assert.equal((await ask({ status: 400, rawChunks: [harmless] })).text, harmless);
});

test("headers that tell of the operator's account stay inside (#2)", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const passed = {
    "openai-processing-ms": "5",
    "openai-version": "2020-10-01",
    "x-ratelimit-limit-requests": "9",
    "ratelimit-policy": "q=1",
  };
  const kept = {
    "openai-organization": "canary",
    "openai-project": "canary",
    "openai-x": "canary",
  };
  for (const stream of [false, true]) {
    upstream.respond((request) => ({
      ...textAnswer("Hello.")(request),
      headers: { ...passed, ...kept },
    }));
    const response = await gateway.chat({ ...ASKING, stream });
    await response.text();
    for (const [name, value] of Object.entries(passed)) {
      assert.equal(response.headers.get(name), value);
    }
    assert.doesNotMatch(JSON.stringify([...response.headers]), /canary/);
  }
});
