// Goal: a refusal is told by the names a provider gives it at their own places, and never by words
// that happen to stand in its text.
// Method: tables of refusals as providers write them, each with what it must mean.

import assert from "node:assert/strict";
import { test } from "node:test";
import { classifyRefusal, type UpstreamFault } from "../../src/upstream/classify.ts";
import { isErrorBody } from "../../src/upstream/error-body.ts";
import { quotesSecret } from "../../src/upstream/without-secrets.ts";

type Headers = Readonly<Record<string, string>>;

function classify(status: number, body: unknown, headers: Headers = {}): UpstreamFault {
  return classifyRefusal({
    status,
    header: (name) => headers[name] ?? null,
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    whole: true,
    now: 0,
  });
}

const ADVICE =
  "Rate limit reached. Check your plan and billing details: https://host/account/billing. " +
  "See insufficient_quota, spend_limit.";

test("a rate limit whose message mentions billing stays a rate limit (#2)", () => {
  const limits: readonly (readonly [unknown, Headers])[] = [
    [{ error: { message: ADVICE } }, {}],
    [{ error: { message: ADVICE, type: "tokens", code: "rate_limit_exceeded" } }, {}],
    [{ error: { message: ADVICE, type: "insufficient_quota", code: "rate_limit_exceeded" } }, {}],
    [{ error: { message: ADVICE, type: "insufficient_quota" } }, { "retry-after": "2" }],
    [{ error: { message: ADVICE, type: "insufficient_quota" } }, { "retry-after-ms": "20" }],
    [{ error: { message: "slow", code: ADVICE } }, {}],
    [{ type: "error", error: { type: "rate_limit_error", message: ADVICE } }, {}],
    [{ error: { code: 429, message: ADVICE, status: "RESOURCE_EXHAUSTED" } }, {}],
    [`<html>${ADVICE}</html>`, {}],
  ];
  for (const [body, headers] of limits) {
    const { fault, scope, quarantine } = classify(429, body, headers);
    assert.deepEqual(
      [fault.code, scope, quarantine],
      ["upstream_rate_limited", "key-model", false],
      JSON.stringify(body),
    );
  }
});

test("a refusal that names money is about money (#2)", () => {
  const bills: readonly (readonly [number, unknown])[] = [
    [429, { error: { code: "insufficient_quota" } }],
    [429, { error: { type: "insufficient_quota", code: null } }],
    [429, { error: { code: "credit_balance_exhausted" } }],
    [429, { error: { code: "project_spend_limit_exceeded" } }],
    [429, { error: { code: "organization_usage_limit_exceeded" } }],
    [429, { error: { details: { error_code: "enforced_spend_limit_reached" } } }],
    [429, { error: { type: "billing_error" } }],
    [403, { error: { type: "billing_error" } }],
    [402, ""],
    [402, { error: { code: "rate_limit_exceeded" } }],
  ];
  for (const [status, body] of bills) {
    const { fault, scope, quarantine } = classify(status, body);
    assert.deepEqual(
      [fault.code, scope, quarantine],
      ["upstream_billing", "key", true],
      JSON.stringify(body),
    );
  }
});

test("a 403 about the request is the request's own, one about the account is the key's (#2)", () => {
  const own = [
    { error: { code: 403, message: "Your input was flagged.", metadata: { reasons: ["x"] } } },
    { error: { message: "no: invalid_api_key permission_denied", code: "content_filter" } },
    { error: "flagged" },
  ];
  for (const body of own) {
    const { fault, scope, relay } = classify(403, body);
    assert.deepEqual([fault.code, scope], ["upstream_invalid_request", "request"]);
    assert.equal(relay?.status, 403);
  }
  const account = [
    { error: { code: 403, message: "no", status: "PERMISSION_DENIED" } },
    [{ error: { code: 403, message: "no", status: "PERMISSION_DENIED" } }],
    { type: "error", error: { type: "permission_error", message: "no" } },
    { error: { code: "invalid_api_key", message: "no" } },
    { error: { code: "account_deactivated", message: "no" } },
    { error: {} },
    "<html>Forbidden</html>",
  ];
  for (const body of account) {
    const { fault, scope, relay } = classify(403, body);
    assert.equal(fault.code, "upstream_rejected_key", JSON.stringify(body));
    const refused = JSON.stringify(body).includes("invalid_api_key");
    assert.equal(scope, refused ? "key" : "key-model", "a forbidden model is forbidden alone");
    assert.equal(relay, null);
  }
  const unknown = classify(403, { error: { code: "model_not_found", message: "no access" } });
  assert.deepEqual(
    [unknown.fault.code, unknown.scope],
    ["upstream_model_missing", "deployment"],
    "another deployment may have it",
  );
});

test("what a caller wrote cannot make a key look refused (#2)", () => {
  const echoes = [
    { error: { message: "bad", code: null }, input: [{ code: "invalid_api_key" }] },
    { error: { message: "bad", param: { code: "invalid_api_key" } } },
    { error: { message: "bad", details: { input: { reason: "API_KEY_INVALID" } } } },
    { detail: [{ loc: ["messages"], input: { code: "invalid_api_key" } }] },
  ];
  for (const body of echoes) assert.equal(classify(400, body).scope, "request");
  const refused = [
    { error: { code: "invalid_api_key" } },
    { error: { code: 400, status: "INVALID_ARGUMENT", details: [{ reason: "API_KEY_INVALID" }] } },
  ];
  for (const body of refused) {
    const { fault, quarantine } = classify(400, body);
    assert.deepEqual([fault.code, quarantine], ["upstream_rejected_key", true]);
  }
});

test("words about a full context count only where the request is refused (#2)", () => {
  const body = { error: { message: "maximum context length, prompt is too long" } };
  for (const status of [400, 413, 422]) {
    const { fault, scope } = classify(status, body);
    assert.equal(scope, "context");
    assert.match(fault.message, /does not fit/);
  }
  for (const status of [404, 405, 408, 409, 500, 502, 503, 504, 529]) {
    const { scope, fault } = classify(status, body);
    assert.equal(scope, "deployment", `status ${status}`);
    assert.doesNotMatch(fault.message, /does not fit/);
  }
});

test("a 405 tells the operator where to look (#2)", () => {
  const { fault, scope, relay } = classify(405, { error: { message: "Method Not Allowed" } });
  assert.deepEqual(
    [fault.code, fault.status, scope],
    ["upstream_model_missing", 502, "deployment"],
  );
  assert.match(fault.message, /baseUrl/);
  assert.equal(relay, null);
});

test("only an object with an error is one to a client, and a secret is found in any spelling (#2)", () => {
  for (const body of ['{"error":{}}', '{"error":"no"}']) assert.ok(isErrorBody(Buffer.from(body)));
  const others = ["", "<html>", "[]", '[{"error":{}}]', "{}", '{"error":null}', '{"error":[]}'];
  for (const body of others) assert.ok(!isErrorBody(Buffer.from(body)), body);
  const secret = 'Ab/c"d\\e';
  const spelt = ['Ab/c\\"d\\\\e', "Ab\\/c\\u0022d\\u005Ce", '\\u0041b/c\\"d\\\\e', secret];
  for (const text of spelt) assert.ok(quotesSecret(Buffer.from(`{"x":"${text}"}`), [secret]), text);
  assert.ok(!quotesSecret(Buffer.from('{"x":"Ab/c"}'), [secret]));
});
