// Goal: a Responses request loses nothing in silence when another dialect's model answers it, and the answer is one
// that its clients can send back. Method: the codec alone, without a gateway.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CanonicalPart, CanonicalResult } from "../../src/turn/canonical.ts";
import { FaultError } from "../../src/turn/fault.ts";
import type { NamedTool } from "../../src/api/codec.ts";
import { responsesCodec } from "../../src/api/responses-codec.ts";
import type { Json } from "../support/gateway.ts";

function decode(body: Json) {
  return responsesCodec.decode({ model: "m", input: "x", ...body });
}

function refused(body: Json): string {
  try {
    decode(body);
  } catch (error) {
    assert.ok(error instanceof FaultError);
    return error.fault.code;
  }
  return assert.fail("the body was taken");
}

const CUSTOM: NamedTool = { type: "custom", name: "patch", namespace: null };
const SPAWN: NamedTool = { type: "function", name: "spawn", namespace: "agents" };

function encoder(renamedTools: ReadonlyMap<string, NamedTool> = new Map()) {
  const identity = { requestId: "req_1", model: "m-1", created: 1_700_000_000, wantsUsage: true };
  return responsesCodec.createEncoder({ ...identity, renamedTools });
}

/** The events of a stream that tells these parts. */
function eventsOf(
  parts: readonly CanonicalPart[],
  renamed?: ReadonlyMap<string, NamedTool>,
): Json[] {
  const writer = encoder(renamed);
  const written =
    parts.map((part) => writer.part(part)).join("") + writer.end() + writer.terminal();
  return written
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => {
      const [name, data] = event.split("\n");
      const parsed: Json = JSON.parse((data ?? "").slice("data: ".length));
      assert.equal(name, `event: ${parsed.type}`);
      return parsed;
    });
}

const USAGE = {
  inputTokens: { total: 30, noCache: 20, cacheRead: 10, cacheWrite: undefined },
  outputTokens: { total: 9, text: 5, reasoning: 4 },
};
const STOP = { unified: "stop" as const, raw: undefined };
const FINISH: CanonicalPart = { type: "finish", finishReason: STOP, usage: USAGE };

test("what the model made in one answer is one message, and so are results side by side", () => {
  const { call, warnings } = decode({
    instructions: "Be brief.",
    input: [
      { role: "developer", content: "Careful." },
      { role: "user", content: [{ type: "input_text", text: "Look." }] },
      { role: "assistant", content: [{ type: "output_text", text: "I look." }] },
      { type: "function_call", call_id: "a", name: "look", arguments: '{"q":1}' },
      { type: "custom_tool_call", call_id: "b", name: "patch", input: "+x" },
      { type: "function_call_output", call_id: "a", output: "one" },
      { type: "custom_tool_call_output", call_id: "b", output: "two" },
    ],
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    call.prompt.map(({ role }) => role),
    ["system", "system", "user", "assistant", "tool"],
  );
  const [, , , answer, results] = call.prompt;
  assert.deepEqual(answer?.content, [
    { type: "text", text: "I look." },
    { type: "tool-call", toolCallId: "a", toolName: "look", input: { q: 1 } },
    { type: "tool-call", toolCallId: "b", toolName: "patch", input: { input: "+x" } },
  ]);
  assert.deepEqual(
    Array.isArray(results?.content)
      ? results.content.map((part) => "toolName" in part && part.toolName)
      : [],
    ["look", "patch"],
  );
});

test("what cannot be carried is named, and what only another provider keeps is refused", () => {
  const { warnings } = decode({
    max_tool_calls: 3,
    truncation: "disabled",
    tools: [{ type: "web_search" }, { type: "function", name: "f", parameters: {} }],
    input: [
      { type: "web_search_call", id: "ws_1", status: "completed" },
      { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "of another provider" },
      { role: "user", content: "x" },
    ],
  });
  assert.equal(warnings.length, 4);
  assert.match(
    warnings.join("\n"),
    /`max_tool_calls`[^]*web_search[^]*web_search_call[^]*Reasoning/,
  );
  assert.equal(refused({ previous_response_id: "resp_1" }), "previous_response_not_found");
  assert.equal(refused({ conversation: "conv_1" }), "invalid_request");
  assert.equal(refused({ prompt: { id: "pmpt_1" } }), "invalid_request");
  assert.equal(refused({ input: [{ role: "nobody", content: "x" }] }), "invalid_request");
  const file = { role: "user", content: [{ type: "input_image", file_id: "file_1" }] };
  assert.equal(refused({ input: [file] }), "invalid_request");
});

test("settings, formats and tools come as every model knows them", () => {
  const { call, renamedTools } = decode({
    temperature: 0.5,
    max_output_tokens: 100,
    reasoning: { effort: "high", summary: "auto" },
    parallel_tool_calls: false,
    text: { format: { type: "json_schema", name: "n", schema: { type: "object" }, strict: true } },
    tool_choice: { type: "function", name: "look" },
    tools: [
      { type: "function", name: "look", parameters: { type: "object" }, strict: true },
      { type: "custom", name: "patch", description: "Patches." },
      { type: "namespace", name: "agents", tools: [{ type: "function", name: "spawn" }] },
    ],
  });
  assert.deepEqual([call.temperature, call.maxOutputTokens, call.reasoning], [0.5, 100, "high"]);
  assert.equal(call.responseFormat?.type, "json");
  assert.deepEqual(call.toolChoice, { type: "tool", toolName: "look" });
  assert.deepEqual(
    call.tools?.map(({ name }) => name),
    ["look", "patch", "agents__spawn"],
  );
  assert.deepEqual(renamedTools?.get("agents__spawn"), SPAWN);
  assert.deepEqual(renamedTools?.get("patch"), CUSTOM);
});

test("a stream builds up what its last event holds, numbered without a gap", () => {
  const parts: CanonicalPart[] = [
    { type: "stream-start", warnings: [] },
    { type: "reasoning-start", id: "r" },
    { type: "reasoning-delta", id: "r", delta: "Hm." },
    { type: "reasoning-end", id: "r", providerMetadata: { anthropic: { signature: "s" } } },
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "Hel" },
    { type: "text-delta", id: "t", delta: "lo." },
    { type: "text-end", id: "t" },
    { type: "tool-input-start", id: "c", toolName: "look" },
    { type: "tool-input-start", id: "d", toolName: "patch" },
    { type: "tool-input-delta", id: "c", delta: '{"q"' },
    { type: "tool-input-delta", id: "d", delta: '{"input":"+x"}' },
    { type: "tool-input-delta", id: "c", delta: ":1}" },
    { type: "tool-call", toolCallId: "c", toolName: "look", input: '{"q":1}' },
    { type: "tool-call", toolCallId: "d", toolName: "patch", input: '{"input":"+x"}' },
    { type: "tool-call", toolCallId: "e", toolName: "agents__spawn", input: "" },
    FINISH,
  ];
  const renamed = new Map([
    ["patch", CUSTOM],
    ["agents__spawn", SPAWN],
  ]);
  const events = eventsOf(parts, renamed);
  assert.deepEqual(
    events.map(({ sequence_number: number }) => number),
    [...events.keys()],
  );
  assert.equal(events[0].type, "response.created");
  const { response } = events.at(-1);
  assert.equal(response.status, "completed");
  const done = events.filter(({ type }) => type === "response.output_item.done");
  const byPlace = done.toSorted((left, right) => left.output_index - right.output_index);
  assert.deepEqual(
    byPlace.map(({ item }) => item),
    response.output,
  );
  const [thought, message, look, patch, spawn] = response.output;
  assert.equal(thought.summary[0].text, "Hm.");
  assert.match(thought.encrypted_content, /^fairlead\./);
  assert.equal(message.content[0].text, "Hello.");
  assert.deepEqual([look.name, look.arguments, look.call_id], ["look", '{"q":1}', "c"]);
  assert.deepEqual([patch.type, patch.input], ["custom_tool_call", "+x"]);
  assert.deepEqual([spawn.name, spawn.namespace, spawn.arguments], ["spawn", "agents", "{}"]);
  const pieces = events.filter(({ type }) => type === "response.function_call_arguments.delta");
  assert.equal(pieces.map(({ delta }) => delta).join(""), '{"q":1}');
  assert.deepEqual(
    [response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens],
    [30, 10],
  );
});

test("a whole answer is what its stream would have built up", () => {
  const content: CanonicalResult["content"] = [
    { type: "reasoning", text: "Hm." },
    { type: "text", text: "Hello." },
    { type: "tool-call", toolCallId: "c", toolName: "patch", input: '{"input":"+x"}' },
  ];
  const renamed = new Map([["patch", CUSTOM]]);
  const result = { content, finishReason: STOP, usage: USAGE, warnings: [] };
  const whole: Json = JSON.parse(encoder(renamed).json(result));
  const events = eventsOf(
    [
      { type: "reasoning-start", id: "r" },
      { type: "reasoning-delta", id: "r", delta: "Hm." },
      { type: "reasoning-end", id: "r" },
      { type: "text-start", id: "t" },
      { type: "text-delta", id: "t", delta: "Hello." },
      { type: "text-end", id: "t" },
      { type: "tool-call", toolCallId: "c", toolName: "patch", input: '{"input":"+x"}' },
      FINISH,
    ],
    renamed,
  );
  assert.deepEqual(whole, events.at(-1).response);
});

test("an answer that was ended here closes what it had begun, and says why", () => {
  const events = eventsOf([
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "Half" },
    { type: "finish", finishReason: { unified: "length", raw: undefined }, usage: USAGE },
  ]);
  const last = events.at(-1);
  assert.equal(last.type, "response.incomplete");
  assert.deepEqual(last.response.incomplete_details, { reason: "max_output_tokens" });
  assert.equal(last.response.output[0].content[0].text, "Half");
  assert.ok(events.some(({ type }) => type === "response.output_text.done"));
});

test("a thought comes back to the model that had it, and the proof of a call to its call", () => {
  const google = { google: { thoughtSignature: "sig" } };
  const anthropic = { anthropic: { signature: "s" } };
  const result: CanonicalResult = {
    content: [
      { type: "reasoning", text: "Hm.", providerMetadata: anthropic },
      {
        type: "tool-call",
        toolCallId: "c",
        toolName: "look",
        input: "{}",
        providerMetadata: google,
      },
    ],
    finishReason: STOP,
    usage: USAGE,
    warnings: [],
  };
  const { output }: Json = JSON.parse(encoder().json(result));
  const { call, warnings } = decode({
    input: [
      { role: "user", content: "x" },
      ...output,
      { type: "function_call_output", call_id: "c", output: "ok" },
    ],
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(call.prompt[1]?.content, [
    { type: "reasoning", text: "Hm.", providerOptions: anthropic },
    { type: "tool-call", toolCallId: "c", toolName: "look", input: {}, providerOptions: google },
  ]);
});
