// Goal: a Messages client can be answered by any model, and is told what of its request is left out. Method: requests
// and parts as they come, and the official SDK's own reading of the events.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageStream } from "@anthropic-ai/sdk/lib/MessageStream";
import type { Message } from "@anthropic-ai/sdk/resources/messages";
import { messagesCodec } from "../../src/api/anthropic-codec.ts";
import type { CanonicalPart, CanonicalResult } from "../../src/turn/canonical.ts";
import { FaultError } from "../../src/turn/fault.ts";

const IDENTITY = { requestId: "req_1", model: "lab/big", created: 1, wantsUsage: true };
const USAGE = {
  inputTokens: { total: 100, noCache: 50, cacheRead: 40, cacheWrite: 10 },
  outputTokens: { total: 20, text: 12, reasoning: 8 },
};

function decode(about: object) {
  return messagesCodec.decode({ model: "m", max_tokens: 9, messages: [], ...about });
}

function finish(
  unified: "stop" | "tool-calls" | "length" | "content-filter",
): Extract<CanonicalPart, { type: "finish" }> {
  return { type: "finish", usage: USAGE, finishReason: { unified, raw: undefined } };
}

/** The events as the official SDK reads them. */
async function streamed(parts: readonly CanonicalPart[]): Promise<Message> {
  const encoder = messagesCodec.createEncoder(IDENTITY);
  const text = parts.map((part) => encoder.part(part)).join("") + encoder.end();
  const lines = `${text}${encoder.terminal()}`
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => `${line.slice("data: ".length)}\n`);
  const body = new Blob([lines.join("")]).stream();
  return MessageStream.fromReadableStream(body).finalMessage();
}

function whole(result: Pick<CanonicalResult, "content"> & Partial<CanonicalResult>) {
  const full = { usage: USAGE, finishReason: finish("stop").finishReason, warnings: [], ...result };
  return JSON.parse(messagesCodec.createEncoder(IDENTITY).json(full));
}

test("a request is decoded with its system prompt, tools, choice and numbers", () => {
  const { call, warnings } = decode({
    system: [
      { type: "text", text: "x-anthropic-billing-header: cch=1;" },
      { type: "text", text: "You are.", cache_control: { type: "ephemeral", ttl: "1h" } },
    ],
    messages: [{ role: "user", content: "go" }],
    temperature: 0.5,
    top_p: 0.9,
    top_k: 5,
    stop_sequences: ["END"],
    tools: [{ name: "look", description: "Looks.", input_schema: { type: "object" } }],
    tool_choice: { type: "tool", name: "look", disable_parallel_tool_use: true },
    output_config: { effort: "high", format: { type: "json_schema", schema: { type: "object" } } },
    metadata: { user_id: "u" },
  });
  assert.deepEqual(call.prompt[1], { role: "user", content: [{ type: "text", text: "go" }] });
  const [system] = call.prompt;
  assert.ok(system?.role === "system");
  assert.equal(system.content, "You are.");
  assert.deepEqual(system.providerOptions?.["anthropic"], {
    cacheControl: { type: "ephemeral", ttl: "1h" },
  });
  assert.deepEqual(
    [call.maxOutputTokens, call.temperature, call.topP, call.topK, call.stopSequences],
    [9, 0.5, 0.9, 5, ["END"]],
  );
  assert.deepEqual(call.tools, [
    { type: "function", name: "look", description: "Looks.", inputSchema: { type: "object" } },
  ]);
  assert.deepEqual(call.toolChoice, { type: "tool", toolName: "look" });
  assert.deepEqual(call.providerOptions, { openai: { parallelToolCalls: false } });
  assert.deepEqual(call.responseFormat, { type: "json", schema: { type: "object" } });
  assert.equal(call.reasoning, "high");
  assert.deepEqual(warnings, []);
});

test("results become messages of their own behind their calls, with what else the user says behind them", () => {
  const { call } = decode({
    messages: [
      { role: "user", content: "go" },
      {
        role: "assistant",
        content: [
          { type: "text", text: "I look." },
          { type: "tool_use", id: "t1", name: "look", input: { at: 1 } },
          { type: "tool_use", id: "t2", name: "hear", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "t1", content: "nothing" },
          {
            type: "tool_result",
            tool_use_id: "t2",
            is_error: true,
            content: [
              { type: "text", text: "broken" },
              { type: "image", source: { type: "base64", media_type: "image/png", data: "AA==" } },
            ],
          },
          { type: "text", text: "and now?" },
        ],
      },
      { role: "system", content: "be brief" },
    ],
  });
  assert.deepEqual(call.prompt.slice(1), [
    {
      role: "assistant",
      content: [
        { type: "text", text: "I look." },
        { type: "tool-call", toolCallId: "t1", toolName: "look", input: { at: 1 } },
        { type: "tool-call", toolCallId: "t2", toolName: "hear", input: {} },
      ],
    },
    {
      role: "tool",
      content: [
        {
          type: "tool-result",
          toolCallId: "t1",
          toolName: "look",
          output: { type: "text", value: "nothing" },
        },
        {
          type: "tool-result",
          toolCallId: "t2",
          toolName: "hear",
          output: {
            type: "error-text",
            value: "broken\n[files of this result follow as the user's]",
          },
        },
      ],
    },
    {
      role: "user",
      content: [
        { type: "file", data: { type: "data", data: "AA==" }, mediaType: "image/png" },
        { type: "text", text: "and now?" },
      ],
    },
    { role: "system", content: "be brief" },
  ]);
});

test("images and documents are carried, by value or by address", () => {
  const url = "https://x.test/a";
  const { call, warnings } = decode({
    messages: [
      {
        role: "user",
        content: [
          { type: "image", source: { type: "url", url } },
          {
            type: "document",
            title: "T",
            source: { type: "base64", media_type: "application/pdf", data: "AA==" },
          },
          { type: "document", title: "N", source: { type: "text", data: "words" } },
          { type: "image", source: { type: "file", file_id: "f" } },
        ],
      },
    ],
  });
  assert.deepEqual(call.prompt[0]?.content, [
    { type: "file", data: { type: "url", url: new URL(url) }, mediaType: "image/*" },
    {
      type: "file",
      data: { type: "data", data: "AA==" },
      mediaType: "application/pdf",
      filename: "T",
    },
    { type: "text", text: "N\nwords" },
  ]);
  assert.equal(warnings.length, 1);
  const bad = { type: "image", source: { type: "url", url: "no address" } };
  assert.throws(() => decode({ messages: [{ role: "user", content: [bad] }] }), FaultError);
});

test("what cannot be carried is told, once each", () => {
  const { call, warnings } = decode({
    container: "c",
    mcp_servers: [],
    context_management: {},
    tools: [{ type: "web_search_20250305", name: "web_search" }],
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content: [{ type: "server_tool_use" }, { type: "server_tool_use" }] },
    ],
  });
  const told = warnings.join("\n");
  for (const name of [
    "container",
    "mcp_servers",
    "context_management",
    "web_search_20250305",
    "server_tool_use",
  ]) {
    assert.match(told, new RegExp(name));
  }
  assert.equal(warnings.length, 5);
  assert.equal(call.tools, undefined);
  assert.equal(call.prompt.length, 1, "a message of which nothing is left is none");
});

test("a message of an unknown role is refused", () => {
  assert.throws(() => decode({ messages: [{ role: "tool", content: "x" }] }), FaultError);
  assert.throws(() => messagesCodec.decode([]), FaultError);
});

test("text, thoughts and calls come out as the SDK reads them, with the usage", async () => {
  const message = await streamed([
    { type: "stream-start", warnings: [] },
    { type: "reasoning-start", id: "0" },
    { type: "reasoning-delta", id: "0", delta: "I think" },
    {
      type: "reasoning-delta",
      id: "0",
      delta: "",
      providerMetadata: { anthropic: { signature: "c2ln" } },
    },
    { type: "reasoning-end", id: "0" },
    { type: "text-start", id: "0" },
    { type: "text-delta", id: "0", delta: "Hel" },
    { type: "text-delta", id: "0", delta: "lo" },
    { type: "text-end", id: "0" },
    { type: "tool-input-start", id: "t1", toolName: "look" },
    { type: "tool-input-delta", id: "t1", delta: '{"at"' },
    { type: "tool-input-delta", id: "t1", delta: ":1}" },
    { type: "tool-input-end", id: "t1" },
    { type: "tool-call", toolCallId: "t1", toolName: "look", input: '{"at":1}' },
    { type: "tool-call", toolCallId: "t:2", toolName: "hear", input: "{}" },
    finish("tool-calls"),
  ]);
  assert.equal(message.id, "msg_req_1");
  assert.equal(message.model, "lab/big");
  assert.deepEqual(message.content, [
    { type: "thinking", thinking: "I think", signature: "c2ln" },
    { type: "text", text: "Hello" },
    { type: "tool_use", id: "t1", name: "look", input: { at: 1 } },
    { type: "tool_use", id: "t_2", name: "hear", input: {} },
  ]);
  assert.equal(message.stop_reason, "tool_use");
  const { usage } = message;
  assert.deepEqual(
    [
      usage.input_tokens,
      usage.cache_read_input_tokens,
      usage.cache_creation_input_tokens,
      usage.output_tokens,
    ],
    [50, 40, 10, 20],
  );
});

test("calls that a model writes side by side are told one after the other, and none is lost", async () => {
  const message = await streamed([
    { type: "tool-input-start", id: "a", toolName: "look" },
    { type: "tool-input-delta", id: "a", delta: '{"x":' },
    { type: "tool-input-start", id: "b", toolName: "hear" },
    { type: "tool-input-delta", id: "b", delta: '{"y":2}' },
    { type: "tool-call", toolCallId: "b", toolName: "hear", input: '{"y":2}' },
    { type: "tool-input-delta", id: "a", delta: "1}" },
    { type: "tool-call", toolCallId: "a", toolName: "look", input: '{"x":1}' },
    { type: "text-delta", id: "0", delta: "end" },
    finish("stop"),
  ]);
  assert.deepEqual(message.content, [
    { type: "tool_use", id: "a", name: "look", input: { x: 1 } },
    { type: "tool_use", id: "b", name: "hear", input: { y: 2 } },
    { type: "text", text: "end" },
  ]);
  assert.equal(message.stop_reason, "tool_use", "a client must run what was asked for");
});

test("an answer without a word is a message all the same", async () => {
  const message = await streamed([{ type: "text-start", id: "0" }, finish("stop")]);
  assert.deepEqual(message.content, []);
  assert.equal(message.stop_reason, "end_turn");
});

test("what another provider needs back with a thought comes back to it through the client", async () => {
  const metadata = { openai: { itemId: "rs_1", reasoningEncryptedContent: "abc" } };
  const { content } = await streamed([
    { type: "reasoning-start", id: "r", providerMetadata: metadata },
    { type: "reasoning-end", id: "r" },
    { type: "text-delta", id: "t", delta: "x" },
    finish("stop"),
  ]);
  const { call } = decode({
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content },
    ],
  });
  assert.deepEqual(call.prompt[1]?.content, [
    { type: "reasoning", text: "", providerOptions: metadata },
    { type: "text", text: "x" },
  ]);
});

test("a call that its provider signed comes back to it with that signature, whole or streamed", async () => {
  const proof = { google: { thoughtSignature: "c2ln" } };
  const about = { toolName: "look", providerMetadata: { google: { ...proof.google, other: 1 } } };
  const call = { type: "tool-call" as const, toolCallId: "a", input: '{"x":1}', ...about };
  const parts = [{ type: "tool-input-start" as const, id: "a", ...about }, call];
  const plain = { ...call, toolCallId: "b", providerMetadata: {} };
  const last = finish("tool-calls");
  const messages = [await streamed([...parts, plain, last]), whole({ content: [call, plain] })];
  for (const { content } of messages) {
    const decoded = decode({ messages: [{ role: "assistant", content }] }).call.prompt[0];
    const bare = { type: "tool-call", toolName: "look", input: { x: 1 } };
    assert.deepEqual(decoded?.content, [
      { ...bare, toolCallId: "a", providerOptions: proof },
      { ...bare, toolCallId: "b" },
    ]);
  }
});

test("an own signature stays its provider's, a forged seal opens nothing", () => {
  const thought = (signature: string) => {
    const content = [{ type: "thinking", thinking: "x", signature }];
    const { call } = decode({ messages: [{ role: "assistant", content }] });
    const parts = call.prompt[0]?.content;
    return Array.isArray(parts) ? parts[0]?.providerOptions : null;
  };
  assert.deepEqual(thought("c2ln"), { anthropic: { signature: "c2ln" } });
  assert.equal(thought("fairlead.!!"), undefined);
  assert.equal(thought(`fairlead.${Buffer.from("[1]").toString("base64url")}`), undefined);
});

test("a whole answer is told as a message, with its reason and usage", () => {
  const message = whole({
    content: [
      { type: "reasoning", text: "hm", providerMetadata: { anthropic: { signature: "c2ln" } } },
      { type: "text", text: "Hello" },
      { type: "tool-call", toolCallId: "t1", toolName: "look", input: '{"at":1}' },
      { type: "tool-call", toolCallId: "t2", toolName: "look", input: "{broken" },
    ],
    finishReason: { unified: "tool-calls", raw: undefined },
  });
  assert.deepEqual(message.content, [
    { type: "thinking", thinking: "hm", signature: "c2ln" },
    { type: "text", text: "Hello" },
    { type: "tool_use", id: "t1", name: "look", input: { at: 1 } },
    { type: "tool_use", id: "t2", name: "look", input: { INVALID_JSON: "{broken" } },
  ]);
  assert.equal(message.stop_reason, "tool_use");
  assert.equal(message.usage.input_tokens, 50);
});

test("why a model stopped is told in the dialect's words", () => {
  const stopOf = (unified: "stop" | "length" | "content-filter" | "other", raw?: string) =>
    whole({ content: [], finishReason: { unified, raw } }).stop_reason;
  assert.equal(stopOf("stop"), "end_turn");
  assert.equal(stopOf("length"), "max_tokens");
  assert.equal(stopOf("content-filter"), "refusal");
  assert.equal(stopOf("other", "weird"), "end_turn");
  assert.equal(stopOf("length", "model_context_window_exceeded"), "model_context_window_exceeded");
});
