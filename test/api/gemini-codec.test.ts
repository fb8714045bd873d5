// Goal: what a Gemini client says reaches models of other dialects, and what they say reaches it.
// Method: the codec alone, with requests and answers that have one peculiarity each.

import assert from "node:assert/strict";
import { test } from "node:test";
import { geminiCodec } from "../../src/api/gemini-codec.ts";
import { jsonSchemaOf } from "../../src/api/gemini-schema.ts";
import type { CanonicalPart, CanonicalResult } from "../../src/turn/canonical.ts";
import { FaultError } from "../../src/turn/fault.ts";

const HELLO = { role: "user", parts: [{ text: "hi" }] };
const decode = (about: object) => geminiCodec.decode({ contents: [HELLO], ...about });
const call = (about: object) => decode(about).call;

const ANSWER = { requestId: "req_1", model: "m", created: 0, wantsUsage: true };
const USAGE: CanonicalResult["usage"] = {
  inputTokens: { total: 9, noCache: 5, cacheRead: 4, cacheWrite: 0 },
  outputTokens: { total: 7, text: 4, reasoning: 3 },
};
const STOP: CanonicalResult["finishReason"] = { unified: "stop", raw: "end_turn" };

test("calls and responses without ids are paired by name, then by place", () => {
  const asked = (name: string) => ({ functionCall: { name, args: {} } });
  const told = (name: string, output: string) => ({
    functionResponse: { name, response: { output } },
  });
  const { prompt } = call({
    contents: [
      HELLO,
      { role: "model", parts: [asked("one"), asked("two")] },
      { role: "model", parts: [asked("one")] },
      {
        role: "user",
        parts: [told("two", "2"), told("one", "1"), told("one", "3"), { text: "?" }],
      },
    ],
  });
  assert.deepEqual(
    prompt.map(({ role }) => role),
    ["user", "assistant", "tool", "user"],
  );
  const results = prompt[2]?.role === "tool" ? prompt[2].content : [];
  const calls = prompt[1]?.role === "assistant" ? prompt[1].content : [];
  const ids = calls.flatMap((part) => (part.type === "tool-call" ? [part.toolCallId] : []));
  assert.equal(new Set(ids).size, 3);
  const told2 = results.flatMap((part) =>
    part.type === "tool-result" ? [[part.toolCallId, part.output]] : [],
  );
  assert.deepEqual(told2, [
    [ids[1], { type: "text", value: "2" }],
    [ids[0], { type: "text", value: "1" }],
    [ids[2], { type: "text", value: "3" }],
  ]);
});

test("an equal prefix decodes to an equal prefix, or the prompt cache would be lost", () => {
  const asked = { role: "model", parts: [{ functionCall: { name: "look", args: { q: 1 } } }] };
  const told = {
    role: "user",
    parts: [{ functionResponse: { name: "look", response: { output: "1" } } }],
  };
  const short = call({ contents: [HELLO, asked, told] }).prompt;
  const long = call({ contents: [HELLO, asked, told, asked, told] }).prompt;
  assert.deepEqual(long.slice(0, short.length), short);
  assert.notDeepEqual(long.slice(short.length - 2, short.length), long.slice(-2));
});

test("settings reach the call under their canonical names", () => {
  const decoded = decode({
    system_instruction: { parts: [{ text: "Be brief." }] },
    generationConfig: {
      maxOutputTokens: 5,
      temperature: 0.5,
      top_p: 0.9,
      topK: 3,
      seed: 1,
      stopSequences: ["x"],
      responseMimeType: "application/json",
      responseSchema: { type: "OBJECT", properties: { a: { type: "STRING", nullable: true } } },
      thinkingConfig: { thinkingLevel: "HIGH", includeThoughts: true },
    },
    tools: [
      { functionDeclarations: [{ name: "a", parameters: { type: "OBJECT" } }, { name: "b" }] },
    ],
    toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["a"] } },
  });
  assert.deepEqual(decoded.warnings, []);
  const { prompt, ...settings } = decoded.call;
  assert.deepEqual(prompt[0], { role: "system", content: "Be brief." });
  assert.deepEqual(settings, {
    maxOutputTokens: 5,
    temperature: 0.5,
    topP: 0.9,
    topK: 3,
    seed: 1,
    stopSequences: ["x"],
    tools: [{ type: "function", name: "a", inputSchema: { type: "object" } }],
    toolChoice: { type: "tool", toolName: "a" },
    responseFormat: {
      type: "json",
      schema: { type: "object", properties: { a: { type: ["string", "null"] } } },
    },
    reasoning: "high",
    // A schema of this dialect need not keep the rules of a strict one.
    providerOptions: { openai: { strictJsonSchema: false } },
  });
});

test("a budget of thinking is an effort: none, some, or the model's own choice", () => {
  const effort = (thinkingBudget: number) =>
    call({ generationConfig: { thinkingConfig: { thinkingBudget } } }).reasoning;
  assert.equal(effort(0), "none");
  assert.equal(effort(1_000), "low");
  assert.equal(effort(10_000), "medium");
  assert.equal(effort(100_000), "high");
  assert.equal(effort(-1), undefined);
});

test("what cannot be carried is told, by name", () => {
  const { warnings } = decode({
    safetySettings: [],
    tools: [{ googleSearch: {} }],
    generationConfig: { responseLogprobs: true, candidateCount: 2 },
    contents: [
      { role: "user", parts: [{ fileData: { fileUri: "gs://bucket/a.png" } }, { text: "?" }] },
      { role: "model", parts: [{ executableCode: { code: "1" } }, { text: "!" }] },
    ],
  });
  assert.deepEqual(warnings, [
    "`safetySettings` is left out.",
    "`generationConfig.responseLogprobs` is left out.",
    "`generationConfig.candidateCount` is left out: there is one answer.",
    "Files kept by another provider are left out.",
    "Parts of executableCode are left out.",
    "The tool googleSearch belongs to another provider and is left out.",
  ]);
});

test("a prompt that lies with another provider is refused", () => {
  assert.throws(
    () => decode({ cachedContent: "cachedContents/a" }),
    (error) => error instanceof FaultError && error.fault.param === "cachedContent",
  );
});

test("schemas become JSON Schema, and JSON Schema stays what it is", () => {
  assert.deepEqual(
    jsonSchemaOf({
      type: "ARRAY",
      minItems: "2",
      items: { type: "INTEGER", format: "int32", nullable: true, enum: [1] },
      propertyOrdering: ["a"],
    }),
    { type: "array", minItems: 2, items: { type: ["integer", "null"], enum: [1, null] } },
  );
  const plain = {
    type: "object",
    properties: { type: { type: "string", format: "date-time" }, any: true },
    additionalProperties: false,
    anyOf: [{ required: ["type"] }],
  };
  assert.deepEqual(jsonSchemaOf(plain), plain);
});

function stream(parts: readonly CanonicalPart[]) {
  const encoder = geminiCodec.createEncoder(ANSWER);
  const written = parts.map((part) => encoder.part(part)).join("") + encoder.end();
  const events = (written + encoder.terminal()).split("\n\n").slice(0, -1);
  return events.map((event) => JSON.parse(event.slice("data: ".length)));
}

test("a streamed answer comes in pieces that end with a finish and the usage", () => {
  const events = stream([
    { type: "stream-start", warnings: [] },
    { type: "text-start", id: "1" },
    { type: "text-delta", id: "1", delta: "Hel" },
    { type: "text-delta", id: "1", delta: "" },
    { type: "text-delta", id: "1", delta: "lo" },
    { type: "text-end", id: "1" },
    { type: "finish", finishReason: STOP, usage: USAGE },
  ]);
  const head = { modelVersion: "m", responseId: "req_1" };
  const piece = (text: string) => ({
    candidates: [{ content: { role: "model", parts: [{ text }] }, index: 0 }],
    ...head,
  });
  assert.deepEqual(events.slice(0, 2), [piece("Hel"), piece("lo")]);
  assert.deepEqual(events.slice(2), [
    {
      candidates: [
        { content: { role: "model", parts: [{ text: "" }] }, index: 0, finishReason: "STOP" },
      ],
      usageMetadata: {
        promptTokenCount: 9,
        candidatesTokenCount: 4,
        thoughtsTokenCount: 3,
        cachedContentTokenCount: 4,
        totalTokenCount: 16,
      },
      ...head,
    },
  ]);
});

test("a call comes whole, and bears the proof of the thoughts that led to it", () => {
  const metadata = { other: { signature: "s" } };
  const events = stream([
    { type: "reasoning-start", id: "r" },
    { type: "reasoning-delta", id: "r", delta: "Hm" },
    { type: "reasoning-delta", id: "r", delta: "." },
    { type: "reasoning-end", id: "r", providerMetadata: metadata },
    { type: "tool-input-start", id: "c", toolName: "look" },
    { type: "tool-input-delta", id: "c", delta: '{"q":1}' },
    { type: "tool-call", toolCallId: "c", toolName: "look", input: '{"q":1}' },
    { type: "tool-call", toolCallId: "d", toolName: "look", input: "" },
    { type: "finish", finishReason: { unified: "tool-calls", raw: undefined }, usage: USAGE },
  ]);
  const parts = events.flatMap((event) => event.candidates[0].content.parts);
  const [, , first, second] = parts;
  assert.deepEqual(parts.slice(0, 2), [
    { text: "Hm", thought: true },
    { text: ".", thought: true },
  ]);
  assert.deepEqual(first.functionCall, { id: "c", name: "look", args: { q: 1 } });
  // Some clients read it as bytes.
  assert.match(first.thoughtSignature, /^[A-Za-z0-9+/]+={0,2}$/);
  assert.deepEqual(second, { functionCall: { id: "d", name: "look", args: {} } });
  assert.equal(events.at(-1).candidates[0].finishReason, "STOP");
  // Clients may drop the thoughts themselves: the proof holds them.
  for (const sent of [parts.slice(0, 4), parts.slice(2, 4)]) {
    const { prompt } = call({ contents: [HELLO, { role: "model", parts: sent }] });
    const content = prompt[1]?.role === "assistant" ? prompt[1].content : [];
    assert.deepEqual(content[0], { type: "reasoning", text: "Hm.", providerOptions: metadata });
    assert.deepEqual(
      content.map(({ type }) => type),
      ["reasoning", "tool-call", "tool-call"],
    );
  }
});

test("a whole answer holds the same as a stream", () => {
  const encoder = geminiCodec.createEncoder(ANSWER);
  const body = JSON.parse(
    encoder.json({
      content: [
        { type: "reasoning", text: "Hm.", providerMetadata: { other: { signature: "s" } } },
        { type: "text", text: "Look:" },
        { type: "tool-call", toolCallId: "c", toolName: "look", input: "[1" },
      ],
      finishReason: { unified: "length", raw: "max_tokens" },
      usage: USAGE,
      warnings: [],
    }),
  );
  const [candidate] = body.candidates;
  assert.equal(candidate.finishReason, "MAX_TOKENS");
  const [thought, text, asked] = candidate.content.parts;
  assert.deepEqual([thought, text], [{ text: "Hm.", thought: true }, { text: "Look:" }]);
  assert.deepEqual(asked.functionCall.args, { INVALID_JSON: "[1" });
  assert.ok(asked.thoughtSignature);
  assert.equal(body.usageMetadata.totalTokenCount, 16);
});
