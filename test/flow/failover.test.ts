// Goal: without a conversation, what fails at one deployment or key is served by another one,
// within bounds, and the receipt tells of every try.
// Method: scripted upstreams that fail whoever is asked first, so that no test depends on the
// order the router chose.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { model, provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startUpstream, textAnswer, type Scripted, type Upstream } from "../support/upstream.ts";

const ASKING = { model: "big-1", messages: [{ role: "user", content: "Hello?" }] };
const HERE = textAnswer("here");
const refusal = (
  status: number,
  headers: Record<string, string> = {},
  error: object = {},
): Scripted => ({ status, headers, json: { error } });

async function startPair(t: TestContext): Promise<readonly [Upstream, Upstream]> {
  const pair = [await startUpstream(), await startUpstream()] as const;
  for (const upstream of pair) t.after(() => upstream.close());
  return pair;
}

async function receiptOf(gateway: TestGateway, response: Response): Promise<Json> {
  return gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
}

interface Failure {
  readonly title: string;
  readonly scripted: Scripted;
  readonly code: string;
  readonly status: number | null;
}

const FAILURES: readonly Failure[] = [
  { title: "status 500", scripted: refusal(500), code: "upstream_unavailable", status: 500 },
  {
    title: "status 502 with a page",
    scripted: { status: 502, headers: { "content-type": "text/html" }, rawChunks: ["<html>"] },
    code: "upstream_unavailable",
    status: 502,
  },
  { title: "status 503", scripted: refusal(503), code: "upstream_overloaded", status: 503 },
  { title: "status 529", scripted: refusal(529), code: "upstream_overloaded", status: 529 },
  { title: "status 504", scripted: refusal(504), code: "upstream_timeout", status: 504 },
  { title: "status 408", scripted: refusal(408), code: "upstream_timeout", status: 408 },
  { title: "status 409", scripted: refusal(409), code: "upstream_unavailable", status: 409 },
  {
    title: "status 429",
    scripted: refusal(429, { "retry-after": "3" }),
    code: "upstream_rate_limited",
    status: 429,
  },
  {
    title: "status 429 that means money",
    scripted: refusal(429, {}, { code: "insufficient_quota" }),
    code: "upstream_billing",
    status: 429,
  },
  { title: "status 402", scripted: refusal(402), code: "upstream_billing", status: 402 },
  { title: "status 401", scripted: refusal(401), code: "upstream_rejected_key", status: 401 },
  { title: "status 403", scripted: refusal(403), code: "upstream_rejected_key", status: 403 },
  {
    title: "status 400 for a refused key",
    scripted: refusal(400, {}, { code: "invalid_api_key" }),
    code: "upstream_rejected_key",
    status: 400,
  },
  { title: "status 404", scripted: refusal(404), code: "upstream_model_missing", status: 404 },
  {
    title: "a closed connection",
    scripted: { refuse: true },
    code: "upstream_unavailable",
    status: null,
  },
  {
    title: "a page with status 200",
    scripted: { headers: { "content-type": "text/html" }, rawChunks: ["<html>"] },
    code: "upstream_invalid_answer",
    status: 200,
  },
  {
    title: "JSON of another dialect",
    scripted: { json: { candidates: [] } },
    code: "upstream_invalid_answer",
    status: 200,
  },
];

test("what fails at one deployment is served by another with the same model", async (t) => {
  const pair = await startPair(t);
  for (const { title, scripted, code, status } of FAILURES) {
    for (const stream of [false, true]) {
      await t.test(`${title}, ${stream ? "stream" : "JSON"}`, async (inner) => {
        let count = 0;
        for (const upstream of pair)
          upstream.respond((request) => ((count += 1) === 1 ? scripted : HERE(request)));
        const gateway = await startGateway(inner, {
          providers: [provider("lab", pair[0]), provider("bay", pair[1])],
        });
        const response = await gateway.chat({ ...ASKING, stream });
        const text = await response.text();
        assert.equal(response.status, 200, text);
        assert.equal(text.match(/here/g)?.length, 1);
        if (!stream) assert.equal(JSON.parse(text)["x-llm-gateway"].fallback_used, true);
        const { fallback, routing, outcome } = await receiptOf(gateway, response);
        assert.equal(outcome, "completed");
        assert.equal(fallback.used, true);
        assert.deepEqual(
          fallback.attempts.map((attempt: Json) => [attempt.outcome, attempt.code, attempt.status]),
          [
            ["failed", code, status],
            ["completed", null, 200],
          ],
        );
        assert.notEqual(fallback.attempts[0].deployment, fallback.attempts[1].deployment);
        assert.equal(routing.winner, fallback.attempts[1].deployment);
        assert.equal(response.headers.get("x-router-model"), routing.winner);
      });
    }
  }
});

test("a host that nobody listens on is passed over", async (t) => {
  const [gone, here] = await startPair(t);
  here.respond(HERE);
  await gone.close();
  const gateway = await startGateway(t, {
    providers: [provider("lab", gone), provider("bay", here)],
  });
  for (let turn = 0; turn < 4; turn += 1) assert.equal((await gateway.chat(ASKING)).status, 200);
});

test("a provider that is named stays the only one that is asked", async (t) => {
  const [lab, bay] = await startPair(t);
  lab.respond(() => refusal(500));
  const gateway = await startGateway(t, {
    providers: [provider("lab", lab), provider("bay", bay)],
  });
  assert.equal((await gateway.chat({ ...ASKING, model: "lab/big" })).status, 502);
  assert.equal(bay.requests.length, 0);
});

test("the only deployment there is gets one second try", async (t) => {
  const [lab] = await startPair(t);
  lab.respond((request, count) => (count === 1 ? { refuse: true } : HERE(request)));
  for (const keys of [["k1"], ["k1", "k2"]]) {
    const before = lab.requests.length;
    lab.respond((request, count) => (count === before + 1 ? { refuse: true } : HERE(request)));
    const gateway = await startGateway(t, { providers: [provider("lab", lab, { keys })] });
    assert.equal((await gateway.chat(ASKING)).status, 200);
    lab.respond(() => refusal(500));
    assert.equal((await gateway.chat(ASKING)).status, 502);
    assert.equal(lab.requests.length - before, 4);
  }
});

for (const status of [429, 401, 402, 403]) {
  test(`status ${status} at one key is served by the provider's other key, which then comes first`, async (t) => {
    const [lab] = await startPair(t);
    const bad = new Set<string | undefined>();
    // Whichever key comes first is the bad one.
    lab.respond((request, count) => {
      if (count === 1) bad.add(request.headers.authorization);
      return bad.has(request.headers.authorization) ? refusal(status) : HERE(request);
    });
    const keys = ["secret-lab-1", "secret-lab-2"];
    const gateway = await startGateway(t, { providers: [provider("lab", lab, { keys })] });
    const response = await gateway.chat(ASKING);
    assert.equal(response.status, 200);
    const { fallback } = await receiptOf(gateway, response);
    assert.deepEqual(
      fallback.attempts.map((attempt: Json) => attempt.deployment),
      ["lab/big", "lab/big"],
    );
    assert.equal(new Set(fallback.attempts.map((attempt: Json) => attempt.key)).size, 2);
    assert.doesNotMatch(JSON.stringify(fallback), /secret/);
    for (let turn = 0; turn < 8; turn += 1) assert.equal((await gateway.chat(ASKING)).status, 200);
    const tried = lab.requests.filter(({ headers }) => bad.has(headers.authorization));
    assert.equal(tried.length, 1, "the key that was refused rests");
  });
}

test("a deployment that keeps failing is asked no more for a while", async (t) => {
  const [lab, bay] = await startPair(t);
  lab.respond(() => refusal(500));
  bay.respond(HERE);
  const gateway = await startGateway(t, {
    providers: [provider("lab", lab), provider("bay", bay)],
  });
  for (let turn = 0; turn < 24; turn += 1) assert.equal((await gateway.chat(ASKING)).status, 200);
  assert.ok(lab.requests.length <= 2, `${lab.requests.length} tries`);
});

test("a limit everywhere is a 429 that says when to come back", async (t) => {
  const pair = await startPair(t);
  for (const upstream of pair) upstream.respond(() => refusal(429, { "retry-after": "7" }));
  const gateway = await startGateway(t, {
    providers: [provider("lab", pair[0]), provider("bay", pair[1])],
  });
  for (const stream of [false, true]) {
    const response = await gateway.chat({ ...ASKING, stream });
    assert.equal(response.status, 429);
    assert.equal(response.headers.get("retry-after"), "7");
    assert.equal(response.headers.get("x-should-retry"), null);
    const { error }: Json = await response.json();
    assert.equal(error.code, "upstream_rate_limited");
    assert.equal(error.type, "rate_limit_error");
    assert.match(error.message, /7 s/);
    // The second turn finds both of them resting, and asks one.
    const { fallback } = await receiptOf(gateway, response);
    assert.equal(fallback.attempts.length, stream ? 1 : 2);
  }
});

test("a wait that no client could mean is not passed on", async (t) => {
  const [lab] = await startPair(t);
  const gateway = await startGateway(t, { providers: [provider("lab", lab)] });
  for (const told of ["99999999999", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT", "-5", "soon", ""]) {
    lab.respond(() => refusal(429, { "retry-after": told }));
    const response = await gateway.chat(ASKING);
    assert.match(response.headers.get("retry-after") ?? "", /^\d{1,4}$/, told);
  }
});

test("a turn is tried eight times at most, whatever is configured", async (t) => {
  const [lab] = await startPair(t);
  const keys = ["k1", "k2", "k3", "k4", "k5"];
  const many = (id: string) =>
    provider(id, lab, {
      keys,
      models: [model("a", { model: "big-1" }), model("b", { model: "big-1" })],
    });
  const gateway = await startGateway(t, {
    providers: ["one", "two", "three", "four", "five", "six"].map(many),
  });
  for (const status of [429, 500]) {
    lab.respond(() => refusal(status));
    const before = lab.requests.length;
    const response = await gateway.chat(ASKING);
    assert.equal(response.status, status === 500 ? 502 : status);
    assert.equal(lab.requests.length - before, 8);
    assert.equal((await receiptOf(gateway, response)).fallback.attempts.length, 8);
  }
});

test("what is wrong with the request itself is tried nowhere else", async (t) => {
  const pair = await startPair(t);
  const gateway = await startGateway(t, {
    providers: [provider("lab", pair[0]), provider("bay", pair[1])],
  });
  for (const status of [400, 415, 422]) {
    for (const upstream of pair) upstream.respond(() => refusal(status));
    const before = pair[0].requests.length + pair[1].requests.length;
    assert.equal((await gateway.chat(ASKING)).status, status);
    assert.equal(pair[0].requests.length + pair[1].requests.length, before + 1);
  }
});

test("BATCH waits out a limit and then succeeds", async (t) => {
  const [lab] = await startPair(t);
  lab.respond((request, count) =>
    count === 1 ? refusal(429, { "retry-after": "1" }) : HERE(request),
  );
  const gateway = await startGateway(t, { providers: [provider("lab", lab)] });
  const response = await gateway.chat(ASKING, { "x-router-profile": "BATCH" });
  assert.equal(response.status, 200);
  assert.match(await response.text(), /here/);
  const { fallback, execution } = await receiptOf(gateway, response);
  assert.deepEqual(
    fallback.attempts.map(({ outcome }: Json) => outcome),
    ["failed", "completed"],
  );
  // A lower bound, which no load can break: it came back when the provider said, not before.
  assert.ok(execution.latency_ms >= 990);
  assert.equal(lab.requests.length, 2);
});

test("BATCH does not wait for what comes back too late", { timeout: 15_000 }, async (t) => {
  const [lab] = await startPair(t);
  lab.respond(() => refusal(429, { "retry-after": "3000" }));
  const gateway = await startGateway(t, { providers: [provider("lab", lab)] });
  const response = await gateway.chat(ASKING, { "x-router-profile": "BATCH" });
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "3000");
  assert.equal(lab.requests.length, 1);
});

test("other profiles do not wait", async (t) => {
  const [lab] = await startPair(t);
  lab.respond(() => refusal(429, { "retry-after": "30" }));
  const gateway = await startGateway(t, { providers: [provider("lab", lab)] });
  for (const profile of ["CHAT", "SAVINGS"]) {
    assert.equal((await gateway.chat(ASKING, { "x-router-profile": profile })).status, 429);
  }
  const locked = await gateway.chat(ASKING, { "x-router-profile": "AGENT" });
  assert.equal(locked.status, 503);
  assert.equal(locked.headers.get("retry-after"), "30");
  assert.equal(JSON.parse(await locked.text()).error.code, "pinned_model_unavailable");
});
