// Goal: a provider of another dialect that fails, stalls or misbehaves is told in the client's own dialect.
// Method: chat completions requests through the front door; providers that break each in a way of their own.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startUpstream, type Scripted, type UpstreamHandler } from "../support/upstream.ts";
import { startLive } from "./live-upstream.ts";
import { always, holds, slow, text } from "../support/dialects/step.ts";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";

const ASKING = { model: "lab/big", messages: [{ role: "user", content: "Hello?" }] };
const DIALECT = "anthropic-messages";

async function startScene(t: TestContext, handler: UpstreamHandler, config: object = {}) {
  const upstream = await startUpstream(handler);
  t.after(() => upstream.close());
  const providers = [provider("lab", upstream, { dialect: DIALECT })];
  return { upstream, gateway: await startGateway(t, { ...config, providers }) };
}

async function faultOf(gateway: TestGateway, body: object = {}): Promise<Json> {
  const response = await gateway.chat({ ...ASKING, ...body });
  const { error }: Json = await response.json();
  return { status: response.status, headers: response.headers, ...error };
}

const error = (message: string, type = "invalid_request_error"): object => ({
  type: "error",
  error: { type, message },
});

test("a refused key is told in our own words, and never shown", async (t) => {
  const json = error("invalid x-api-key secret-lab-1", "authentication_error");
  const { gateway } = await startScene(t, () => ({ status: 401, json }));
  const fault = await faultOf(gateway);
  assert.deepEqual([fault.status, fault.code], [502, "upstream_rejected_key"]);
  assert.doesNotMatch(JSON.stringify(fault), /secret/);
});

test("a refusal that quotes the key is told in our own words", async (t) => {
  const json = error("the header x-api-key: secret-lab-1 and the body do not fit");
  const { gateway } = await startScene(t, () => ({ status: 400, json }));
  const fault = await faultOf(gateway);
  assert.deepEqual([fault.status, fault.code], [400, "upstream_invalid_request"]);
  assert.doesNotMatch(JSON.stringify(fault), /secret/);
});

test("the words of a refusal reach the client, and stay out of the receipt", async (t) => {
  const json = error("messages.0: the canary is too long");
  const { gateway } = await startScene(t, () => ({ status: 400, json }));
  const fault = await faultOf(gateway);
  assert.equal(fault.message, "The provider said: messages.0: the canary is too long");
  const receipt = await gateway.read(`/v1/receipts/${fault.headers.get("x-request-id")}`);
  assert.equal(receipt.error.code, "upstream_invalid_request");
  assert.doesNotMatch(JSON.stringify(receipt), /canary/);
});

test("a rate limit and an overload keep their status and their patience", async (t) => {
  const limited = {
    status: 429,
    json: error("slow", "rate_limit_error"),
    headers: { "retry-after": "9" },
  };
  const { gateway } = await startScene(t, () => limited);
  const fault = await faultOf(gateway);
  assert.deepEqual([fault.status, fault.headers.get("retry-after")], [429, "9"]);
  const other = await startScene(t, () => ({
    status: 529,
    json: error("busy", "overloaded_error"),
  }));
  assert.equal((await faultOf(other.gateway)).status, 503);
});

const ODD: readonly (readonly [title: string, scripted: Scripted, code: string])[] = [
  ["an answer of another dialect", { json: { choices: [] } }, "upstream_invalid_answer"],
  ["an answer that is no JSON", { rawChunks: ["<html>"] }, "upstream_invalid_answer"],
  ["a redirect", { status: 302, json: {}, headers: { location: "/x" } }, "upstream_unavailable"],
  ["a hang-up", { refuse: true }, "upstream_unavailable"],
  ["an HTML error page", { status: 503, rawChunks: ["<html>"] }, "upstream_overloaded"],
];

for (const [title, scripted, code] of ODD) {
  test(`${title} is a fault of the provider`, async (t) => {
    const { gateway, upstream } = await startScene(t, () => scripted);
    const fault = await faultOf(gateway);
    assert.equal(fault.code, code);
    assert.ok(fault.status >= 500);
    assert.ok(upstream.requests.length <= 2, "one try and a second one at most");
  });
}

test("a stream that holds no answer is not passed on as one", async (t) => {
  for (const scripted of [{ rawChunks: [": nothing\n\n"] }, { json: { type: "message" } }]) {
    const { gateway } = await startScene(t, () => scripted);
    const fault = await faultOf(gateway, { stream: true });
    assert.equal(fault.status, 502);
  }
});

test("an answer beyond its bound is refused", async (t) => {
  const content = [{ type: "text", text: "x".repeat(4_096) }];
  const usage = { input_tokens: 1, output_tokens: 1 };
  const head = { id: "m", type: "message", role: "assistant", model: "big-1" };
  const json = { ...head, content, usage, stop_reason: "end_turn", stop_sequence: null };
  const limits = { answerBytesMax: 2_048 };
  const { gateway } = await startScene(t, () => ({ json }), { limits });
  const fault = await faultOf(gateway);
  assert.deepEqual([fault.status, fault.code], [502, "upstream_invalid_answer"]);
  assert.match(fault.message, /larger than limits\.answerBytesMax/);
});

test("a provider that is silent for too long is given up", async (t) => {
  const timeouts = { firstByteMs: 60, idleMs: 60, shutdownMs: 100 };
  const { gateway } = await startScene(t, () => ({ hang: "before-headers" }), { timeouts });
  assert.equal((await faultOf(gateway)).code, "upstream_timeout");
  const mute = await startScene(t, () => ({ hang: "after-headers" }), { timeouts });
  assert.equal((await faultOf(mute.gateway, { stream: true })).code, "upstream_timeout");
});

test("an answer that takes too long as a whole is given up", async (t) => {
  const upstream = await startDialectUpstream(DIALECT, always(slow(text("word ".repeat(50)), 20)));
  t.after(() => upstream.close());
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { dialect: DIALECT })],
    timeouts: { totalMs: 150, shutdownMs: 100 },
  });
  const response = await gateway.chat({ ...ASKING, stream: true });
  const body = await response.text();
  assert.match(body, /upstream_timeout/);
  assert.doesNotMatch(body, /\[DONE\]/);
  await upstream.requests[0]?.aborted;
});

test("a client that leaves is in the books as such, with what it got", async (t) => {
  const upstream = await startDialectUpstream(DIALECT, always(holds(text("word ".repeat(9)), 8)));
  t.after(() => upstream.close());
  const providers = [provider("lab", upstream, { dialect: DIALECT })];
  const gateway = await startGateway(t, { providers });
  const leaving = new AbortController();
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...ASKING, stream: true }),
    signal: leaving.signal,
  });
  await response.body?.getReader().read();
  leaving.abort();
  await upstream.requests[0]?.aborted;
  const id = response.headers.get("x-request-id");
  let receipt: Json = null;
  while (receipt === null) {
    const answer = await fetch(`${gateway.url}/v1/receipts/${id}`);
    if (answer.ok) receipt = await answer.json();
    else await pause(5);
  }
  assert.equal(receipt.outcome, "aborted");
  assert.equal(receipt.execution.tokens.estimated, true);
});

const DELTA_BYTES = 64 * 1024;
const DELTAS = 600;

function named(event: { readonly type: string } & Record<string, unknown>): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** An answer of many megabytes, written as fast as it is taken. */
async function writeLong(response: ServerResponse, written: { bytes: number }): Promise<void> {
  const message = { id: "m", type: "message", role: "assistant", model: "big-1", content: [] };
  const usage = { input_tokens: 1, output_tokens: 1 };
  const words = { type: "text_delta", text: "x".repeat(DELTA_BYTES) };
  response.writeHead(200, { "content-type": "text/event-stream" });
  const events = [
    named({ type: "message_start", message: { ...message, usage } }),
    named({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    ...Array.from({ length: DELTAS }, () =>
      named({ type: "content_block_delta", index: 0, delta: words }),
    ),
    named({ type: "content_block_stop", index: 0 }),
    named({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage }),
    named({ type: "message_stop" }),
  ];
  for (const event of events) {
    if (!response.write(event)) await once(response, "drain");
    written.bytes += event.length;
  }
  response.end();
}

test("a client that does not read makes the provider wait, and loses nothing by it", async (t) => {
  const written = { bytes: 0 };
  const live = await startLive(t, ({ response }) => {
    writeLong(response, written).catch(() => response.destroy());
  });
  const providers = [provider("lab", live, { dialect: DIALECT })];
  const gateway = await startGateway(t, { providers });
  const response = await gateway.chat({ ...ASKING, stream: true });
  let before = -1;
  while (written.bytes !== before || before === 0) {
    before = written.bytes;
    await pause(200);
  }
  assert.ok(before < (DELTAS * DELTA_BYTES) / 2, `${before} bytes were taken`);
  const body = await response.text();
  assert.ok(body.length > DELTAS * DELTA_BYTES);
  assert.match(body.slice(-20), /data: \[DONE\]\n\n$/);
});
