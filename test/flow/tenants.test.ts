// Goal: what belongs to one tenant does not exist for another, and nobody gets in without a key. Method: two tenants
// that use the same conversation ids, and every route asked with every kind of key.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { hashApiKey, mintApiKey } from "../../src/admission/api-key.ts";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { workFolder } from "../support/gateway-process.ts";
import { startUpstream } from "../support/upstream.ts";

const PEPPER = "0123456789abcdef0123456789abcdef";
/** Lies inside any conversation of these tests. */
const SHARED_ID = "task-1";

const mint = () => mintApiKey({ environment: "dev", random: randomBytes });

interface Keys {
  readonly acme: string;
  readonly acmeAdmin: string;
  readonly rival: string;
  readonly rivalAdmin: string;
}

async function startScene(t: TestContext) {
  const keys: Keys = { acme: mint(), acmeAdmin: mint(), rival: mint(), rivalAdmin: mint() };
  const pepper = join(workFolder(t), "pepper");
  writeFileSync(pepper, PEPPER);
  const entry = (id: string, tenant: string, role: string, key: string) => ({
    id,
    tenant,
    role,
    hash: hashApiKey(key, PEPPER),
  });
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(t, {
    keyPepper: { file: pepper },
    keys: [
      entry("acme-user", "acme", "user", keys.acme),
      entry("acme-admin", "acme", "admin", keys.acmeAdmin),
      entry("rival-user", "rival", "user", keys.rival),
      entry("rival-admin", "rival", "admin", keys.rivalAdmin),
    ],
    providers: [provider("lab", upstream)],
  });
  return { gateway, upstream, keys };
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

async function takeTurn(
  gateway: TestGateway,
  key: string,
  messages: readonly Json[],
): Promise<Response> {
  const response = await gateway.chat(agentBody(messages), {
    ...bearer(key),
    "x-conversation-id": SHARED_ID,
  });
  assert.equal(response.status, 200, await response.clone().text());
  await response.arrayBuffer();
  return response;
}

async function ask(
  gateway: TestGateway,
  method: string,
  path: string,
  options: { readonly key?: string; readonly body?: unknown } = {},
): Promise<{ status: number; body: Json }> {
  const headers = {
    ...(options.key === undefined ? {} : bearer(options.key)),
    ...(options.body === undefined ? {} : { "content-type": "application/json" }),
  };
  const body = options.body === undefined ? null : JSON.stringify(options.body);
  const response = await fetch(`${gateway.url}${path}`, { method, headers, body });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

test("the same id at two tenants is two conversations", async (t) => {
  const { gateway, keys } = await startScene(t);
  await takeTurn(gateway, keys.acme, opening("Acme's task."));
  await takeTurn(gateway, keys.acme, [...opening("Acme's task."), ...honestRounds(1)]);
  const other = await takeTurn(gateway, keys.rival, opening("The rival's task."));
  assert.equal(other.headers.get("x-conversation-turn"), "1");
  assert.equal(other.headers.get("x-router-pin"), "set");
  for (const [key, turns] of [
    [keys.acme, 2],
    [keys.acmeAdmin, 2],
    [keys.rival, 1],
  ] as const) {
    const list = await gateway.read("/v1/conversations", bearer(key));
    assert.deepEqual(
      list.data.map((known: Json) => [known.id, known.turns]),
      [[SHARED_ID, turns]],
    );
    const receipts = await gateway.read(`/v1/conversations/${SHARED_ID}/turns`, bearer(key));
    assert.equal(receipts.data.length, turns);
  }
});

test("one tenant's loop is no evidence against another", async (t) => {
  const { gateway, keys, upstream } = await startScene(t);
  const messages = [...opening("Same words."), ...stuckRounds(3)];
  await takeTurn(gateway, keys.acme, messages);
  const next = [...messages, ...stuckRounds(1, 4)];
  const other = await takeTurn(gateway, keys.rival, [...opening("Same words."), ...stuckRounds(1)]);
  assert.equal(other.headers.get("x-conversation-state"), "steady");
  const own = await takeTurn(gateway, keys.acme, next);
  assert.equal(own.headers.get("x-conversation-state"), "correcting");
  const corrected = upstream.requests.filter(({ raw }) => raw.includes("[fairlead]"));
  assert.equal(corrected.length, 1);
  const free = await takeTurn(gateway, keys.rival, [...opening("Same words."), ...honestRounds(1)]);
  assert.equal(free.headers.get("x-conversation-state"), "steady");
});

test("another tenant's conversation cannot be read, acted on or deleted, even by an admin", async (t) => {
  const { gateway, keys } = await startScene(t);
  const first = await takeTurn(gateway, keys.acme, opening("Acme's task."));
  const receipt = `/v1/receipts/${first.headers.get("x-request-id")}`;
  assert.equal((await ask(gateway, "GET", receipt, { key: keys.acme })).status, 200);
  const actions = ["release-pin", "close", "reset", "false-positive"].map((action) => ({
    method: "POST",
    path: `/v1/conversations/${SHARED_ID}/actions`,
    body: { action },
  }));
  const attempts = [
    { method: "GET", path: `/v1/conversations/${SHARED_ID}` },
    { method: "GET", path: `/v1/conversations/${SHARED_ID}/turns` },
    { method: "GET", path: receipt },
    { method: "DELETE", path: `/v1/conversations/${SHARED_ID}` },
    ...actions,
  ];
  for (const { method, path, ...body } of attempts) {
    const { status, body: answer } = await ask(gateway, method, path, {
      key: keys.rivalAdmin,
      ...body,
    });
    assert.equal(status, 404, `${method} ${path}`);
    assert.equal(answer.error.code, "not_found");
  }
  const kept = await gateway.read(`/v1/conversations/${SHARED_ID}`, bearer(keys.acmeAdmin));
  assert.equal(kept.pins[0].model, "big-1");
  assert.equal(kept.life, "open");
});

test("a user's key neither acts nor deletes, an admin's does", async (t) => {
  const { gateway, keys } = await startScene(t);
  await takeTurn(gateway, keys.acme, opening("Acme's task."));
  const path = `/v1/conversations/${SHARED_ID}`;
  const close = { method: "POST", path: `${path}/actions`, body: { action: "close" } };
  const refusals = [
    await ask(gateway, "POST", close.path, { key: keys.acme, body: close.body }),
    await ask(gateway, "DELETE", path, { key: keys.acme }),
  ];
  for (const { status, body } of refusals) {
    assert.equal(status, 403);
    assert.equal(body.error.code, "forbidden");
  }
  assert.equal((await gateway.read(path, bearer(keys.acme))).life, "open");
  const closed = await ask(gateway, "POST", close.path, { key: keys.acmeAdmin, body: close.body });
  assert.equal(closed.body.life, "closed");
  assert.equal((await ask(gateway, "DELETE", path, { key: keys.acmeAdmin })).status, 204);
  assert.equal((await ask(gateway, "GET", path, { key: keys.acmeAdmin })).status, 404);
});

/** Everything that is served, and what is not. */
const ROUTES: readonly (readonly [string, string])[] = [
  ["POST", "/v1/chat/completions"],
  ["GET", "/v1/models"],
  ["GET", "/v1/conversations"],
  ["GET", `/v1/conversations/${SHARED_ID}`],
  ["GET", `/v1/conversations/${SHARED_ID}/turns`],
  ["POST", `/v1/conversations/${SHARED_ID}/actions`],
  ["DELETE", `/v1/conversations/${SHARED_ID}`],
  ["GET", "/v1/receipts/req_1"],
  ["GET", "/v1/receipts"],
  ["GET", "/v1/no-such-path"],
  ["GET", "/"],
  ["POST", "/v1/conversations"],
  ["PUT", "/v1/chat/completions"],
];

test("every route wants a known key, and tells nothing else without one", async (t) => {
  const { gateway, keys, upstream } = await startScene(t);
  await takeTurn(gateway, keys.acme, opening("Acme's task."));
  const mistyped = `${keys.acme.slice(0, -1)}${keys.acme.endsWith("0") ? "1" : "0"}`;
  const wrong = [mint(), mistyped, "sk-something", "x".repeat(5_000)];
  for (const [method, path] of ROUTES) {
    const body =
      method === "POST" || method === "PUT" ? { body: agentBody(opening("Hello.")) } : {};
    const missing = await ask(gateway, method, path, body);
    assert.equal(missing.status, 401, `${method} ${path}`);
    assert.equal(missing.body.error.code, "missing_api_key");
    for (const key of wrong) {
      const unknown = await ask(gateway, method, path, { key, ...body });
      assert.equal(unknown.status, 401, `${method} ${path}`);
      assert.equal(unknown.body.error.code, "invalid_api_key");
      assert.ok(!unknown.body.error.message.includes(key.slice(0, 12)));
    }
  }
  assert.equal(upstream.requests.length, 1);
  assert.doesNotMatch(gateway.logged(), new RegExp(keys.acme.slice(15)));
});

test("health and readiness are told to everybody, and hold no more than that", async (t) => {
  const { gateway } = await startScene(t);
  const health = await ask(gateway, "GET", "/healthz");
  assert.deepEqual([health.status, Object.keys(health.body)], [200, ["status", "version"]]);
  const ready = await ask(gateway, "GET", "/readyz");
  assert.deepEqual([ready.status, ready.body], [200, { status: "ready" }]);
});

test("a key is taken from any of the three headers that clients know", async (t) => {
  const { gateway, keys } = await startScene(t);
  for (const headers of [
    bearer(keys.acme),
    { "x-api-key": keys.acme },
    { "x-goog-api-key": keys.acme },
  ]) {
    await gateway.read("/v1/models", headers);
  }
});

/** fetch sets the Host header itself, so this goes one level deeper. */
function getAs(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(`${url}/v1/models`, { headers }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode));
    });
    sent.once("error", reject).end();
  });
}

test("without keys only this machine is served, under its own names and from its own pages", async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const { url } = await startGateway(t, { providers: [provider("lab", upstream)] });
  for (const host of ["127.0.0.1", "localhost:8787", "LOCALHOST", "[::1]:80", "127.1.2.3:9"]) {
    assert.equal(await getAs(url, { host }), 200, host);
  }
  const foreign = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "192.168.0.7",
    "[fe80::1]",
  ];
  for (const host of [...foreign, "0.0.0.0:8787", "evil.example:127.0.0.1"]) {
    assert.equal(await getAs(url, { host }), 403, host);
  }
  assert.equal(await getAs(url, { host: "localhost", origin: "http://localhost:3000" }), 200);
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1.evil.example"]) {
    assert.equal(await getAs(url, { host: "localhost", origin }), 403, origin);
  }
});
