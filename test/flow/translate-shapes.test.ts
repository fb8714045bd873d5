// Goal: what one dialect allows and another refuses is put into shape on the way, and nothing of it is lost.
// Method: requests of every client through the front door, scripted providers of each dialect, and their judges.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { startDialectUpstream, type DialectName } from "../support/dialects/scripted-upstream.ts";
import { always, oneTool, text, type Script } from "../support/dialects/step.ts";
import { provider, startGateway, type Json } from "../support/gateway.ts";
import { PIXEL } from "./translate-matrix.ts";

const CHAT = "/v1/chat/completions";
const MESSAGES = "/v1/messages";
const RESPONSES = "/v1/responses";
const GEMINI = "/v1beta/models/lab%2Fbig:generateContent";

const SCHEMA = { type: "object", properties: { q: { type: "number" } } };
const HELLO = { role: "user", content: "Hello?" };

interface Asked {
  readonly headers: Headers;
  readonly answer: Json;
  /** What the provider got. */
  readonly sent: Json;
  readonly raw: string;
}

interface Scene {
  ask(path: string, body: object): Promise<Asked>;
  readonly faults: () => readonly string[];
}

async function startScene(
  t: TestContext,
  dialect: DialectName,
  about: { readonly provider?: object; readonly script?: Script } = {},
): Promise<Scene> {
  const upstream = await startDialectUpstream(dialect, about.script ?? always(text("Hello.")));
  t.after(() => upstream.close());
  const entry = { ...provider("lab", upstream, { dialect }), ...about.provider };
  const gateway = await startGateway(t, { providers: [entry] });
  return {
    faults: () => upstream.faults,
    async ask(path, body) {
      const named = path === GEMINI ? body : { model: "lab/big", ...body };
      const response = await fetch(gateway.url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(path === MESSAGES ? { max_tokens: 100, ...named } : named),
      });
      const answer: Json = await response.json();
      assert.equal(response.status, 200, JSON.stringify(answer));
      const raw = upstream.requests.at(-1)?.raw.toString() ?? "";
      return { headers: response.headers, answer, sent: JSON.parse(raw), raw };
    },
  };
}

const use = (id: string) => ({ type: "tool_use", id, name: "look", input: { q: 1 } });
const used = (id: string) => ({ type: "tool_result", tool_use_id: id, content: `result ${id}` });

for (const target of ["openai-chat", "openai-responses", "gemini", "bedrock-converse"] as const) {
  test(`results that a client sends in several messages reach ${target} together`, async (t) => {
    const { ask, faults } = await startScene(t, target);
    const messages = [
      HELLO,
      { role: "assistant", content: [use("one"), use("two")] },
      { role: "user", content: [used("one"), { type: "text", text: "Go on." }] },
      { role: "user", content: [used("two")] },
    ];
    const { raw } = await ask(MESSAGES, {
      messages,
      tools: [{ name: "look", input_schema: SCHEMA }],
    });
    assert.deepEqual(faults(), []);
    assert.match(raw, /result one.*result two.*Go on\./);
  });
}

for (const target of ["openai-chat", "anthropic-messages", "gemini", "bedrock-converse"] as const) {
  test(`what stands between a call and its result follows them, for ${target}`, async (t) => {
    const { ask, faults } = await startScene(t, target);
    const input = [
      HELLO,
      { type: "function_call", call_id: "one", name: "look", arguments: '{"q":1}' },
      { role: "user", content: "Hurry." },
      { type: "function_call_output", call_id: "one", output: "result one" },
    ];
    const tools = [{ type: "function", name: "look", parameters: SCHEMA, strict: false }];
    const { raw } = await ask(RESPONSES, { input, tools });
    assert.deepEqual(faults(), []);
    assert.match(raw, /result one.*Hurry\./);
  });
}

for (const target of ["anthropic-messages", "gemini", "bedrock-converse"] as const) {
  test(`blank texts, a greeting, or instructions alone are no fault for ${target}`, async (t) => {
    const { ask, faults } = await startScene(t, target);
    const conversations = [
      [HELLO, { role: "assistant", content: " \n" }, { role: "user", content: "Well?" }],
      [{ role: "system", content: "" }, HELLO, { role: "assistant", content: "Yes?" }, blank()],
      [{ role: "assistant", content: "How can I help?" }, HELLO],
      [{ role: "system", content: "Tell a joke." }],
    ];
    for (const messages of conversations) await ask(CHAT, { messages });
    assert.deepEqual(faults(), []);
  });
}

function blank() {
  return { role: "user", content: "" };
}

test("a picture in a tool's result is one for a model of chat completions, not a text", async (t) => {
  const { ask, faults } = await startScene(t, "openai-chat");
  const picture = { type: "input_image", image_url: `data:image/png;base64,${PIXEL}` };
  const input = [
    HELLO,
    { type: "function_call", call_id: "one", name: "look", arguments: "{}" },
    {
      type: "function_call_output",
      call_id: "one",
      output: [{ type: "input_text", text: "A screen." }, picture],
    },
  ];
  const { sent } = await ask(RESPONSES, { input });
  assert.deepEqual(faults(), []);
  const [, , result, follows] = sent.messages;
  assert.match(result.content, /^A screen\.\n\[files/);
  assert.equal(follows.role, "user");
  assert.equal(follows.content[0].image_url.url, picture.image_url);
});

test("a bound smaller than a provider takes becomes its smallest, and is told", async (t) => {
  const { ask, faults } = await startScene(t, "openai-responses");
  const { sent, headers } = await ask(CHAT, { messages: [HELLO], max_tokens: 1 });
  assert.equal(sent.max_output_tokens, 16);
  assert.match(headers.get("x-router-warnings") ?? "", /16 tokens/);
  assert.deepEqual(faults(), []);
});

test("thoughts go back to servers that take them, and to no other", async (t) => {
  const thinking = { type: "thinking", thinking: "Hmm.", signature: "fairlead.e30" };
  const messages = [
    HELLO,
    { role: "assistant", content: [thinking, { type: "text", text: "Yes?" }] },
    HELLO,
  ];
  for (const vendor of ["groq", "mistral", "openai"]) {
    const { ask, faults } = await startScene(t, "openai-chat", { provider: { vendor } });
    const { headers } = await ask(MESSAGES, { messages });
    assert.match(headers.get("x-router-warnings") ?? "", /Reasoning in the history/);
    assert.deepEqual(faults(), []);
  }
  const { ask } = await startScene(t, "openai-chat", { provider: { vendor: "vllm" } });
  const { sent } = await ask(MESSAGES, { messages });
  assert.equal(sent.messages[1].reasoning_content, "Hmm.");
});

test("a compatible server is told how strict a schema is, and to call one tool at a time", async (t) => {
  const { ask, faults } = await startScene(t, "openai-chat");
  const format = (strict: boolean) => ({
    format: { type: "json_schema", name: "n", schema: SCHEMA, strict },
  });
  for (const strict of [false, true]) {
    const { sent } = await ask(RESPONSES, { input: "Hello?", text: format(strict) });
    assert.equal(sent.response_format.json_schema.strict, strict);
  }
  const generationConfig = {
    responseMimeType: "application/json",
    responseSchema: { type: "OBJECT", properties: { q: { type: "NUMBER" } } },
  };
  const { sent } = await ask(GEMINI, { contents: [{ parts: [{ text: "Hi" }] }], generationConfig });
  assert.equal(sent.response_format.json_schema.strict, false);
  const tools = [{ name: "look", input_schema: SCHEMA }];
  const one = { type: "auto", disable_parallel_tool_use: true };
  const asked = await ask(MESSAGES, { messages: [HELLO], tools, tool_choice: one });
  assert.equal(asked.sent.parallel_tool_calls, false);
  assert.deepEqual(faults(), []);
});

test("what only OpenAI's own models know is named where it is left out", async (t) => {
  const body = { input: "Hello?", text: { verbosity: "low" }, service_tier: "flex" };
  for (const target of ["openai-chat", "anthropic-messages"] as const) {
    const { ask, faults } = await startScene(t, target);
    const { headers, raw } = await ask(RESPONSES, body);
    const told = headers.get("x-router-warnings") ?? "";
    assert.match(told, /`verbosity` is not carried.*`service_tier` is not carried/);
    assert.doesNotMatch(raw, /verbosity|service_tier/);
    assert.deepEqual(faults(), []);
  }
});

test("a round whose thoughts are lost goes without new ones, also where the user adds a word", async (t) => {
  const { ask, faults } = await startScene(t, "anthropic-messages");
  const call = { id: "one", type: "function", function: { name: "look", arguments: "{}" } };
  const messages = [
    HELLO,
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: "one", content: "7" },
    { role: "user", content: "Hurry." },
  ];
  const { sent, headers } = await ask(CHAT, { messages, reasoning_effort: "high" });
  assert.equal(sent.thinking, undefined);
  assert.match(headers.get("x-router-warnings") ?? "", /answers without/);
  assert.deepEqual(faults(), []);
});

test("a history that uses one id for thousands of calls is asked like any other", async (t) => {
  const { ask, faults } = await startScene(t, "anthropic-messages");
  const count = 10_000;
  const call = { id: "one", type: "function", function: { name: "look", arguments: "{}" } };
  const result = { role: "tool", tool_call_id: "one", content: "7" };
  const calls = Array.from({ length: count }, () => call);
  const results = Array.from({ length: count }, () => result);
  const asked = { role: "assistant", content: null, tool_calls: calls };
  // To make each id from all before it would take minutes here.
  const { sent } = await ask(CHAT, { messages: [HELLO, asked, ...results] });
  const ids = sent.messages[1].content.map(({ id }: { id: string }) => id);
  assert.equal(new Set(ids).size, count);
  assert.deepEqual(faults(), []);
});

const LONG_NAME = `mcp__${"very_".repeat(15)}long`;

for (const target of ["openai-chat", "openai-responses", "bedrock-converse"] as const) {
  test(`a tool whose name ${target} refuses is called under another, and comes back under its own`, async (t) => {
    for (const name of ["mcp.files:read", LONG_NAME]) {
      const script: Script = ({ bodyText }) =>
        oneTool(/"name":"(mcp[\w-]+)"/.exec(bodyText)?.[1] ?? "none", { q: 1 });
      const { ask, faults } = await startScene(t, target, { script });
      const tools = [{ functionDeclarations: [{ name, parametersJsonSchema: SCHEMA }] }];
      const contents: object[] = [{ role: "user", parts: [{ text: "Look." }] }];
      const { answer } = await ask(GEMINI, { contents, tools });
      const { functionCall } = answer.candidates[0].content.parts[0];
      assert.equal(functionCall.name, name);
      const response = {
        functionResponse: { id: functionCall.id, name, response: { output: "7" } },
      };
      contents.push(answer.candidates[0].content, { role: "user", parts: [response] });
      await ask(GEMINI, { contents, tools });
      assert.deepEqual(faults(), []);
    }
  });
}
