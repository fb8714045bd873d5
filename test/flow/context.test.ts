// Goal: a request goes to a model that can hold it: counted before it is sent, and taken to a larger one when a
// provider refuses it, but never ruled out by a guess.
// Method: models with small contexts in front of scripted upstreams; receipts tell what was left out, and why.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { startUpstream, textAnswer, type Scripted, type Upstream } from "../support/upstream.ts";

const HERE = textAnswer("here");
const CHEAPEST = { "x-router-profile": "SAVINGS" };
const OVERFLOW = "This model's maximum context length is 1000 tokens.";
const overflow: Scripted = {
  status: 400,
  json: { error: { message: OVERFLOW, code: "context_length_exceeded" } },
};
const priced = (id: string, price: number, about: object) =>
  model(id, { price: { input: price, output: price }, ...about });

/** 5 bytes a word: beyond the context of the small model by its bytes, whatever its tokens. */
const asking = (words: number, about: object = {}) => ({
  model: "auto",
  messages: [{ role: "user", content: "word ".repeat(words) }],
  ...about,
});

async function startScene(t: TestContext, models: readonly object[]) {
  const upstream = await startUpstream(HERE);
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, { models })] });
  return { upstream, gateway };
}

async function receiptOf(gateway: TestGateway, response: Response): Promise<Json> {
  await response.text();
  return gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
}

const reasonsOf = (receipt: Json): Record<string, string> =>
  Object.fromEntries(
    receipt.routing.exclusions.map(({ deployment, reason }: Json) => [deployment, reason]),
  );

/** The vocabulary is loaded by the first count, and no turn waits for it longer than it must. */
async function warmUp(gateway: TestGateway): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) {
    const receipt = await receiptOf(gateway, await gateway.chat(asking(2_000), CHEAPEST));
    if (Object.keys(reasonsOf(receipt)).length > 0) return;
  }
  assert.fail("nothing was ever counted");
}

const SMALL = priced("small", 1, { model: "gpt-5-small", contextTokens: 900 });
const LARGE = priced("large", 9, { model: "gpt-5-large", contextTokens: 100_000 });

test("what is counted not to fit is left out, and the receipt says by how much", async (t) => {
  const { gateway } = await startScene(t, [SMALL, LARGE]);
  await warmUp(gateway);
  const response = await gateway.chat(asking(1_200), CHEAPEST);
  assert.equal(response.headers.get("x-router-model"), "lab/large");
  const reasons = reasonsOf(await receiptOf(gateway, response));
  assert.match(
    reasons["lab/small"] ?? "",
    /^context of 900 tokens is too small for 120\d counted$/,
  );
  const fits = await gateway.chat(asking(800), CHEAPEST);
  assert.equal(fits.headers.get("x-router-model"), "lab/small", "4000 bytes, but 800 tokens");
});

test("an answer that is asked for counts too", async (t) => {
  const { gateway } = await startScene(t, [SMALL, LARGE]);
  await warmUp(gateway);
  const response = await gateway.chat(asking(600, { max_tokens: 400 }), CHEAPEST);
  assert.equal(response.headers.get("x-router-model"), "lab/large");
  const reasons = reasonsOf(await receiptOf(gateway, response));
  assert.match(reasons["lab/small"] ?? "", /too small for 60\d counted and 400 for the answer$/);
  const fits = await gateway.chat(asking(600, { max_tokens: 200 }), CHEAPEST);
  assert.equal(fits.headers.get("x-router-model"), "lab/small");
});

test("a model of another vocabulary is left out only where there is no doubt", async (t) => {
  const other = priced("small", 1, { model: "claude-small", contextTokens: 900 });
  const { gateway } = await startScene(t, [other, LARGE]);
  await warmUp(gateway);
  const doubtful = await gateway.chat(asking(1_100), CHEAPEST);
  assert.equal(doubtful.headers.get("x-router-model"), "lab/small");
});

test("where nothing else can serve, the provider itself refuses, in its own words", async (t) => {
  const { gateway, upstream } = await startScene(t, [SMALL, LARGE]);
  await warmUp(gateway);
  upstream.respond(() => overflow);
  const response = await gateway.chat(asking(1_200, { model: "lab/small" }), CHEAPEST);
  assert.equal(response.status, 400);
  assert.equal(JSON.parse(await response.text()).error.message, OVERFLOW);
});

test("tools count, and files do not", async (t) => {
  const { gateway } = await startScene(t, [SMALL, LARGE]);
  await warmUp(gateway);
  const tool = {
    type: "function",
    function: { name: "search", description: "word ".repeat(1_200), parameters: {} },
  };
  const response = await gateway.chat(asking(1, { tools: [tool] }), CHEAPEST);
  assert.equal(response.headers.get("x-router-model"), "lab/large");
  const url = `data:image/png;base64,${"iVBORw0KGgo".repeat(2_000)}`;
  const content = [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url } },
  ];
  const seen = await gateway.chat(
    { model: "auto", messages: [{ role: "user", content }] },
    CHEAPEST,
  );
  assert.equal(seen.headers.get("x-router-model"), "lab/small");
});

test("text that is written in escapes is not taken for more than it is", async (t) => {
  const { gateway } = await startScene(t, [SMALL, LARGE]);
  await warmUp(gateway);
  const escaped = "слово ".repeat(600).replace(/[^ -~]/g, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  const body = `{"model":"auto","messages":[{"role":"user","content":"${escaped}"}]}`;
  assert.ok(body.length / 8 > 900, "by its bytes alone it would be too long");
  const response = await gateway.chat(body, CHEAPEST);
  assert.equal(response.headers.get("x-router-model"), "lab/small");
});

test("a request that a provider finds too long is taken to a larger model, and only there", async (t) => {
  const [small, middle, large]: readonly Upstream[] = await Promise.all([
    startUpstream(() => overflow),
    startUpstream(HERE),
    startUpstream(HERE),
  ]);
  const upstreams = [small, middle, large].filter((each) => each !== undefined);
  for (const upstream of upstreams) t.after(() => upstream.close());
  const entry = (id: string, price: number, contextTokens: number) =>
    provider(id, upstreams[price - 1] ?? assert.fail(), {
      models: [priced("big", price, { model: `${id}-model`, contextTokens })],
    });
  const gateway = await startGateway(t, {
    providers: [
      entry("small", 1, 100_000),
      entry("middle", 2, 100_000),
      entry("large", 3, 200_000),
    ],
  });
  const ask = () => gateway.chat(asking(10), CHEAPEST);
  const response = await ask();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("x-router-model"), "large/big");
  assert.equal(middle?.requests.length, 0, "as small as the first");
  const { fallback } = await receiptOf(gateway, response);
  assert.deepEqual(
    fallback.attempts.map(({ deployment, outcome }: Json) => [deployment, outcome]),
    [
      ["small/big", "failed"],
      ["large/big", "completed"],
    ],
  );
  assert.ok(fallback.attempts[0].code === "upstream_invalid_request");
  large?.respond(() => ({ status: 500, json: {} }));
  const failed = await ask();
  assert.equal(failed.status, 502, "the larger one may be back: the caller is told to try again");
  large?.respond(() => overflow);
  const refused = await ask();
  assert.equal(refused.status, 400);
  assert.match(await refused.text(), /maximum context length/);
});

test("a locked conversation stays on its model when that finds it too long", async (t) => {
  const { gateway, upstream } = await startScene(t, [SMALL, LARGE]);
  await warmUp(gateway);
  const headers = inConversation("locked");
  const first = await gateway.chat(asking(1), headers);
  assert.equal(first.headers.get("x-router-model"), "lab/small");
  upstream.respond(() => overflow);
  const messages = [
    ...asking(1).messages,
    { role: "assistant", content: "here" },
    { role: "user", content: "word ".repeat(1_500) },
  ];
  const before = upstream.requests.length;
  const response = await gateway.chat({ model: "auto", messages }, headers);
  assert.equal(response.status, 400);
  assert.match(await response.text(), /maximum context length/);
  assert.equal(upstream.requests.length, before + 1);
});
