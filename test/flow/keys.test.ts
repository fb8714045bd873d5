// Goal: a key rests where it was limited and nowhere else, whichever dialect is asked, and an operator can see it.
// Method: scripted upstreams that refuse keys and models by name; calls are counted, and GET /v1/providers is read.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { hashApiKey, mintApiKey } from "../../src/admission/api-key.ts";
import { workFolder } from "../support/gateway-process.ts";
import { model, provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import {
  startUpstream,
  textAnswer,
  type CapturedRequest,
  type Scripted,
  type Upstream,
} from "../support/upstream.ts";

const HERE = textAnswer("here");
const PEPPER = "0123456789abcdef0123456789abcdef";
const KEYS = ["secret-lab-1", "secret-lab-2"];
const asking = (name: string) => ({ model: name, messages: [{ role: "user", content: "Hello?" }] });
const limited: Scripted = {
  status: 429,
  headers: { "retry-after": "60" },
  json: { error: { message: "slow down" } },
};

async function start(t: TestContext): Promise<Upstream> {
  const upstream = await startUpstream(HERE);
  t.after(() => upstream.close());
  return upstream;
}

const post = (gateway: TestGateway, path: string, body: object): Promise<Response> =>
  fetch(gateway.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

const modelOf = (body: Json): string => body.model;

async function providerOf(gateway: TestGateway, id: string): Promise<Json> {
  const { data } = await gateway.read("/v1/providers");
  return data.find((entry: Json) => entry.id === id);
}

test("keys that are limited for one model still serve the others of their provider", async (t) => {
  const lab = await start(t);
  const gateway = await startGateway(t, {
    providers: [provider("lab", lab, { keys: KEYS, models: [model("big"), model("small")] })],
  });
  lab.respond((request) => (modelOf(request.body) === "big" ? limited : HERE(request)));
  assert.equal((await gateway.chat(asking("lab/big"))).status, 429);
  const before = lab.requests.length;
  const response = await gateway.chat(asking("lab/small"));
  assert.equal(response.status, 200);
  assert.equal(lab.requests.length, before + 1, "the first key that was asked answered");
  const { keys, deployments } = await providerOf(gateway, "lab");
  assert.deepEqual(
    keys.map((key: Json) => key.state),
    ["ok", "ok"],
  );
  const [big, small] = deployments;
  assert.deepEqual(
    [big.id, big.state, small.id, small.state],
    ["lab/big", "resting", "lab/small", "ok"],
  );
  assert.deepEqual(
    big.resting_keys.map(({ key, state, reason }: Json) => [key, state, reason]),
    [
      ["key 1", "resting", "upstream_rate_limited"],
      ["key 2", "resting", "upstream_rate_limited"],
    ],
  );
  assert.ok(
    Date.parse(big.resting_keys[0].until) > Date.parse(big.resting_keys[0].last_limited_at),
  );
});

test("a refused key is set aside for every model, and the operator sees which and why", async (t) => {
  const lab = await start(t);
  const gateway = await startGateway(t, {
    providers: [provider("lab", lab, { keys: KEYS, models: [model("big"), model("small")] })],
  });
  const bad = `Bearer ${KEYS[1]}`;
  const refused: Scripted = { status: 401, json: { error: { code: "invalid_api_key" } } };
  lab.respond((request) => (request.headers.authorization === bad ? refused : HERE(request)));
  for (let turn = 0; turn < 24; turn += 1) {
    const name = turn % 2 === 0 ? "lab/big" : "lab/small";
    assert.equal((await gateway.chat(asking(name))).status, 200);
  }
  const tried = lab.requests.filter(({ headers }) => headers.authorization === bad);
  assert.equal(tried.length, 1);
  const { keys, deployments } = await providerOf(gateway, "lab");
  assert.deepEqual(
    keys.map(({ key, state, reason }: Json) => [key, state, reason]),
    [
      ["key 1", "ok", null],
      ["key 2", "quarantined", "upstream_rejected_key"],
    ],
  );
  assert.ok(
    deployments.every(
      (entry: Json) => entry.state === "ok" && Number.isFinite(entry.first_byte_ms),
    ),
  );
});

test("GET /v1/providers shows no key, header or address, and takes an admin's key", async (t) => {
  const lab = await start(t);
  const pepper = join(workFolder(t), "pepper");
  writeFileSync(pepper, PEPPER);
  const boss = mintApiKey({ environment: "dev", random: randomBytes });
  const user = mintApiKey({ environment: "dev", random: randomBytes });
  const gateway = await startGateway(t, {
    keyPepper: { file: pepper },
    keys: [
      { id: "boss", tenant: "one", role: "admin", hash: hashApiKey(boss, PEPPER) },
      { id: "user", tenant: "one", role: "user", hash: hashApiKey(user, PEPPER) },
    ],
    providers: [provider("lab", lab, { keys: KEYS, headers: { "x-token": "canary" } })],
  });
  const ask = (key: string | null): Promise<Response> =>
    fetch(`${gateway.url}/v1/providers`, {
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
    });
  assert.equal((await ask(null)).status, 401);
  assert.equal((await ask(user)).status, 403);
  const response = await ask(boss);
  assert.equal(response.status, 200);
  assert.doesNotMatch(await response.text(), /secret-lab|canary|127\.0\.0\.1/);
});

test("a deployment that cools is shown with the end of its rest", async (t) => {
  const lab = await start(t);
  lab.respond(() => ({ status: 500, json: {} }));
  const gateway = await startGateway(t, { providers: [provider("lab", lab)] });
  for (let turn = 0; turn < 2; turn += 1) await gateway.chat(asking("lab/big"));
  const [big] = (await providerOf(gateway, "lab")).deployments;
  assert.equal(big.state, "cooling");
  assert.ok(Number.isFinite(Date.parse(big.until)));
  assert.ok(big.failures_in_row >= 2);
});

interface Spoken {
  readonly dialect: string;
  readonly path: string;
  readonly keyOf: (headers: Json) => string | null;
  readonly body: object;
  readonly answer: (request: CapturedRequest) => Scripted;
}

const bearer = (headers: Json): string => headers.authorization;
const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
const said = { type: "output_text", text: "here", annotations: [] };

const SPOKEN: readonly Spoken[] = [
  {
    dialect: "openai-chat",
    path: "/v1/chat/completions",
    keyOf: bearer,
    body: asking("lab/big"),
    answer: HERE,
  },
  {
    dialect: "openai-responses",
    path: "/v1/responses",
    keyOf: bearer,
    body: { model: "lab/big", input: "Hello?" },
    answer: () => ({
      json: {
        id: "resp_1",
        object: "response",
        status: "completed",
        output: [{ type: "message", id: "msg_1", role: "assistant", content: [said] }],
        usage,
      },
    }),
  },
  {
    dialect: "anthropic-messages",
    path: "/v1/messages",
    keyOf: (headers) => headers["x-api-key"],
    body: { ...asking("lab/big"), max_tokens: 9 },
    answer: () => ({
      json: {
        id: "msg_1",
        type: "message",
        role: "assistant",
        content: [{ type: "text", text: "here" }],
        stop_reason: "end_turn",
        usage,
      },
    }),
  },
  {
    dialect: "gemini",
    path: "/v1beta/models/lab%2Fbig:generateContent",
    keyOf: (headers) => headers["x-goog-api-key"],
    body: { contents: [{ role: "user", parts: [{ text: "Hello?" }] }] },
    answer: () => ({
      json: {
        candidates: [
          { content: { role: "model", parts: [{ text: "here" }] }, finishReason: "STOP" },
        ],
        usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      },
    }),
  },
];

for (const { dialect, path, keyOf, body, answer } of SPOKEN) {
  for (const status of [401, 429, 402]) {
    test(`status ${status} at one key is served by the other, asked in ${dialect}`, async (t) => {
      const lab = await start(t);
      const gateway = await startGateway(t, {
        providers: [provider("lab", lab, { dialect, keys: KEYS })],
      });
      let bad: string | null = null;
      lab.respond((request) => {
        bad ??= keyOf(request.headers);
        return keyOf(request.headers) === bad ? { status, json: {} } : answer(request);
      });
      for (let turn = 0; turn < 3; turn += 1) {
        const response = await post(gateway, path, body);
        assert.equal(response.status, 200, await response.text());
        assert.equal(lab.requests.length, turn + 2, "the bad key was asked once");
      }
      assert.ok(KEYS.some((key) => String(bad).endsWith(key)));
    });
  }
}

test("a translated attempt names its key by position, and goes on to the next one", async (t) => {
  const lab = await start(t);
  const gateway = await startGateway(t, {
    providers: [provider("lab", lab, { keys: KEYS })],
  });
  lab.respond((request, count) => (count === 1 ? limited : HERE(request)));
  const response = await post(gateway, "/v1/messages", { ...asking("lab/big"), max_tokens: 9 });
  assert.equal(response.status, 200, await response.text());
  const { fallback }: Json = await gateway.read(
    `/v1/receipts/${response.headers.get("x-request-id")}`,
  );
  const named = fallback.attempts.map((attempt: Json) => attempt.key);
  assert.deepEqual(named.toSorted(), ["key 1", "key 2"]);
  assert.doesNotMatch(JSON.stringify(fallback), /secret/);
});

test("an embedding names its key by position, and goes on to the next one", async (t) => {
  const lab = await start(t);
  const small = { id: "small", capabilities: ["embeddings"] };
  const gateway = await startGateway(t, {
    providers: [provider("lab", lab, { keys: KEYS, models: [small] })],
  });
  const json = {
    object: "list",
    model: "small",
    data: [{ object: "embedding", index: 0, embedding: [0.5] }],
    usage: { prompt_tokens: 1, total_tokens: 1 },
  };
  lab.respond((_request, count) => (count === 1 ? limited : { json }));
  const response = await post(gateway, "/v1/embeddings", { model: "lab/small", input: "Hello" });
  assert.equal(response.status, 200, await response.text());
  const { fallback }: Json = await gateway.read(
    `/v1/receipts/${response.headers.get("x-request-id")}`,
  );
  const named = fallback.attempts.map((attempt: Json) => attempt.key);
  assert.deepEqual(named.toSorted(), ["key 1", "key 2"]);
});

test("a wait that stands in a Google body holds the key back as long as it says", async (t) => {
  const lab = await start(t);
  const gateway = await startGateway(t, { providers: [provider("lab", lab)] });
  const details = [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "41s" }];
  const error = { code: 429, message: "quota", status: "RESOURCE_EXHAUSTED", details };
  lab.respond(() => ({ status: 429, json: { error } }));
  const response = await gateway.chat(asking("lab/big"));
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "41");
});

test("a request that is too large for one provider is taken to another one", async (t) => {
  const [lab, bay] = [await start(t), await start(t)];
  const tooLarge: Scripted = { status: 413, json: { error: { message: "too large" } } };
  const big = (price: number) => [
    model("big", { model: "big-1", price: { input: price, output: price } }),
  ];
  const gateway = await startGateway(t, {
    providers: [
      provider("lab", lab, { keys: KEYS, models: big(1) }),
      provider("bay", bay, { models: big(5) }),
    ],
  });
  lab.respond(() => tooLarge);
  const ask = () => gateway.chat(asking("big-1"), { "x-router-profile": "SAVINGS" });
  assert.equal((await ask()).status, 200);
  assert.equal(lab.requests.length, 1, "no second key of the same provider");
  bay.respond(() => tooLarge);
  const refused = await ask();
  assert.equal(refused.status, 413);
  assert.match(await refused.text(), /too large/);
  assert.equal(lab.requests.length + bay.requests.length, 4);
});
