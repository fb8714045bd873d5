// Goal: the stations see a Messages request as they see any other, and nothing of it is read in two ways. Method:
// bodies as clients write them, through the reader of the dialect.

import assert from "node:assert/strict";
import { test } from "node:test";
import { messagesErrorBody } from "../../src/api/anthropic-fault.ts";
import { readMessagesRequest } from "../../src/api/anthropic-request.ts";
import { FaultError, makeFault, type FaultCode } from "../../src/turn/fault.ts";

const USER = { role: "user", content: "Find it." };

function read(about: object, url = "/v1/messages") {
  const body = Buffer.from(JSON.stringify({ model: "m", messages: [USER], ...about }));
  return readMessagesRequest({ body, headers: {}, url, depthMax: 64 });
}

function faultOf(about: object) {
  try {
    read(about);
  } catch (error) {
    assert.ok(error instanceof FaultError);
    return error.fault;
  }
  throw new Error("the request was read");
}

test("the system prompt is the first message, without what changes with every request", () => {
  const system = [
    { type: "text", text: "x-anthropic-billing-header: cch=1a2b;" },
    { type: "text", text: "You are.", cache_control: { type: "ephemeral" } },
  ];
  const { transcript } = read({ system });
  assert.equal(transcript.count, 2);
  assert.deepEqual(transcript.read(0), {
    role: "system",
    text: "You are.",
    calls: [],
    results: [],
  });
  assert.equal(transcript.read(1).text, "Find it.");
  assert.equal(read({}).transcript.count, 1);
  assert.throws(() => transcript.read(2), RangeError);
});

test("calls and results are told with their ids, arguments and errors, thoughts are not", () => {
  const messages = [
    USER,
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "secret", signature: "c2ln" },
        { type: "text", text: "I look." },
        { type: "tool_use", id: "toolu_1", name: "look", input: { at: [1] } },
      ],
    },
    {
      role: "user",
      content: [
        {
          type: "tool_result",
          tool_use_id: "toolu_1",
          is_error: true,
          content: [{ type: "text", text: "no" }, { type: "image" }],
        },
      ],
    },
    { role: "system", content: "be brief" },
  ];
  const { transcript } = read({ messages });
  const asked = transcript.read(1);
  assert.deepEqual([asked.role, asked.text], ["assistant", "I look."]);
  assert.deepEqual(asked.calls, [{ id: "toolu_1", name: "look", arguments: '{"at":[1]}' }]);
  const answered = transcript.read(2);
  assert.equal(answered.role, "tool");
  assert.deepEqual(answered.results, [{ callId: "toolu_1", text: "no\n[image]", isError: true }]);
  assert.equal(transcript.read(3).role, "system");
});

test("a person's words beside results are told as the user's", () => {
  const content = [
    { type: "tool_result", tool_use_id: "t", content: "x" },
    { type: "text", text: "Stop that." },
  ];
  const message = read({ messages: [{ role: "user", content }] }).transcript.read(0);
  assert.deepEqual([message.role, message.text], ["user", "Stop that."]);
  assert.equal(message.results.length, 1);
});

test("what a request needs of a model is read from it", () => {
  const plain = read({});
  assert.deepEqual(
    [plain.stream, plain.hasTools, plain.demandsShape, plain.wantsJson, plain.hasImages],
    [false, false, false, false, false],
  );
  assert.equal(read({ stream: true }).stream, true);
  assert.equal(read({ tools: [{ name: "look" }] }).hasTools, true);
  assert.equal(read({ tools: [] }).hasTools, false);
  assert.equal(read({ tool_choice: { type: "any" } }).demandsShape, true);
  assert.equal(read({ tool_choice: { type: "auto" } }).demandsShape, false);
  const format = { type: "json_schema", schema: {} };
  assert.equal(read({ output_config: { format } }).wantsJson, true);
  const image = { type: "image", source: { type: "url", url: "https://x.test/a.png" } };
  assert.equal(read({ messages: [{ role: "user", content: [image] }] }).hasImages, true);
  const input = { type: "tool_use", id: "t", name: "copy", input: { source: "a" } };
  const called = [USER, { role: "assistant", content: [input] }];
  assert.equal(read({ messages: called }).hasImages, false);
});

test("the query goes along, as long as it is one", () => {
  assert.equal(read({}, "/v1/messages?beta=true").search, "?beta=true");
  assert.equal(read({}, "/v1/messages").search, "");
  assert.equal(read({}, `/v1/messages?${"x".repeat(600)}`).search, "");
});

test("a message thread is refused in the words that make clients send everything", () => {
  for (const thread of [{ type: "create" }, { type: "continue", previous_message_id: "msg_1" }]) {
    const fault = faultOf({ thread });
    assert.deepEqual([fault.status, fault.code], [400, "thread_unsupported_request"]);
    const { error } = JSON.parse(messagesErrorBody(fault, "req_1"));
    assert.equal(error.details.error_code, "thread_unsupported_request");
    assert.deepEqual(error.details.unsupported, ["thread"]);
  }
  assert.equal(read({ thread: null }).model, "m");
});

test("a field that only looks like another one is refused", () => {
  assert.equal(faultOf({ Model: "other" }).code, "duplicate_field");
  assert.equal(faultOf({ "me\u017f\u017fages": [] }).code, "duplicate_field");
});

test("what cannot be a request is told with the field to change", () => {
  assert.equal(faultOf({ model: "" }).param, "model");
  assert.equal(faultOf({ messages: [] }).param, "messages");
  assert.equal(faultOf({ messages: "x" }).param, "messages");
  assert.equal(faultOf({ stream: "yes" }).param, "stream");
});

test("a fault has the dialect's name for its kind, and our own code", () => {
  const rows: readonly (readonly [FaultCode, string])[] = [
    ["invalid_request", "invalid_request_error"],
    ["unsupported_media_type", "invalid_request_error"],
    ["invalid_api_key", "authentication_error"],
    ["upstream_billing", "billing_error"],
    ["conversation_ended", "permission_error"],
    ["model_not_found", "not_found_error"],
    ["body_too_large", "request_too_large"],
    ["upstream_rate_limited", "rate_limit_error"],
    ["upstream_overloaded", "overloaded_error"],
    // Not "overloaded": a client would go to another model of its own choice.
    ["pinned_model_unavailable", "api_error"],
    ["internal", "api_error"],
    ["upstream_timeout", "timeout_error"],
  ];
  for (const [code, type] of rows) {
    const body = JSON.parse(messagesErrorBody(makeFault(code, "why"), "req_1"));
    assert.deepEqual(body, {
      type: "error",
      error: { type, message: "why", details: { error_code: code } },
      request_id: "req_1",
    });
  }
});
