// Goal: a chat completions request means the same to a model of another dialect, and its answer reads the same.
// Method: requests decoded and looked at; answers encoded from random parts, and put together again as clients do.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chatCodec } from "../../src/api/openai-chat-codec.ts";
import type { CanonicalPart, CanonicalUsage } from "../../src/turn/canonical.ts";
import { FaultError } from "../../src/turn/fault.ts";

const HELLO = { role: "user", content: "Hello?" };
const ANSWER = { requestId: "req_1", model: "m", created: 1, wantsUsage: true };
const USAGE: CanonicalUsage = {
  inputTokens: { total: 10, noCache: 6, cacheRead: 3, cacheWrite: 1 },
  outputTokens: { total: 5, text: 3, reasoning: 2 },
};

function decoded(about: object, ...messages: readonly object[]) {
  return chatCodec.decode({
    model: "m",
    messages: messages.length > 0 ? messages : [HELLO],
    ...about,
  });
}

function faultOf(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (error instanceof FaultError) return error.fault;
    throw error;
  }
  return assert.fail("no fault");
}

test("every setting with a place in other dialects is carried", () => {
  const { call, warnings } = decoded({
    temperature: 0.4,
    top_p: 0.9,
    max_tokens: 10,
    max_completion_tokens: 20,
    stop: "END",
    seed: 1,
    presence_penalty: 0.1,
    frequency_penalty: 0,
    reasoning_effort: "high",
    parallel_tool_calls: false,
    user: "me",
    n: 1,
    logprobs: false,
    stream: true,
  });
  const { prompt: _prompt, providerOptions, ...settings } = call;
  assert.deepEqual(settings, {
    temperature: 0.4,
    topP: 0.9,
    maxOutputTokens: 20,
    stopSequences: ["END"],
    seed: 1,
    presencePenalty: 0.1,
    reasoning: "high",
  });
  assert.equal(providerOptions?.["openai"]?.["parallelToolCalls"], false);
  assert.equal(providerOptions?.["anthropic"]?.["disableParallelToolUse"], true);
  assert.deepEqual(warnings, []);
});

test("what has no place is named, each once", () => {
  const lost = { n: 3, logprobs: true, top_logprobs: 2, logit_bias: { 5: 1 }, audio: {}, foo: 1 };
  const { warnings } = decoded({
    ...lost,
    modalities: ["text", "audio"],
    tools: [{ type: "custom" }],
  });
  const names = warnings.map((warning) => /^`([^`]+)`/.exec(warning)?.[1]);
  const expected = [...Object.keys(lost), "modalities", "tools"];
  assert.deepEqual(names.toSorted(), expected.toSorted());
});

test("messages keep their order, their parts and their pairs", () => {
  const call = (id: string, text: string) => ({
    id,
    type: "function",
    function: { name: `tool_${id}`, arguments: text },
  });
  const { call: asked } = decoded(
    {},
    {
      role: "system",
      content: [
        { type: "text", text: "a" },
        { type: "text", text: "b" },
      ],
    },
    HELLO,
    { role: "assistant", content: "", tool_calls: [call("1", '{"x":1}'), call("2", "")] },
    { role: "tool", tool_call_id: "2", content: [{ type: "text", text: "two" }] },
    { role: "tool", tool_call_id: "1", content: "one", is_error: true },
    { role: "assistant", content: [{ type: "refusal", refusal: "No." }] },
  );
  assert.deepEqual(asked.prompt, [
    { role: "system", content: "a\nb" },
    { role: "user", content: [{ type: "text", text: "Hello?" }] },
    {
      role: "assistant",
      content: [
        { type: "tool-call", toolCallId: "1", toolName: "tool_1", input: { x: 1 } },
        { type: "tool-call", toolCallId: "2", toolName: "tool_2", input: {} },
      ],
    },
    {
      role: "tool",
      content: [
        {
          type: "tool-result",
          toolCallId: "2",
          toolName: "tool_2",
          output: { type: "text", value: "two" },
        },
        {
          type: "tool-result",
          toolCallId: "1",
          toolName: "tool_1",
          output: { type: "error-text", value: "one" },
        },
      ],
    },
    { role: "assistant", content: [{ type: "text", text: "No." }] },
  ]);
});

test("arguments that are no object are shown to the model, not lost", () => {
  const broken = { id: "1", function: { name: "f", arguments: '{"a": ' } };
  const { call, warnings } = decoded({}, HELLO, { role: "assistant", tool_calls: [broken] });
  assert.deepEqual(call.prompt[1]?.content[0], {
    type: "tool-call",
    toolCallId: "1",
    toolName: "f",
    input: { invalid_json: '{"a": ' },
  });
  assert.equal(warnings.length, 1);
});

test("the older functions are tools, and their results find their call", () => {
  const { call } = decoded(
    { functions: [{ name: "f", parameters: { type: "object" } }], function_call: { name: "f" } },
    HELLO,
    { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
    { role: "function", name: "f", content: "done" },
  );
  assert.deepEqual(call.toolChoice, { type: "tool", toolName: "f" });
  assert.equal(call.tools?.[0]?.name, "f");
  const [, asked, result] = call.prompt;
  assert.match(JSON.stringify(asked), /"toolCallId":"f"/);
  assert.match(JSON.stringify(result), /"toolCallId":"f"/);
});

test("only the tools that a request allows are offered", () => {
  const tool = (name: string) => ({ type: "function", function: { name } });
  const allowed = { mode: "required", tools: [tool("b")] };
  const { call } = decoded({
    tools: [tool("a"), tool("b")],
    tool_choice: { type: "allowed_tools", allowed_tools: allowed },
  });
  assert.deepEqual(
    call.tools?.map(({ name }) => name),
    ["b"],
  );
  assert.deepEqual(call.toolChoice, { type: "required" });
});

test("images, audio and documents are carried as they are, and ids of files are refused", () => {
  const url = (address: string) => ({ type: "image_url", image_url: { url: address } });
  const { call } = decoded(
    {},
    {
      role: "user",
      content: [
        { type: "text", text: "Look." },
        url("data:image/webp;base64,AAAA"),
        url("https://example.com/a.PNG?x=1"),
        { type: "input_audio", input_audio: { data: "BBBB", format: "mp3" } },
        {
          type: "file",
          file: { filename: "a.pdf", file_data: "data:application/pdf;base64,CCCC" },
        },
      ],
    },
  );
  const types = call.prompt[0]?.content;
  assert.ok(Array.isArray(types));
  assert.deepEqual(
    types.map((part) => (part.type === "file" ? part.mediaType : part.type)),
    ["text", "image/webp", "image/png", "audio/mpeg", "application/pdf"],
  );
  const kept = { type: "file", file: { file_id: "file-1" } };
  const fault = faultOf(() => decoded({}, { role: "user", content: [kept] }));
  assert.equal(fault.param, "messages[0].content[0]");
  for (const wrong of ["ftp://x/a.png", "nothing", "data:image/png,AAAA"]) {
    assert.equal(faultOf(() => decoded({}, { role: "user", content: [url(wrong)] })).status, 400);
  }
});

test("a request that no model could be asked with is a fault that names its place", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ messages: "x" }, "messages"],
    [{ messages: [{ role: "wizard" }] }, "messages[0].role"],
    [{ messages: [{ role: "user", content: [{ type: "video" }] }] }, "messages[0].content[0]"],
    [{ response_format: { type: "json_schema" } }, "response_format"],
  ];
  for (const [about, param] of cases) assert.equal(faultOf(() => decoded(about)).param, param);
  assert.equal(faultOf(() => chatCodec.decode(null)).status, 400);
});

test("a seal opens into proofs of thoughts and nothing else", () => {
  const forged = {
    openai: { itemId: "rs_of_another" },
    anthropic: { signature: "proof", cacheControl: { type: "ephemeral" }, container: "x" },
    gateway: { order: ["x"] },
  };
  const signature = `fairlead.${Buffer.from(JSON.stringify(forged)).toString("base64url")}`;
  const details = [
    { type: "reasoning.text", text: "hm", signature },
    { signature: "fairlead.%%%" },
    { signature: 7 },
    null,
  ];
  const message = { role: "assistant", content: "Yes.", reasoning_details: details };
  const { call } = decoded({}, HELLO, message);
  assert.deepEqual(call.prompt[1]?.content, [
    { type: "reasoning", text: "hm", providerOptions: { anthropic: { signature: "proof" } } },
    { type: "text", text: "Yes." },
  ]);
});

test("decoding never throws anything but a fault, whatever a client sends", () => {
  const message = fc.record(
    {
      role: fc.constantFrom("system", "user", "assistant", "tool", "function", 3),
      content: fc.jsonValue(),
      tool_calls: fc.jsonValue(),
      reasoning_details: fc.jsonValue(),
      tool_call_id: fc.jsonValue(),
    },
    { requiredKeys: ["role"] },
  );
  const body = fc.record({
    messages: fc.array(message),
    tools: fc.jsonValue(),
    tool_choice: fc.jsonValue(),
    response_format: fc.jsonValue(),
    stop: fc.jsonValue(),
  });
  fc.assert(
    fc.property(body, (value) => {
      try {
        chatCodec.decode(value);
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
      }
    }),
    { numRuns: 300 },
  );
});

interface Chunk {
  readonly choices: readonly {
    readonly delta: {
      readonly role?: string;
      readonly content?: string;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly id?: string;
        readonly function: { readonly name?: string; readonly arguments: string };
      }[];
    };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: object;
}

function chunksOf(parts: readonly CanonicalPart[]): readonly Chunk[] {
  const encoder = chatCodec.createEncoder(ANSWER);
  const text =
    parts.map((part) => encoder.part(part)).join("") + encoder.end() + encoder.terminal();
  const events = text.split("\n\n").filter((event) => event !== "");
  assert.equal(events.pop(), "data: [DONE]");
  return events.map((event) => JSON.parse(event.replace(/^data: /, "")));
}

const FINISH: CanonicalPart = {
  type: "finish",
  finishReason: { unified: "stop", raw: "end" },
  usage: USAGE,
};

test("texts, thoughts and interleaved calls come together as the model wrote them", () => {
  const deltas = fc.array(fc.string({ unit: "binary" }), { maxLength: 6 });
  const answer = fc.record({
    text: deltas,
    thought: deltas,
    calls: fc.array(deltas, { maxLength: 3 }),
    seed: fc.infiniteStream(fc.nat()),
  });
  fc.assert(
    fc.property(answer, ({ text, thought, calls, seed }) => {
      const queues: CanonicalPart[][] = [
        text.map((delta) => ({ type: "text-delta", id: "t", delta })),
        [
          { type: "reasoning-start", id: "r" },
          ...thought.map((delta): CanonicalPart => ({ type: "reasoning-delta", id: "r", delta })),
        ],
        ...calls.map((pieces, index): CanonicalPart[] => [
          { type: "tool-input-start", id: `c${index}`, toolName: `f${index}` },
          ...pieces.map((delta): CanonicalPart => ({
            type: "tool-input-delta",
            id: `c${index}`,
            delta,
          })),
          {
            type: "tool-call",
            toolCallId: `c${index}`,
            toolName: `f${index}`,
            input: pieces.join(""),
          },
        ]),
      ];
      const mixed: CanonicalPart[] = [];
      for (let open = queues; open.length > 0; open = open.filter(({ length }) => length > 0)) {
        const part = open[(seed.next().value ?? 0) % open.length]?.shift();
        if (part !== undefined) mixed.push(part);
      }
      const chunks = chunksOf([...mixed, FINISH]);
      const all = chunks.flatMap(({ choices }) => choices);
      assert.equal(all.map(({ delta }) => delta.content ?? "").join(""), text.join(""));
      assert.equal(
        all.map(({ delta }) => delta.reasoning_content ?? "").join(""),
        thought.join(""),
      );
      const pieces = all.flatMap(({ delta }) => delta.tool_calls ?? []);
      for (const [index, written] of calls.entries()) {
        const named = pieces.find((piece) => piece.function.name === `f${index}`);
        assert.equal(named?.id, `c${index}`);
        const own = pieces.filter((piece) => piece.index === named?.index);
        assert.equal(own.map((piece) => piece.function.arguments).join(""), written.join(""));
      }
      assert.equal(all.at(-1)?.finish_reason, calls.length > 0 ? "tool_calls" : "stop");
      assert.equal(all.filter(({ delta }) => delta.role !== undefined).length, 1);
    }),
    { numRuns: 100 },
  );
});

test("a call that comes whole is written whole", () => {
  const chunks = chunksOf([
    { type: "tool-call", toolCallId: "1", toolName: "f", input: '{"a":1}' },
    FINISH,
  ]);
  const calls = chunks.flatMap(({ choices }) =>
    choices.flatMap(({ delta }) => delta.tool_calls ?? []),
  );
  assert.equal(calls.map((call) => call.function.arguments).join(""), '{"a":1}');
});

test("usage is told behind the end, and only to clients that asked", () => {
  const last = chunksOf([{ type: "text-delta", id: "t", delta: "x" }, FINISH]).at(-1);
  assert.deepEqual(last?.choices, []);
  assert.deepEqual(last?.usage, {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 1 },
    completion_tokens_details: { reasoning_tokens: 2 },
  });
  const quiet = chatCodec.createEncoder({ ...ANSWER, wantsUsage: false });
  quiet.part(FINISH);
  assert.equal(quiet.end(), "");
});

test("a whole answer is one body with the same words for its end", () => {
  const body = (unified: "stop" | "length" | "content-filter" | "other") =>
    JSON.parse(
      chatCodec.createEncoder(ANSWER).json({
        content: [{ type: "text", text: "Hi" }],
        finishReason: { unified, raw: "x" },
        usage: USAGE,
        warnings: [],
      }),
    );
  assert.equal(body("stop").choices[0].message.content, "Hi");
  assert.equal(body("stop").id, "chatcmpl-req_1");
  const words = (["stop", "length", "content-filter", "other"] as const).map(
    (word) => body(word).choices[0].finish_reason,
  );
  assert.deepEqual(words, ["stop", "length", "content_filter", "stop"]);
});
