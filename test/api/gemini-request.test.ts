// Goal: what a Gemini request asks for is read from its path and its bytes. Method: small requests, each with one
// peculiarity.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readGeminiRequest } from "../../src/api/gemini-request.ts";
import { nearestWire, wireOf } from "../../src/api/turn-paths.ts";
import { FaultError } from "../../src/turn/fault.ts";
import type { TurnRequest } from "../../src/turn/turn-request.ts";

const PATH = "/v1beta/models/auto:generateContent";
const HELLO = { role: "user", parts: [{ text: "hi" }] };

function read(about: object, url = PATH): TurnRequest {
  const body = Buffer.from(JSON.stringify({ contents: [HELLO], ...about }));
  return readGeminiRequest({ body, url, headers: {}, depthMax: 64 });
}

function faultOf(run: () => unknown): FaultError["fault"] {
  try {
    run();
  } catch (error) {
    if (error instanceof FaultError) return error.fault;
    throw error;
  }
  return assert.fail("no fault");
}

test("the model stands in the path, plain or percent-encoded, with colons and slashes of its own", () => {
  const named = (path: string) => read({}, path).model;
  assert.equal(named("/v1beta/models/auto:generateContent"), "auto");
  assert.equal(named("/v1beta/models/lab/big:generateContent"), "lab/big");
  assert.equal(named("/v1beta/models/lab%2Fbig:generateContent"), "lab/big");
  assert.equal(named("/v1beta/models%2Flab%2Fbig%3AgenerateContent"), "lab/big");
  assert.equal(named("/v1beta/lab/big:generateContent"), "lab/big");
  assert.equal(named("/v1/models/ollama/llama3:8b:generateContent?key=k"), "ollama/llama3:8b");
});

test("the method says whether to stream, and a stream is of events", () => {
  assert.equal(read({}).stream, false);
  const stream = PATH.replace("generate", "streamGenerate");
  assert.equal(read({}, `${stream}?alt=sse`).stream, true);
  assert.equal(read({}, `${stream}?key=k&$alt=sse`).stream, true);
  for (const wrong of [stream, `${stream}?alt=json`, `${PATH}?alt=sse`]) {
    const fault = faultOf(() => read({}, wrong));
    assert.equal(fault.status, 400);
    assert.match(fault.message, /alt/);
  }
});

test("paths of turns are told from all others", () => {
  const turns = [
    "/v1beta/models/auto:generateContent",
    "/v1beta/models/lab/big:streamGenerateContent?alt=sse",
    "/v1/models/auto:generateContent",
    "/v1alpha/models/auto:generateContent/",
  ];
  for (const path of turns) assert.equal(wireOf(path)?.dialect, "gemini", path);
  const others = [
    "/v1beta/models",
    "/v1beta/models/auto",
    "/v1beta/models/auto:countTokens",
    "/v1/conversations/a:generateContent",
    "/v2/models/auto:generateContent",
  ];
  for (const path of others) assert.equal(wireOf(path), null, path);
  assert.equal(nearestWire("/v1beta/models/auto:countTokens").dialect, "gemini");
  assert.equal(nearestWire("/v1/chat/completionz").dialect, "openai-chat");
});

test("nothing of the query goes on", () => {
  assert.equal(read({}, `${PATH}?key=secret&prettyPrint=true`).search, "");
});

test("a path that names no model is refused with what to send", () => {
  assert.match(faultOf(() => read({}, "/v1beta/models/:generateContent")).message, /name a model/);
  assert.match(
    faultOf(() => read({}, "/v1beta/models/%ff:generateContent")).message,
    /name a model/,
  );
  assert.match(
    faultOf(() => read({}, `/v1beta/models/${"x".repeat(300)}:generateContent`)).message,
    /name a model/,
  );
});

test("a request without contents is refused", () => {
  for (const contents of [[], "hi", { parts: [] }, undefined]) {
    assert.equal(faultOf(() => read({ contents })).param, "contents");
  }
});

test("a field in two spellings is refused, and each spelling alone is taken", () => {
  const system = { parts: [{ text: "Be brief." }] };
  assert.equal(read({ system_instruction: system }).transcript.count, 2);
  assert.equal(read({ systemInstruction: system }).transcript.count, 2);
  const twice = { system_instruction: system, systemInstruction: system };
  assert.equal(faultOf(() => read(twice)).code, "duplicate_field");
  assert.equal(faultOf(() => read({ Tools: [] })).code, "duplicate_field");
  assert.equal(faultOf(() => read({ toolſ: [] })).code, "duplicate_field");
});

test("a demanded shape is told from a free answer", () => {
  const demands = (about: object) => read(about).demandsShape;
  assert.equal(demands({}), false);
  assert.equal(demands({ generationConfig: { responseMimeType: "text/plain" } }), false);
  assert.equal(demands({ generationConfig: { responseMimeType: "application/json" } }), true);
  assert.equal(demands({ generation_config: { response_schema: { type: "OBJECT" } } }), true);
  const calling = (mode: string) => ({ toolConfig: { functionCallingConfig: { mode } } });
  assert.equal(demands(calling("AUTO")), false);
  assert.equal(demands(calling("ANY")), true);
});

test("tools and images are seen, and only where they are", () => {
  assert.equal(read({ tools: [] }).hasTools, false);
  assert.equal(read({ tools: [{ functionDeclarations: [] }] }).hasTools, true);
  const file = (mimeType: string) => ({ parts: [{ inlineData: { mimeType, data: "AA==" } }] });
  assert.equal(read({ contents: [file("image/png")] }).hasImages, true);
  assert.equal(read({ contents: [file("application/pdf")] }).hasImages, false);
  const snake = { parts: [{ inline_data: { mime_type: "image/png", data: "AA==" } }] };
  assert.equal(read({ contents: [snake] }).hasImages, true);
});

test("what the model said in a row is one message, however the client cut it", () => {
  const call = (q: number) => ({ functionCall: { name: "look", args: { q } } });
  const answer = (q: number) => ({
    functionResponse: { name: "look", response: { output: `${q}` } },
  });
  const { transcript } = read({
    systemInstruction: { parts: { text: "Be brief." } },
    contents: [
      HELLO,
      { role: "model", parts: [{ text: "Hm.", thought: true }, { text: "I " }] },
      { parts: [{ text: "look." }, call(1)], role: "model" },
      { role: "model", parts: [call(2)] },
      { role: "user", parts: [answer(1), answer(2)] },
      { role: "user", parts: [answer(3), { text: "Go on." }] },
    ],
  });
  const messages = Array.from({ length: transcript.count }, (_, index) => transcript.read(index));
  assert.deepEqual(
    messages.map(({ role, text }) => [role, text]),
    [
      ["system", "Be brief."],
      ["user", "hi"],
      ["assistant", "I look."],
      ["tool", ""],
      ["user", "Go on."],
    ],
  );
  assert.deepEqual(messages[2]?.calls, [
    { id: "look", name: "look", arguments: '{"q":1}' },
    { id: "look", name: "look", arguments: '{"q":2}' },
  ]);
  assert.deepEqual(
    messages[3]?.results.map(({ callId, text }) => [callId, text]),
    [
      ["look", "1"],
      ["look", "2"],
    ],
  );
  assert.throws(() => transcript.read(5), RangeError);
});

test("a tool's answer is its words, and its error is one", () => {
  const told = (response: object) => {
    const parts = [{ functionResponse: { id: "a", name: "look", response } }];
    return read({ contents: [{ role: "function", parts }] }).transcript.read(0).results[0];
  };
  assert.deepEqual(told({ output: "two" }), { callId: "a", text: "two", isError: false });
  assert.deepEqual(told({ error: "gone" }), { callId: "a", text: "gone", isError: true });
  assert.deepEqual(told({ a: 1, b: 2 })?.text, '{"a":1,"b":2}');
  assert.equal(told({ content: [{ text: "no" }], isError: true })?.isError, true);
});
