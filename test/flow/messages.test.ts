// Goal: a turn of the Messages dialect passes the gateway as it is, and is a turn of its conversation. Method: requests
// as agents send them, by bare HTTP, against a scripted provider whose judge knows what a real one takes.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { startDialectUpstream, type DialectName } from "../support/dialects/scripted-upstream.ts";
import {
  always,
  endsEarly,
  fails,
  oneTool,
  reply,
  text,
  type Script,
} from "../support/dialects/step.ts";
import { inConversation, provider, startGateway, type Json } from "../support/gateway.ts";

const MARKER = "[fairlead]";
const TOOLS = [{ name: "search", input_schema: { type: "object" } }];
const HELLO: Json = {
  model: "auto",
  max_tokens: 100,
  messages: [{ role: "user", content: "Hello" }],
};

async function startScene(
  t: TestContext,
  script: Script = always(text("Hello.")),
  dialect: DialectName = "anthropic-messages",
) {
  const upstream = await startDialectUpstream(dialect, script, { refusesFaults: true });
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, { dialect })] });
  const post = (body: Json, headers: Readonly<Record<string, string>> = {}, path = "") =>
    fetch(`${gateway.url}/v1/messages${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return { gateway, upstream, post };
}

test("version, betas and query go along; keys and ids of the client stay here", async (t) => {
  const { upstream, post } = await startScene(t);
  const headers = {
    "anthropic-version": "2026-10-21",
    "anthropic-beta": "one-2026-01-01,two-2026-01-01",
    authorization: "Bearer of-the-client",
    "x-api-key": "of-the-client",
    "x-claude-code-session-id": "0b1c",
  };
  assert.equal((await post(HELLO, headers, "?beta=true")).status, 200);
  const sent = upstream.requests[0];
  assert.equal(sent?.path, "/v1/messages?beta=true");
  assert.equal(sent?.headers["anthropic-version"], "2026-10-21");
  assert.equal(sent?.headers["anthropic-beta"], "one-2026-01-01,two-2026-01-01");
  assert.equal(sent?.headers["x-api-key"], "secret-lab-1");
  assert.equal(sent?.headers.authorization, undefined);
  assert.doesNotMatch(JSON.stringify(sent?.headers), /of-the-client|0b1c/);
});

test("a client that names no version is spoken for", async (t) => {
  const { upstream, post } = await startScene(t);
  assert.equal((await post(HELLO)).status, 200);
  assert.equal(upstream.requests[0]?.headers["anthropic-version"], "2023-06-01");
  assert.deepEqual(upstream.faults, []);
});

test("answers come through byte for byte, but for a comment in front of the last event", async (t) => {
  const script = always(
    reply({ reasoning: "Hm.", isRedacted: true, text: "Ünïcode.", calls: oneTool("search").calls }),
  );
  const { gateway, upstream, post } = await startScene(t, script);
  for (const stream of [false, true]) {
    const body = { ...HELLO, stream, tools: TOOLS, model: "big-1" };
    const direct = await fetch(`${upstream.url}/v1/messages`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-api-key": "k",
        "anthropic-version": "2023-06-01",
      },
      body: JSON.stringify(body),
    });
    const through = await (await post(body, inConversation(`bytes-${stream}`))).text();
    const plain = through.replace(/^: x-llm-gateway .*\n\n/m, "");
    // The scripted provider numbers its answers.
    const numbered = (words: string) => words.replace(/(msg_scripted|toolu_)\d+/g, "$1N");
    assert.equal(numbered(plain), numbered(await direct.text()));
  }
  const seen = await gateway.read("/v1/conversations/bytes-true");
  assert.equal(seen.totals.output_tokens, 20);
});

test("an answer without its last event is never taken for a whole one", async (t) => {
  const { post } = await startScene(t, always(endsEarly(text("a text of several pieces"), 5)));
  const told = await (await post({ ...HELLO, stream: true })).text();
  assert.match(told, /event: error\ndata: \{"type":"error","error":\{"type":"api_error"/);
  assert.doesNotMatch(told, /message_stop/);
});

test("an agent's own id of its session names the conversation, with the header or in the body", async (t) => {
  const { gateway, post } = await startScene(t);
  await post(HELLO, { "x-claude-code-session-id": "session-1" });
  const session = { device_id: "d", account_uuid: "", session_id: "session-2" };
  await post({ ...HELLO, metadata: { user_id: JSON.stringify(session) } });
  const first = await gateway.read("/v1/conversations/session-1");
  assert.equal(first.identity, "x-claude-code-session-id");
  const second = await gateway.read("/v1/conversations/session-2");
  assert.equal(second.identity, "metadata.user_id");
});

test("a correction stands at the same place with the same bytes on later turns", async (t) => {
  const script: Script = ({ bodyText, turn }) =>
    oneTool("search", { q: bodyText.includes(MARKER) ? `other ${turn}` : "report" });
  const { gateway, upstream, post } = await startScene(t, script);
  const messages: Json[] = [{ role: "user", content: "Find the report." }];
  for (let turn = 1; turn <= 8; turn += 1) {
    // Agents move their cache mark along with every turn.
    const request = { ...HELLO, messages: marked(messages), tools: TOOLS, system: "Be brief." };
    const response = await post(request, inConversation("again"));
    const { content }: Json = await response.json();
    assert.equal(response.status, 200);
    messages.push({ role: "assistant", content });
    const words = turn < 5 ? "nothing found" : `found part ${turn}`;
    messages.push({
      role: "user",
      content: content.map(({ id }: Json) => ({
        type: "tool_result",
        tool_use_id: id,
        content: words,
      })),
    });
  }
  assert.deepEqual(upstream.faults, []);
  const corrected = upstream.requests.filter(({ raw }) => raw.includes(MARKER));
  assert.equal(corrected.length, 4);
  const places = corrected.map(({ body }) => {
    const sent: Json = body;
    const index = sent.messages.findIndex((message: Json) =>
      JSON.stringify(message).includes(MARKER),
    );
    return `${index} ${JSON.stringify(sent.messages[index].content.at(-1))}`;
  });
  assert.equal(new Set(places).size, 1);
  const seen = await gateway.read("/v1/conversations/again");
  assert.equal(seen.corrections[0].outcome.kind, "recovered");
});

/** The messages with a cache mark on the last block of the last one. */
function marked(messages: readonly Json[]): readonly Json[] {
  const last = messages.at(-1);
  const blocks =
    typeof last.content === "string" ? [{ type: "text", text: last.content }] : last.content;
  const mark = { cache_control: { type: "ephemeral" } };
  const content = [...blocks.slice(0, -1), { ...blocks.at(-1), ...mark }];
  return [...messages.slice(0, -1), { ...last, content }];
}

test("whoever asks at its start whether anybody is here is answered", async (t) => {
  const { gateway } = await startScene(t);
  const response = await fetch(`${gateway.url}/api/hello`, { method: "HEAD" });
  assert.equal(response.status, 200);
});

test("tokens are estimated where the model's provider cannot count them, and that is said", async (t) => {
  const { upstream, post } = await startScene(t, undefined, "openai-chat");
  const image = { type: "base64", media_type: "image/png", data: "A".repeat(40_000) };
  const long = {
    ...HELLO,
    system: "You are an agent. ".repeat(100),
    messages: [{ role: "user", content: [{ type: "image", source: image }] }],
  };
  for (const [body, least, most] of [
    [HELLO, 2, 40],
    [long, 1_900, 2_500],
  ] as const) {
    const response = await post(body, inConversation("count"), "/count_tokens");
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-router-token-count"), "estimate");
    const { input_tokens: tokens }: Json = await response.json();
    assert.ok(tokens >= least && tokens <= most, `${tokens} tokens`);
  }
  assert.equal(upstream.requests.length, 0);
});

test("a count that the provider refuses is refused in its words; one it owes is estimated", async (t) => {
  const { upstream, post } = await startScene(t);
  const wrong = { ...HELLO, messages: [{ role: "nobody", content: "x" }] };
  const refused = await post(wrong, {}, "/count_tokens");
  assert.equal(refused.status, 400);
  const told: Json = await refused.json();
  assert.equal(told.error.type, "invalid_request_error");
  await upstream.close();
  const owed = await post(HELLO, {}, "/count_tokens");
  assert.deepEqual([owed.status, owed.headers.get("x-router-token-count")], [200, "estimate"]);
});

test("what is wrong at these paths is told in the dialect's words", async (t) => {
  const { gateway, post } = await startScene(t, always(fails("server")));
  const wrong = await fetch(`${gateway.url}/v1/messages`);
  assert.equal(wrong.status, 405);
  const rows = [
    [wrong, "invalid_request_error", "method_not_allowed"],
    [
      await post({ ...HELLO, model: "nobody" }, {}, "/count_tokens"),
      "not_found_error",
      "model_not_found",
    ],
    [await post(HELLO), "api_error", "upstream_unavailable"],
  ] as const;
  for (const [response, type, code] of rows) {
    const body: Json = await response.json();
    assert.equal(body.type, "error");
    assert.deepEqual([body.error.type, body.error.details.error_code], [type, code]);
    assert.match(body.request_id, /^req_/);
  }
});
