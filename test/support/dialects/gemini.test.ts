// The scripted Gemini upstream against the official SDK, and its judge against wrong requests.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, GoogleGenAI } from "@google/genai";
import type { Content, GenerateContentResponse } from "@google/genai";
import { refusesAll, started } from "./dialect-scene.ts";
import { validateGemini } from "./gemini-request.ts";
import { signatureOf } from "./judge.ts";
import { vectorOf } from "./openai-embeddings.ts";
import { always, cut, fails, failsInside, inOrder, oneTool } from "./step.ts";
import { reasoned, reply, text, tools, until } from "./step.ts";

const MODEL = "gemini-3-x";
const CONFIG = { tools: [{ functionDeclarations: [{ name: "look" }] }] };
const ASKS: Content = { role: "user", parts: [{ text: "Weather?" }] };

function clientOf(baseUrl: string) {
  return new GoogleGenAI({ apiKey: "none", httpOptions: { baseUrl } }).models;
}

type Models = ReturnType<typeof clientOf>;

async function streamed(models: Models, contents: Content[]): Promise<GenerateContentResponse[]> {
  const stream = await models.generateContentStream({ model: MODEL, contents, config: CONFIG });
  const chunks: GenerateContentResponse[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const partsOf = (chunks: readonly GenerateContentResponse[]) =>
  chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);

test("thoughts, texts and parallel calls reach the Gemini SDK, whole and streamed", async (t) => {
  const upstream = await started(t, "gemini");
  const models = clientOf(upstream.url);
  const both = async () => [
    [await models.generateContent({ model: MODEL, contents: [ASKS], config: CONFIG })],
    await streamed(models, [ASKS]),
  ];
  upstream.play(always(reasoned("I think so.", "A text longer than a piece.")));
  for (const chunks of await both()) {
    const parts = partsOf(chunks);
    const join = (isThought: boolean) =>
      parts
        .filter(({ thought = false }) => thought === isThought)
        .map((part) => part.text)
        .join("");
    assert.equal(join(true), "I think so.");
    assert.equal(join(false), "A text longer than a piece.");
    const signatures = parts.flatMap((part) => part.thoughtSignature ?? []);
    assert.deepEqual(signatures, [signatureOf("gemini", "I think so.")]);
    const last = chunks.at(-1);
    assert.equal(last?.candidates?.[0]?.finishReason, "STOP");
    assert.equal(last.usageMetadata?.promptTokenCount, 100);
    assert.equal(last.usageMetadata.cachedContentTokenCount, 40);
    // Here the tokens of thoughts are not among those of the candidates.
    assert.equal(last.usageMetadata.candidatesTokenCount, 12);
    assert.equal(last.usageMetadata.thoughtsTokenCount, 8);
  }
  upstream.play(
    always(tools({ name: "look", input: { city: "Kyiv" } }, { name: "look", input: {} })),
  );
  for (const chunks of await both()) {
    const calls = partsOf(chunks).filter((part) => part.functionCall !== undefined);
    assert.deepEqual(
      calls.map((part) => part.functionCall?.args),
      [{ city: "Kyiv" }, {}],
    );
    assert.ok(calls[0]?.thoughtSignature !== undefined);
    assert.equal(calls[1]?.thoughtSignature, undefined);
  }
  upstream.play(always(reply({ text: "Cut", stop: "length" })));
  const [whole] = await both();
  assert.equal(whole?.[0]?.candidates?.[0]?.finishReason, "MAX_TOKENS");
  assert.deepEqual(upstream.faults, []);
});

test("an agent returns what it got without fault; the marker ends its loop", async (t) => {
  const step = reply({ reasoning: "Again.", calls: oneTool("look").calls });
  const upstream = await started(t, "gemini", until("[stop]", step, text("Done.")));
  const models = clientOf(upstream.url);
  const contents: Content[] = [ASKS];
  for (let turn = 1; turn <= 3; turn += 1) {
    const parts = partsOf(await streamed(models, contents)).filter(
      (part) => part.functionCall !== undefined,
    );
    contents.push({ role: "model", parts });
    const response = { output: turn === 3 ? "[stop]" : "rain" };
    contents.push({
      role: "user",
      parts: parts.map(({ functionCall: call }) => ({
        functionResponse: { id: call?.id ?? "", name: call?.name ?? "", response },
      })),
    });
  }
  const last = await models.generateContent({ model: MODEL, contents, config: CONFIG });
  assert.equal(last.text, "Done.");
  assert.deepEqual(upstream.faults, []);
});

test("tokens are counted and texts embedded without using up a step of the script", async (t) => {
  const upstream = await started(t, "gemini");
  const models = clientOf(upstream.url);
  const { embeddings } = await models.embedContent({ model: "embed", contents: ["one", "two"] });
  assert.deepEqual(
    embeddings?.map(({ values }) => values),
    [vectorOf("one"), vectorOf("two")],
  );
  const counted = await models.countTokens({ model: MODEL, contents: [ASKS] });
  assert.ok((counted.totalTokens ?? 0) > 5);
  const one = await fetch(`${upstream.baseUrl}/models/embed:embedContent`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-goog-api-key": "k" },
    body: JSON.stringify({ content: { parts: [{ text: "one" }] }, outputDimensionality: 2 }),
  });
  assert.deepEqual(await one.json(), { embedding: { values: vectorOf("one", 2) } });
  assert.deepEqual(upstream.faults, []);
});

test("errors before and inside an answer reach the Gemini SDK as its own errors", async (t) => {
  const upstream = await started(t, "gemini");
  const models = clientOf(upstream.url);
  const ask = () => streamed(models, [ASKS]);
  upstream.play(inOrder(fails("rate_limited", 9), fails("invalid_key"), text("Well.")));
  await assert.rejects(ask(), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 429);
    assert.match(error.message, /RESOURCE_EXHAUSTED.*"retryDelay":"9s"/s);
    return true;
  });
  await assert.rejects(ask(), /API_KEY_INVALID/);
  assert.equal(partsOf(await ask())[0]?.text, "Well.");
  upstream.play(always(failsInside(text("Half of it."), 1, "overloaded")));
  await assert.rejects(ask(), /UNAVAILABLE/);
  upstream.play(always(cut(text("Half of it, and more."), 1)));
  await assert.rejects(ask());
});

const SIGNATURE = signatureOf("gemini", "x");
const call = { functionCall: { name: "look", args: {} }, thoughtSignature: SIGNATURE };
const unsigned = { functionCall: call.functionCall };
const response = { functionResponse: { name: "look", response: { output: "rain" } } };
const says = { text: "x" };
const user = (...parts: readonly object[]) => ({ role: "user", parts });
const model = (...parts: readonly object[]) => ({ role: "model", parts });
const talk = (...contents: readonly object[]) => ({ contents: [ASKS, ...contents] });
const declares = (parameters: object) => ({
  tools: [{ functionDeclarations: [{ name: "look", parameters }] }],
});
const properties = { city: { type: "string" } };

refusesAll({
  name: "Gemini",
  validate: validateGemini,
  path: `/v1beta/models/${MODEL}:streamGenerateContent?alt=sse`,
  headers: { "content-type": "application/json", "x-goog-api-key": "k" },
  body: {
    ...talk(model(says, call, unsigned), user(response, response, says)),
    ...declares({ type: "OBJECT", properties, required: ["city"] }),
  },
  alsoRight: [
    // Earlier turns may lack their signatures: they are not looked at.
    talk(model(unsigned), user(response), model(says), ASKS),
    talk(model({ ...call, thoughtSignature: "skip_thought_signature_validator" }), user(response)),
    { tools: [{ functionDeclarations: [{ name: "a", parametersJsonSchema: { $ref: "#" } }] }] },
    { systemInstruction: { parts: [says] }, generationConfig: { topK: 3, candidateCount: 1 } },
  ],
  wrong: [
    [{ contents: [] }, /contents/],
    [{ system_instruction: { parts: [says] } }, /unknown key/],
    [{ systemInstruction: "x" }, /systemInstruction/],
    [talk({ role: "assistant", parts: [says] }), /role/],
    [talk({ role: "system", parts: [says] }), /role/],
    [talk({ role: "user", parts: [] }), /parts/],
    [talk(user({ text: "x", inlineData: { mimeType: "a/b", data: "aa==" } })), /exactly one/],
    [talk(user({ thought: true })), /exactly one/],
    [{ contents: [model(says), ASKS] }, /begin with the user/],
    [talk(model(says)), /end with the user/],
    [talk(user(call)), /only the model calls/],
    [talk(model(call), model(response)), /only the user responds/],
    [talk(user({ ...says, thought: true })), /only the model has thoughts/],
    [talk(model(call), ASKS), /1 function calls, but 0 responses/],
    [talk(model(call, unsigned), user(response)), /2 function calls, but 1 responses/],
    [talk(model(call), ASKS, user(response)), /without calls before/],
    [talk(model(says), model(call), user(response)), /must come after the user/],
    [talk(model(call), user(says, response)), /must come first/],
    [
      talk(model(call), user({ functionResponse: { name: "other", response: {} } })),
      /not to its calls/,
    ],
    [
      talk(model({ ...call, functionCall: { ...call.functionCall, id: "a" } }), user(response)),
      /not to its calls/,
    ],
    [talk(model(call), user({ functionResponse: { name: "look", response: "rain" } })), /response/],
    [talk(model(unsigned), user(response)), /missing its thoughtSignature/],
    [talk(model(unsigned, call), user(response, response)), /missing its thoughtSignature/],
    [talk(user({ ...says, thoughtSignature: SIGNATURE })), /only the model signs/],
    [
      talk(
        model({ ...call, thoughtSignature: signatureOf("bedrock-converse", "x") }),
        user(response),
      ),
      /another provider/,
    ],
    [declares({ type: "object", properties, additionalProperties: false }), /unknown key/],
    [declares({ type: ["string", "null"] }), /no such type/],
    [declares({ type: "OBJECT", properties: {} }), /must not be empty/],
    [declares({ type: "ARRAY" }), /needs items/],
    [declares({ type: "OBJECT", properties, required: ["town"] }), /no property town/],
    [declares({ type: "STRING", format: "uri" }), /no format of STRING/],
    [declares({ type: "INTEGER", enum: [1] }), /enum/],
    [{ tools: [{ type: "function", function: {} }] }, /unknown key/],
    [{ tools: undefined, toolConfig: { functionCallingConfig: { mode: "ANY" } } }, /without func/],
    [{ generationConfig: { responseSchema: { type: "STRING" } } }, /responseMimeType/],
    [
      {
        generationConfig: {
          responseMimeType: "application/json",
          responseSchema: { type: "STRING" },
          responseJsonSchema: {},
        },
      },
      /responseSchema not together/,
    ],
    [{ tools: [...CONFIG.tools, ...CONFIG.tools] }, /must be unique/],
    [
      { toolConfig: { functionCallingConfig: { mode: "AUTO", allowedFunctionNames: ["look"] } } },
      /only with mode ANY/,
    ],
    [{ generationConfig: { maxTokens: 5 } }, /unknown key "maxTokens"/],
    [
      { generationConfig: { thinkingConfig: { thinkingBudget: 1, thinkingLevel: "LOW" } } },
      /not together/,
    ],
  ],
  wrongHeaders: [
    [{ "x-goog-api-key": undefined }, /key is required/],
    [{ "x-router-model": "a" }, /x-router-model/],
  ],
  wrongPaths: [
    [`/v1beta/models/${MODEL}:streamGenerateContent`, /alt=sse/],
    [`/v1beta/models/${MODEL}:generateContent?alt=sse`, /belongs to streams/],
    [`/v1beta/models/${MODEL}:say`, /path/],
  ],
});
