// Goal: the AI SDK with @ai-sdk/openai works through the gateway over its usual wire, whether its provider keeps what
// was said (then it names items instead of sending them) or not. Method: the real packages against a scripted provider.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";
import { startDialectUpstream, type DialectName } from "../support/dialects/scripted-upstream.ts";
import { failsInside, oneTool, reply, text, until, type Script } from "../support/dialects/step.ts";
import { provider, startGateway } from "../support/gateway.ts";

const MARKER = "[fairlead]";
const FINAL_TEXT = "I stop here: the weather does not change.";
const prompt = "Weather in Bern?";
const city = { city: "Bern" };
const stubborn = until(
  MARKER,
  reply({ reasoning: "I look.", calls: [{ name: "get_weather", input: city }] }),
  text(FINAL_TEXT),
);
/** The loop's own limit, far behind the correction. */
const stopWhen = isStepCount(12);
const tools = {
  get_weather: tool({
    description: "The weather in a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: () => "sunny",
  }),
};

async function startScene(t: TestContext, script: Script, dialect: DialectName) {
  const upstream = await startDialectUpstream(dialect, script, { refusesFaults: true });
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream, { dialect })] });
  const headers = { "X-Conversation-ID": "ai", "X-Router-Profile": "AGENT" };
  const openai = createOpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "not-a-key", headers });
  return { upstream, gateway, model: openai("lab/big") };
}

for (const store of [true, false]) {
  const providerOptions = { openai: { store } };
  const how = store ? "names of items" : "whole items";
  test(`generateText with ${how} in its history is corrected and ends by itself`, async (t) => {
    const { upstream, gateway, model } = await startScene(t, stubborn, "openai-responses");
    const asked = { model, tools, stopWhen, prompt, providerOptions };
    const result = await generateText(asked);
    assert.equal(result.text, FINAL_TEXT);
    assert.deepEqual(upstream.faults, []);
    assert.equal(upstream.requests.at(-1)?.raw.includes("item_reference"), store);
    const seen = await gateway.read("/v1/conversations/ai");
    assert.deepEqual([seen.turns, seen.threads.length], [5, 1]);
    assert.equal(seen.corrections[0].outcome.kind, "recovered");
  });
}

test("streamText on a model of another dialect is corrected and ends by itself", async (t) => {
  const script = until(MARKER, oneTool("get_weather", city), text(FINAL_TEXT));
  const { upstream, model } = await startScene(t, script, "openai-chat");
  const providerOptions = { openai: { store: false } };
  const stream = streamText({ model, tools, stopWhen, prompt, providerOptions });
  let said = "";
  for await (const piece of stream.textStream) said += piece;
  assert.equal(said, FINAL_TEXT);
  assert.deepEqual(upstream.faults, []);
});

test("an error inside a stream is told as one", async (t) => {
  const broken = failsInside(text("A text of several pieces."), 6, "overloaded");
  const { model } = await startScene(t, () => broken, "openai-responses");
  const errors: unknown[] = [];
  const onError = ({ error }: { readonly error: unknown }) => void errors.push(error);
  await streamText({ model, prompt, maxRetries: 0, onError }).consumeStream();
  assert.match(
    JSON.stringify(errors) + String(errors),
    /upstream_error_in_stream|provider reported/,
  );
});

test("names of items that nobody keeps are refused with what to do instead", async (t) => {
  const { model } = await startScene(t, stubborn, "anthropic-messages");
  await assert.rejects(generateText({ model, tools, stopWhen, prompt, maxRetries: 0 }), (error) => {
    assert.ok(APICallError.isInstance(error));
    assert.equal(error.statusCode, 400);
    assert.match(error.message, /store/);
    return true;
  });
});
