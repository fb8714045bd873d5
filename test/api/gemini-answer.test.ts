// Goal: an answer of the Gemini dialect is understood piece by piece. Method: the reader alone, fed with events.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TextWatch } from "../../src/upstream/dialect.ts";
import { createGeminiReader } from "../../src/upstream/gemini-answer.ts";

type Piece = Readonly<Record<string, unknown>>;

const event = (value: unknown) => Buffer.from(`data: ${JSON.stringify(value)}\r\n\r\n`);
const piece = (parts: readonly Piece[], about: Piece = {}): Piece => ({
  candidates: [{ content: { role: "model", parts }, index: 0, ...about }],
});
const used = (output: number) => ({
  usageMetadata: {
    promptTokenCount: 9,
    toolUsePromptTokenCount: 1,
    cachedContentTokenCount: 4,
    candidatesTokenCount: output,
    thoughtsTokenCount: 2,
  },
});

function read(values: readonly unknown[], watch: TextWatch | null = null) {
  const reader = createGeminiReader(watch);
  return { kinds: values.map((value) => reader.readEvent(event(value))), reader };
}

test("the piece with a finish is the last one, and tells what was used", () => {
  const { kinds, reader } = read([
    { ...piece([{ text: "" }]), ...used(0) },
    piece([{ text: "Hm.", thought: true }]),
    { ...piece([{ text: 'say "finishReason"' }]), ...used(1) },
    { ...piece([{ functionCall: { name: "look", args: {} } }]), ...used(3) },
    { ...piece([{ text: "" }], { finishReason: "STOP" }), ...used(5) },
  ]);
  assert.deepEqual(kinds, ["preamble", "content", "content", "content", "terminal"]);
  const { usage, finish, toolCalls } = reader.summary();
  assert.deepEqual(usage, {
    inputTokens: 10,
    outputTokens: 7,
    cacheReadTokens: 4,
    cacheWriteTokens: 0,
    reasoningTokens: 2,
  });
  assert.equal(finish, "STOP");
  assert.deepEqual(toolCalls, ["look"]);
  assert.equal(reader.finished(), false);
});

test("of an answer that broke off, the last piece tells what was used", () => {
  const { reader } = read([
    { ...piece([{ text: "a" }]), ...used(1) },
    { ...piece([{ text: "b" }]), ...used(2) },
  ]);
  assert.equal(reader.summary().usage?.outputTokens, 4);
  assert.equal(reader.summary().finish, null);
});

test("of several candidates the last one to end ends the answer", () => {
  const other = (finishReason?: string) => ({
    candidates: [{ content: { parts: [{ text: "b" }] }, index: 1, finishReason }],
  });
  const { kinds } = read([
    { candidates: [{ index: 0 }, { index: 1 }] },
    piece([{ text: "a" }], { finishReason: "STOP" }),
    other(),
    other("STOP"),
  ]);
  assert.deepEqual(kinds, ["preamble", "content", "content", "terminal"]);
});

test("a refused prompt is an answer", () => {
  const blocked = { promptFeedback: { blockReason: "SAFETY" }, ...used(0) };
  const { kinds, reader } = read([blocked]);
  assert.deepEqual(kinds, ["terminal"]);
  assert.equal(reader.summary().finish, "SAFETY");
  const whole = createGeminiReader();
  assert.equal(whole.readJson(Buffer.from(JSON.stringify(blocked))), true);
  assert.equal(whole.summary().finish, "SAFETY");
});

test("an error is one wherever it stands", () => {
  const error = { error: { code: 503, status: "UNAVAILABLE", message: "no" } };
  assert.deepEqual(read([error]).kinds, ["error"]);
  assert.deepEqual(read([piece([{ text: "a" }]), error]).kinds, ["content", "error"]);
  assert.equal(createGeminiReader().readJson(Buffer.from(JSON.stringify(error))), false);
  assert.equal(createGeminiReader().readJson(Buffer.from("{}")), false);
});

test("an answer that goes round in circles is ended as its own provider would end it", () => {
  const seen: string[] = [];
  let wants = false;
  const watch = { add: (text: string) => void seen.push(text), wantsCut: () => wants };
  const { reader } = read(
    [
      { ...piece([{ text: "Hm.", thought: true }]), modelVersion: "m", responseId: "r" },
      { ...piece([{ text: "again" }]), modelVersion: "m", responseId: "r" },
    ],
    watch,
  );
  assert.deepEqual(seen, ["Hm.", "\n\n", "again"]);
  assert.equal(reader.cut(), null);
  wants = true;
  const end = reader.cut()?.(null).toString() ?? "";
  assert.deepEqual(JSON.parse(end.slice("data: ".length)), {
    ...piece([{ text: "" }], { finishReason: "MAX_TOKENS" }),
    modelVersion: "m",
    responseId: "r",
  });
  assert.deepEqual(read([JSON.parse(end.slice("data: ".length))]).kinds, ["terminal"]);
});

test("an answer with a call is never cut", () => {
  const watch = { add: () => undefined, wantsCut: () => true };
  const asked = [{ functionCall: { name: "look", args: {} } }];
  assert.equal(read([piece([{ text: "a" }]), piece(asked)], watch).reader.cut(), null);
});
