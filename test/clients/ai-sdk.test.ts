// Goal: the AI SDK with @ai-sdk/openai-compatible works through the gateway by its base URL and two headers alone.
// Method: the real packages, with their own retries, against a scripted provider; what users see is asserted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  generateText,
  isStepCount,
  RetryError,
  streamText,
  tool,
  type LanguageModel,
} from "ai";
import { z } from "zod";
import { textAnswer } from "../support/upstream.ts";
import {
  agentHeaders,
  assertRecovered,
  callTool,
  countingFetch,
  cutStream,
  errorInStream,
  FINAL_TEXT,
  MODEL,
  modelsOf,
  OUT_OF_ORDER,
  startScene,
  TOOL,
  type Scene,
} from "./support/scene.ts";

const PROMPT = "Weather in Bern?";
/** The loop's own limit, far behind the correction. */
const stopWhen = isStepCount(12);
const tools = {
  [TOOL.name]: tool({
    description: TOOL.description,
    inputSchema: z.object({ city: z.string() }),
    execute: () => TOOL.result,
  }),
};

function modelOf(
  scene: Scene,
  headers: Record<string, string>,
  about: { readonly name?: string; readonly fetch?: typeof fetch } = {},
): LanguageModel {
  const { name = MODEL, ...options } = about;
  const settings = { name: "fairlead", baseURL: scene.baseUrl, apiKey: "not-a-key", headers };
  return createOpenAICompatible({ ...settings, ...options })(name);
}

/** The call error, by itself or as the last of those that the SDK's retries met. */
function callErrorOf(error: unknown): APICallError {
  const last = RetryError.isInstance(error) ? error.lastError : error;
  assert.ok(APICallError.isInstance(last));
  return last;
}

/** The gateway's code in the body of the answer. */
function codeOf(error: APICallError): string {
  const body: unknown = JSON.parse(error.responseBody ?? "null");
  return z.object({ error: z.object({ code: z.string() }) }).parse(body).error.code;
}

test("generateText with tools is corrected and ends by itself, on one model", async (t) => {
  const scene = await startScene(t);
  const model = modelOf(scene, agentHeaders("ai-generate"));
  const { text, steps } = await generateText({ model, tools, stopWhen, prompt: PROMPT });
  assert.equal(text, FINAL_TEXT);
  assert.equal(steps.length, 5);
  const headers = steps.map(({ response }) => response.headers ?? {});
  assert.deepEqual(
    headers.map((named) => named["x-conversation-state"]),
    ["steady", "steady", "steady", "suspected", "correcting"],
  );
  await assertRecovered(scene, "ai-generate");
});

test("streamText with tools is corrected and ends by itself, on one model", async (t) => {
  const scene = await startScene(t);
  const model = modelOf(scene, agentHeaders("ai-stream"));
  const stream = streamText({ model, tools, stopWhen, prompt: PROMPT });
  let text = "";
  for await (const piece of stream.textStream) text += piece;
  assert.equal(text, FINAL_TEXT);
  assert.equal((await stream.steps).length, 5);
  await assertRecovered(scene, "ai-stream");
});

test("a refused request is an APICallError with our code, and is not tried again", async (t) => {
  const scene = await startScene(t);
  const asked = countingFetch();
  const headers = { "X-Conversation-ID": "two words" };
  const model = modelOf(scene, headers, { fetch: asked.fetch });
  await assert.rejects(generateText({ model, prompt: PROMPT }), (error) => {
    const call = callErrorOf(error);
    assert.deepEqual([call.statusCode, codeOf(call)], [400, "invalid_conversation_id"]);
    assert.equal(call.isRetryable, false);
    assert.match(call.message, /X-Conversation-ID must be/);
    return true;
  });
  assert.equal(asked.count(), 1);
  assert.equal(scene.upstream.requests.length, 0);
});

test("an unknown model is a 404 that names it", async (t) => {
  const scene = await startScene(t);
  const model = modelOf(scene, agentHeaders("ai-unknown"), { name: "nobody-1" });
  await assert.rejects(generateText({ model, prompt: PROMPT }), (error) => {
    const call = callErrorOf(error);
    assert.deepEqual([call.statusCode, codeOf(call)], [404, "model_not_found"]);
    assert.match(call.message, /nobody-1/);
    return true;
  });
});

test("a pinned model that is down is tried again after Retry-After, then given up, never swapped", async (t) => {
  const scene = await startScene(t, textAnswer("Hello."));
  const asked = countingFetch();
  const model = modelOf(scene, agentHeaders("ai-down"), { fetch: asked.fetch });
  const ask = () => generateText({ model, prompt: PROMPT, maxRetries: 1 });
  await ask();
  scene.upstream.respond(() => OUT_OF_ORDER);
  await assert.rejects(ask(), (error) => {
    assert.ok(RetryError.isInstance(error));
    assert.equal(error.reason, "maxRetriesExceeded");
    const call = callErrorOf(error);
    assert.deepEqual([call.statusCode, codeOf(call)], [503, "pinned_model_unavailable"]);
    assert.equal(call.isRetryable, true);
    assert.match(call.responseHeaders?.["retry-after"] ?? "", /^[1-9]\d?$/);
    return true;
  });
  assert.equal(asked.count(), 3, "one turn, one try, one retry of the SDK");
  assert.equal(modelsOf(scene.upstream).length, 1);
});

const BREAKS = [
  { what: "an error within a stream", handler: errorInStream },
  { what: "a stream that is cut", handler: cutStream },
] as const;

for (const { what, handler } of BREAKS) {
  test(`${what} reaches onError after the text that came, and is not tried again`, async (t) => {
    const scene = await startScene(t, handler);
    const asked = countingFetch();
    const model = modelOf(scene, agentHeaders("ai-broken"), { fetch: asked.fetch });
    const errors: unknown[] = [];
    const onError = ({ error }: { readonly error: unknown }): void => void errors.push(error);
    let text = "";
    for await (const piece of streamText({ model, prompt: PROMPT, onError }).textStream) {
      text += piece;
    }
    assert.notEqual(text, "");
    assert.equal(errors.length, 1);
    assert.match(String(errors[0]), /You can retry your request/);
    assert.doesNotMatch(String(errors[0]), /secret/);
    assert.equal(asked.count(), 1);
  });
}

for (const streams of [false, true]) {
  const how = streams ? "streamText" : "generateText";
  test(`a used-up budget ends ${how} with a message the agent can read`, async (t) => {
    const scene = await startScene(t, callTool);
    const headers = agentHeaders("ai-budget", { "X-Conversation-Budget-USD": "0.0001" });
    const options = { model: modelOf(scene, headers), tools, stopWhen, prompt: PROMPT };
    const ended = streams ? streamText(options) : await generateText(options);
    assert.match(await ended.text, /out of budget/);
    assert.equal(await ended.finishReason, "stop");
    assert.equal(scene.upstream.requests.length, 1);
    const seen = await scene.gateway.read("/v1/conversations/ai-budget");
    assert.equal(seen.life, "exhausted");
  });
}

test("a used-up budget is a 403 where a tool call was demanded, and is not tried again", async (t) => {
  const scene = await startScene(t, callTool);
  const headers = agentHeaders("ai-shape", { "X-Conversation-Budget-USD": "0.0001" });
  const asked = countingFetch();
  const model = modelOf(scene, headers, { fetch: asked.fetch });
  const ask = () => generateText({ model, tools, toolChoice: "required", prompt: PROMPT });
  await ask();
  await assert.rejects(ask(), (error) => {
    const call = callErrorOf(error);
    assert.deepEqual([call.statusCode, codeOf(call)], [403, "conversation_ended"]);
    return true;
  });
  assert.equal(asked.count(), 2);
});
