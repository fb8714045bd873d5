// Goal: a looping agent is corrected, and recovery is seen. Method: an upstream that repeats one tool call until it
// reads the correction's marker, and a client loop that sends whole transcripts, as agents do.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inConversation, provider, startGateway, type Json } from "../support/gateway.ts";
import {
  startUpstream,
  textAnswer,
  toolAnswer,
  type CapturedRequest,
} from "../support/upstream.ts";

const MARKER = "[fairlead]";
const TOOLS = [{ type: "function", function: { name: "search", parameters: { type: "object" } } }];

interface Run {
  readonly turns: number;
  readonly states: readonly (string | null)[];
  readonly last: string | null;
}

/** An agent that calls its tool until the model answers in words, `turnsMax` times at most. */
async function runAgent(
  chat: (body: unknown, headers: Readonly<Record<string, string>>) => Promise<Response>,
  options: {
    readonly headers: Readonly<Record<string, string>>;
    readonly result: (turn: number) => string;
    readonly turnsMax: number;
  },
): Promise<Run> {
  const messages: Json[] = [{ role: "user", content: "Find the report." }];
  const states: (string | null)[] = [];
  for (let turn = 1; turn <= options.turnsMax; turn += 1) {
    const response = await chat({ model: "auto", messages, tools: TOOLS }, options.headers);
    const answer: Json = await response.json();
    assert.equal(response.status, 200, JSON.stringify(answer));
    states.push(response.headers.get("x-conversation-state"));
    const { message } = answer.choices[0];
    messages.push(message);
    if (message.tool_calls === undefined) return { turns: turn, states, last: message.content };
    for (const call of message.tool_calls) {
      messages.push({ role: "tool", tool_call_id: call.id, content: options.result(turn) });
    }
  }
  return { turns: options.turnsMax, states, last: null };
}

/** Repeats itself until it is corrected. */
function stubborn(request: CapturedRequest) {
  const corrected = request.raw.includes(MARKER);
  const script = corrected
    ? textAnswer("I stop searching.")
    : toolAnswer("search", { q: "report" });
  return script(request);
}

test("a loop with unchanged results is corrected, and the agent recovers", async (t) => {
  const upstream = await startUpstream(stubborn);
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const headers = inConversation("loop-1");
  const run = await runAgent(gateway.chat, {
    headers,
    result: () => "nothing found",
    turnsMax: 14,
  });
  assert.equal(run.last, "I stop searching.");
  assert.equal(run.turns, 5);
  assert.deepEqual(run.states.slice(3), ["suspected", "correcting"]);
  const seen = await gateway.read("/v1/conversations/loop-1");
  assert.equal(seen.corrections.length, 1);
  assert.equal(seen.corrections[0].outcome.kind, "recovered");
  assert.match(seen.corrections[0].text, /search/);
  assert.equal(seen.threads[0].state, "steady");
  assert.equal(seen.pins[0].model, "big-1");
});

test("the same agent without a conversation loops on to its limit", async (t) => {
  const upstream = await startUpstream(stubborn);
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const run = await runAgent(gateway.chat, {
    headers: {},
    result: () => "nothing found",
    turnsMax: 14,
  });
  assert.equal(run.last, null);
  assert.ok(upstream.requests.every(({ raw }) => !raw.includes(MARKER)));
});

test("polling, where the result changes, is never corrected", async (t) => {
  const upstream = await startUpstream(stubborn);
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const headers = inConversation("poll-1");
  const result = (turn: number) => `copied ${turn * 1000} bytes`;
  const run = await runAgent(gateway.chat, { headers, result, turnsMax: 14 });
  assert.equal(run.last, null);
  assert.deepEqual([...new Set(run.states)], ["steady"]);
});

test("observe records the verdict and sends nothing", async (t) => {
  const upstream = await startUpstream(stubborn);
  t.after(() => upstream.close());
  const tree = { providers: [provider("lab", upstream)], divergence: "observe" };
  const gateway = await startGateway(t, tree);
  const headers = inConversation("shadow-1");
  await runAgent(gateway.chat, { headers, result: () => "nothing found", turnsMax: 8 });
  assert.ok(upstream.requests.every(({ raw }) => !raw.includes(MARKER)));
  const seen = await gateway.read("/v1/conversations/shadow-1");
  assert.equal(seen.threads[0].verdict.severity, "firing");
  assert.equal(seen.corrections.length, 0);
});

test("X-Router-Corrections: off keeps corrections out of the request", async (t) => {
  const upstream = await startUpstream(stubborn);
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const headers = { ...inConversation("off-1"), "x-router-corrections": "off" };
  await runAgent(gateway.chat, { headers, result: () => "nothing found", turnsMax: 8 });
  assert.ok(upstream.requests.every(({ raw }) => !raw.includes(MARKER)));
});

test("a correction is inserted again at the same place with the same bytes on later turns", async (t) => {
  // The model reads the correction and goes on with other calls, so that the history grows behind it.
  const upstream = await startUpstream((request, count) => {
    const corrected = request.raw.includes(MARKER);
    const script = corrected
      ? toolAnswer("search", { q: `other ${count}` })
      : toolAnswer("search", { q: "report" });
    return script(request);
  });
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const result = (turn: number) => (turn < 5 ? "nothing found" : `found part ${turn}`);
  await runAgent(gateway.chat, { headers: inConversation("again-1"), result, turnsMax: 9 });
  const corrected = upstream.requests.filter(({ raw }) => raw.includes(MARKER));
  assert.equal(corrected.length, 5);
  const prefixes = corrected.map(({ raw }) => {
    const text = raw.toString();
    const end = text.indexOf("}", text.indexOf(MARKER)) + 1;
    return text.slice(0, end);
  });
  assert.equal(
    new Set(prefixes).size,
    1,
    "the prefix up to the correction stays equal to the byte",
  );
  const messages: Json = corrected.at(-1)?.body;
  const at = messages.messages.findIndex((message: Json) =>
    String(message.content).includes(MARKER),
  );
  assert.equal(messages.messages[at].role, "user");
  assert.equal(messages.messages[at - 1].role, "tool");
  const seen = await gateway.read("/v1/conversations/again-1");
  assert.equal(seen.corrections[0].outcome.kind, "recovered");
});
