// Goal: answers of the Messages dialect are understood event by event, and priced by all they tell. Method: the reader
// alone, fed with events as providers write them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createMessagesReader } from "../../src/upstream/messages-answer.ts";
import type { TextWatch } from "../../src/upstream/dialect.ts";

function event(fields: { readonly type: string; readonly [name: string]: unknown }): Buffer {
  return Buffer.from(`event: ${fields.type}\ndata: ${JSON.stringify(fields)}\n\n`);
}

function blockStart(block: object, index = 0): Buffer {
  return event({ type: "content_block_start", index, content_block: block });
}

function blockDelta(delta: object, index = 0): Buffer {
  return event({ type: "content_block_delta", index, delta });
}

const START = event({
  type: "message_start",
  message: {
    usage: {
      input_tokens: 50,
      cache_read_input_tokens: 40,
      cache_creation_input_tokens: 10,
      cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 7 },
      output_tokens: 1,
    },
  },
});
const TEXT = blockStart({ type: "text", text: "" });
const WORDS = blockDelta({ type: "text_delta", text: "Hello" });
const BLOCK_STOP = event({ type: "content_block_stop", index: 0 });
const END = event({
  type: "message_delta",
  delta: { stop_reason: "end_turn" },
  usage: { output_tokens: 20, output_tokens_details: { thinking_tokens: 8 } },
});
const STOP = event({ type: "message_stop" });
const PING = event({ type: "ping" });

test("nothing counts as begun before the first word, and only message_stop as the end", () => {
  const reader = createMessagesReader();
  const events = [START, PING, TEXT, WORDS, PING, BLOCK_STOP, END, STOP];
  assert.deepEqual(
    events.map((raw) => reader.readEvent(raw)),
    ["preamble", "preamble", "preamble", "content", "content", "content", "content", "terminal"],
  );
  assert.equal(reader.finished(), false, "without its last event an answer is cut");
  assert.deepEqual(reader.summary(), {
    usage: {
      inputTokens: 100,
      outputTokens: 20,
      cacheReadTokens: 40,
      cacheWriteTokens: 10,
      cacheWriteHourTokens: 7,
      reasoningTokens: 8,
    },
    finish: "end_turn",
    toolCalls: [],
    pieces: 2,
  });
});

test("thoughts, calls and an answer without words are answers that have begun", () => {
  for (const first of [
    blockStart({ type: "thinking", thinking: "", signature: "" }),
    blockStart({ type: "tool_use", id: "t", name: "look", input: {} }),
    END,
  ]) {
    const reader = createMessagesReader();
    assert.equal(reader.readEvent(START), "preamble");
    assert.equal(reader.readEvent(first), "content");
    assert.equal(reader.readEvent(STOP), "terminal");
  }
});

test("an end before anything came is no answer", () => {
  const reader = createMessagesReader();
  reader.readEvent(START);
  assert.equal(reader.readEvent(STOP), "hollow");
});

test("an error is one with its name and without, and so is what cannot be read", () => {
  const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
  assert.equal(createMessagesReader().readEvent(event(error)), "error");
  const unnamed = Buffer.from(`data: ${JSON.stringify(error)}\n\n`);
  assert.equal(createMessagesReader().readEvent(unnamed), "error");
  assert.equal(createMessagesReader().readEvent(Buffer.from("data: {broken\n\n")), "error");
});

test("kinds of events that are not known yet are passed on", () => {
  const reader = createMessagesReader();
  const unknown = event({ type: "something_new", data: 1 });
  assert.equal(reader.readEvent(unknown), "preamble");
  reader.readEvent(WORDS);
  assert.equal(reader.readEvent(unknown), "content");
  assert.equal(reader.readEvent(Buffer.from(": a comment\n\n")), "content");
});

test("the tools an answer asks for are told, the provider's own are not", () => {
  const reader = createMessagesReader();
  reader.readEvent(START);
  reader.readEvent(blockStart({ type: "server_tool_use", id: "s", name: "web_search", input: {} }));
  reader.readEvent(blockStart({ type: "tool_use", id: "t", name: "look", input: {} }, 1));
  assert.deepEqual(reader.summary().toolCalls, ["look"]);
});

test("what condensing the history cost is counted on top", () => {
  const reader = createMessagesReader();
  const iterations = [
    { type: "compaction", input_tokens: 1_000, output_tokens: 100 },
    { type: "message", input_tokens: 50, output_tokens: 20 },
  ];
  const usage = { input_tokens: 50, output_tokens: 20, iterations };
  const answer = { type: "message", content: [], stop_reason: "end_turn", usage };
  assert.equal(reader.readJson(Buffer.from(JSON.stringify(answer))), true);
  const told = reader.summary().usage;
  assert.deepEqual([told?.inputTokens, told?.outputTokens], [1_050, 120]);
});

test("a whole answer must be a message", () => {
  for (const other of [{ type: "error", error: {} }, { content: [] }, [], "x"]) {
    const body = Buffer.from(JSON.stringify(other));
    assert.equal(createMessagesReader().readJson(body), false);
  }
});

/** Wants every answer cut as soon as it has seen a word. */
function impatient(): TextWatch & { readonly seen: () => string } {
  let text = "";
  return {
    add: (words) => {
      text += words;
    },
    wantsCut: () => text !== "",
    seen: () => text,
  };
}

test("an answer is cut behind a piece of text, with an end that says so", () => {
  const watch = impatient();
  const reader = createMessagesReader(watch);
  for (const raw of [START, TEXT]) {
    reader.readEvent(raw);
    assert.equal(reader.cut(), null);
  }
  reader.readEvent(WORDS);
  const end =
    reader
      .cut()?.({ ...NOTHING, outputTokens: 5 })
      .toString() ?? "";
  assert.match(end, /^event: content_block_stop\n.*"index":0/);
  assert.match(end, /"stop_reason":"max_tokens".*"output_tokens":5/);
  assert.match(end, /event: message_stop\ndata: \{"type":"message_stop"\}\n\n$/);
});

const NOTHING = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};

test("neither a thought nor an answer that calls a tool is ever cut", () => {
  const watch = impatient();
  const reader = createMessagesReader(watch);
  reader.readEvent(START);
  reader.readEvent(blockStart({ type: "thinking", thinking: "", signature: "" }));
  reader.readEvent(blockDelta({ type: "thinking_delta", thinking: "again and again" }));
  assert.equal(reader.cut(), null);
  assert.equal(watch.seen(), "again and again", "it is watched all the same");
  const calling = createMessagesReader(impatient());
  calling.readEvent(START);
  calling.readEvent(blockStart({ type: "tool_use", id: "t", name: "look", input: {} }));
  calling.readEvent(blockStart({ type: "text", text: "" }, 1));
  calling.readEvent(blockDelta({ type: "text_delta", text: "words" }, 1));
  assert.equal(calling.cut(), null);
});
