// Goal: the server in front of the flow behaves: paths, methods, health, strangers, keys, and a
// stop that lets turns end.
// Method: a whole gateway, and sockets where the HTTP client would be too helpful.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { hashApiKey } from "../../src/admission/api-key.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";
import { beginEvents, delta, eventOf, FINISH, startLive } from "./live-upstream.ts";
import { chatBytes, dial, exchange, parseAnswer } from "./wire.ts";

/** Far longer than these tests take: a stop that waits for it fails by the time-out of its test. */
const STOP_MS = 30_000;
const IN_TIME = { timeout: 15_000 };
const ASKING = { model: "lab/big", messages: [{ role: "user", content: "Hello?" }] };

async function startScene(
  t: TestContext,
  about: Readonly<Record<string, unknown>> = {},
): Promise<{ gateway: TestGateway; upstream: Upstream }> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)], ...about });
  return { gateway, upstream };
}

async function errorOf(response: Response): Promise<Json> {
  const { error }: Json = await response.json();
  assert.equal(error.request_id, response.headers.get("x-request-id"));
  assert.match(error.request_id, /^req_[0-9a-f]{32}$/);
  return error;
}

/** A gateway in the middle of a stream: one piece has come, the rest comes with `finish`. */
async function startStream(t: TestContext, about: Readonly<Record<string, unknown>>) {
  const upstream = await startLive(t, ({ response }) => {
    beginEvents(response);
    response.write(eventOf(delta("one")));
  });
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)], ...about });
  const streaming = await gateway.chat({ ...ASKING, stream: true });
  const finish = () => upstream.asked[0]?.response.end(eventOf(FINISH) + eventOf("[DONE]"));
  return { gateway, upstream, streaming, finish };
}

test("an unknown path is a 404, a wrong method a 405 that names the right ones", async (t) => {
  const { gateway } = await startScene(t);
  const ask = (path: string, method: string) => fetch(`${gateway.url}${path}`, { method });
  for (const path of ["/", "/v1", "/v1/chat", "/v1/chat/completions/x", "/v2/chat/completions"]) {
    const response = await ask(path, "POST");
    assert.equal(response.status, 404, path);
    const error = await errorOf(response);
    assert.equal(error.code, "not_found");
    assert.match(error.message, /POST \/v1\/chat\/completions/);
  }
  const wrong: readonly (readonly [string, string, string])[] = [
    ["/v1/chat/completions", "GET", "POST"],
    ["/v1/chat/completions?x=1", "DELETE", "POST"],
    ["/v1/chat/completions/", "PUT", "POST"],
    ["/v1/models", "POST", "GET"],
    ["/v1/conversations", "PATCH", "GET"],
    ["/v1/conversations/a/b", "PUT", "GET, POST, DELETE"],
    ["/v1/receipts/req_1", "DELETE", "GET"],
    ["/healthz", "POST", "GET"],
  ];
  for (const [path, method, allowed] of wrong) {
    const response = await ask(path, method);
    assert.equal(response.status, 405, `${method} ${path}`);
    assert.equal(response.headers.get("allow"), allowed);
    assert.equal((await errorOf(response)).code, "method_not_allowed");
  }
});

test("what is not HTTP or not a URL is refused in the same shape", async (t) => {
  const { gateway } = await startScene(t);
  const lines = ["GARBAGE", "GET /v1/%zz HTTP/1.1", `GET /v1/receipts/${"r".repeat(900)} HTTP/1.1`];
  for (const line of lines) {
    const answer = await exchange(
      gateway.url,
      `${line}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
    );
    assert.ok(answer.status === 400 || answer.status === 404, answer.body);
    const { error }: Json = JSON.parse(answer.body);
    assert.match(error.request_id, /^req_/);
    assert.equal(answer.headers.get("x-request-id"), error.request_id);
    assert.doesNotMatch(answer.body, /FST_|HPE_|zz|rrrr/);
  }
});

test("the models are listed for every kind of name that can be asked for", async (t) => {
  const { gateway } = await startScene(t, { logicalModels: { "chat-model": [{ to: "lab/big" }] } });
  const list = await gateway.read("/v1/models");
  assert.equal(list.object, "list");
  const names: string[] = list.data.map(({ id }: Json) => id);
  assert.deepEqual(names, ["auto", "chat-model", "lab/big"]);
  for (const name of names) {
    const response = await gateway.chat({ ...ASKING, model: name });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-router-model"), "lab/big");
  }
});

test("health tells of the process, readiness of the store", async (t) => {
  const store = createMemoryStore();
  let isDown = false;
  const ping = () => (isDown ? Promise.reject(new Error("no store")) : Promise.resolve());
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(
    t,
    { providers: [provider("lab", upstream)] },
    { store: { ...store, ping } },
  );
  assert.equal((await gateway.read("/healthz")).status, "ok");
  assert.equal((await gateway.read("/readyz")).status, "ready");
  isDown = true;
  const response = await fetch(`${gateway.url}/readyz`);
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), { status: "the store does not answer" });
  assert.equal((await gateway.read("/healthz")).status, "ok");
  assert.equal((await gateway.chat(ASKING)).status, 200);
});

test("without keys, web pages and rebound names are kept out", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const body = JSON.stringify(ASKING);
  const ask = (...headers: string[]) => exchange(gateway.url, chatBytes({ headers, body }));
  for (const header of [
    "Origin: https://evil.example",
    "Origin: null",
    "Origin: http://127.0.0.1.evil.example",
  ]) {
    const answer = await ask(header);
    assert.equal(answer.status, 403, header);
    assert.equal(JSON.parse(answer.body).error.code, "forbidden");
  }
  for (const host of [
    "evil.example",
    "localhost.evil.example:80",
    "127.0.0.1.evil.example",
    "[::1].evil.example",
  ]) {
    const bytes = chatBytes({ body }).toString().replace("Host: 127.0.0.1", `Host: ${host}`);
    assert.equal((await exchange(gateway.url, bytes)).status, 403, host);
  }
  assert.equal(upstream.requests.length, 0);
  assert.equal((await ask("Origin: http://localhost:3000")).status, 200);
});

test("with keys, a wrong or missing one is a 401 and neither is repeated nor logged", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-pepper-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const pepper = "pepper-of-this-test-0123456789abcdef";
  const file = join(folder, "pepper");
  writeFileSync(file, pepper, { mode: 0o600 });
  const key = { id: "team", tenant: "team", hash: hashApiKey("right-key", pepper) };
  const { gateway, upstream } = await startScene(t, { keys: [key], keyPepper: { file } });
  for (const headers of [
    {},
    { authorization: "Bearer canary-wrong-key" },
    { "x-api-key": "canary-wrong-key" },
  ]) {
    for (const path of ["/v1/chat/completions", "/v1/models", "/v1/conversations", "/nowhere"]) {
      const method = path.includes("chat") ? "POST" : "GET";
      const response = await fetch(`${gateway.url}${path}`, { method, headers });
      assert.equal(response.status, 401, path);
      assert.match((await errorOf(response)).code, /^(missing|invalid)_api_key$/);
    }
  }
  assert.equal(upstream.requests.length, 0);
  const response = await gateway.chat(ASKING, { authorization: "Bearer right-key" });
  assert.equal(response.status, 200);
  assert.equal(upstream.requests[0]?.headers.authorization, "Bearer secret-lab-1");
  assert.doesNotMatch(gateway.logged(), /canary|right-key|pepper-of/);
});

test(
  "a stop lets a running stream end, refuses new work, and then is done at once",
  IN_TIME,
  async (t) => {
    const { gateway, streaming, finish } = await startStream(t, {
      timeouts: { shutdownMs: STOP_MS },
    });
    const busy = await dial(gateway.url);
    const closed = gateway.close();
    await once(busy, "close");
    await assert.rejects(fetch(`${gateway.url}/readyz`), /fetch failed/);
    finish();
    assert.match(await streaming.text(), /one.*\[DONE\]\n\n$/s);
    await closed;
  },
);

test(
  "a request on a connection that is still open during the stop gets a 503 it can read",
  IN_TIME,
  async (t) => {
    const { gateway, streaming, finish } = await startStream(t, {
      timeouts: { shutdownMs: STOP_MS },
    });
    // A request of which only a part has come is not idle, so its connection outlives the
    // beginning of the stop.
    const socket = await dial(gateway.url);
    const bytes = chatBytes({ body: JSON.stringify(ASKING) });
    socket.write(bytes.subarray(0, 20));
    await gateway.read("/healthz");
    const closed = gateway.close();
    const answered = once(socket, "data");
    socket.write(bytes.subarray(20));
    const [answer]: Buffer[] = await answered;
    const { status, headers, body } = parseAnswer(answer ?? Buffer.alloc(0));
    assert.equal(status, 503, body);
    assert.equal(JSON.parse(body).error.code, "shutting_down");
    assert.equal(headers.get("retry-after"), "1");
    assert.equal(headers.get("x-should-retry"), undefined);
    finish();
    await streaming.text();
    await closed;
  },
);

test("a turn that outlasts the stop is cut, told so, and in the books as aborted", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-stop-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const store = `sqlite:${join(folder, "kept.db")}`;
  const { gateway, upstream, streaming } = await startStream(t, {
    store,
    timeouts: { shutdownMs: 50 },
  });
  const left = once(upstream.asked[0]?.response ?? new EventEmitter(), "close");
  const requestId = streaming.headers.get("x-request-id");
  await gateway.close();
  await assert.rejects(streaming.text());
  await left;
  const next = await startScene(t, { store });
  const receipt = await next.gateway.read(`/v1/receipts/${requestId}`);
  assert.equal(receipt.outcome, "aborted");
  assert.equal(receipt.execution.tokens.estimated, true);
});
