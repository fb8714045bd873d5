// Goal: a request finds its conversation by the first source that names one, and says by which. Method: requests that
// carry all sources from one on; what only names a person must keep nothing but the provider warm.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { agentBody, opening } from "../support/agent-turns.ts";
import { model, provider, startGateway, type Json } from "../support/gateway.ts";
import { workFolder, type FrontDoor } from "../support/gateway-process.ts";
import { startUpstream } from "../support/upstream.ts";

interface Parts {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Source extends Parts {
  /** Value of `x-conversation-identity`. */
  readonly name: string;
  readonly id: string;
}

const header = (name: string): Source => ({
  name,
  id: `by-${name}`,
  headers: { [name]: `by-${name}` },
  body: {},
});

/** As the contract orders them. Two parts of one body field are merged, as `metadata` may hold both. */
const CONVERSATION_SOURCES: readonly Source[] = [
  header("x-conversation-id"),
  header("x-session-id"),
  header("x-claude-code-session-id"),
  header("x-session-affinity"),
  header("x-opencode-session"),
  header("session-id"),
  header("session_id"),
  header("thread-id"),
  {
    name: "metadata.session_id",
    id: "by-metadata-session",
    headers: {},
    body: { metadata: { session_id: "by-metadata-session" } },
  },
  {
    name: "metadata.user_id",
    id: "by-user-json",
    headers: {},
    body: {
      metadata: { user_id: '{"device_id":"d","account_uuid":"a","session_id":"by-user-json"}' },
    },
  },
];

const STICKY_SOURCES: readonly Source[] = [
  { name: "sticky:metadata.user_id", id: "", headers: {}, body: { metadata: { user_id: "anna" } } },
  {
    name: "sticky:prompt_cache_key",
    id: "",
    headers: {},
    body: { prompt_cache_key: "shared-prefix" },
  },
  { name: "sticky:user", id: "", headers: {}, body: { user: "anna" } },
];

function merge(sources: readonly Source[]): Parts {
  const metadata = sources.toReversed().map(({ body }) => body["metadata"] ?? {});
  const merged = Object.assign({}, ...metadata);
  const bodies = Object.assign({}, ...sources.toReversed().map(({ body }) => body));
  return {
    headers: Object.assign({}, ...sources.map(({ headers }) => headers)),
    body: Object.keys(merged).length === 0 ? bodies : { ...bodies, metadata: merged },
  };
}

async function startScene(t: TestContext) {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const models = [
    model("one", { model: "one-1", price: { input: 1, output: 1 } }),
    model("two", { model: "two-1", price: { input: 1, output: 1 } }),
    model("three", { model: "three-1", price: { input: 1, output: 1 } }),
  ];
  const profiles = workFolder(t);
  writeFileSync(join(profiles, "cheap.yaml"), "pin: { mode: hold }\nrankBy: [cost]\n");
  const providers = [provider("lab", upstream, { models })];
  return { upstream, gateway: await startGateway(t, { profiles, providers }) };
}

async function send(
  gateway: FrontDoor,
  { headers, body }: Parts,
  task = "Do it.",
): Promise<Response> {
  const response = await gateway.chat(agentBody(opening(task), body), headers);
  assert.equal(response.status, 200, await response.clone().text());
  await response.arrayBuffer();
  return response;
}

for (const [index, source] of CONVERSATION_SOURCES.entries()) {
  test(`a conversation is named by ${source.name} when nothing before it is sent`, async (t) => {
    const { gateway } = await startScene(t);
    const response = await send(
      gateway,
      merge([...CONVERSATION_SOURCES.slice(index), ...STICKY_SOURCES]),
    );
    assert.equal(response.headers.get("x-conversation-identity"), source.name);
    assert.equal(response.headers.get("x-conversation-id"), source.id);
    assert.equal(response.headers.get("x-conversation-turn"), "1");
    assert.equal(response.headers.get("x-router-pin"), "set");
    const conversation = await gateway.read(`/v1/conversations/${encodeURIComponent(source.id)}`);
    assert.equal(conversation.identity, source.name);
    const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
    assert.equal(receipt.conversation.identity, source.name);
  });
}

for (const [index, source] of STICKY_SOURCES.entries()) {
  test(`${source.name} keeps the provider warm, and carries neither pin nor budget nor record`, async (t) => {
    const { gateway } = await startScene(t);
    const parts = merge(STICKY_SOURCES.slice(index));
    const budget = {
      ...parts,
      headers: { ...parts.headers, "x-conversation-budget-usd": "0.000001" },
    };
    const responses = [
      await send(gateway, budget),
      await send(gateway, budget),
      await send(gateway, budget),
    ];
    for (const { headers } of responses) {
      assert.equal(headers.get("x-conversation-identity"), source.name);
      assert.equal(headers.get("x-conversation-id"), null);
      assert.equal(headers.get("x-router-pin"), null);
      assert.equal(headers.get("x-router-profile"), "CHAT");
    }
    assert.deepEqual((await gateway.read("/v1/conversations")).data, []);
  });
}

test("the same person is led to the same deployment, others to others", async (t) => {
  const { gateway } = await startScene(t);
  const byPrice = { "x-router-profile": "CHEAP" };
  const users = ["anna", "bert", "cora", "dora", "emil", "fred", "gina", "hugo"];
  const round = async () =>
    Promise.all(users.map((user) => send(gateway, { headers: byPrice, body: { user } })));
  const placesOf = (responses: readonly Response[]) =>
    responses.map(({ headers }) => headers.get("x-router-model"));
  const first = placesOf(await round());
  assert.ok(new Set(first).size > 1);
  assert.deepEqual(placesOf(await round()), first);
});

test("Codex and pi put a conversation into prompt_cache_key, everybody else a shared prefix", async (t) => {
  const { gateway } = await startScene(t);
  for (const agent of ["codex_cli_rs/0.50.0", "pi/1.2", "pi-coding-agent/0.3"]) {
    const response = await send(gateway, {
      headers: { "user-agent": agent },
      body: { prompt_cache_key: `run-of-${agent}`, user: "anna" },
    });
    assert.equal(response.headers.get("x-conversation-identity"), "prompt_cache_key");
  }
  const other = await send(gateway, {
    headers: { "user-agent": "pipeline/2" },
    body: { prompt_cache_key: "run" },
  });
  assert.equal(other.headers.get("x-conversation-identity"), "sticky:prompt_cache_key");
});

test("an older client's user id holds its session, and a JSON without one is only a person", async (t) => {
  const { gateway } = await startScene(t);
  const session = "0b7a6e4e-9d0c-4a39-8a5e-3f1f5a6b7c8d";
  const user = `user_abc_account__session_${session}`;
  const older = await send(gateway, { headers: {}, body: { metadata: { user_id: user } } });
  assert.equal(older.headers.get("x-conversation-id"), session);
  for (const plain of ['{"device_id":"d"}', "{not json", '{"session_id":7}', '{"session_id":""}']) {
    const response = await send(gateway, { headers: {}, body: { metadata: { user_id: plain } } });
    assert.equal(response.headers.get("x-conversation-identity"), "sticky:metadata.user_id", plain);
  }
});

test("AGENT without an id derives one from how the conversation begins", async (t) => {
  const { gateway } = await startScene(t);
  const agent = { "x-router-profile": "AGENT" };
  const send1 = (task: string, body: Json = {}) => send(gateway, { headers: agent, body }, task);
  const first = await send1("Find the bug.");
  assert.equal(first.headers.get("x-conversation-identity"), "derived");
  const id = first.headers.get("x-conversation-id");
  assert.match(id ?? "", /^derived-[0-9a-f]{32}$/);
  assert.equal((await send1("Find the bug.")).headers.get("x-conversation-id"), id);
  assert.equal((await send1("Find the bug.")).headers.get("x-router-pin"), "kept");
  const others = [
    await send1("Write the docs."),
    await send1("Find the bug.", { user: "anna" }),
    await send1("Find the bug.", { tools: [] }),
  ].map(({ headers }) => headers.get("x-conversation-id"));
  assert.equal(new Set([id, ...others]).size, 4);
});

test("a malformed X-Conversation-ID is refused by name, in every form it can come in", async (t) => {
  const { gateway, upstream } = await startScene(t);
  for (const id of ["", "a,b", "a b", "ä", "a".repeat(257), "a;b", '"a"', "a\tb"]) {
    const response = await gateway.chat(agentBody(opening("Do it.")), { "x-conversation-id": id });
    const { error }: Json = await response.json();
    assert.equal(response.status, 400, id);
    assert.equal(error.code, "invalid_conversation_id");
    assert.match(error.message, /X-Conversation-ID/);
  }
  const edge = { "x-conversation-id": `${"a".repeat(240)}._:~@/-` };
  await send(gateway, { headers: edge, body: {} });
  assert.equal(upstream.requests.length, 1);
});

test("any other source may hold what it likes, and is read back under what is shown", async (t) => {
  const { gateway } = await startScene(t);
  for (const id of ["with spaces, and commas", "x".repeat(900), "a/b?c#d%2F", "päth", "a/turns"]) {
    const body = { metadata: { session_id: id } };
    const response = await send(gateway, { headers: {}, body }, `Task of ${id}.`);
    assert.equal(response.headers.get("x-conversation-identity"), "metadata.session_id");
    const shown = response.headers.get("x-conversation-id");
    assert.ok(shown !== null);
    const found = await gateway.read(`/v1/conversations/${encodeURIComponent(shown)}`);
    assert.equal(found.id, shown);
    assert.equal(found.turns, 1);
  }
});
