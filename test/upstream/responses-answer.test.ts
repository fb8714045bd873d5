// Goal: what an answer of the Responses dialect says of itself is read right, however its server writes it.
// Method: the scripted provider's own events, and events as other servers write them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createResponsesReader } from "../../src/upstream/responses-answer.ts";
import type { Json } from "../support/gateway.ts";

const event = (data: Json, named = true): Buffer =>
  Buffer.from(`${named ? `event: ${data.type}\n` : ""}data: ${JSON.stringify(data)}\n\n`);

const MESSAGE = { id: "msg_1", type: "message", role: "assistant", content: [] };
const CALL = { id: "fc_1", type: "function_call", call_id: "c", name: "look", arguments: "{}" };
const USAGE = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 40, cache_write_tokens: 10 },
  output_tokens: 20,
  output_tokens_details: { reasoning_tokens: 8 },
};
const created = { type: "response.created", response: { id: "resp_1", status: "in_progress" } };
const added = (item: Json, index = 0) => ({
  type: "response.output_item.added",
  output_index: index,
  item,
});
const delta = (text: string) => ({
  type: "response.output_text.delta",
  item_id: "msg_1",
  delta: text,
});
const ended = (output: Json, about: Json = {}) => ({
  type: `response.${about.status ?? "completed"}`,
  response: { id: "resp_1", status: "completed", output, usage: USAGE, ...about },
});

for (const named of [true, false]) {
  test(`an answer is read to its end, ${named ? "with names of events" : "without"}`, () => {
    const reader = createResponsesReader();
    const said = { ...MESSAGE, content: [{ type: "output_text", text: "Hello." }] };
    const kinds = [
      created,
      { type: "keepalive" },
      added(MESSAGE),
      delta("Hel"),
      delta("lo."),
      added(CALL, 1),
      ended([said, CALL]),
    ].map((data) => reader.readEvent(event(data, named)));
    assert.deepEqual(kinds, [
      "preamble",
      "preamble",
      "preamble",
      "content",
      "content",
      "content",
      "terminal",
    ]);
    const { usage, finish, toolCalls, said: kept } = reader.summary();
    assert.deepEqual(usage, {
      inputTokens: 100,
      outputTokens: 20,
      cacheReadTokens: 40,
      cacheWriteTokens: 10,
      reasoningTokens: 8,
    });
    assert.deepEqual([finish, toolCalls], ["completed", ["look"]]);
    const calls = [{ id: "c", name: "look", arguments: "{}" }];
    assert.deepEqual(kept, { id: "resp_1", calls, text: "Hello." });
  });
}

test("failures are errors, and an end without an answer is hollow", () => {
  const kindOf = (...events: readonly Json[]): string | undefined => {
    const reader = createResponsesReader();
    return events.map((data) => reader.readEvent(event(data))).at(-1);
  };
  assert.equal(kindOf(created, { type: "response.failed", response: {} }), "error");
  assert.equal(kindOf(created, { type: "error", message: "no" }), "error");
  assert.equal(kindOf(created, ended([])), "hollow");
  assert.equal(kindOf(created, ended([CALL])), "terminal");
  const limit = { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
  assert.equal(kindOf(created, added(CALL), ended([CALL], limit)), "terminal");
});

test("a whole answer is read alike, and one that failed is none", () => {
  const body = (about: Json) => Buffer.from(JSON.stringify({ object: "response", ...about }));
  const reader = createResponsesReader();
  assert.equal(reader.readJson(body(ended([CALL]).response)), true);
  assert.deepEqual(reader.summary().toolCalls, ["look"]);
  assert.equal(createResponsesReader().readJson(body({ status: "failed", output: [] })), false);
  assert.equal(createResponsesReader().readJson(body({})), false);
  assert.equal(createResponsesReader().readJson(Buffer.from("[]")), false);
});

test("an answer that is cut ends as its own upstream would have ended it", () => {
  let wants = false;
  const heard: string[] = [];
  const watch = { add: (text: string) => void heard.push(text), wantsCut: () => wants };
  const reader = createResponsesReader(watch);
  const thought = { id: "rs_1", type: "reasoning", summary: [] };
  const events: Json[] = [
    created,
    added(thought),
    { type: "response.output_item.done", output_index: 0, item: thought },
    added(MESSAGE, 1),
    { ...delta("Again "), output_index: 1, content_index: 0, sequence_number: 41 },
  ];
  for (const data of events) reader.readEvent(event(data));
  assert.equal(reader.cut(), null);
  wants = true;
  const last = { ...delta("and again."), output_index: 1, content_index: 0, sequence_number: 42 };
  reader.readEvent(event(last));
  const end = reader.cut();
  assert.ok(end !== null);
  const written = end({
    inputTokens: 5,
    outputTokens: 7,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  });
  const told: Json[] = written
    .toString()
    .split("\n\n")
    .filter((text) => text !== "")
    .map((text) => JSON.parse(text.slice(text.indexOf("data: ") + "data: ".length)));
  assert.deepEqual(
    told.map(({ type, sequence_number: number }) => [type, number]),
    [
      ["response.output_text.done", 43],
      ["response.content_part.done", 44],
      ["response.output_item.done", 45],
      ["response.incomplete", 46],
    ],
  );
  const { response } = told.at(-1);
  assert.equal(response.id, "resp_1");
  assert.equal(response.output[0].id, "rs_1");
  assert.equal(response.output[1].content[0].text, "Again and again.");
  assert.equal(response.usage.output_tokens, 7);
  assert.equal(heard.join(""), "Again and again.");
  reader.readEvent(event(added(CALL, 2)));
  assert.equal(reader.cut(), null, "an answer that has begun a call is not cut");
});
