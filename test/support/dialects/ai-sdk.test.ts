// A second opinion on all dialects: the AI SDK speaks each of them with its own encoders and
// decoders, and SigV4.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, isStepCount, jsonSchema, streamText, tool } from "ai";
import type { LanguageModel } from "ai";
import { started } from "./dialect-scene.ts";
import { DIALECT_NAMES } from "./scripted-upstream.ts";
import type { DialectName } from "./scripted-upstream.ts";
import { reply, text, until } from "./step.ts";

const MODELS: Readonly<Record<DialectName, (baseURL: string) => LanguageModel>> = {
  "openai-chat": (baseURL) => createOpenAI({ baseURL, apiKey: "none" }).chat("gpt-5"),
  "openai-responses": (baseURL) => createOpenAI({ baseURL, apiKey: "none" }).responses("gpt-5"),
  "anthropic-messages": (baseURL) =>
    createAnthropic({ baseURL, apiKey: "none" })("claude-opus-4-5"),
  gemini: (baseURL) => createGoogle({ baseURL, apiKey: "none" })("gemini-3-pro-preview"),
  "bedrock-converse": (baseURL) =>
    createAmazonBedrock({
      baseURL,
      region: "eu-west-1",
      accessKeyId: "AKIDSCRIPTED",
      secretAccessKey: "none",
    })("us.anthropic.claude-opus-4-5-20251101-v1:0"),
};

/** Two calls at once, after some reasoning, until the marker is among the results. */
const STEP = reply({
  reasoning: "I look at both.",
  text: "Looking.",
  calls: [
    { name: "look", input: { city: "Kyiv" } },
    { name: "look", input: { city: "Bonn" } },
  ],
});

for (const name of DIALECT_NAMES) {
  for (const isStream of [false, true]) {
    const how = isStream ? "streamed" : "whole";
    test(`an AI SDK agent on ${name}, ${how}, sends requests without fault`, async (t) => {
      const upstream = await started(t, name, until("[stop]", STEP, text("It rains in both.")));
      let looks = 0;
      const look = tool({
        description: "Looks at the weather.",
        inputSchema: jsonSchema<{ readonly city: string }>({
          type: "object",
          properties: { city: { type: "string" } },
          required: ["city"],
          additionalProperties: false,
        }),
        execute: ({ city }) => {
          looks += 1;
          return looks >= 4 ? `[stop] ${city}` : `rain in ${city}`;
        },
      });
      const options = {
        model: MODELS[name](upstream.baseUrl),
        instructions: "You look at the weather.",
        prompt: "Weather?",
        tools: { look },
        stopWhen: isStepCount(9),
        maxRetries: 0,
      };
      const result = isStream ? streamText(options) : await generateText(options);
      assert.equal(await result.text, "It rains in both.");
      assert.equal(looks, 4);
      assert.equal(upstream.requests.length, 3);
      assert.deepEqual(upstream.faults, []);
      // Three answers of 100 tokens in (40 of them cached) and 20 out, whatever the dialect counts
      // as what.
      const { inputTokens, inputTokenDetails, outputTokens } = await result.usage;
      assert.deepEqual([inputTokens, outputTokens], [300, 60]);
      assert.equal(inputTokenDetails.cacheReadTokens, 120);
    });
  }
}
