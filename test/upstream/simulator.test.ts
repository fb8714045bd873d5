// The simulator as a caller meets it: over a socket, with the SDK that real agents use.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import OpenAI from "openai";
import type { ChatCompletionMessageParam, ChatCompletionTool } from "openai/resources";

import { sampleSchema } from "../../src/upstream/simulator/schema-sample.ts";
import { startSimulator } from "../../src/upstream/simulator/server.ts";
import type { Simulator } from "../../src/upstream/simulator/server.ts";

const QUESTION: ChatCompletionMessageParam = { role: "user", content: "What is in notes.md?" };

const READ_FILE: ChatCompletionTool = {
  type: "function",
  function: {
    name: "read_file",
    description: "Reads a file.",
    parameters: {
      type: "object",
      properties: { path: { type: "string" }, lines: { type: "integer", minimum: 10 } },
      required: ["path", "lines"],
    },
  },
};

let simulator: Simulator;
let client: OpenAI;

before(async () => {
  simulator = await startSimulator({ speed: 0 });
  client = new OpenAI({ baseURL: simulator.baseUrl, apiKey: "none", maxRetries: 0 });
});
after(() => simulator.close());

function ask(model: string, messages: ChatCompletionMessageParam[], tools?: ChatCompletionTool[]) {
  return client.chat.completions.create({ model, messages, ...(tools ? { tools } : {}) });
}

/** Plays an agent: answers every tool call with `result`, at most `turnsMax` times. */
async function playAgent(options: {
  readonly tools: ChatCompletionTool[];
  readonly turnsMax: number;
  readonly inject: (messages: ChatCompletionMessageParam[], turn: number) => void;
}): Promise<{ readonly calls: string[]; readonly answer: string | null }> {
  const messages = [QUESTION];
  const calls: string[] = [];
  for (let turn = 1; turn <= options.turnsMax; turn += 1) {
    const { choices } = await ask("stubborn", messages, options.tools);
    const message = choices[0]?.message;
    assert.ok(message !== undefined);
    const call = message.tool_calls?.[0];
    if (call?.type !== "function") return { calls, answer: message.content };
    calls.push(`${call.function.name} ${call.function.arguments}`);
    messages.push(message, { role: "tool", tool_call_id: call.id, content: "No such file." });
    options.inject(messages, turn);
  }
  return { calls, answer: null };
}

/** Schemas nested at most `depth` levels, valid ones and nonsense. */
function schemaArbitrary(depth: number): fc.Arbitrary<Record<string, unknown>> {
  const inner = depth === 0 ? fc.constant({}) : schemaArbitrary(depth - 1);
  return fc.record(
    {
      type: fc.constantFrom("object", "array", "string", "number", "boolean", "null", 7),
      properties: fc.dictionary(fc.constantFrom("a", "b"), inner, { maxKeys: 2 }),
      required: fc.subarray(["a", "b", "c"]),
      items: inner,
      anyOf: fc.array(inner, { maxLength: 2 }),
      enum: fc.array(fc.integer(), { maxLength: 2 }),
      $ref: fc.constantFrom("#", "#/items", "#/nowhere"),
      minItems: fc.integer(),
      multipleOf: fc.integer(),
    },
    { requiredKeys: [] },
  );
}

describe("answers", () => {
  test("a plain question gets a short text that says it is simulated", async () => {
    const completion = await ask("large", [QUESTION]);
    const choice = completion.choices[0];
    assert.match(choice?.message.content ?? "", /simulated answer.*What is in notes\.md\?/);
    assert.equal(choice?.finish_reason, "stop");
    assert.equal(completion.model, "large");
  });

  test("the same request gets the same answer, streamed or not", async () => {
    const whole = await ask("small", [QUESTION]);
    const stream = client.chat.completions.stream({ model: "small", messages: [QUESTION] });
    const streamed = await stream.finalChatCompletion();
    assert.equal(streamed.choices[0]?.message.content, whole.choices[0]?.message.content);
  });

  test("a stream counts usage only for a caller that asks for it", async () => {
    const usages = async (includeUsage: boolean) => {
      const stream = await client.chat.completions.create({
        model: "small",
        messages: [QUESTION],
        stream: true,
        stream_options: { include_usage: includeUsage },
      });
      const found = [];
      for await (const chunk of stream) if (chunk.usage) found.push(chunk.usage);
      return found;
    };
    const { usage } = await ask("small", [QUESTION]);
    assert.ok(usage !== undefined && usage.prompt_tokens > 0 && usage.completion_tokens > 0);
    assert.deepEqual(await usages(false), []);
    const [streamed, ...others] = await usages(true);
    assert.equal(streamed?.completion_tokens, usage.completion_tokens);
    assert.deepEqual(others, []);
  });

  test("a longer prompt with an equal beginning reports the beginning as cached", async () => {
    const opening: ChatCompletionMessageParam = { role: "user", content: "cache me ".repeat(50) };
    const first = await ask("medium", [opening]);
    assert.equal(first.usage?.prompt_tokens_details?.cached_tokens, 0);
    const second = await ask("medium", [opening, { role: "assistant", content: "ok" }, QUESTION]);
    const cached = second.usage?.prompt_tokens_details?.cached_tokens;
    assert.equal(cached, first.usage?.prompt_tokens);
    const changed = await ask("medium", [{ role: "system", content: "new" }, opening]);
    assert.equal(changed.usage?.prompt_tokens_details?.cached_tokens, 0);
  });

  test("max_tokens cuts a text and says so", async () => {
    const { choices, usage } = await client.chat.completions.create({
      model: "large",
      messages: [QUESTION],
      max_tokens: 5,
    });
    assert.equal(choices[0]?.finish_reason, "length");
    assert.equal(usage?.completion_tokens, 5);
  });

  test("structured output fits the schema that was asked for", async () => {
    const schema = {
      type: "object",
      properties: { city: { type: "string" }, unit: { enum: ["C", "F"] }, days: { type: "array" } },
      required: ["city", "unit", "days"],
    };
    const { choices } = await client.chat.completions.create({
      model: "large",
      messages: [QUESTION],
      response_format: { type: "json_schema", json_schema: { name: "weather", schema } },
    });
    const value: unknown = JSON.parse(choices[0]?.message.content ?? "");
    assert.deepEqual(value, { city: "Lisbon", unit: "C", days: ["simulated"] });
  });
});

describe("tools", () => {
  test("a fresh question calls the tool with arguments that fit its schema", async () => {
    const { choices } = await ask("large", [QUESTION], [READ_FILE]);
    const call = choices[0]?.message.tool_calls?.[0];
    assert.ok(call?.type === "function");
    assert.equal(call.function.name, "read_file");
    assert.deepEqual(JSON.parse(call.function.arguments), { path: "notes.md", lines: 10 });
    assert.equal(choices[0]?.finish_reason, "tool_calls");
  });

  test("a streamed tool call is put together by the SDK", async () => {
    const stream = client.chat.completions.stream({
      model: "large",
      messages: [QUESTION],
      tools: [READ_FILE],
    });
    const { choices } = await stream.finalChatCompletion();
    const call = choices[0]?.message.tool_calls?.[0];
    assert.ok(call?.type === "function");
    assert.deepEqual(JSON.parse(call.function.arguments), { path: "notes.md", lines: 10 });
  });

  test("a tool result is answered with its content, a correction behind it or not", async () => {
    const first = await ask("large", [QUESTION], [READ_FILE]);
    const message = first.choices[0]?.message;
    const call = message?.tool_calls?.[0];
    assert.ok(message !== undefined && call !== undefined);
    const result: ChatCompletionMessageParam = {
      role: "tool",
      tool_call_id: call.id,
      content: "milk and eggs",
    };
    const correction: ChatCompletionMessageParam = { role: "user", content: "[fairlead] Stop." };
    for (const tail of [[result], [result, correction]]) {
      const second = await ask("large", [QUESTION, message, ...tail], [READ_FILE]);
      assert.match(second.choices[0]?.message.content ?? "", /milk and eggs/);
      assert.equal(second.choices[0]?.message.tool_calls, undefined);
    }
  });

  test("a tool that looks is preferred to one that acts", async () => {
    const bash: ChatCompletionTool = { type: "function", function: { name: "bash" } };
    const { choices } = await ask("large", [QUESTION], [bash, READ_FILE]);
    const call = choices[0]?.message.tool_calls?.[0];
    assert.equal(call?.type === "function" ? call.function.name : null, "read_file");
    const silent = await client.chat.completions.create({
      model: "large",
      messages: [QUESTION],
      tools: [READ_FILE],
      tool_choice: "none",
    });
    assert.equal(silent.choices[0]?.message.tool_calls, undefined);
  });

  test("any schema, even one that refers to itself, gets a value in bounded time", () => {
    const schema = schemaArbitrary(3);
    fc.assert(
      fc.property(schema, fc.constantFrom<0 | 1>(0, 1), (value, variant) => {
        const sampled = sampleSchema(value, { hint: "hint", variant });
        assert.doesNotThrow(() => JSON.stringify(sampled));
      }),
    );
    const names = Array.from({ length: 20 }, (_, index) => `branch${index}`);
    const tree = {
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, { $ref: "#" }])),
      required: names,
    };
    assert.ok(JSON.stringify(sampleSchema(tree, { hint: "", variant: 0 })).length < 20_000);
  });
});

describe("the stubborn model", () => {
  test("repeats the very same call as long as nobody corrects it", async () => {
    const { calls, answer } = await playAgent({
      tools: [READ_FILE],
      turnsMax: 9,
      inject: () => {},
    });
    assert.equal(calls.length, 9);
    assert.equal(new Set(calls).size, 1);
    assert.equal(answer, null);
  });

  for (const role of ["user", "system"] as const) {
    test(`tries something else and then answers after a correction as ${role}`, async () => {
      const { calls, answer } = await playAgent({
        tools: [READ_FILE],
        turnsMax: 9,
        inject: (messages, turn) => {
          if (turn === 3) messages.push({ role, content: "[fairlead] You repeat yourself." });
        },
      });
      assert.equal(calls.length, 4);
      assert.equal(new Set(calls.slice(0, 3)).size, 1);
      assert.notEqual(calls[3], calls[0]);
      assert.match(answer ?? "", /No such file/);
    });
  }

  test("answers at once where the tool leaves nothing else to try", async () => {
    const bare: ChatCompletionTool = { type: "function", function: { name: "check_status" } };
    const { calls, answer } = await playAgent({
      tools: [bare],
      turnsMax: 9,
      inject: (messages, turn) => {
        const last = messages.at(-1);
        if (turn >= 3 && last?.role === "tool") last.content = "No. [fairlead] Stop.";
      },
    });
    assert.equal(calls.length, 3);
    assert.equal(answer, "Simulated answer, from the last tool result: No.");
  });
});
