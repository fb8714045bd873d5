// The scripted Anthropic upstream against the official SDK, and its judge against wrong requests.

import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import type { MessageParam } from "@anthropic-ai/sdk/resources/messages";
import { validateAnthropicMessages } from "./anthropic-request.ts";
import { refusesAll, started } from "./dialect-scene.ts";
import { signatureOf } from "./judge.ts";
import { always, cut, fails, failsInside, inOrder, oneTool, reply } from "./step.ts";
import { text, tools, until } from "./step.ts";

const TOOL = { name: "look", input_schema: { type: "object" as const } };
const BODY = {
  model: "claude-x",
  max_tokens: 2000,
  messages: [{ role: "user" as const, content: "Weather?" }],
  tools: [TOOL],
};

function clientOf(baseURL: string): Anthropic {
  return new Anthropic({ baseURL, apiKey: "none", maxRetries: 0 });
}

test("thinking, texts and tools reach the Anthropic SDK, whole and streamed", async (t) => {
  const upstream = await started(t, "anthropic-messages");
  const { messages } = clientOf(upstream.url);
  const both = async () => [
    await messages.create(BODY),
    await messages.stream(BODY).finalMessage(),
  ];
  upstream.play(
    always(
      reply({ reasoning: "I think so.", isRedacted: true, text: "A text longer than a piece." }),
    ),
  );
  for (const { content, stop_reason: stop, usage } of await both()) {
    const signature = signatureOf("anthropic-messages", "I think so.");
    assert.deepEqual(content, [
      { type: "thinking", thinking: "I think so.", signature },
      { type: "redacted_thinking", data: signature },
      { type: "text", text: "A text longer than a piece.", citations: null },
    ]);
    assert.equal(stop, "end_turn");
    // Here the cached tokens are not among the input tokens.
    assert.deepEqual([usage.input_tokens, usage.output_tokens], [50, 20]);
    assert.equal(usage.cache_read_input_tokens, 40);
    assert.equal(usage.cache_creation_input_tokens, 10);
  }
  const calls = [
    { name: "look", input: { city: "Kyiv" } },
    { name: "look", input: {} },
  ];
  upstream.play(always(tools(...calls)));
  for (const { content, stop_reason: stop } of await both()) {
    const inputs = content.map((block) => (block.type === "tool_use" ? block.input : null));
    assert.deepEqual(inputs, [{ city: "Kyiv" }, {}]);
    assert.equal(stop, "tool_use");
  }
  upstream.play(always(reply({ text: "Cut", stop: "length" })));
  for (const { stop_reason: stop } of await both()) assert.equal(stop, "max_tokens");
  assert.deepEqual(upstream.faults, []);
});

test("an agent returns what it got without fault; the marker ends its loop", async (t) => {
  const step = reply({ reasoning: "Again.", calls: oneTool("look").calls });
  const upstream = await started(t, "anthropic-messages", until("[stop]", step, text("Done.")));
  const client = clientOf(upstream.url);
  const messages: MessageParam[] = [...BODY.messages];
  const thinking = { type: "enabled" as const, budget_tokens: 1024 };
  for (let turn = 1; turn <= 3; turn += 1) {
    const { content } = await client.messages
      .stream({ ...BODY, messages, thinking })
      .finalMessage();
    messages.push({ role: "assistant", content });
    const ids = content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
    const words = turn === 3 ? "[stop]" : "rain";
    messages.push({
      role: "user",
      content: ids.map((id) => ({ type: "tool_result", tool_use_id: id, content: words })),
    });
  }
  const last = await client.messages.create({ ...BODY, messages, thinking });
  assert.deepEqual(last.content, [{ type: "text", text: "Done.", citations: null }]);
  assert.deepEqual(upstream.faults, []);
});

test("tokens are counted without using up a step of the script", async (t) => {
  const upstream = await started(t, "anthropic-messages", inOrder(text("First."), text("Second.")));
  const { messages } = clientOf(upstream.url);
  const { max_tokens: _, ...counted } = BODY;
  const { input_tokens: tokens } = await messages.countTokens(counted);
  assert.ok(tokens > 10);
  const first = await messages.create(BODY);
  assert.deepEqual(first.content, [{ type: "text", text: "First.", citations: null }]);
  assert.deepEqual(upstream.faults, []);
});

test("errors before and inside an answer reach the Anthropic SDK as its own errors", async (t) => {
  const upstream = await started(t, "anthropic-messages");
  const { messages } = clientOf(upstream.url);
  const ask = () => messages.stream(BODY).finalMessage();
  upstream.play(inOrder(fails("overloaded"), fails("rate_limited", 3)));
  await assert.rejects(ask(), { status: 529, type: "overloaded_error" });
  await assert.rejects(ask(), (error) => {
    assert.ok(error instanceof Anthropic.RateLimitError);
    assert.equal(error.headers.get("retry-after"), "3");
    return true;
  });
  upstream.play(always(failsInside(text("Half of it."), 4, "overloaded")));
  await assert.rejects(ask(), /overloaded_error/);
  upstream.play(always(cut(text("Half of it."), 4)));
  await assert.rejects(ask());
});

const USE = { type: "tool_use", id: "t1", name: "look", input: {} };
const RESULT = { type: "tool_result", tool_use_id: "t1", content: "rain" };
const SAYS = { type: "text", text: "x" };
const THINKS = { type: "thinking", thinking: "hm", signature: "abc" };
const MARK = { cache_control: { type: "ephemeral" } };
const asks = { role: "user", content: "Weather?" };
const uses = (...content: readonly object[]) => ({ role: "assistant", content });
const results = (...content: readonly object[]) => ({ role: "user", content });
const talk = (...messages: readonly object[]) => ({ messages: [asks, ...messages] });
const system = { role: "system", content: "Note." };
const budget = { thinking: { type: "enabled", budget_tokens: 1024 } };

refusesAll({
  name: "Messages",
  validate: validateAnthropicMessages,
  path: "/v1/messages?beta=true",
  headers: {
    "content-type": "application/json",
    "x-api-key": "k",
    "anthropic-version": "2023-06-01",
  },
  body: { ...BODY, ...talk(uses(THINKS, SAYS, USE), results(RESULT, SAYS)) },
  alsoRight: [
    // Two turns of one role are joined by the provider.
    talk(uses(SAYS), asks, asks),
    { tools: [TOOL, { type: "web_search_20260318", name: "web_search" }] },
    { system: [{ ...SAYS, ...MARK }] },
  ],
  wrong: [
    [{ max_tokens: undefined }, /max_tokens/],
    [{ x: 1 }, /unknown key "x"/],
    [{ messages: [] }, /messages/],
    [talk(system), /needs its beta/],
    [{ thread: { type: "create" } }, /thread: needs its beta/],
    [{ messages: [uses(SAYS)] }, /first message/],
    [talk(uses(USE)), /t1 has no tool_result/],
    [talk(uses(USE), asks), /t1 has no tool_result/],
    [talk(uses(USE), system, results(RESULT)), /t1 has no tool_result/],
    [talk(uses(USE), results(SAYS, RESULT)), /must come first/],
    [talk(uses(USE), results(RESULT, RESULT)), /two tool_result/],
    [talk(uses(USE, USE), results(RESULT)), /must be unique/],
    [talk(results(RESULT)), /which the message before lacks/],
    [talk(uses({ ...USE, id: "call:1" })), /messages\[1\]\.content\[0\]\.id/],
    [talk(uses({ ...USE, input: "{}" }), results(RESULT)), /input/],
    [talk(uses({ ...THINKS, signature: undefined })), /signature/],
    [talk(uses({ ...THINKS, ...MARK })), /unknown key "cache_control"/],
    [talk(uses({ ...THINKS, signature: signatureOf("gemini", "x") })), /another provider/],
    [talk(results(THINKS)), /messages\[1\]/],
    [talk(results({ type: "input_text", text: "x" })), /messages\[1\]/],
    [talk(results({ ...SAYS, text: " " })), /white space/],
    [talk(uses({ ...SAYS, text: "so " })), /white space/],
    [{ system: [1, 2, 3, 4, 5].map(() => ({ ...SAYS, ...MARK })) }, /5 breakpoints/],
    [
      {
        system: [
          { ...SAYS, ...MARK },
          { ...SAYS, cache_control: { type: "ephemeral", ttl: "1h" } },
        ],
      },
      /1h must not come after/,
    ],
    [{ ...budget, max_tokens: 1024 }, /less than max_tokens/],
    [{ ...budget, temperature: 0 }, /temperature/],
    [{ ...budget, top_k: 5 }, /top_k/],
    [{ ...budget, tool_choice: { type: "any" } }, /must not force a tool/],
    [{ tools: [], tool_choice: { type: "auto" } }, /only allowed with tools/],
    [talk({ ...system, clear_at: "never" }), /clear_at needs its beta/],
    [{ ...budget, ...talk(uses(USE), results(RESULT)) }, /must begin with thinking/],
    [{ tools: [TOOL, TOOL] }, /unique/],
    [{ tools: [{ type: "function", function: { name: "look" } }] }, /tools/],
    [{ tool_choice: { type: "tool", name: "other" } }, /no tool is named other/],
    [{ tool_choice: "auto" }, /tool_choice/],
    [{ stop: ["x"] }, /unknown key "stop"/],
  ],
  wrongHeaders: [
    [{ "x-api-key": undefined }, /key is required/],
    [{ "anthropic-version": undefined }, /anthropic-version/],
    [{ "x-conversation-budget-usd": "1" }, /x-conversation-budget-usd/],
  ],
  wrongPaths: [["/v1/complete", /path/]],
});

test("a system message among the messages is right with its beta and from its version on", () => {
  const headers = { "content-type": "application/json", "x-api-key": "k" };
  const body = { ...BODY, ...talk(system) };
  const faults = (more: Readonly<Record<string, string>>) =>
    validateAnthropicMessages("/v1/messages", { ...headers, ...more }, body);
  const beta = "a-2026-01-01, mid-conversation-system-2026-04-07";
  assert.deepEqual(faults({ "anthropic-version": "2023-06-01", "anthropic-beta": beta }), []);
  assert.deepEqual(faults({ "anthropic-version": "2026-10-21" }), []);
});

test("a message thread holds results whose tool use only the provider knows", () => {
  const body = {
    ...BODY,
    messages: [results(RESULT)],
    thread: { type: "continue", previous_message_id: "msg_1" },
  };
  const headers = {
    "content-type": "application/json",
    authorization: "Bearer k",
    "anthropic-version": "2026-10-21",
    "anthropic-beta": "message-threads-2026-08-12",
  };
  assert.deepEqual(validateAnthropicMessages("/v1/messages", headers, body), []);
});
