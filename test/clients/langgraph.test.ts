// Goal: a LangGraph agent over @langchain/openai works through the gateway by its base URL and two headers alone.
// Method: the real packages, with their own retries, against a scripted provider; what users see is asserted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { tool } from "@langchain/core/tools";
import { MemorySaver } from "@langchain/langgraph";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
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

// The libraries would send their traces to a host of their own where the environment asks for it.
process.env["LANGSMITH_TRACING"] = "false";
process.env["LANGCHAIN_TRACING_V2"] = "false";

const QUESTION = { messages: [{ role: "user", content: "Weather in Bern?" }] };
/** Two steps of the graph a turn: far behind the correction. */
const RECURSION_LIMIT = 25;

interface AgentOptions {
  readonly maxRetries?: number;
  readonly fetch?: typeof fetch;
}

function chatOf(scene: Scene, headers: Record<string, string>, options: AgentOptions = {}) {
  const { maxRetries = 1, ...about } = options;
  const configuration = { baseURL: scene.baseUrl, defaultHeaders: headers, ...about };
  return new ChatOpenAI({ model: MODEL, apiKey: "not-a-key", maxRetries, configuration });
}

const weather = tool(() => TOOL.result, {
  name: TOOL.name,
  description: TOOL.description,
  schema: z.object({ city: z.string() }),
});

function agentOf(scene: Scene, headers: Record<string, string>, options: AgentOptions = {}) {
  return createReactAgent({
    llm: chatOf(scene, headers, options),
    tools: [weather],
    checkpointer: new MemorySaver(),
  });
}

const config = () => ({
  configurable: { thread_id: "its own" },
  recursionLimit: RECURSION_LIMIT,
});

/** What a failed call looks like to those who use these libraries. */
const failure = z.object({
  status: z.number().optional(),
  code: z.string().nullish(),
  message: z.string(),
  headers: z.instanceof(Headers).optional(),
});

test("a prebuilt agent is corrected and ends by itself, on one model", async (t) => {
  const scene = await startScene(t);
  const agent = agentOf(scene, agentHeaders("graph-invoke"));
  const { messages } = await agent.invoke(QUESTION, config());
  assert.equal(messages.at(-1)?.content, FINAL_TEXT);
  await assertRecovered(scene, "graph-invoke");
});

test("a prebuilt agent that streams is corrected and ends by itself, on one model", async (t) => {
  const scene = await startScene(t);
  const agent = agentOf(scene, agentHeaders("graph-stream"));
  let text = "";
  const stream = await agent.stream(QUESTION, { ...config(), streamMode: "messages" });
  for await (const [message] of stream) {
    if (message.getType() === "ai") text += message.text;
  }
  assert.equal(text, FINAL_TEXT);
  await assertRecovered(scene, "graph-stream");
});

test("a refused request is thrown with our code, and is not tried again", async (t) => {
  const scene = await startScene(t);
  const asked = countingFetch();
  const headers = { "X-Conversation-ID": "two words" };
  const agent = agentOf(scene, headers, { maxRetries: 6, fetch: asked.fetch });
  await assert.rejects(agent.invoke(QUESTION, config()), (error) => {
    const { status, code, message } = failure.parse(error);
    assert.deepEqual([status, code], [400, "invalid_conversation_id"]);
    assert.match(message, /X-Conversation-ID must be/);
    return true;
  });
  assert.equal(asked.count(), 1);
  assert.equal(scene.upstream.requests.length, 0);
});

test("a pinned model that is down is tried again, then given up, never swapped", async (t) => {
  const scene = await startScene(t, textAnswer("Hello."));
  const asked = countingFetch();
  const agent = agentOf(scene, agentHeaders("graph-down"), { fetch: asked.fetch });
  await agent.invoke(QUESTION, config());
  scene.upstream.respond(() => OUT_OF_ORDER);
  await assert.rejects(agent.invoke(QUESTION, config()), (error) => {
    const { status, code, headers } = failure.parse(error);
    assert.deepEqual([status, code], [503, "pinned_model_unavailable"]);
    assert.match(headers?.get("retry-after") ?? "", /^[1-9]\d?$/);
    return true;
  });
  assert.equal(asked.count(), 3, "one turn, one try, one retry of the library");
  assert.equal(modelsOf(scene.upstream).length, 1);
});

const BREAKS = [
  { what: "an error within a stream", handler: errorInStream, code: "upstream_error_in_stream" },
  { what: "a stream that is cut", handler: cutStream, code: "upstream_stream_cut" },
] as const;

for (const { what, handler, code } of BREAKS) {
  test(`${what} is thrown after the text that came, and is not tried again`, async (t) => {
    const scene = await startScene(t, handler);
    const asked = countingFetch();
    const chat = chatOf(scene, agentHeaders("graph-broken"), { fetch: asked.fetch });
    let text = "";
    const read = async (): Promise<void> => {
      for await (const chunk of await chat.stream("Weather in Bern?")) text += chunk.text;
    };
    await assert.rejects(read(), (error) => {
      const seen = failure.parse(error);
      assert.equal(seen.code, code);
      assert.match(seen.message, /You can retry your request/);
      return true;
    });
    assert.notEqual(text, "");
    assert.equal(asked.count(), 1);
  });
}

test("a used-up budget ends the agent with a message it can read", async (t) => {
  const scene = await startScene(t, callTool);
  const headers = agentHeaders("graph-budget", { "X-Conversation-Budget-USD": "0.0001" });
  const { messages } = await agentOf(scene, headers).invoke(QUESTION, config());
  assert.match(messages.at(-1)?.text ?? "", /out of budget/);
  assert.equal(scene.upstream.requests.length, 1);
  const seen = await scene.gateway.read("/v1/conversations/graph-budget");
  assert.equal(seen.life, "exhausted");
});

test("a used-up budget is a 403 where a certain shape was demanded, and is not tried again", async (t) => {
  const scene = await startScene(t, callTool);
  const headers = agentHeaders("graph-shape", { "X-Conversation-Budget-USD": "0.0001" });
  const asked = countingFetch();
  const chat = chatOf(scene, headers, { maxRetries: 6, fetch: asked.fetch });
  const demanding = chat.bindTools([weather], { tool_choice: "required" });
  await demanding.invoke("Weather in Bern?");
  await assert.rejects(demanding.invoke("Weather in Bern?"), (error) => {
    const { status, code } = failure.parse(error);
    assert.deepEqual([status, code], [403, "conversation_ended"]);
    return true;
  });
  assert.equal(asked.count(), 2);
});
