// Goal: a request's bytes reach the provider as they came, but for what is the gateway's to
// change, and nothing of the caller goes along.
// Method: odd but valid bytes through a whole gateway, compared with what a scripted upstream
// received.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { provider, startGateway, type TestGateway } from "../support/gateway.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

/** Valid JSON that no serialiser would write: whitespace, escapes, big numbers, keys twice below the top level. */
const ODD_FIELDS = String.raw`	"temperature" : 1.0e-1,
 "seed":90071992547409931234, "logit_bias": {"50256":-100, "50256":-99.50},"user":"caf\u00e9 é \/ \ud83d\ude00",
  "metadata":{ "a" : [ ] , "a":{ } ,"__proto__":{"x":1}},"stop":["\n","\u0000"]`;
const ODD_MESSAGES = String.raw`[ {"role":"user", "content":"a\tb \u2028 \"model\":\"auto\" ]}"}
 ,{"content":[{"type":"text","text":"x-routing-hints"}],"role":"user"}	]`;

interface Scene {
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
}

async function startScene(
  t: TestContext,
  about: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)], ...about });
  return { gateway, upstream };
}

/** Sends the body and returns the bytes the upstream got. */
async function relayed({ gateway, upstream }: Scene, body: string, headers = {}): Promise<string> {
  const response = await gateway.chat(body, headers);
  assert.equal(response.status, 200, await response.text());
  return upstream.requests.at(-1)?.raw.toString() ?? "";
}

test("the body reaches the upstream byte for byte but for the model's name", async (t) => {
  const scene = await startScene(t);
  const body = (model: string) =>
    ` {${ODD_FIELDS} ,"messages" : ${ODD_MESSAGES},\r\n "model":\t${model} } \n`;
  assert.equal(await relayed(scene, body('"lab/big"')), body('"big-1"'));
  assert.equal(await relayed(scene, body(String.raw`"lab\/b\u0069g"`)), body('"big-1"'));
  assert.equal(
    await relayed(scene, body('"big-1"')),
    body('"big-1"'),
    "its own name is left alone",
  );
  assert.equal(await relayed(scene, body('"auto"')), body('"big-1"'));
  const large = `{"messages":[{"role":"user","content":"${"é😀 \\\\u0041".repeat(80_000)}"}],"model":"big-1"}`;
  assert.ok((await relayed(scene, large)) === large, "megabytes, too");
});

const HINTS = '"x-routing-hints":{"a":[1,{"b":"}"}]}';
const CHAIN = '"x-fallback-chain":["lab/big"]';
const MODEL = '"model":"big-1"';
const MESSAGES = '"messages":[{"role":"user","content":"Hello?"}]';

test("a picture of megabytes is no reason to think that the request does not fit the model", async (t) => {
  const scene = await startScene(t);
  const url = `data:image/png;base64,${"iVBORw0KGgo".repeat(300_000)}`;
  const content = `[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"${url}"}}]`;
  const body = `{"model":"big-1","messages":[{"role":"user","content":${content}}]}`;
  assert.ok((await relayed(scene, body)) === body);
});

test("the gateway's own fields never reach the upstream, wherever they stand", async (t) => {
  const scene = await startScene(t);
  const cases: readonly (readonly [string, string])[] = [
    [`{${HINTS},${MODEL},${MESSAGES}}`, `{${MODEL},${MESSAGES}}`],
    [`{${MODEL}, ${HINTS} ,${MESSAGES}}`, `{${MODEL}, ${MESSAGES}}`],
    [`{${MODEL},${MESSAGES},${HINTS}}`, `{${MODEL},${MESSAGES}}`],
    [`{${MODEL},${CHAIN},${HINTS},${MESSAGES}}`, `{${MODEL},${MESSAGES}}`],
    [`{${CHAIN},${MODEL},${MESSAGES},${HINTS}}`, `{${MODEL},${MESSAGES}}`],
    [String.raw`{"x\u002drouting-hints":1,${MODEL},${MESSAGES}}`, `{${MODEL},${MESSAGES}}`],
  ];
  for (const [sent, expected] of cases) assert.equal(await relayed(scene, sent), expected);
  // With the usage event asked for in the same splice.
  const streamed = await relayed(scene, `{${MODEL},${MESSAGES},"stream":true,${HINTS}}`);
  assert.deepEqual(JSON.parse(streamed), {
    ...JSON.parse(`{${MODEL},${MESSAGES},"stream":true}`),
    stream_options: { include_usage: true },
  });
});

test("a stream is asked for its usage event, and nothing else of the body changes", async (t) => {
  const scene = await startScene(t);
  const body = (options: string) => `{${MODEL}, "stream" : true,${MESSAGES}${options}}`;
  assert.equal(await relayed(scene, body("")), body(',"stream_options":{"include_usage":true}'));
  assert.equal(
    await relayed(scene, body(',"stream_options":null')),
    body(',"stream_options":{"include_usage":true}'),
  );
  const own = body(',"stream_options" : { "include_usage" :true }');
  assert.equal(await relayed(scene, own), own);
  const other = await relayed(
    scene,
    body(',"stream_options":{"include_obfuscation":false,"include_usage":false}'),
  );
  assert.deepEqual(JSON.parse(other).stream_options, {
    include_obfuscation: false,
    include_usage: true,
  });
  const frugal = await startScene(t, {
    providers: [provider("lab", scene.upstream, { vendor: "cohere" })],
  });
  assert.equal(await relayed({ ...frugal, upstream: scene.upstream }, body("")), body(""));
});

test("the upstream sees the provider's key and none of the caller's headers", async (t) => {
  const scene = await startScene(t, { divergence: "off" });
  await relayed(scene, `{${MODEL},${MESSAGES}}`, {
    authorization: "Bearer canary-1",
    "x-api-key": "canary-2",
    "x-goog-api-key": "canary-3",
    cookie: "session=canary-4",
    "x-conversation-id": "canary-5",
    "x-session-id": "canary-6",
    "x-router-profile": "CHAT",
    "x-routing-hints": '{"canary":7}',
    "idempotency-key": "canary-8",
    "x-forwarded-for": "10.0.0.9",
    "openai-organization": "org-canary",
    "user-agent": "canary-agent/1",
    "accept-encoding": "gzip, br",
    te: "trailers",
    "openai-beta": "assistants=v2",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  });
  const { headers } = scene.upstream.requests[0] ?? {};
  assert.deepEqual(Object.keys(headers ?? {}).sort(), [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "openai-beta",
    "traceparent",
  ]);
  assert.doesNotMatch(JSON.stringify(headers), /canary/);
  assert.equal(headers?.authorization, "Bearer secret-lab-1");
  assert.equal(headers?.["accept-encoding"], "identity");
});
