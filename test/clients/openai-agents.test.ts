// Goal: the OpenAI Agents SDK works through the gateway over the chat wire, by its client's base URL and two headers.
// Method: the real SDK, tracing off, against a scripted provider; what users see (outputs, exceptions) is asserted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Agent, OpenAIChatCompletionsModel, Runner, tool } from "@openai/agents";
import OpenAI, {
  APIError,
  BadRequestError,
  InternalServerError,
  PermissionDeniedError,
} from "openai";
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

const QUESTION = "Weather in Bern?";
const MAX_TURNS = { maxTurns: 12 };
/** The SDK would send its traces to a host of its own. */
const runner = new Runner({ tracingDisabled: true });

interface AgentOptions {
  readonly maxRetries?: number;
  readonly fetch?: typeof fetch;
  /** Demands a tool call of every answer. */
  readonly demandsTool?: boolean;
}

function agentOf(scene: Scene, headers: Record<string, string>, options: AgentOptions = {}): Agent {
  const { demandsTool = false, ...about } = options;
  const settings = { apiKey: "not-a-key", baseURL: scene.baseUrl, defaultHeaders: headers };
  const client = new OpenAI({ ...settings, ...about });
  const weather = tool({
    name: TOOL.name,
    description: TOOL.description,
    parameters: z.object({ city: z.string() }),
    execute: () => TOOL.result,
  });
  return new Agent({
    name: "weather",
    instructions: "Help.",
    model: new OpenAIChatCompletionsModel(client, MODEL),
    modelSettings: demandsTool ? { toolChoice: "required" } : {},
    resetToolChoice: false,
    tools: [weather],
  });
}

/** Runs with streaming, and resolves with the text deltas and what the agent ended with. */
async function runStreaming(agent: Agent, deltas: string[] = []) {
  const streamed = await runner.run(agent, QUESTION, { ...MAX_TURNS, stream: true });
  for await (const event of streamed) {
    if (event.type !== "raw_model_stream_event") continue;
    if (event.data.type === "output_text_delta") deltas.push(event.data.delta);
  }
  await streamed.completed;
  return streamed.finalOutput;
}

test("run is corrected and ends by itself, on one model", async (t) => {
  const scene = await startScene(t);
  const agent = agentOf(scene, agentHeaders("agents-run"));
  const { finalOutput } = await runner.run(agent, QUESTION, MAX_TURNS);
  assert.equal(finalOutput, FINAL_TEXT);
  await assertRecovered(scene, "agents-run");
});

test("run with streaming is corrected and ends by itself, on one model", async (t) => {
  const scene = await startScene(t);
  const deltas: string[] = [];
  const finalOutput = await runStreaming(agentOf(scene, agentHeaders("agents-stream")), deltas);
  assert.equal(finalOutput, FINAL_TEXT);
  assert.equal(deltas.join(""), FINAL_TEXT);
  await assertRecovered(scene, "agents-stream");
});

test("a refused request is a BadRequestError with our code, and is not tried again", async (t) => {
  const scene = await startScene(t);
  const asked = countingFetch();
  const headers = { "X-Conversation-ID": "agents-refused", "X-Router-Profile": "NOBODY" };
  const agent = agentOf(scene, headers, { fetch: asked.fetch });
  await assert.rejects(runner.run(agent, QUESTION), (error) => {
    assert.ok(error instanceof BadRequestError);
    assert.deepEqual([error.status, error.code], [400, "unknown_profile"]);
    assert.match(error.message, /AGENT/);
    return true;
  });
  assert.equal(asked.count(), 1);
  assert.equal(scene.upstream.requests.length, 0);
});

test("a pinned model that is down is tried again after Retry-After, then given up, never swapped", async (t) => {
  const scene = await startScene(t, textAnswer("Hello."));
  const asked = countingFetch();
  const options = { maxRetries: 1, fetch: asked.fetch };
  const agent = agentOf(scene, agentHeaders("agents-down"), options);
  await runner.run(agent, QUESTION);
  scene.upstream.respond(() => OUT_OF_ORDER);
  await assert.rejects(runner.run(agent, QUESTION), (error) => {
    assert.ok(error instanceof InternalServerError);
    assert.deepEqual([error.status, error.code], [503, "pinned_model_unavailable"]);
    assert.match(error.headers.get("retry-after") ?? "", /^[1-9]\d?$/);
    return true;
  });
  assert.equal(asked.count(), 3, "one turn, one try, one retry of the SDK");
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
    const agent = agentOf(scene, agentHeaders("agents-broken"), { fetch: asked.fetch });
    const deltas: string[] = [];
    await assert.rejects(runStreaming(agent, deltas), (error) => {
      assert.ok(error instanceof APIError);
      assert.equal(error.code, code);
      assert.match(error.message, /You can retry your request/);
      return true;
    });
    assert.notEqual(deltas.join(""), "");
    assert.equal(asked.count(), 1);
  });
}

for (const streams of [false, true]) {
  const how = streams ? "a streamed run" : "a run";
  test(`a used-up budget ends ${how} with a message the agent can read`, async (t) => {
    const scene = await startScene(t, callTool);
    const headers = agentHeaders("agents-budget", { "X-Conversation-Budget-USD": "0.0001" });
    const agent = agentOf(scene, headers);
    const finalOutput = streams
      ? await runStreaming(agent)
      : (await runner.run(agent, QUESTION, MAX_TURNS)).finalOutput;
    assert.match(finalOutput ?? "", /out of budget/);
    assert.equal(scene.upstream.requests.length, 1);
    const seen = await scene.gateway.read("/v1/conversations/agents-budget");
    assert.equal(seen.life, "exhausted");
  });
}

test("a used-up budget is a 403 where a tool call was demanded, and is not tried again", async (t) => {
  const scene = await startScene(t, callTool);
  const headers = agentHeaders("agents-shape", { "X-Conversation-Budget-USD": "0.0001" });
  const asked = countingFetch();
  const agent = agentOf(scene, headers, { fetch: asked.fetch, demandsTool: true });
  await assert.rejects(runner.run(agent, QUESTION, MAX_TURNS), (error) => {
    assert.ok(error instanceof PermissionDeniedError);
    assert.deepEqual([error.status, error.code], [403, "conversation_ended"]);
    return true;
  });
  assert.equal(asked.count(), 2);
});
