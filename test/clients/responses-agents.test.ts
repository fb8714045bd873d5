// Goal: the OpenAI Agents SDK works through the gateway over its usual wire, with its whole history and with deltas.
// Method: the real SDK, tracing off, against a scripted provider that refuses what the real one would refuse.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Agent, OpenAIResponsesModel, Runner, tool } from "@openai/agents";
import OpenAI, { APIError } from "openai";
import { z } from "zod";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import { always, cut, fails, oneTool, text, until, type Script } from "../support/dialects/step.ts";
import { provider, startGateway } from "../support/gateway.ts";

const MARKER = "[fairlead]";
const FINAL_TEXT = "I stop here: the weather does not change.";
const QUESTION = "Weather in Bern?";
const stubborn = until(MARKER, oneTool("get_weather", { city: "Bern" }), text(FINAL_TEXT));
/** The SDK would send its traces to a host of its own. */
const runner = new Runner({ tracingDisabled: true });

async function startScene(t: TestContext, script: Script) {
  const upstream = await startDialectUpstream("openai-responses", script, { refusesFaults: true });
  t.after(() => upstream.close());
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { dialect: "openai-responses" })],
  });
  const agentOf = (headers: Record<string, string>): Agent => {
    const about = { apiKey: "not-a-key", maxRetries: 0, defaultHeaders: headers };
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, ...about });
    const weather = tool({
      name: "get_weather",
      description: "The weather in a city.",
      parameters: z.object({ city: z.string() }),
      execute: () => "sunny",
    });
    const model = new OpenAIResponsesModel(client, "lab/big");
    return new Agent({ name: "weather", instructions: "Help.", model, tools: [weather] });
  };
  return { upstream, gateway, agentOf };
}

interface Deltas {
  readonly previousResponseId?: string;
  readonly conversationId?: string;
}

const HISTORIES: readonly (readonly [string, Deltas])[] = [
  ["its whole history", {}],
  ["deltas behind an answer", { previousResponseId: "resp_before" }],
  ["deltas in a conversation of the provider's", { conversationId: "conv_1" }],
];

interface StreamedRun extends AsyncIterable<unknown> {
  readonly completed: Promise<unknown>;
  readonly finalOutput?: unknown;
}

/** What a run with streaming ended with. */
async function streamed(asked: Promise<StreamedRun>): Promise<unknown> {
  const run = await asked;
  for await (const _event of run);
  await run.completed;
  return run.finalOutput;
}

for (const [how, options] of HISTORIES) {
  for (const stream of [false, true]) {
    test(`a run with ${how} is corrected and ends by itself${stream ? ", streamed" : ""}`, async (t) => {
      const { upstream, gateway, agentOf } = await startScene(t, stubborn);
      const agent = agentOf({ "X-Conversation-ID": "agents", "X-Router-Profile": "AGENT" });
      const about = { maxTurns: 12, ...options };
      const finalOutput = stream
        ? await streamed(runner.run(agent, QUESTION, { ...about, stream: true }))
        : (await runner.run(agent, QUESTION, about)).finalOutput;
      assert.equal(finalOutput, FINAL_TEXT);
      assert.deepEqual(upstream.faults, []);
      const seen = await gateway.read("/v1/conversations/agents");
      assert.deepEqual([seen.turns, seen.threads.length], [5, 1]);
      assert.equal(seen.corrections[0].outcome.kind, "recovered");
    });
  }
}

test("runs that go on from one another are one conversation, without any header", async (t) => {
  const { gateway, agentOf } = await startScene(t, always(text("Sunny.")));
  const first = await runner.run(agentOf({ "X-Conversation-ID": "chain" }), QUESTION);
  const { lastResponseId } = first;
  assert.ok(lastResponseId !== undefined);
  await runner.run(agentOf({}), "And tomorrow?", { previousResponseId: lastResponseId });
  assert.equal((await gateway.read("/v1/conversations/chain")).turns, 2);
});

for (const [what, script, code] of [
  ["a stream that is cut", cut(text("A text of several pieces."), 6), "upstream_stream_cut"],
  ["a provider that is out of order", fails("overloaded"), "pinned_model_unavailable"],
] as const) {
  test(`${what} is an error of the SDK's`, async (t) => {
    const { agentOf } = await startScene(t, always(script));
    const agent = agentOf({ "X-Conversation-ID": "agents", "X-Router-Profile": "AGENT" });
    const asked = streamed(runner.run(agent, QUESTION, { stream: true }));
    await assert.rejects(asked, (error) => error instanceof APIError && error.code === code);
  });
}
