// The scripted Responses upstream against the official SDK, and its judge against wrong requests.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import type { ResponseInputItem } from "openai/resources/responses/responses";
import { refusesAll, started } from "./dialect-scene.ts";
import { isForeignSignature, signatureOf } from "./judge.ts";
import { validateOpenaiResponses } from "./openai-responses-request.ts";
import { always, cut, endsEarly, fails, failsInside, inOrder, oneTool } from "./step.ts";
import { reasoned, reply, text, tools, until } from "./step.ts";

const TOOL = {
  type: "function" as const,
  name: "look",
  parameters: { type: "object", properties: {} },
  strict: false,
};
const BODY = { model: "gpt-x", input: "Weather?", tools: [TOOL] };

function clientOf(baseURL: string): OpenAI {
  return new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
}

test("reasoning, texts and parallel tools reach the OpenAI SDK, whole and streamed", async (t) => {
  const upstream = await started(t, "openai-responses");
  const { responses } = clientOf(upstream.baseUrl);
  const both = async () => [
    await responses.create(BODY),
    await responses.stream(BODY).finalResponse(),
  ];
  upstream.play(always(reasoned("I think so.", "A text longer than a piece.")));
  for (const response of await both()) {
    assert.equal(response.output_text, "A text longer than a piece.");
    assert.equal(response.status, "completed");
    const [first] = response.output;
    assert.ok(first?.type === "reasoning");
    assert.equal(first.summary[0]?.text, "I think so.");
    assert.equal(first.encrypted_content, signatureOf("openai-responses", "I think so."));
    assert.equal(response.usage?.input_tokens_details.cached_tokens, 40);
    assert.equal(response.usage.output_tokens_details.reasoning_tokens, 8);
  }
  upstream.play(
    always(tools({ name: "look", input: { city: "Kyiv" } }, { name: "look", input: {} })),
  );
  for (const { output } of await both()) {
    const calls = output.map((item) =>
      item.type === "function_call" ? item.arguments : item.type,
    );
    assert.deepEqual(calls, ['{"city":"Kyiv"}', "{}"]);
  }
  upstream.play(always(reply({ text: "Cut", stop: "length" })));
  const whole = await responses.create(BODY);
  assert.deepEqual(whole.incomplete_details, { reason: "max_output_tokens" });
  assert.deepEqual(upstream.faults, []);
});

test("deltas of a stream add up to its items, numbered without a gap", async (t) => {
  const upstream = await started(
    t,
    "openai-responses",
    always(reasoned("Hm, so it is.", "It rains.")),
  );
  const { responses } = clientOf(upstream.baseUrl);
  const added = { text: "", summary: "" };
  const numbers: number[] = [];
  for await (const event of await responses.create({ ...BODY, stream: true })) {
    numbers.push(event.sequence_number);
    if (event.type === "response.output_text.delta") added.text += event.delta;
    if (event.type === "response.reasoning_summary_text.delta") added.summary += event.delta;
  }
  assert.deepEqual(added, { text: "It rains.", summary: "Hm, so it is." });
  assert.deepEqual(numbers, [...numbers.keys()]);
});

test("an agent returns what it got without fault; the marker ends its loop", async (t) => {
  const step = reply({ reasoning: "Again.", calls: oneTool("look").calls });
  const upstream = await started(t, "openai-responses", until("[stop]", step, text("Done.")));
  const { responses } = clientOf(upstream.baseUrl);
  const input: ResponseInputItem[] = [{ role: "user", content: "Weather?" }];
  for (let turn = 1; turn <= 3; turn += 1) {
    const { output } = await responses.create({ ...BODY, input, store: false });
    for (const item of output) {
      if (item.type === "reasoning" || item.type === "function_call") input.push(item);
      if (item.type !== "function_call") continue;
      const words = turn === 3 ? "[stop]" : "rain";
      input.push({ type: "function_call_output", call_id: item.call_id, output: words });
    }
  }
  const last = await responses.create({ ...BODY, input, store: false });
  assert.equal(last.output_text, "Done.");
  assert.deepEqual(upstream.faults, []);
});

test("errors before, inside and instead of an end reach the OpenAI SDK", async (t) => {
  const upstream = await started(t, "openai-responses");
  const { responses } = clientOf(upstream.baseUrl);
  const types = async () => {
    const seen: string[] = [];
    for await (const { type } of await responses.create({ ...BODY, stream: true })) seen.push(type);
    return seen;
  };
  upstream.play(inOrder(fails("context_overflow"), fails("overloaded")));
  await assert.rejects(types(), { status: 400, code: "context_length_exceeded" });
  await assert.rejects(types(), { status: 503 });
  upstream.play(always(failsInside(text("Half of it."), 5, "server")));
  await assert.rejects(types(), /error/);
  upstream.play(always(failsInside(text("Half of it."), 5, "overloaded")));
  assert.equal((await types()).at(-1), "response.failed");
  upstream.play(always(endsEarly(text("Half of it."), 5)));
  assert.equal((await types()).at(-1), "response.output_text.delta");
  upstream.play(always(cut(text("Half of it."), 5)));
  await assert.rejects(types());
});

test("a signature tells which dialect made it", () => {
  const signature = signatureOf("gemini", "x");
  assert.equal(isForeignSignature(signature, "gemini"), false);
  assert.equal(isForeignSignature(signature, "openai-responses"), true);
  assert.equal(isForeignSignature("gAAAA-of-a-real-provider", "gemini"), false);
});

const USER = { role: "user", content: "Weather?" };
const CALL = { type: "function_call", call_id: "c1", name: "look", arguments: "{}" };
const OUTPUT = { type: "function_call_output", call_id: "c1", output: "rain" };
const REASONING = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "abc" };
const input = (...items: readonly object[]) => ({ input: [USER, ...items] });

refusesAll({
  name: "Responses",
  validate: validateOpenaiResponses,
  path: "/v1/responses",
  headers: { "content-type": "application/json", authorization: "Bearer k" },
  body: { ...BODY, ...input(REASONING, CALL, OUTPUT), store: false },
  alsoRight: [
    { input: [OUTPUT], previous_response_id: "resp_1" },
    { tools: [{ type: "custom", name: "patch" }, { type: "web_search" }, TOOL] },
    input(
      { type: "custom_tool_call", call_id: "c2", name: "patch", input: "x" },
      {
        type: "custom_tool_call_output",
        call_id: "c2",
        output: "ok",
      },
    ),
    input({ role: "developer", content: [{ type: "input_text", text: "Note." }] }),
    input({ type: "web_search_call", id: "ws_1", status: "completed", action: {} }),
  ],
  wrong: [
    [{ model: undefined }, /model: is required/],
    [{ input: undefined }, /input: is required/],
    [{ messages: [] }, /unknown key "messages"/],
    [{ max_tokens: 20 }, /unknown key "max_tokens"/],
    [{ response_format: { type: "json_object" } }, /unknown key/],
    [{ tools: [{ type: "function", function: { name: "look" } }] }, /tools/],
    [{ tools: [{ type: "hammer" }] }, /tools/],
    [{ tools: [], tool_choice: "required" }, /required without tools/],
    [{ tool_choice: { type: "function", name: "other" } }, /no tool is named/],
    [input({ role: "tool", content: "x" }), /input\[1\].*role/],
    [input({ type: "thought", text: "x" }), /no such item/],
    [input({ role: "user", content: [{ type: "text", text: "x" }] }), /content/],
    [input({ role: "assistant", content: [{ type: "input_text", text: "x" }] }), /content/],
    [input({ role: "user", content: [{ type: "output_text", text: "x" }] }), /content/],
    [input(CALL), /no output for the call c1/],
    [input(OUTPUT), /no call before it/],
    [input(OUTPUT, CALL), /no call before it/],
    [input(CALL, { ...OUTPUT, type: "custom_tool_call_output" }), /no call before it/],
    [input({ ...CALL, arguments: {} }, OUTPUT), /arguments/],
    [input({ ...CALL, id: "call_1" }, OUTPUT), /begins with "fc"/],
    [input({ ...CALL, call_id: "c".repeat(65) }), /call_id/],
    [input({ ...CALL, tool_call_id: "c1" }, OUTPUT), /unknown key/],
    [input(REASONING), /reasoning without the item/],
    [input(REASONING, USER), /reasoning without the item/],
    [input({ ...REASONING, encrypted_content: undefined }, CALL, OUTPUT), /encrypted_content/],
    [
      input({ ...REASONING, encrypted_content: signatureOf("gemini", "x") }, CALL, OUTPUT),
      /of another provider/,
    ],
    [input({ type: "item_reference", id: "rs_1" }), /not stored/],
    [{ previous_response_id: "resp_1", conversation: "conv_1" }, /not together/],
    [{ stream_options: { include_obfuscation: false } }, /stream_options: needs stream/],
    [{ text: { format: { type: "json_schema", json_schema: {} } } }, /text\.format/],
  ],
  wrongHeaders: [
    [{ authorization: undefined }, /authorization/],
    [{ "x-routing-hints": "{}" }, /x-routing-hints/],
  ],
  wrongPaths: [["/v1/chat/completions", /path/]],
});
