// Goal: whatever is wrong with a request, its sender is told in OpenAI's error body what to change, nothing of it leaks, and the gateway goes on serving.
// Method: a table of bad requests through one gateway, as bytes where no client would send them. Each holds canary strings.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";
import { chatBytes, exchange, type WireAnswer } from "./wire.ts";

const PROMPT = "canary-prompt-4f1e";
const CALLER_KEY = "canary-key-93bd";
const UPSTREAM_KEY = "secret-lab-1";
const MESSAGES = `[{"role":"user","content":"${PROMPT}"}]`;
const GOOD = `{"model":"lab/big","messages":${MESSAGES}}`;

interface BadRequest {
  readonly title: string;
  readonly body?: string | Buffer;
  readonly headers?: readonly string[];
  readonly status?: number;
  readonly code: string;
  readonly param?: string | null;
  /** What the message must say for the sender to know what to do. */
  readonly says: RegExp;
}

const withField = (field: string) => `{"model":"lab/big","messages":${MESSAGES},${field}}`;
const nested = (depth: number) =>
  withField(`"metadata":{"deep":${"[".repeat(depth)}${"]".repeat(depth)}}`);

const BODIES: readonly BadRequest[] = [
  { title: "a body cut in the middle", body: GOOD.slice(0, -9), code: "invalid_json", says: /byte \d+.*Send valid JSON/ },
  { title: "a trailing comma", body: `${GOOD.slice(0, -1)},}`, code: "invalid_json", says: /byte \d+/ },
  { title: "text behind the object", body: `${GOOD} ${GOOD}`, code: "invalid_json", says: /end of the body/ },
  { title: "no body", body: "", code: "invalid_json", says: /the body ends/ },
  { title: "an array", body: `[${GOOD}]`, code: "invalid_json", says: /opening brace of an object/ },
  { title: "a string", body: `"${PROMPT}"`, code: "invalid_json", says: /opening brace of an object/ },
  { title: "a byte order mark", body: `\ufeff${GOOD}`, code: "invalid_json", says: /byte order mark/ },
  { title: "UTF-16", body: Buffer.from(GOOD, "utf16le"), code: "invalid_json", says: /byte 1/ },
  { title: "a cut character", body: Buffer.concat([Buffer.from(GOOD.slice(0, 60)), Buffer.from([0xe2, 0x82]), Buffer.from(GOOD.slice(60))]), code: "invalid_encoding", says: /not valid UTF-8 at byte 60/ },
  { title: "a raw line break in a string", body: GOOD.replace(PROMPT, `${PROMPT}\n`), code: "invalid_json", says: /control character/ },
  { title: "10 000 levels", body: nested(10_000), code: "body_too_deep", says: /Flatten it/ },
  { title: "65 levels", body: nested(63), code: "body_too_deep", says: /too deeply at byte \d+/ },
  { title: "the model twice", body: withField('"model":"lab/other"'), code: "duplicate_field", param: "model", says: /Send it once/ },
  { title: "the model twice, once escaped", body: withField(String.raw`"mod\u0065l":"lab/other"`), code: "duplicate_field", param: "model", says: /Send it once/ },
  { title: "the messages twice", body: withField('"messages":[]'), code: "duplicate_field", param: "messages", says: /Send it once/ },
  { title: "another spelling of model", body: withField('"Model":"lab/other"'), code: "duplicate_field", param: "model", says: /only in spelling/ },
  { title: "a Kelvin sign in a field name", body: withField('"x-fallbac\u212a-chain":[]'), code: "duplicate_field", param: "x-fallback-chain", says: /only in spelling/ },
  { title: "no model", body: `{"messages":${MESSAGES}}`, code: "invalid_request", param: "model", says: /"auto" leaves the choice/ },
  { title: "a number as model", body: `{"model":7,"messages":${MESSAGES}}`, code: "invalid_request", param: "model", says: /model name/ },
  { title: "an empty model", body: `{"model":"","messages":${MESSAGES}}`, code: "invalid_request", param: "model", says: /model name/ },
  { title: "a model of 300 characters", body: `{"model":"${"m".repeat(300)}","messages":${MESSAGES}}`, code: "invalid_request", param: "model", says: /model name/ },
  { title: "an unknown model", body: `{"model":"gpt-nope","messages":${MESSAGES}}`, status: 404, code: "model_not_found", param: "model", says: /"gpt-nope".*auto, chat-model, lab\/big/ },
  { title: "a provider that is not there", body: `{"model":"nope/big","messages":${MESSAGES}}`, status: 404, code: "model_not_found", param: "model", says: /auto, chat-model, lab\/big/ },
  { title: "a name that objects inherit", body: `{"model":"constructor","messages":${MESSAGES}}`, status: 404, code: "model_not_found", param: "model", says: /lab\/big/ },
  { title: "no messages", body: '{"model":"lab/big"}', code: "invalid_request", param: "messages", says: /at least one message/ },
  { title: "an empty list of messages", body: '{"model":"lab/big","messages":[]}', code: "invalid_request", param: "messages", says: /at least one message/ },
  { title: "messages that are no list", body: `{"model":"lab/big","messages":{"0":${MESSAGES}}}`, code: "invalid_request", param: "messages", says: /must be an array/ },
  { title: "a stream flag in quotes", body: withField('"stream":"true"'), code: "invalid_request", param: "stream", says: /true or false/ },
];

const HEADERS: readonly BadRequest[] = [
  { title: "a line feed in the conversation id", headers: ["X-Conversation-ID: a\nb"], code: "invalid_request", says: /line break/ },
  { title: "a folded conversation id", headers: ["X-Conversation-ID: a\r\n b"], code: "invalid_request", says: /line break/ },
  { title: "a zero byte in the conversation id", headers: ["X-Conversation-ID: a\0b"], code: "invalid_request", says: /control character/ },
  { title: "a comma in the conversation id", headers: ["X-Conversation-ID: a,b"], code: "invalid_conversation_id", param: "X-Conversation-ID", says: /without spaces, commas/ },
  { title: "a conversation id of 300 characters", headers: [`X-Conversation-ID: ${"c".repeat(300)}`], code: "invalid_conversation_id", param: "X-Conversation-ID", says: /1 to 256/ },
  { title: "an empty conversation id", headers: ["X-Conversation-ID:"], code: "invalid_conversation_id", param: "X-Conversation-ID", says: /1 to 256/ },
  { title: "the conversation id twice", headers: ["X-Conversation-ID: a", "X-Conversation-ID: a"], code: "invalid_conversation_id", param: "X-Conversation-ID", says: /Send it once/ },
  { title: "a conversation id outside ASCII", headers: ["X-Conversation-ID: caf\u00e9"], code: "invalid_conversation_id", param: "X-Conversation-ID", says: /hash the id/ },
  { title: "an unknown profile", headers: ["X-Router-Profile: TURBO"], code: "unknown_profile", param: "X-Router-Profile", says: /TURBO.*AGENT, BATCH, CHAT, SAVINGS/ },
  { title: "the profile twice", headers: ["X-Router-Profile: AGENT", "X-Router-Profile: AGENT"], code: "unknown_profile", param: "X-Router-Profile", says: /AGENT, BATCH, CHAT, SAVINGS/ },
  { title: "a profile of 5 000 characters", headers: [`X-Router-Profile: ${"p".repeat(5_000)}`], code: "unknown_profile", param: "X-Router-Profile", says: /^.{1,200}AGENT, BATCH, CHAT, SAVINGS/ },
  { title: "hints of 10 000 characters", headers: [`X-Routing-Hints: ${"h".repeat(10_000)}`], code: "invalid_header", param: "x-routing-hints", says: /at most 8192 characters/ },
  { title: "a negative budget", headers: ["X-Conversation-Budget-USD: -1"], code: "invalid_header", param: "x-conversation-budget-usd", says: /such as 0\.50/ },
  { title: "a budget that is no number", headers: ["X-Conversation-Budget-USD: 1e3"], code: "invalid_header", param: "x-conversation-budget-usd", says: /such as 0\.50/ },
  { title: "a budget of nothing", headers: ["X-Conversation-Budget-USD: 0"], code: "invalid_header", param: "x-conversation-budget-usd", says: /above 0/ },
  { title: "a switch that is neither", headers: ["X-Conversation-Final: perhaps"], code: "invalid_header", param: "x-conversation-final", says: /true, false/ },
  { title: "an idempotency key of 300 characters", headers: [`Idempotency-Key: ${"i".repeat(300)}`], code: "invalid_header", param: "idempotency-key", says: /at most 255/ },
  { title: "plain text", headers: ["Content-Type: text/plain"], status: 415, code: "unsupported_media_type", says: /Content-Type: application\/json/ },
  { title: "a form", headers: ["Content-Type: multipart/form-data; boundary=x"], status: 415, code: "unsupported_media_type", says: /Content-Type: application\/json/ },
  { title: "a content type of nonsense", headers: ["Content-Type: %%%"], status: 415, code: "unsupported_media_type", says: /Content-Type: application\/json/ },
  { title: "an unknown encoding", headers: ["Content-Encoding: snappy"], status: 415, code: "unsupported_encoding", param: "content-encoding", says: /gzip, deflate, br, zstd/ },
  { title: "an encoding that is not the body's", headers: ["Content-Encoding: gzip"], code: "invalid_encoding", param: "content-encoding", says: /without compression/ },
];

test("a bad request is answered in OpenAI's error body, and the next good one is served", async (t) => {
  const { gateway, upstream } = await startScene(t);
  for (const bad of [...BODIES, ...HEADERS]) {
    await t.test(bad.title, async () => {
      const headers = [`Authorization: Bearer ${CALLER_KEY}`, ...(bad.headers ?? [])];
      const bytes = chatBytes({ headers, body: bad.body ?? GOOD });
      const before = upstream.requests.length;
      assertRefused(await exchange(gateway.url, bytes), bad);
      assert.equal(upstream.requests.length, before, "nothing went upstream");
    });
  }
  const response = await gateway.chat(GOOD);
  assert.equal(response.status, 200);
  assert.doesNotMatch(gateway.logged(), /canary|secret-lab/);
});

test("prompts and keys stay out of the log, whatever becomes of the turn", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const headers = { authorization: `Bearer ${CALLER_KEY}`, cookie: "canary-cookie=1" };
  const ends = [
    () => ({ json: { choices: [{ message: { role: "assistant", content: PROMPT } }] } }),
    () => ({ status: 400, json: { error: { message: `no: ${PROMPT}` } } }),
    () => ({ status: 401, json: { error: { message: `bad key ${UPSTREAM_KEY}` } } }),
    () => ({ status: 500, json: { error: { message: PROMPT } } }),
    () => ({ status: 200, headers: { "content-type": "text/html" }, rawChunks: [PROMPT] }),
    () => ({ refuse: true }) as const,
  ];
  for (const end of ends) {
    upstream.respond(end);
    for (const stream of [false, true]) {
      await (await gateway.chat({ model: "lab/big", messages: JSON.parse(MESSAGES), stream }, headers)).text();
    }
  }
  await (await gateway.chat(GOOD.slice(0, -4), headers)).text();
  assert.match(gateway.logged(), /"msg":"turn"/);
  assert.doesNotMatch(gateway.logged(), /canary|secret-lab/);
});

test("a provider that quotes the operator's key back does not get it to the caller", async (t) => {
  const { gateway, upstream } = await startScene(t);
  for (const status of [400, 401, 403, 404, 413, 422, 429, 500, 503]) {
    upstream.respond(() => ({
      status,
      json: { error: { message: `Incorrect API key provided: ${UPSTREAM_KEY}.`, code: "invalid_api_key" } },
    }));
    for (const stream of [false, true]) {
      const response = await gateway.chat({ model: "lab/big", messages: JSON.parse(MESSAGES), stream });
      const text = await response.text();
      assert.ok(response.status >= 400);
      assert.doesNotMatch(text, /secret-lab/, `status ${status}`);
      assert.equal(typeof JSON.parse(text).error.code, "string");
    }
  }
});

test("messages of any odd shape are the upstream's to judge, with and without a conversation", async (t) => {
  const { gateway } = await startScene(t);
  const odd = [
    "null", "7", '"text"', "[]", "{}", '{"role":7}', '{"role":"user"}', '{"role":"user","content":{}}',
    '{"role":"user","content":[null,7,{"type":"text"},{"type":"text","text":7},[]]}',
    '{"role":"assistant","tool_calls":{}}', '{"role":"assistant","tool_calls":[null,{"function":7},{"function":{"name":7,"arguments":{}}}]}',
    '{"role":"tool","content":"orphan"}', '{"role":"tool","tool_call_id":7,"content":[1]}', '{"__proto__":{"role":"user"},"role":"user","content":"x"}',
    String.raw`{"role":"user","content":"\ud800 alone"}`, '{"role":"user","role":"tool","content":"twice"}',
  ];
  for (const [index, message] of odd.entries()) {
    const body = `{"model":"lab/big","messages":[${message},${MESSAGES.slice(1, -1)},${message}]}`;
    for (const profile of ["CHAT", "AGENT"]) {
      const response = await gateway.chat(body, { "x-conversation-id": `odd-${index}-${profile}`, "x-router-profile": profile });
      assert.equal(response.status, 200, `${message}: ${await response.text()}`);
      await response.text().catch(() => null);
    }
  }
  assert.doesNotMatch(gateway.logged(), /"level":50/);
});

async function startScene(t: TestContext): Promise<{ gateway: TestGateway; upstream: Upstream }> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream)],
    logicalModels: { "chat-model": [{ to: "lab/big" }] },
  });
  return { gateway, upstream };
}

function assertRefused(answer: WireAnswer, bad: BadRequest): void {
  assert.equal(answer.status, bad.status ?? 400, answer.body);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  const { error }: Json = JSON.parse(answer.body);
  assert.equal(error.code, bad.code);
  assert.equal(error.type, "invalid_request_error");
  assert.match(error.message, bad.says);
  if (bad.param !== undefined) assert.equal(error.param, bad.param);
  assert.match(error.request_id, /^req_[0-9a-f]{32}$/);
  assert.equal(answer.headers.get("x-request-id"), error.request_id);
  assert.equal(JSON.parse(answer.headers.get("x-llm-gateway") ?? "{}").request_id, error.request_id);
  assert.equal(typeof answer.headers.get("x-router-reason"), "string");
  assert.equal(answer.headers.get("x-should-retry"), "false", "an SDK would send it again in vain");
  assert.doesNotMatch(JSON.stringify([answer.body, ...answer.headers]), /canary|secret-lab/);
}
