// The scripted OpenAI chat upstream against the official SDK, and its judge against wrong requests.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { validateOpenaiChat } from "./openai-chat-request.ts";
import { validateOpenaiEmbeddings, vectorOf } from "./openai-embeddings.ts";
import { refusesAll, started } from "./dialect-scene.ts";
import {
  always,
  cut,
  fails,
  failsInside,
  inOrder,
  oneTool,
  reply,
  text,
  tools,
  until,
} from "./step.ts";

const QUESTION = [{ role: "user" as const, content: "Weather?" }];
const TOOL = {
  type: "function" as const,
  function: { name: "look", parameters: { type: "object", properties: {} } },
};

function clientOf(baseURL: string): OpenAI {
  return new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
}

test("texts, parallel tools and usage reach the OpenAI SDK, whole and streamed", async (t) => {
  const upstream = await started(t, "openai-chat");
  const client = clientOf(upstream.baseUrl);
  const body = { model: "gpt-x", messages: QUESTION, tools: [TOOL] };
  const both = async () => {
    const whole = await client.chat.completions.create(body);
    const options = { stream_options: { include_usage: true } };
    const stream = client.chat.completions.stream({ ...body, ...options });
    return [whole, await stream.finalChatCompletion()];
  };
  upstream.play(always(text("A text longer than a piece.")));
  for (const { choices, usage } of await both()) {
    assert.equal(choices[0]?.message.content, "A text longer than a piece.");
    assert.equal(choices[0]?.finish_reason, "stop");
    assert.deepEqual([usage?.prompt_tokens, usage?.completion_tokens], [100, 20]);
    assert.equal(usage?.prompt_tokens_details?.cached_tokens, 40);
  }
  const calls = [
    { name: "look", input: { city: "Kyiv" } },
    { name: "look", input: { city: "Bonn" }, id: "call_mine" },
  ];
  upstream.play(always(tools(...calls)));
  for (const { choices } of await both()) {
    const made = choices[0]?.message.tool_calls ?? [];
    assert.deepEqual(
      made.map((call) => (call.type === "function" ? call.function.arguments : "")),
      ['{"city":"Kyiv"}', '{"city":"Bonn"}'],
    );
    assert.equal(made[1]?.id, "call_mine");
    assert.equal(choices[0]?.finish_reason, "tool_calls");
  }
  upstream.play(always(reply({ text: "Cut", stop: "length" })));
  assert.equal((await both())[1]?.choices[0]?.finish_reason, "length");
  assert.deepEqual(upstream.faults, []);
});

test("an agent of the OpenAI SDK calls its tool until the marker is in the request", async (t) => {
  const upstream = await started(
    t,
    "openai-chat",
    until('say "stop"', oneTool("look"), text("Done.")),
  );
  const client = clientOf(upstream.baseUrl);
  let looks = 0;
  const runner = client.chat.completions.runTools({
    model: "gpt-x",
    messages: QUESTION,
    tools: [
      {
        type: "function",
        function: {
          name: "look",
          description: "Looks.",
          parameters: { type: "object", properties: {} },
          function: () => {
            looks += 1;
            return looks === 3 ? 'They say "stop".' : "nothing";
          },
        },
      },
    ],
  });
  assert.equal(await runner.finalContent(), "Done.");
  assert.equal(looks, 3);
  assert.equal(upstream.requests.length, 4);
  assert.deepEqual(upstream.faults, []);
});

test("errors before and inside an answer reach the OpenAI SDK as its own errors", async (t) => {
  const upstream = await started(t, "openai-chat");
  const client = clientOf(upstream.baseUrl);
  const ask = async () => {
    const stream = await client.chat.completions.create({
      model: "gpt-x",
      messages: QUESTION,
      stream: true,
    });
    let words = "";
    for await (const chunk of stream) words += chunk.choices[0]?.delta.content ?? "";
    return words;
  };
  upstream.play(inOrder(fails("rate_limited", 7), fails("billing"), text("Well.")));
  await assert.rejects(ask(), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.code, "rate_limit_exceeded");
    assert.equal(error.headers.get("retry-after"), "7");
    return true;
  });
  await assert.rejects(ask(), { status: 429, code: "insufficient_quota" });
  assert.equal(await ask(), "Well.");
  upstream.play(always(failsInside(text("Half of it."), 2, "overloaded")));
  await assert.rejects(ask(), { code: "server_is_overloaded" });
  upstream.play(always(cut(text("Half of it."), 2)));
  await assert.rejects(ask());
});

test("embeddings come as numbers and as base64, equal for equal inputs", async (t) => {
  const upstream = await started(t, "openai-chat");
  const { embeddings } = clientOf(upstream.baseUrl);
  const input = ["one", "two"];
  const expected = input.map((words) => vectorOf(words));
  // The SDK asks for base64 by itself where nothing is said, and decodes it.
  const packed = await embeddings.create({ model: "e", input });
  const plain = await embeddings.create({ model: "e", input, encoding_format: "float" });
  const raw = await embeddings.create({ model: "e", input: "one", encoding_format: "base64" });
  assert.deepEqual(
    packed.data.map(({ embedding }) => [...embedding]),
    expected,
  );
  assert.deepEqual(
    plain.data.map(({ embedding }) => embedding),
    expected,
  );
  assert.equal(typeof raw.data[0]?.embedding, "string");
  assert.deepEqual(upstream.faults, []);
});

const HEADERS = { "content-type": "application/json", authorization: "Bearer k" };
const CALL = { id: "c1", type: "function", function: { name: "look", arguments: "{}" } };
const ASKED = { role: "assistant", content: null, tool_calls: [CALL] };
const ANSWERED = { role: "tool", tool_call_id: "c1", content: "rain" };
const RIGHT = {
  model: "gpt-x",
  messages: [...QUESTION, ASKED, ANSWERED, { role: "system", content: "Note." }],
  tools: [TOOL],
};
const withMessages = (...messages: readonly object[]) => ({ messages: [...QUESTION, ...messages] });
const argumentsAs = (args: unknown) => ({
  ...ASKED,
  tool_calls: [{ ...CALL, function: { name: "look", arguments: args } }],
});

refusesAll({
  name: "chat completion",
  validate: validateOpenaiChat,
  path: "/v1/chat/completions",
  headers: HEADERS,
  body: RIGHT,
  wrong: [
    [{ model: undefined }, /model/],
    [{ messages: [] }, /messages/],
    [{ x: 1 }, /unknown key "x"/],
    [{ "x-fallback-chain": ["a"] }, /unknown key/],
    [withMessages({ role: "robot", content: "x" }), /messages\[1\]/],
    [withMessages({ role: "user", content: [] }), /content/],
    [withMessages({ role: "user", content: [{ type: "input_text", text: "x" }] }), /type/],
    [withMessages({ role: "user", content: "x", tool_call_id: "c1" }), /unknown key/],
    [withMessages(ASKED), /c1 is not answered/],
    [withMessages(ASKED, { role: "user", content: "x" }, ANSWERED), /c1 is not answered/],
    [withMessages(ANSWERED), /answers no call/],
    [withMessages(ASKED, ANSWERED, ANSWERED), /answers no call/],
    [withMessages(argumentsAs({}), ANSWERED), /arguments/],
    [withMessages({ ...ASKED, tool_calls: [CALL, CALL] }, ANSWERED), /share an id/],
    [withMessages({ ...ASKED, tool_calls: [] }), /tool_calls/],
    [withMessages({ ...ASKED, tool_calls: [{ ...CALL, id: "c".repeat(41) }] }), /tool_calls/],
    [withMessages({ role: "assistant", content: null }), /needs content or tool_calls/],
    [{ tools: [{ type: "function", name: "look" }] }, /function/],
    [{ tools: [] }, /tools/],
    [{ tools: undefined, tool_choice: "auto" }, /only allowed with tools/],
    [{ tool_choice: { type: "function", function: { name: "other" } } }, /no tool is named/],
    [{ stream_options: { include_usage: true } }, /only allowed with stream/],
    [{ max_tokens: 1, max_completion_tokens: 1 }, /not together/],
    [{ tools: undefined, parallel_tool_calls: true }, /parallel_tool_calls: only allowed/],
    [{ top_logprobs: 1 }, /needs logprobs/],
    [{ temperature: 3 }, /temperature/],
  ],
  wrongHeaders: [
    [{ authorization: undefined }, /authorization/],
    [{ "content-type": "text/plain" }, /content-type/],
    [{ "x-conversation-id": "a" }, /x-conversation-id/],
    [{ "x-router-profile": "AGENT" }, /x-router-profile/],
  ],
  wrongPaths: [["/v1/completions", /path/]],
});

refusesAll({
  name: "embeddings",
  validate: validateOpenaiEmbeddings,
  path: "/v1/embeddings",
  headers: HEADERS,
  body: { model: "e", input: [[1, 2], [3]] },
  wrong: [
    [{ input: undefined }, /input/],
    [{ input: "" }, /input/],
    [{ input: [] }, /input/],
    [{ encoding_format: "hex" }, /encoding_format/],
    [{ stream: true }, /unknown key/],
  ],
  wrongHeaders: [[{ authorization: "k" }, /authorization/]],
  wrongPaths: [["/v1/embed", /path/]],
});
