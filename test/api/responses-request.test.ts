// Goal: a Responses request is read for what it is, and what goes upstream is the client's own bytes but for what the
// gateway must change. Method: bodies as clients write them, read and spliced without a gateway.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readResponsesRequest } from "../../src/api/responses-request.ts";
import { sealThought } from "../../src/api/anthropic-seal.ts";
import { readEntries } from "../../src/conversation/rounds.ts";
import { FaultError } from "../../src/turn/fault.ts";
import type { BodyInsertion } from "../../src/turn/turn-request.ts";
import type { Json } from "../support/gateway.ts";

function read(body: Json) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const bytes = Buffer.from(text);
  return readResponsesRequest({ body: bytes, headers: {}, url: "/v1/responses", depthMax: 64 });
}

function refused(body: Json): string {
  try {
    read(body);
  } catch (error) {
    assert.ok(error instanceof FaultError);
    return `${error.fault.code} ${error.fault.param}`;
  }
  return assert.fail("the body was taken");
}

function sent(body: Json, insertions: readonly BodyInsertion[] = [], model = "m"): Json {
  const relayed = read(body).relayBody({ model, insertions, askForUsage: true });
  return JSON.parse(relayed.toString());
}

const user = (content: Json) => ({ role: "user", content });
const call = (id: string, q = 1) => ({
  type: "function_call",
  id: `fc_${id}`,
  call_id: id,
  name: "look",
  arguments: JSON.stringify({ q }),
});
const output = (id: string, value: Json = "nothing") => ({
  type: "function_call_output",
  call_id: id,
  output: value,
});
const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "abc" };
const say = (text: string) => ({
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text }],
});

test("parallel calls are one round, whatever stands between them, and keep their places", () => {
  const input = [
    user("Look."),
    reasoning,
    say("I look twice."),
    call("a"),
    reasoning,
    call("b", 2),
    output("a", "one"),
    output("b", [{ type: "input_text", text: "two" }]),
  ];
  const { transcript } = read({ model: "m", instructions: "Be brief.", input });
  assert.equal(transcript.count, 1 + input.length);
  assert.deepEqual(transcript.read(0).role, "system");
  const answer = transcript.read(6);
  assert.equal(answer.role, "assistant");
  assert.equal(answer.text, "I look twice.");
  assert.deepEqual(
    answer.calls.map(({ id }) => id),
    ["a", "b"],
  );
  const entries = readEntries(transcript, 1);
  assert.equal(entries.length, 1);
  assert.deepEqual(
    entries[0]?.answered.map(({ call: asked, result }) => [asked.arguments, result.text]),
    [
      ['{"q":1}', "one"],
      ['{"q":2}', "two"],
    ],
  );
});

test("every item has a face of its own, so that a history that was changed is seen to be", () => {
  const { transcript } = read({
    model: "m",
    input: [user("x"), call("a"), call("b"), output("a")],
  });
  const faces = [0, 1, 2, 3].map((index) => JSON.stringify(transcript.read(index)));
  assert.equal(new Set(faces).size, 4);
});

test("results of built-in tools count like those of functions, two screenshots never as one", () => {
  const shot = (image: string) => ({
    type: "computer_call_output",
    call_id: "c",
    output: { type: "computer_screenshot", image_url: `data:image/png;base64,${image}` },
  });
  const input = [
    user("x"),
    { type: "local_shell_call", call_id: "s", action: { type: "exec", command: ["ls"] } },
    { type: "local_shell_call_output", id: "s", output: "a.txt" },
    { type: "custom_tool_call", call_id: "p", name: "patch", input: "*** not JSON" },
    { type: "custom_tool_call_output", call_id: "p", output: "ok" },
    {
      type: "mcp_call",
      id: "m",
      name: "find",
      server_label: "docs",
      arguments: "{}",
      error: "down",
    },
    {
      type: "shell_call_output",
      call_id: "h",
      output: [{ stdout: "", stderr: "no", outcome: { type: "exit", exit_code: 1 } }],
    },
    shot("one"),
    shot("two"),
  ];
  const { transcript } = read({ model: "m", input });
  const shell = transcript.read(1).calls[0];
  assert.deepEqual([shell?.name, shell?.id], ["local_shell", "s"]);
  assert.match(shell?.arguments ?? "", /"command":\["ls"\]/);
  assert.equal(transcript.read(3).calls[0]?.arguments, '{"input":"*** not JSON"}');
  const mcp = transcript.read(5);
  assert.equal(mcp.calls[0]?.name, "docs.find");
  assert.deepEqual(mcp.results[0], { callId: "m", text: "down", isError: true });
  assert.equal(transcript.read(6).results[0]?.isError, true);
  assert.notEqual(transcript.read(7).results[0]?.text, transcript.read(8).results[0]?.text);
});

test("an input that is a text is one message of the user's", () => {
  const { transcript } = read({ model: "m", input: "Hello" });
  assert.equal(transcript.count, 1);
  assert.deepEqual(transcript.read(0), { role: "user", text: "Hello", calls: [], results: [] });
});

test("who asks, what is asked for and what is kept are read from the body", () => {
  const body = { model: "m", input: "x", prompt_cache_key: "k", user: "u" };
  const { identity, keepsState, needsOwnDialect } = read({
    ...body,
    conversation: { id: "conv_1" },
  });
  assert.deepEqual(
    [identity.conversation, identity.promptCacheKey, identity.user],
    ["conv_1", "k", "u"],
  );
  assert.deepEqual([keepsState, needsOwnDialect], [true, true]);
  assert.equal(read({ ...body, store: false }).keepsState, false);
  assert.equal(read({ ...body, previous_response_id: "resp_1" }).identity.previousAnswer, "resp_1");
  const references = [{ type: "item_reference", id: "msg_1" }];
  assert.equal(read({ model: "m", input: references }).needsOwnDialect, true);
  const condensed = [{ type: "compaction", encrypted_content: "x" }, user("On.")];
  assert.equal(read({ model: "m", input: condensed }).needsOwnDialect, true);
  assert.equal(read({ model: "m", input: "item_reference" }).needsOwnDialect, false);
  const format = { type: "json_schema", name: "n", schema: {} };
  assert.equal(read({ ...body, text: { format } }).demandsShape, true);
  assert.equal(read({ ...body, tool_choice: "required" }).demandsShape, true);
  const allowed = { type: "allowed_tools", mode: "auto", tools: [] };
  assert.equal(read({ ...body, tool_choice: allowed }).demandsShape, false);
  const image = [user([{ type: "input_image", image_url: "data:," }])];
  assert.equal(read({ model: "m", input: image }).hasImages, true);
});

test("what cannot be served is refused with the field that is at fault", () => {
  assert.equal(refused({ model: "m" }), "invalid_request input");
  assert.equal(refused({ model: "m", input: [] }), "invalid_request input");
  assert.equal(refused({ input: "x" }), "invalid_request model");
  assert.equal(refused({ model: "m", input: "x", stream: "yes" }), "invalid_request stream");
  assert.equal(refused({ model: "m", input: "x", background: true }), "invalid_request background");
  assert.equal(refused({ model: "m", Model: "n", input: "x" }), "duplicate_field model");
  assert.equal(refused('{"model":"m","model":"n","input":"x"}'), "duplicate_field model");
  assert.equal(read({ model: "m", previous_response_id: "resp_1" }).transcript.count, 1);
});

test("a body goes upstream as it came, but for the model and what is the gateway's", () => {
  const odd = '{ "model" : "m","x-routing-hints":{},  "input":[ {"role":"user","content":"ü"} ],';
  const body = `${odd}"tools":[{"type":"custom","name":"p"}], "include":["reasoning.encrypted_content"]}`;
  const relayed = read(body).relayBody({ model: "other", insertions: [], askForUsage: true });
  const expected = body.replace('"m"', '"other"').replace('"x-routing-hints":{},  ', "");
  assert.equal(relayed.toString(), expected);
});

const note = (index: number, place: BodyInsertion["place"]): BodyInsertion => ({
  index,
  place,
  text: "[note]",
});

test("a note stands behind the item it follows, in the form its place asks for", () => {
  const input = [user("x"), call("a"), output("a")];
  const body = { model: "m", instructions: "Be brief.", input };
  const said = (role: string) => ({
    type: "message",
    role,
    content: [{ type: "input_text", text: "[note]" }],
  });
  // The instructions are the message at index 0.
  assert.deepEqual(sent(body, [note(3, "late-system")]).input, [...input, said("developer")]);
  assert.deepEqual(sent(body, [note(3, "user-after-tool")]).input, [...input, said("user")]);
  assert.deepEqual(sent(body, [note(3, "tool-result-tail")]).input, [
    ...input.slice(0, 2),
    output("a", "nothing\n\n[note]"),
  ]);
  const parts = [user("x"), call("a"), output("a", [{ type: "input_text", text: "n" }])];
  assert.deepEqual(
    sent({ model: "m", input: parts }, [note(2, "tool-result-tail")]).input[2].output,
    [
      { type: "input_text", text: "n" },
      { type: "input_text", text: "[note]" },
    ],
  );
  const later = [...input, say("ok"), user("y")];
  const again = sent({ ...body, input: later }, [note(3, "user-after-tool")]).input;
  assert.deepEqual(again, [...input, said("user"), ...later.slice(3)]);
});

test("a string stays a string, and an input that is missing becomes the note", () => {
  assert.equal(sent({ model: "m", input: "Hi" }, [note(0, "late-system")]).input, "Hi\n\n[note]");
  const delta = { model: "m", previous_response_id: "resp_1" };
  assert.equal(sent(delta, [note(0, "late-system")]).input, "[note]");
});

test("a thought sealed here never reaches a provider of this dialect, its own ones do", () => {
  const sealed = {
    ...reasoning,
    encrypted_content: sealThought({ anthropic: { signature: "s" } }),
  };
  const input = [user("x"), sealed, call("a"), output("a"), reasoning, say("ok"), sealed];
  const body = { model: "m", input };
  assert.deepEqual(
    sent(body).input,
    input.filter((item) => item !== sealed),
  );
  const kept = read(body).relayBody({
    model: "m",
    insertions: [],
    askForUsage: false,
    forTranslation: true,
  });
  assert.deepEqual(JSON.parse(kept.toString()), body);
});

test("no input makes reading its items throw", () => {
  const item = fc.oneof(
    fc.jsonValue(),
    fc.record({
      type: fc.constantFrom("message", "function_call", "reasoning", "mcp_call", "x_call_output"),
      role: fc.constantFrom("user", "assistant", undefined, 7),
      content: fc.jsonValue(),
      output: fc.jsonValue(),
      arguments: fc.jsonValue(),
    }),
  );
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 12 }), (input) => {
      const { transcript } = read({ model: "m", input });
      assert.equal(transcript.count, input.length);
      for (let index = 0; index < transcript.count; index += 1) transcript.read(index);
      readEntries(transcript, 0);
    }),
  );
});
