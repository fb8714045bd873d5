// Goal: Google Cloud is one provider for its operator: one service account for every model and region, with tokens
// that nobody has to think of. Method: a scripted Google Cloud that gives out tokens and checks them, through the
// front door.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadConfig } from "../../src/config.ts";
import {
  always,
  cut,
  fails,
  failsInside,
  inOrder,
  oneTool,
  reply,
  text,
  type Script,
} from "../support/dialects/step.ts";
import {
  inConversation,
  model,
  startGateway,
  type ConfigTree,
  type Json,
} from "../support/gateway.ts";
import { streamedIn } from "./bedrock-requests.ts";
import { API_KEY, startVertex } from "./vertex-scene.ts";

const MODELS = [
  model("gemini", { model: "gemini-3.5-flash" }),
  model("claude", { model: "claude-opus-4-8@default" }),
  model("oss", { model: "openai/gpt-oss-120b-maas" }),
];
const CONTENTS = [{ role: "user", parts: [{ text: "Hello?" }] }];
const MESSAGES = [{ role: "user", content: "Hello?" }];
const GLOBAL = "/v1/projects/my-project/locations/global";

async function startScene(t: TestContext, script?: Script, about: ConfigTree = {}) {
  const vertex = await startVertex(t, script);
  const { upstream, credentials } = vertex;
  const google = { credentials };
  const entry = { id: "vertex", baseUrl: upstream.url, google, models: MODELS, ...about };
  const gateway = await startGateway(t, { providers: [entry] });
  const post = (path: string, body: Json, headers = {}) =>
    fetch(gateway.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return {
    ...vertex,
    gateway,
    gemini: (method: string, body: Json = {}, headers = {}) =>
      post(`/v1beta/models/vertex%2Fgemini:${method}`, { contents: CONTENTS, ...body }, headers),
    messages: (body: Json = {}, headers = {}) =>
      post(
        "/v1/messages?beta=true",
        { model: "vertex/claude", max_tokens: 100, messages: MESSAGES, ...body },
        headers,
      ),
    count: () => post("/v1/messages/count_tokens", { model: "vertex/claude", messages: MESSAGES }),
    chat: (name: string, body: Json = {}) =>
      gateway.chat({ model: `vertex/${name}`, messages: MESSAGES, ...body }),
  };
}

test("Gemini is relayed to a client that speaks its dialect, whole and streamed, with one token", async (t) => {
  const { gemini, asked, tokens, faults } = await startScene(t);
  const whole: Json = await (await gemini("generateContent")).json();
  assert.equal(whole.candidates[0].content.parts[0].text, "Hello.");
  const streamed = await (await gemini("streamGenerateContent?alt=sse")).text();
  assert.match(streamed, /"finishReason":"STOP"/);
  assert.deepEqual(
    asked().map(({ path }) => path),
    [
      `${GLOBAL}/publishers/google/models/gemini-3.5-flash:generateContent`,
      `${GLOBAL}/publishers/google/models/gemini-3.5-flash:streamGenerateContent?alt=sse`,
    ],
  );
  assert.deepEqual(asked()[0]?.body, { contents: CONTENTS });
  assert.equal(tokens(), 1);
  assert.deepEqual(faults, []);
});

test("Claude is relayed without its name in the body, and the version in it", async (t) => {
  const { messages, asked, faults } = await startScene(t);
  for (const stream of [false, true]) {
    const answer = await messages({ stream, "x-routing-hints": {} });
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /Hello\./);
  }
  const [whole, streamed] = asked();
  const start = `${GLOBAL}/publishers/anthropic/models/claude-opus-4-8@default`;
  assert.deepEqual(
    [whole?.path, streamed?.path],
    [`${start}:rawPredict`, `${start}:streamRawPredict`],
  );
  assert.deepEqual(whole?.body, {
    max_tokens: 100,
    messages: MESSAGES,
    stream: false,
    anthropic_version: "vertex-2023-10-16",
  });
  assert.deepEqual(faults, []);
});

test("a history goes to Claude byte for byte", async (t) => {
  const { gateway, asked } = await startScene(t);
  const history = '[ {"role":"user","content":"H\\u00e9llo?","x":1.50} ]';
  const body = `{"max_tokens": 5, "model": "vertex/claude" , "messages": ${history}}`;
  const headers = { "content-type": "application/json" };
  await fetch(`${gateway.url}/v1/messages`, { method: "POST", headers, body });
  assert.ok(asked()[0]?.raw.toString().includes(`"messages": ${history}`));
});

test("tokens of a request are counted by the platform", async (t) => {
  const { count, asked, faults } = await startScene(t);
  const answer = await count();
  assert.deepEqual(await answer.json(), { input_tokens: 42 });
  assert.equal(answer.headers.get("x-router-token-count"), "provider");
  assert.equal(asked()[0]?.path, `${GLOBAL}/publishers/anthropic/models/count-tokens:rawPredict`);
  assert.deepEqual(faults, []);
});

test("a client of chat completions reaches the models of every maker", async (t) => {
  const { chat, asked, faults } = await startScene(t);
  for (const name of ["gemini", "claude", "oss"]) {
    const whole: Json = await (await chat(name)).json();
    assert.equal(whole.choices[0].message.content, "Hello.");
    assert.equal((await streamedIn(await chat(name, { stream: true }))).text, "Hello.");
  }
  const streams = asked().filter((_request, index) => index % 2 === 1);
  assert.deepEqual(
    streams.map(({ path }) => path.replace(GLOBAL, "")),
    [
      "/publishers/google/models/gemini-3.5-flash:streamGenerateContent?alt=sse",
      "/publishers/anthropic/models/claude-opus-4-8@default:streamRawPredict",
      "/endpoints/openapi/chat/completions",
    ],
  );
  assert.deepEqual(faults, []);
});

test("a translated round of tools keeps the proof of thoughts, and sends no ids that are not known", async (t) => {
  const thought = reply({
    reasoning: "It wants me to look.",
    calls: [{ name: "look", input: { q: 3 } }],
  });
  const { chat, asked, faults } = await startScene(t, inOrder(thought, text("Three.")));
  const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
  const effort = { tools, reasoning_effort: "low" };
  const called: Json = await (await chat("gemini", effort)).json();
  const { message } = called.choices[0];
  assert.equal(message.reasoning_content, "It wants me to look.");
  const [call] = message.tool_calls;
  const messages = [...MESSAGES, message, { role: "tool", tool_call_id: call.id, content: "3" }];
  const after: Json = await (await chat("gemini", { ...effort, messages })).json();
  assert.equal(after.choices[0].message.content, "Three.");
  assert.match(asked()[1]?.raw.toString() ?? "", /"thoughtSignature":"(?!skip_thought)[^"]+"/);
  assert.deepEqual(faults, []);
});

test("tools go round with Claude behind a client of chat completions", async (t) => {
  const { chat, faults } = await startScene(t, inOrder(oneTool("look", { q: 7 }), text("Seven.")));
  const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
  const called = await streamedIn(await chat("claude", { stream: true, tools }));
  assert.deepEqual(
    called.calls.map(({ name, arguments: given }) => [name, given]),
    [["look", '{"q":7}']],
  );
  assert.deepEqual(faults, []);
});

test("a refused account is told to the operator, rests, and its words stay here", async (t) => {
  const { gemini, chat, gateway, refuseTokens, asked } = await startScene(t);
  refuseTokens({
    status: 400,
    json: { error: "invalid_grant", error_description: "secret words" },
  });
  for (const ask of [() => gemini("generateContent"), () => chat("gemini")]) {
    const answer = await ask();
    const told = await answer.text();
    assert.equal(answer.status, 502);
    assert.match(told, /refused the gateway's service account \(invalid_grant\)/);
    assert.doesNotMatch(told + gateway.logged(), /secret words|PRIVATE KEY/);
  }
  assert.equal(asked().length, 0);
  const { data } = await gateway.read("/v1/providers");
  assert.equal(data[0].keys[0].state, "quarantined");
});

test("a token service in trouble is no fault of the account: the next turn is served", async (t) => {
  const { gemini, refuseTokens } = await startScene(t);
  refuseTokens({ status: 503, json: {} });
  assert.equal((await gemini("generateContent")).status, 502);
  refuseTokens(null);
  assert.equal((await gemini("generateContent")).status, 200);
});

test("a token that is not taken any more is not used again", async (t) => {
  const { gemini, revoke, tokens } = await startScene(t);
  assert.equal((await gemini("generateContent")).status, 200);
  revoke();
  assert.equal((await gemini("generateContent")).status, 502);
  assert.equal((await gemini("generateContent")).status, 200);
  assert.equal(tokens(), 2);
});

test("errors before and inside an answer mean what they mean elsewhere", async (t) => {
  const limited = await startScene(t, always(fails("rate_limited", 7)));
  assert.equal((await limited.gemini("generateContent")).status, 429);
  assert.equal((await limited.messages()).status, 429);
  const long = text("A text of some length, over and over. ".repeat(9));
  for (const trouble of [failsInside(long, 3, "overloaded"), cut(long, 3)]) {
    const broken = await startScene(t, always(trouble));
    const told = await (await broken.gemini("streamGenerateContent?alt=sse")).text();
    assert.match(told, /"error":/);
    assert.doesNotMatch(told, /"finishReason":"STOP"/);
  }
});

test("each location is a deployment of the same model, and a request may ask to stay in one", async (t) => {
  const region = ["global", "europe-west4"];
  const { gateway, gemini, asked } = await startScene(t, undefined, { region });
  const ids = gateway.config.deployments.map(({ id }) => id);
  assert.ok(ids.includes("vertex:global/gemini") && ids.includes("vertex:europe-west4/gemini"));
  const answer = await gemini(
    "generateContent",
    {},
    { "x-router-region": "eu", ...inConversation("c", "CHAT") },
  );
  assert.equal(answer.headers.get("x-router-model"), "vertex:europe-west4/gemini");
  assert.match(asked()[0]?.path ?? "", /\/locations\/europe-west4\//);
});

test("an API key serves Gemini without an account, a project or a token", async (t) => {
  const about = { google: undefined, keys: [API_KEY] };
  const { gateway, gemini, chat, asked, tokens, faults } = await startScene(t, undefined, about);
  assert.deepEqual(
    gateway.config.deployments.map(({ localId }) => localId),
    ["gemini"],
  );
  assert.equal((await gemini("generateContent")).status, 200);
  assert.equal((await chat("gemini")).status, 200);
  const path = "/v1/publishers/google/models/gemini-3.5-flash:generateContent";
  assert.deepEqual(
    asked().map((request) => request.path),
    [path, path],
  );
  assert.equal(tokens(), 0);
  assert.deepEqual(faults, []);
});

test("credentials may be a file beside the configuration, and faults never quote them", async (t) => {
  const { credentials } = await startVertex(t);
  const folder = mkdtempSync(join(tmpdir(), "fairlead-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "fairlead.yaml");
  writeFileSync(join(folder, "account.json"), credentials);
  const load = (about: Json, environment = {}) => {
    writeFileSync(
      file,
      JSON.stringify({ store: "memory:", providers: [{ id: "vertex", ...about }] }),
    );
    return loadConfig({ file, environment, workingDirectory: tmpdir() });
  };
  const hosts = load({
    google: { credentials: "account.json" },
    region: ["global", "us", "us-east5"],
  });
  assert.ok(hosts.ok);
  assert.deepEqual(
    hosts.config.providers.map(({ baseUrl }) => baseUrl),
    [
      "https://aiplatform.googleapis.com",
      "https://aiplatform.us.rep.googleapis.com",
      "https://us-east5-aiplatform.googleapis.com",
    ],
  );
  assert.ok(load({ google: { credentials: "${ACCOUNT}" } }, { ACCOUNT: credentials }).ok);
  const nobody = JSON.stringify({ ...JSON.parse(credentials), project_id: undefined });
  const cases: readonly (readonly [about: Json, fault: RegExp])[] = [
    [{ google: { credentials: "none.json" } }, /google\.credentials: cannot be read \(ENOENT\)/],
    [{ google: { credentials: '{"type":"secret"}' } }, /credentials: is no service account's/],
    [{ google: { credentials: nobody } }, /google\.project: is missing/],
    [{ google: { credentials }, region: "Mars" }, /region: expected global, us, eu or a region/],
    [{ google: { credentials }, keys: ["k"] }, /keys: stand beside `google`/],
    [{ keys: ["k"], region: "us" }, /region: takes credentials under `google`/],
    [{}, /keys: are missing/],
  ];
  for (const [about, fault] of cases) {
    const result = load(about);
    const faults = result.ok
      ? "none"
      : result.faults.map(({ path, message }) => `${path}: ${message}`).join("\n");
    assert.match(faults, fault);
    assert.doesNotMatch(faults, /PRIVATE KEY|"secret"/);
  }
});
