// Goal: counting tokens never costs a turn anything. Method: a provider that serves turns and fails every count, and
// one that counts faster than it answers; what the gateway thinks of it is read back.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream, type Scripted } from "../support/upstream.ts";

const HELLO = { model: "auto", max_tokens: 9, messages: [{ role: "user", content: "Hello" }] };
const ANSWER: Scripted = {
  json: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "big-1",
    content: [{ type: "text", text: "Hello." }],
    stop_reason: "end_turn",
    usage: { input_tokens: 5, output_tokens: 2 },
  },
};

async function startScene(t: TestContext, count: Scripted) {
  const upstream = await startUpstream(({ path }) => (path.includes("/count_") ? count : ANSWER));
  t.after(() => upstream.close());
  const keys = ["secret-lab-1", "secret-lab-2"];
  const about = { dialect: "anthropic-messages", keys };
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, about)] });
  const post = (path: string) =>
    fetch(`${gateway.url}/v1/messages${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(HELLO),
    });
  const state = async () => {
    const { data }: Json = await gateway.read("/v1/providers");
    const { keys: known, deployments } = data[0];
    return [...known, ...deployments].map((one: Json) => one.state);
  };
  return { upstream, gateway, post, state };
}

const FAILURES: readonly (readonly [title: string, count: Scripted])[] = [
  ["has no path for it", { status: 404, json: { error: { message: "no such path" } } }],
  [
    "limits its rate",
    {
      status: 429,
      headers: { "retry-after": "60" },
      json: { type: "error", error: { type: "rate_limit_error", message: "too many counts" } },
    },
  ],
  [
    "does not let the key count",
    {
      status: 401,
      json: { type: "error", error: { type: "authentication_error", message: "not for this key" } },
    },
  ],
  ["fails at it", { status: 500, json: {} }],
];

for (const [title, count] of FAILURES) {
  test(`a provider that ${title} goes on serving turns while tokens are counted`, async (t) => {
    const { post, state } = await startScene(t, count);
    for (let times = 0; times < 4; times += 1) {
      const counted = await post("/count_tokens");
      assert.equal(counted.headers.get("x-router-token-count"), "estimate");
      await counted.text();
    }
    assert.deepEqual(await state(), ["ok", "ok", "ok"]);
    assert.equal((await post("")).status, 200);
  });
}

test("a count that fails is not asked a second time, and one that succeeds is no answer's speed", async (t) => {
  const { upstream, gateway, post } = await startScene(t, { status: 500, json: {} });
  await (await post("/count_tokens")).text();
  assert.equal(upstream.requests.length, 1);
  upstream.respond(() => ({ json: { input_tokens: 7 } }));
  const counted = await post("/count_tokens");
  assert.equal(counted.headers.get("x-router-token-count"), "provider");
  assert.deepEqual(await counted.json(), { input_tokens: 7 });
  const { data }: Json = await gateway.read("/v1/providers");
  assert.equal(data[0].deployments[0].first_byte_ms, null);
});

test("a refused count that quotes the provider's key tells nobody the key", async (t) => {
  const message = "bad request of secret-lab-1 or secret-lab-2";
  const refusal = { type: "error", error: { type: "invalid_request_error", message } };
  const { post } = await startScene(t, { status: 400, json: refusal });
  const told = await (await post("/count_tokens")).text();
  assert.doesNotMatch(told, /secret-lab/);
});
