// Goal: every refusal in the taxonomy means the same whichever provider it comes from, in its own shape.
// Method: one row for each class and each provider's documented body, with the fault, its scope and its wait.

import assert from "node:assert/strict";
import { test } from "node:test";
import { classifyRefusal, type UpstreamFault } from "../../src/upstream/classify.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");

interface Row {
  readonly from: string;
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
}

const openai = (code: string | null, about: object = {}) => ({
  error: { message: "The provider's words.", type: "x_error", param: null, code, ...about },
});
const anthropic = (type: string, about: object = {}) => ({
  type: "error",
  error: { type, message: "The provider's words.", ...about },
  request_id: "req_1",
});
const google = (status: string, about: object = {}) => ({
  error: { code: 400, message: "The provider's words.", status, ...about },
});
const amazon = (type: string) => ({
  headers: { "x-amzn-errortype": `${type}:http://internal.amazon.com/coral/com.amazon.bedrock/` },
  body: { message: "The provider's words." },
});

function classify({ status, body, headers = {} }: Row): UpstreamFault {
  return classifyRefusal({
    status,
    header: (name) => headers[name] ?? null,
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    whole: true,
    now: NOW,
  });
}

/** Each row must have this code and scope; `quarantine` where the key must be set aside. */
function promise(
  title: string,
  expected: { readonly code: string; readonly scope: string; readonly quarantine?: boolean },
  rows: readonly Row[],
): void {
  test(title, () => {
    for (const row of rows) {
      const { fault, scope, quarantine, retryAfterMs, relay } = classify(row);
      const told = { code: fault.code, scope, quarantine };
      assert.deepEqual(told, { quarantine: false, ...expected }, `${row.from} ${row.status}`);
      if (row.retryAfterMs !== undefined) assert.equal(retryAfterMs, row.retryAfterMs, row.from);
      assert.equal(relay === null, !["request", "context", "size"].includes(scope), row.from);
      assert.doesNotMatch(fault.message, /provider's words/, "no words of a provider in a fault");
    }
  });
}

promise(
  "a rate limit rests this key for this model, for as long as the provider says",
  { code: "upstream_rate_limited", scope: "key-model" },
  [
    { from: "OpenAI", status: 429, body: openai("rate_limit_exceeded") },
    { from: "OpenAI slow_down", status: 429, body: openai("slow_down") },
    {
      from: "OpenAI, requests used up",
      status: 429,
      body: openai("rate_limit_exceeded"),
      headers: {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "6m0s",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6ms",
      },
      retryAfterMs: 360_000,
    },
    {
      from: "Azure",
      status: 429,
      body: { error: { code: "429", message: "Requests have exceeded the token rate limit." } },
      headers: { "retry-after-ms": "1234", "retry-after": "2" },
      retryAfterMs: 1_234,
    },
    {
      from: "Anthropic",
      status: 429,
      body: anthropic("rate_limit_error"),
      headers: { "retry-after": "17" },
      retryAfterMs: 17_000,
    },
    {
      from: "Anthropic without retry-after",
      status: 429,
      body: anthropic("rate_limit_error"),
      headers: {
        "anthropic-ratelimit-requests-remaining": "40",
        "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:01Z",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-20T12:00:42Z",
      },
      retryAfterMs: 42_000,
    },
    {
      from: "Google",
      status: 429,
      body: google("RESOURCE_EXHAUSTED", {
        details: [
          { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{}] },
          { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34.5s" },
        ],
      }),
      retryAfterMs: 34_500,
    },
    {
      from: "Google, the quota of a day",
      status: 429,
      body: google("RESOURCE_EXHAUSTED", {
        details: [
          { violations: [{ quotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier" }] },
          { retryDelay: "8s" },
        ],
      }),
      retryAfterMs: 3_600_000,
    },
    { from: "Bedrock", status: 429, ...amazon("ThrottlingException") },
    { from: "Bedrock quota", status: 400, ...amazon("ServiceQuotaExceededException") },
    {
      from: "Bedrock, which counts tokens",
      status: 429,
      headers: { "x-amzn-errortype": "ThrottlingException" },
      body: { message: "Too many tokens, please wait before trying again." },
    },
    {
      from: "Bedrock, named in the body",
      status: 429,
      body: { __type: "com.amazon.coral.service#ThrottlingException", Message: "slow" },
    },
    {
      from: "Groq",
      status: 429,
      body: openai("rate_limit_exceeded", { type: "tokens" }),
      headers: { "x-ratelimit-reset-tokens": "2m59.56s", "x-ratelimit-remaining-tokens": "0" },
      retryAfterMs: 179_560,
    },
    {
      from: "OpenRouter",
      status: 429,
      body: { error: { code: 429, message: "Rate limit exceeded" } },
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(NOW + 9_000) },
      retryAfterMs: 9_000,
    },
    {
      from: "seconds since 1970",
      status: 429,
      body: "",
      headers: { "ratelimit-reset": String(NOW / 1_000 + 4) },
      retryAfterMs: 4_000,
    },
    { from: "Mistral", status: 429, body: { message: "Requests rate limit exceeded" } },
    { from: "Cohere", status: 429, body: { id: "1", message: "trial key limit" } },
    { from: "Together", status: 429, body: openai("rate_limit", { type: "rate_limit" }) },
  ],
);

promise(
  "a bill that is not paid sets the key aside, even under a 429",
  { code: "upstream_billing", scope: "key", quarantine: true },
  [
    { from: "OpenAI", status: 429, body: openai("insufficient_quota") },
    { from: "OpenAI credit", status: 429, body: openai("credit_balance_exhausted") },
    { from: "OpenAI project", status: 429, body: openai("project_spend_limit_exceeded") },
    { from: "OpenAI organization", status: 429, body: openai("organization_usage_limit_exceeded") },
    { from: "Anthropic", status: 402, body: anthropic("billing_error") },
    {
      from: "Anthropic, spend limit",
      status: 429,
      body: anthropic("rate_limit_error", {
        details: { error_code: "enforced_spend_limit_reached" },
      }),
    },
    {
      from: "Anthropic, no credit",
      status: 400,
      body: anthropic("invalid_request_error", {
        message: "Your credit balance is too low to access the Anthropic API.",
      }),
    },
    {
      from: "OpenAI, limits told beside it",
      status: 429,
      body: openai("insufficient_quota"),
      headers: { "x-ratelimit-reset-requests": "1s" },
    },
    {
      from: "a money name with a wait",
      status: 429,
      body: openai("credit_balance_exhausted"),
      headers: { "retry-after": "1" },
    },
    { from: "Google", status: 402, body: google("FAILED_PRECONDITION") },
    { from: "Together", status: 402, body: openai(null) },
    { from: "Cohere", status: 402, body: { message: "Please add a payment method." } },
    { from: "Mistral", status: 402, body: { message: "no credit" } },
  ],
);

promise(
  "a refused key is set aside for every model",
  { code: "upstream_rejected_key", scope: "key", quarantine: true },
  [
    { from: "OpenAI", status: 401, body: openai("invalid_api_key") },
    { from: "Azure", status: 401, body: { error: { code: "401", message: "Access denied" } } },
    { from: "Anthropic", status: 401, body: anthropic("authentication_error") },
    {
      from: "Google",
      status: 400,
      body: google("INVALID_ARGUMENT", { details: [{ reason: "API_KEY_INVALID" }] }),
    },
    { from: "Vertex", status: 401, body: google("UNAUTHENTICATED") },
    { from: "Bedrock", status: 403, ...amazon("UnrecognizedClientException") },
    { from: "Bedrock id", status: 403, ...amazon("InvalidClientTokenId") },
    { from: "Bedrock signature", status: 400, ...amazon("IncompleteSignatureException") },
    { from: "Bedrock, expired", status: 403, ...amazon("ExpiredTokenException") },
    { from: "Mistral", status: 401, body: { message: "Unauthorized", request_id: "1" } },
    { from: "Cohere", status: 401, body: { message: "invalid api token" } },
    { from: "Groq", status: 401, body: openai("invalid_api_key") },
    { from: "Together", status: 401, body: openai("invalid_api_key") },
  ],
);

promise(
  "what a key may not do, it may not do with this model",
  { code: "upstream_rejected_key", scope: "key-model" },
  [
    { from: "OpenAI", status: 403, body: openai("unsupported_country_region_territory") },
    { from: "Anthropic", status: 403, body: anthropic("permission_error") },
    { from: "Google", status: 403, body: google("PERMISSION_DENIED") },
    {
      from: "Google, elsewhere",
      status: 400,
      body: google("FAILED_PRECONDITION", {
        message: "User location is not supported for the API use.",
      }),
    },
    { from: "Bedrock", status: 403, ...amazon("AccessDeniedException") },
    { from: "nothing said", status: 403, body: "" },
  ],
);

promise(
  "an overloaded provider is asked elsewhere, and its key is not to blame",
  { code: "upstream_overloaded", scope: "deployment" },
  [
    { from: "OpenAI", status: 503, body: openai("server_is_overloaded") },
    { from: "Anthropic", status: 529, body: anthropic("overloaded_error") },
    { from: "Google", status: 503, body: google("UNAVAILABLE") },
    { from: "Bedrock", status: 503, ...amazon("ServiceUnavailableException") },
    { from: "Bedrock, not ready", status: 429, ...amazon("ModelNotReadyException") },
    { from: "Groq flex", status: 498, body: openai("capacity_exceeded") },
    { from: "Mistral", status: 503, body: "" },
  ],
);

promise(
  "a provider that fails by itself is asked elsewhere",
  { code: "upstream_unavailable", scope: "deployment" },
  [
    { from: "OpenAI", status: 500, body: openai(null) },
    { from: "Anthropic", status: 500, body: anthropic("api_error") },
    { from: "Google", status: 500, body: google("INTERNAL") },
    { from: "Bedrock", status: 500, ...amazon("InternalServerException") },
    { from: "Bedrock, behind it", status: 424, ...amazon("ModelErrorException") },
    { from: "Bedrock, in its stream", status: 424, ...amazon("ModelStreamErrorException") },
    { from: "a proxy", status: 502, body: "<html>Bad gateway</html>" },
  ],
);

promise(
  "a provider that takes too long is asked elsewhere",
  { code: "upstream_timeout", scope: "deployment" },
  [
    { from: "OpenAI", status: 504, body: "" },
    { from: "Anthropic", status: 504, body: anthropic("timeout_error") },
    { from: "Google", status: 504, body: google("DEADLINE_EXCEEDED") },
    { from: "Bedrock", status: 408, ...amazon("ModelTimeoutException") },
  ],
);

promise(
  "a request that is too long for a model is told apart, in every provider's words",
  { code: "upstream_invalid_request", scope: "context" },
  [
    { from: "OpenAI", status: 400, body: openai("context_length_exceeded") },
    {
      from: "Anthropic",
      status: 400,
      body: anthropic("invalid_request_error", {
        message: "prompt is too long: 210000 tokens > 200000 maximum",
      }),
    },
    {
      from: "Anthropic, with the answer",
      status: 400,
      body: anthropic("invalid_request_error", {
        message: "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
      }),
    },
    {
      from: "Google",
      status: 400,
      body: google("INVALID_ARGUMENT", {
        message:
          "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
      }),
    },
    {
      from: "Bedrock",
      status: 400,
      headers: { "x-amzn-errortype": "ValidationException" },
      body: { message: "Input is too long for requested model." },
    },
    {
      from: "Mistral",
      status: 400,
      body: {
        object: "error",
        type: "invalid_request_error",
        message:
          "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
      },
    },
    {
      from: "Cohere",
      status: 400,
      body: { message: "too many tokens: size limit exceeded by 512 tokens." },
    },
    {
      from: "Together",
      status: 403,
      body: openai(null, {
        type: "invalid_request_error",
        message: "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens",
      }),
    },
    {
      from: "vLLM",
      status: 400,
      body: {
        object: "error",
        type: "BadRequestError",
        code: 400,
        message: "This model's maximum context length is 4096 tokens. However, you requested 5000",
      },
    },
  ],
);

promise(
  "a request that is too large for a provider is told apart",
  { code: "upstream_invalid_request", scope: "size" },
  [
    { from: "OpenAI", status: 413, body: openai(null) },
    { from: "Anthropic", status: 413, body: anthropic("request_too_large") },
    { from: "Google", status: 413, body: "" },
    { from: "Bedrock", status: 413, ...amazon("RequestEntityTooLargeException") },
    { from: "Groq, above a minute's limit", status: 413, body: openai("rate_limit_exceeded") },
  ],
);

promise(
  "a model that is not there is asked for elsewhere",
  { code: "upstream_model_missing", scope: "deployment" },
  [
    { from: "OpenAI", status: 404, body: openai("model_not_found") },
    { from: "Azure", status: 404, body: { error: { code: "DeploymentNotFound", message: "no" } } },
    { from: "Anthropic", status: 404, body: anthropic("not_found_error") },
    { from: "Google", status: 404, body: google("NOT_FOUND") },
    { from: "Bedrock", status: 404, ...amazon("ResourceNotFoundException") },
    {
      from: "Bedrock, by profile only",
      status: 400,
      headers: { "x-amzn-errortype": "ValidationException" },
      body: {
        message:
          "Invocation of model ID anthropic.claude-x with on-demand throughput isn’t supported. " +
          "Retry your request with the ID or ARN of an inference profile.",
      },
    },
    {
      from: "Bedrock, by another route",
      status: 400,
      headers: { "x-amzn-errortype": "ValidationException" },
      body: { message: "The model isn't supported on this route." },
    },
    {
      from: "Mistral",
      status: 400,
      body: { object: "error", type: "unknown_model", message: "x" },
    },
    {
      from: "Mistral, older",
      status: 400,
      body: { object: "error", type: "invalid_model", code: "1500", message: "Invalid model: x" },
    },
    { from: "Groq", status: 404, body: openai("model_not_found") },
    { from: "Groq, retired", status: 400, body: openai("model_decommissioned") },
  ],
);

promise(
  "what is wrong with the request itself stays the request's own fault",
  { code: "upstream_invalid_request", scope: "request" },
  [
    { from: "OpenAI", status: 400, body: openai("invalid_value") },
    { from: "OpenAI filter", status: 400, body: openai("content_policy_violation") },
    {
      from: "Azure filter",
      status: 400,
      body: openai("content_filter", { innererror: { code: "ResponsibleAIPolicyViolation" } }),
    },
    { from: "Anthropic", status: 400, body: anthropic("invalid_request_error") },
    { from: "Google", status: 400, body: google("INVALID_ARGUMENT") },
    { from: "Google, a file", status: 400, body: google("FAILED_PRECONDITION") },
    { from: "Bedrock", status: 400, ...amazon("ValidationException") },
    { from: "Mistral", status: 422, body: { detail: [{ loc: ["body", "x"], msg: "no" }] } },
    { from: "Cohere", status: 422, body: { message: "invalid role" } },
    { from: "Google, cancelled", status: 499, body: google("CANCELLED") },
    { from: "Groq, cancelled", status: 499, body: openai(null) },
  ],
);

test("of limits that are not used up, the one that is full again first is waited for", () => {
  const headers = { "x-ratelimit-reset-requests": "23h59m", "x-ratelimit-reset-tokens": "250ms" };
  const { retryAfterMs } = classify({ from: "", status: 429, body: "", headers });
  assert.equal(retryAfterMs, 250);
});

test("a wait that makes no sense counts as not said", () => {
  for (const told of ["soon", "-3", "1y", "NaN", "5 s", ""]) {
    const headers = { "x-ratelimit-reset": told };
    assert.equal(classify({ from: "", status: 429, body: "", headers }).retryAfterMs, null, told);
  }
  const past = { "anthropic-ratelimit-tokens-reset": "2020-01-01T00:00:00Z" };
  assert.equal(classify({ from: "", status: 429, body: "", headers: past }).retryAfterMs, 0);
});

test("a caller's text that comes back cannot set a key aside or look like a full context (#2)", () => {
  const quoted = "Invalid value: 'Your credit balance is too low', API_KEY_INVALID, unknown_model";
  const bodies = [
    anthropic("invalid_request_error", { message: quoted }),
    google("INVALID_ARGUMENT", { message: quoted, details: [{ retryDelay: 5, violations: 1 }] }),
    openai(null, { message: quoted, innererror: { code: "no name at all" } }),
  ];
  for (const body of bodies) {
    assert.equal(classify({ from: "", status: 400, body }).scope, "request");
  }
});
