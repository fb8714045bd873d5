// Goal: a person learns in one sentence what is wrong with a provider or a key. Method: scripted providers.

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { runDoctorCommand } from "../../src/doctor-command.ts";
import { diagnose } from "../../src/doctor-diagnosis.ts";
import { examine } from "../../src/doctor-examination.ts";
import { createTransport } from "../../src/upstream/transport.ts";
import { load, loaded } from "../config-fixture.ts";
import { startDialectUpstream, DIALECT_NAMES } from "../support/dialects/scripted-upstream.ts";
import { always, fails, text, type ErrorName } from "../support/dialects/step.ts";
import { startUpstream, textAnswer, type UpstreamHandler } from "../support/upstream.ts";
import { runCommand, type Ran } from "./command-scene.ts";

const KEYS = ["sk-first-secret-key", "sk-second-secret-key"];

interface Scene {
  readonly models?: readonly object[];
  readonly dialect?: string;
  readonly keys?: readonly string[];
  readonly allowPrivateAddress?: boolean;
}

function doctor(t: TestContext, baseUrl: string, about: Scene = {}): Promise<Ran> {
  const models = [
    { id: "dear", price: { input: 9, output: 9 } },
    { id: "cheap", model: "cheap-1", price: { input: 1, output: 1 } },
  ];
  const keys = KEYS.slice(0, 1);
  const tree = {
    timeouts: { connectMs: 500 },
    providers: [{ id: "lab", dialect: "openai-chat", baseUrl, keys, models, ...about }],
  };
  return runCommand(t, runDoctorCommand, { args: [], tree });
}

async function provider(t: TestContext, handler: UpstreamHandler): Promise<string> {
  const upstream = await startUpstream(handler);
  t.after(() => upstream.close());
  return upstream.baseUrl;
}

const LIST = { json: { data: [{ id: "dear" }, { id: "cheap-1" }] } };
const lists =
  (then: UpstreamHandler): UpstreamHandler =>
  (request, count) =>
    request.method === "GET" ? LIST : then(request, count);

describe("fairlead doctor", () => {
  it("asks the cheapest configured model with every key, and says how long it took", async (t) => {
    const upstream = await startUpstream(lists(textAnswer("ok")));
    t.after(() => upstream.close());
    const { code, out } = await doctor(t, upstream.baseUrl, { keys: KEYS });
    assert.equal(code, 0);
    assert.match(out, /ok {4}lab, key 1 {2}cheap-1 answered in \d+ ms\.\nok {4}lab, key 2 /);
    const asked = upstream.requests.filter(({ method }) => method === "POST");
    assert.deepEqual(
      asked.map(({ headers }) => headers.authorization),
      KEYS.map((key) => `Bearer ${key}`),
    );
    assert.match(JSON.stringify(asked[0]?.body), /"model":"cheap-1".*"max_tokens":1/);
  });

  it("fails when one key of several fails, and never prints one", async (t) => {
    const quoting = { message: `Incorrect key: ${KEYS[1]}`, code: KEYS[1], type: "invalid_key" };
    const handler = lists((request) =>
      request.headers.authorization === `Bearer ${KEYS[1]}`
        ? { status: 401, json: { error: quoting } }
        : textAnswer("ok")(request),
    );
    for (const args of [[], ["--json"]]) {
      const baseUrl = await provider(t, handler);
      const tree = { providers: [{ id: "lab", baseUrl, keys: KEYS, models: [{ id: "m" }] }] };
      const { code, out, error } = await runCommand(t, runDoctorCommand, { args, tree });
      assert.equal(code, 1);
      assert.match(out, /The key is refused \(401, invalid_key\)/);
      for (const key of KEYS) assert.ok(!(out + error).includes(key));
    }
  });

  it("tries the newer name of the limit where a model refuses the older one", async (t) => {
    const baseUrl = await provider(
      t,
      lists((request) =>
        JSON.stringify(request.body).includes('"max_tokens"')
          ? { status: 400, json: { error: { code: "unsupported_parameter", message: "no" } } }
          : textAnswer("ok")(request),
      ),
    );
    assert.equal((await doctor(t, baseUrl)).code, 0);
  });

  it("notes configured models that the provider does not list, and asks one that it does", async (t) => {
    const upstream = await startUpstream((request) =>
      request.method === "GET" ? { json: { data: [{ id: "dear" }] } } : textAnswer("ok")(request),
    );
    t.after(() => upstream.close());
    const { code, out } = await doctor(t, upstream.baseUrl);
    assert.equal(code, 0);
    assert.match(out, /dear answered/);
    assert.match(out, /note: its list of models does not hold cheap-1\n/);
  });

  it("tells a model that this key does not have from an address that is wrong", async (t) => {
    const named = { status: 404, json: { error: { code: "model_not_found", message: "no" } } };
    const listed = await provider(
      t,
      lists(() => ({ status: 404, json: {} })),
    );
    assert.match((await doctor(t, listed)).out, /does not know the model cheap-1 for this key/);
    const unlisted = await provider(t, () => named);
    assert.match((await doctor(t, unlisted)).out, /does not know the model cheap-1 for this key/);
  });

  it("asks a model from the list where none is configured", async (t) => {
    const baseUrl = await provider(t, lists(textAnswer("ok")));
    const tree = { providers: [{ id: "lab", baseUrl }] };
    const { code, out } = await runCommand(t, runDoctorCommand, { args: [], tree });
    assert.equal(code, 0);
    assert.match(out, /lab, no key {2}dear answered/);
  });

  it("has nothing to try at the simulator, and says which providers there are", async (t) => {
    const alone = await runCommand(t, runDoctorCommand, { args: [], tree: null });
    assert.equal(alone.code, 0);
    assert.match(alone.out, /sim, no key {2}Built in/);
    const args = ["--provider", "simm"];
    const mistyped = await runCommand(t, runDoctorCommand, { args, tree: null });
    assert.equal(mistyped.code, 2);
    assert.match(mistyped.error, /No provider is called simm; did you mean sim\?/);
  });
});

const REFUSALS: readonly (readonly [ErrorName, RegExp])[] = [
  ["invalid_key", /The key is refused \(|The key may not do this \(/],
  ["billing", /no credit or no billing/],
  ["rate_limited", /The key works, but its rate is used up/],
  ["overloaded", /overloaded|fails by itself/],
  ["server", /fails by itself/],
  ["model_missing", /does not know the (?:model|path)/],
  ["invalid_request", /refuses the tiny request/],
];

for (const dialect of DIALECT_NAMES) {
  describe(`fairlead doctor and ${dialect}`, () => {
    it("asks in a way the provider takes", async (t) => {
      const upstream = await startDialectUpstream(dialect, always(text("ok")));
      t.after(() => upstream.close());
      const { code, out } = await doctor(t, upstream.baseUrl, { dialect });
      assert.equal(code, 0, out);
      const faults = upstream.requests.flatMap(({ method }, index) =>
        method === "POST" ? (upstream.faultsByRequest[index] ?? []) : [],
      );
      assert.deepEqual(faults, []);
    });

    for (const [error, told] of REFUSALS) {
      // Bills of the platform are its own affair: no such answer is documented.
      if (dialect === "bedrock-converse" && error === "billing") continue;
      it(`says it in words when the provider answers ${error}`, async (t) => {
        const upstream = await startDialectUpstream(dialect, always(fails(error)));
        t.after(() => upstream.close());
        const { code, out } = await doctor(t, upstream.baseUrl, { dialect });
        assert.equal(code, 1);
        assert.match(out, told);
      });
    }
  });
}

it("asks Anthropic's dialect below its version, whether or not the address holds it", async (t) => {
  const upstream = await startDialectUpstream("anthropic-messages", always(text("ok")));
  t.after(() => upstream.close());
  const dialect = "anthropic-messages";
  for (const base of [upstream.url, `${upstream.url}/v1`]) {
    assert.equal((await doctor(t, base, { dialect })).code, 0, base);
  }
  assert.ok(upstream.requests.every(({ path }) => /^\/v1\/(?:models|messages)$/.test(path)));
});

describe("a provider that cannot be talked to", () => {
  it("is told apart: nothing listens", async (t) => {
    const upstream = await startUpstream();
    await upstream.close();
    const { code, out } = await doctor(t, upstream.baseUrl);
    assert.equal(code, 1);
    assert.match(out, /FAIL {2}lab, key 1 {2}Nothing listens at 127\.0\.0\.1:\d+\./);
  });

  it("is told apart: the host does not exist", async (t) => {
    const { out } = await doctor(t, "http://nowhere.invalid/v1");
    assert.match(out, /nowhere\.invalid is not found|nowhere\.invalid cannot be looked up/);
  });

  it("is told apart: the address guard refuses it", async (t) => {
    const baseUrl = (await provider(t, textAnswer("ok"))).replace("127.0.0.1", "localhost");
    // A name that leads to this machine only when it is connected to: no check of the file sees it.
    const tree = { providers: [{ id: "lab", baseUrl, keys: KEYS, models: [{ id: "m" }] }] };
    const config = loaded(load(t, JSON.stringify(tree)));
    const [lab] = config.providers;
    assert.ok(lab !== undefined);
    const guarded = { ...lab, baseUrl, allowPrivateAddress: false };
    const transport = createTransport([guarded], { connectMs: 500 });
    t.after(() => transport.close());
    const route = transport.route("lab");
    assert.ok(route !== null);
    const patient = { provider: lab, route, deployments: config.deployments, written: [] };
    const [check] = await examine(patient, { now: Date.now, monotonicMs: Date.now });
    assert.equal(check?.finding, "guard");
    assert.match(check.words, /address guard refuses it: .*private address/);
  });

  it("is told apart: it speaks http, not https", async (t) => {
    const baseUrl = await provider(t, textAnswer("ok"));
    const { out } = await doctor(t, baseUrl.replace("http:", "https:"));
    assert.match(out, /TLS with 127\.0\.0\.1:\d+ fails \([A-Z_]+\)\. Does it speak http:\/\//);
  });

  it("is told apart: the address is not that of an API", async (t) => {
    const web = await provider(t, () => ({ rawChunks: ["<html>Hello</html>"] }));
    assert.match((await doctor(t, web)).out, /answers, but not this API/);
    const moved = await provider(t, () => ({ status: 308, json: {}, headers: { location: "/" } }));
    assert.match((await doctor(t, moved)).out, /redirect \(308\)/);
    const nothing = await provider(t, () => ({ status: 404, json: {} }));
    assert.match(
      (await doctor(t, nothing)).out,
      /path or the model cheap-1 \(404\)\. Check baseUrl/,
    );
  });

  it("is told apart: the connection breaks off", async (t) => {
    const baseUrl = await provider(t, () => ({ refuse: true }));
    assert.match((await doctor(t, baseUrl)).out, /breaks off \(\w+\)/);
  });

  for (const [code, told] of [
    ["CERT_HAS_EXPIRED", /certificate of lab\.example is not trusted \(CERT_HAS_EXPIRED\)/],
    ["SELF_SIGNED_CERT_IN_CHAIN", /NODE_EXTRA_CA_CERTS/],
    ["UND_ERR_CONNECT_TIMEOUT", /does not accept a connection in time/],
    ["UND_ERR_HEADERS_TIMEOUT", /sends no answer in 20 s/],
    ["EAI_AGAIN", /DNS does not answer/],
  ] as const) {
    it(`is told apart: ${code}`, () => {
      const error = Object.assign(new Error("secret detail"), { code });
      const tried = {
        origin: "https://lab.example",
        model: null,
        listed: false,
        secrets: [],
        waitMs: 20_000,
        now: 0,
      };
      const { words } = diagnose({ kind: "broken", error }, tried);
      assert.match(words, told);
      assert.doesNotMatch(words, /secret detail/);
    });
  }
});
