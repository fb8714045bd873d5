// Goal: a provider's answer reaches the client byte for byte, refusals included, under headers
// that say who answered and why.
// Method: odd but valid answers of a scripted upstream, whole, refused, compressed and with
// headers of every kind.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream, textAnswer, type Scripted } from "../support/upstream.ts";
import { delta, eventOf, FINISH } from "./live-upstream.ts";

const MODEL = '"model":"big-1"';
const MESSAGES = '"messages":[{"role":"user","content":"Hello?"}]';

async function startScene(t: TestContext) {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const options = { random: () => 0 };
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] }, options);
  return { gateway, upstream };
}

const ODD_ANSWER =
  ' {"id":"x" , "choices":[{"index":0,"message":{"role":"assistant","content":"a\\u00e9\\/ }"}}],\n' +
  '"big":90071992547409931234, "usage":{"prompt_tokens":7,"completion_tokens":3} }\n ';
const sendJson = (text: string, headers: Record<string, string> = {}): Scripted => ({
  headers: { "content-type": "application/json", ...headers },
  rawChunks: [text.slice(0, 40), text.slice(40)],
});

test("a JSON answer passes byte for byte but for one added object, and that can be turned off", async (t) => {
  const { gateway, upstream } = await startScene(t);
  upstream.respond(() => sendJson(ODD_ANSWER));
  const response = await gateway.chat(`{${MODEL},${MESSAGES}}`);
  const text = await response.text();
  const close = ODD_ANSWER.lastIndexOf("}");
  assert.ok(text.startsWith(ODD_ANSWER.slice(0, close)) && text.endsWith(ODD_ANSWER.slice(close)));
  const added: Json = JSON.parse(text)["x-llm-gateway"];
  assert.equal(added.request_id, response.headers.get("x-request-id"));
  assert.equal(added.routing_decision, "explicit");
  assert.equal(added.cost_usd, (7 * 3 + 3 * 15) / 1e6);
  assert.equal(added.fallback_used, false);
  assert.ok(added.latency_ms > 0);
  const plain = await startGateway(t, {
    providers: [provider("lab", upstream)],
    receipts: { inBody: false },
  });
  assert.equal(await (await plain.chat(`{${MODEL},${MESSAGES}}`)).text(), ODD_ANSWER);
});

test("a refusal of the request itself is the provider's own answer, byte for byte", async (t) => {
  const { gateway, upstream } = await startScene(t);
  for (const status of [400, 413, 422]) {
    for (const size of [1, 60_000]) {
      const message = `caf\\u00e9 ${"x".repeat(size)}`;
      const body = ` {"error" : {"message":"${message}","code":null,"param":"temperature"}}\n`;
      upstream.respond(() => ({
        status,
        headers: { "content-type": "application/json" },
        rawChunks: [body],
      }));
      for (const stream of [false, true]) {
        const response = await gateway.chat(`{${MODEL},${MESSAGES},"stream":${stream}}`);
        assert.equal(response.status, status);
        assert.ok((await response.text()) === body);
        assert.equal(response.headers.get("x-should-retry"), "false");
        assert.equal(response.headers.get("x-router-model"), "lab/big");
        const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
        assert.equal(receipt.error.code, "upstream_invalid_request");
        assert.equal(receipt.fallback.attempts.length, 1, "no other deployment could do better");
      }
    }
  }
  // Cut at a bound it would no longer be the provider's answer, so it is told in our words.
  const endless = `{"error":{"message":"${"x".repeat(200_000)}"}}`;
  upstream.respond(() => ({
    status: 400,
    headers: { "content-type": "application/json" },
    rawChunks: [endless],
  }));
  const response = await gateway.chat(`{${MODEL},${MESSAGES}}`);
  assert.equal(response.status, 400);
  const { error }: Json = await response.json();
  assert.equal(error.code, "upstream_invalid_request");
});

test("409 is never answered, not even when a provider does", async (t) => {
  const { gateway, upstream } = await startScene(t);
  upstream.respond(() => ({ status: 409, json: { error: { message: "conflict" } } }));
  const response = await gateway.chat(`{${MODEL},${MESSAGES}}`);
  assert.equal(response.status, 502);
  assert.equal(JSON.parse(await response.text()).error.code, "upstream_unavailable");
});

test("every answer says who answered and why, errors included", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const answers: readonly (readonly [Scripted | null, number])[] = [
    [null, 200],
    [{ status: 400, json: {} }, 400],
    [{ status: 401, json: {} }, 502],
    [{ status: 404, json: {} }, 502],
    [{ status: 429, json: {} }, 429],
    [{ status: 500, json: {} }, 502],
    [{ status: 503, json: {} }, 503],
    [{ refuse: true }, 502],
    [{ status: 302, headers: { location: "http://127.0.0.1:1/" }, json: {} }, 502],
    [{ status: 204, rawChunks: [] }, 502],
  ];
  for (const [scripted, status] of answers) {
    upstream.respond(scripted === null ? textAnswer("Hello.") : () => scripted);
    for (const stream of [false, true]) {
      const id = `said-${status}-${stream}-${upstream.requests.length}`;
      const response = await gateway.chat(`{${MODEL},${MESSAGES},"stream":${stream}}`, {
        "x-conversation-id": id,
        "x-router-profile": "CHAT",
      });
      const text = await response.text();
      const said = (name: string) => response.headers.get(name);
      assert.equal(response.status, status, text);
      const own: Json = JSON.parse(said("x-llm-gateway") ?? "");
      assert.deepEqual(own, {
        request_id: said("x-request-id"),
        routing_decision: "explicit",
        receipt: `/v1/receipts/${said("x-request-id")}`,
      });
      assert.equal(said("x-router-profile"), "CHAT");
      assert.equal(said("x-router-model"), "lab/big");
      assert.match(said("x-router-reason") ?? "", /\w/);
      assert.equal(said("x-conversation-id"), id);
      assert.equal(said("x-conversation-identity"), "x-conversation-id");
      assert.equal(said("x-conversation-turn"), "1");
      assert.equal(said("x-conversation-state"), "steady");
      assert.match(said("x-router-pin") ?? "", /^(set|kept|none)$/);
      assert.equal((await gateway.read(own.receipt)).request_id, own.request_id);
      if (status === 200) continue;
      assert.equal(JSON.parse(text).error?.request_id ?? own.request_id, own.request_id);
    }
  }
});

test("a provider's headers reach the client where they mean something, and no odd one breaks the answer", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const headers = {
    "x-request-id": "req-of-the-provider",
    "x-ratelimit-remaining-tokens": "17",
    "openai-processing-ms": "5",
    "set-cookie": "a=b",
    "x-ratelimit-note": Buffer.from("10 € left").toString("latin1"),
    "openai-version": "a\tb",
    server: "canary",
    "x-llm-gateway": "canary",
  };
  for (const stream of [false, true]) {
    upstream.respond((request) => ({ ...textAnswer("Hello.")(request), headers }));
    const response = await gateway.chat(`{${MODEL},${MESSAGES},"stream":${stream}}`);
    assert.equal(response.status, 200);
    assert.match(await response.text(), stream ? /data: \[DONE\]\n\n$/ : /Hello\./);
    assert.equal(response.headers.get("x-ratelimit-remaining-tokens"), "17");
    assert.equal(response.headers.get("openai-processing-ms"), "5");
    assert.equal(response.headers.get("x-upstream-request-id"), "req-of-the-provider");
    assert.match(response.headers.get("x-request-id") ?? "", /^req_[0-9a-f]{32}$/);
    assert.equal(response.headers.get("set-cookie"), null);
    assert.doesNotMatch(JSON.stringify([...response.headers]), /canary/);
  }
});

test("a compressed answer is decoded, although it was not asked for, JSON and stream alike", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const stream =
    eventOf(delta("Hel")) + eventOf(delta("lo.")) + eventOf(FINISH) + eventOf("[DONE]");
  const encodings = {
    gzip: gzipSync,
    "x-gzip": gzipSync,
    deflate: deflateSync,
    br: brotliCompressSync,
    zstd: zstdCompressSync,
    GZIP: gzipSync,
  };
  for (const [encoding, encode] of Object.entries(encodings)) {
    const cut = (bytes: Buffer) => [
      bytes.subarray(0, 7),
      bytes.subarray(7, 30),
      bytes.subarray(30),
    ];
    upstream.respond(() => ({
      headers: { "content-type": "application/json", "content-encoding": encoding },
      rawChunks: cut(encode(ODD_ANSWER)),
    }));
    const whole = await gateway.chat(`{${MODEL},${MESSAGES}}`);
    const text = await whole.text();
    assert.equal(whole.status, 200, `${encoding}: ${text}`);
    assert.equal(JSON.parse(text).choices[0].message.content, "aé/ }", encoding);
    assert.equal(whole.headers.get("content-encoding"), null);
    upstream.respond(() => ({
      headers: { "content-encoding": encoding },
      rawChunks: cut(encode(stream)),
    }));
    const events = await (await gateway.chat(`{${MODEL},${MESSAGES},"stream":true}`)).text();
    assert.equal(events.replace(/^: .*\n\n/m, ""), stream, encoding);
  }
  upstream.respond(() => ({
    headers: { "content-encoding": "gzip" },
    rawChunks: ["this is not gzip"],
  }));
  assert.equal((await gateway.chat(`{${MODEL},${MESSAGES},"stream":true}`)).status, 502);
  upstream.respond(() => ({ headers: { "content-encoding": "snappy" }, rawChunks: [stream] }));
  assert.equal((await gateway.chat(`{${MODEL},${MESSAGES}}`)).status, 502);
});
