// What every client test is about: a gateway with two equal models behind it, a model that goes round in circles
// until it is corrected, and what must hold in the end. Must never let a client reach a host but this machine.

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { TestContext } from "node:test";
import { inConversation, model, provider, startGateway } from "../../support/gateway.ts";
import type { Json, TestGateway } from "../../support/gateway.ts";
import {
  startUpstream,
  textAnswer,
  toolAnswer,
  type CapturedRequest,
  type Scripted,
  type Upstream,
  type UpstreamHandler,
} from "../../support/upstream.ts";

/** What a correction begins with. */
const MARKER = "[fairlead]";
/** A model that nobody corrects gives up by itself, so that a failing test ends. */
const REPEATS_MAX = 25;
/** The turn whose request carries the correction: four equal results, and the profile asks for four. */
const CORRECTED_TURN = 5;

/** A logical name, split evenly over two models: without a pin the turns of a run would mix them. */
export const MODEL = "agent-model";
/** What the model says once it has read the correction. */
export const FINAL_TEXT = "I stop here: the weather does not change.";
/** The one tool of all agents here. */
export const TOOL = {
  name: "get_weather",
  description: "The weather in a city.",
  result: "sunny",
} as const;

export interface Scene {
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
  /** What a client is told: with /v1. */
  readonly baseUrl: string;
}

/** Starts upstream and gateway; both end with the test. */
export async function startScene(
  t: TestContext,
  handler: UpstreamHandler = stubborn,
): Promise<Scene> {
  watchHosts(t);
  const upstream = await startUpstream(handler);
  t.after(() => upstream.close());
  const models = [model("first", { model: "first-1" }), model("second", { model: "second-1" })];
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { models }), provider("spare", upstream, { models })],
    logicalModels: { [MODEL]: [{ to: "lab/first" }, { to: "lab/second" }] },
  });
  return { gateway, upstream, baseUrl: `${gateway.url}/v1` };
}

/** Headers of an agent's conversation, as a client's settings hold them. */
export function agentHeaders(
  id: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return { ...inConversation(id), ...more };
}

/** Repeats its tool call until it reads a correction. Without tools it just talks. */
export function stubborn(request: CapturedRequest, count: number): Scripted {
  const { body } = request;
  const offers = typeof body === "object" && body !== null && "tools" in body;
  const calls = offers && count <= REPEATS_MAX && !request.raw.includes(MARKER);
  return calls ? callTool(request, count) : named(textAnswer(FINAL_TEXT)(request), count);
}

/** Asks for the tool once more. */
export function callTool(request: CapturedRequest, count: number): Scripted {
  return named(toolAnswer(TOOL.name, { city: "Bern" })(request), count);
}

/** Gives each answer an id of its own, as providers do: LangGraph takes equal ids for one message. */
function named(scripted: Scripted, count: number): Scripted {
  const id = `chatcmpl-${count}`;
  if ("json" in scripted) return { ...scripted, json: { ...Object(scripted.json), id } };
  if (!("events" in scripted)) return scripted;
  const events = scripted.events.map((event) =>
    typeof event === "string" ? event : { ...event, id },
  );
  return { ...scripted, events };
}

/** The provider is out of order. */
export const OUT_OF_ORDER: Scripted = { status: 503, json: { error: { message: "overloaded" } } };

/** A stream that begins well and then reports an error, as providers do under load. */
export function errorInStream(): Scripted {
  const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "first-1" };
  const choice = { index: 0, delta: { role: "assistant", content: "part" }, finish_reason: null };
  const error = { message: "secret detail of the provider", type: "server_error", code: 500 };
  return { events: [{ ...head, choices: [choice] }, { error }] };
}

/** A stream whose connection dies after its first words. */
export function cutStream(request: CapturedRequest): Scripted {
  return { ...textAnswer("a text of several pieces")(request), cutAfter: 2 };
}

/** The agent was corrected, recovered, and never left its model. Resolves with the conversation as read back. */
export async function assertRecovered({ gateway, upstream }: Scene, id: string): Promise<Json> {
  const seen = await gateway.read(`/v1/conversations/${id}`);
  assert.equal(seen.id, id);
  assert.equal(seen.identity, "x-conversation-id");
  assert.equal(seen.profile, "AGENT");
  const corrected = upstream.requests.map(({ raw }) => raw.includes(MARKER));
  assert.deepEqual(corrected, [false, false, false, false, true]);
  assert.equal(seen.turns, CORRECTED_TURN);
  assert.equal(seen.corrections.length, 1);
  assert.equal(seen.corrections[0].outcome.kind, "recovered");
  assert.match(seen.corrections[0].text, new RegExp(TOOL.name));
  assert.equal(seen.pins.length, 1);
  assert.deepEqual(modelsOf(upstream), [seen.pins[0].model]);
  assert.equal(seen.totals.failed_turns, 0);
  return seen;
}

/** The models that were asked, each once. */
export function modelsOf(upstream: Upstream): readonly string[] {
  const asked = upstream.requests.map(({ body }) => {
    assert.ok(typeof body === "object" && body !== null && "model" in body);
    return String(body.model);
  });
  return [...new Set(asked)];
}

/** A `fetch` that counts: how often a client really asked. */
export function countingFetch(): { readonly fetch: typeof fetch; readonly count: () => number } {
  let asked = 0;
  return {
    fetch: (input, init) => {
      asked += 1;
      return fetch(input, init);
    },
    count: () => asked,
  };
}

/** Fails the test when anything in this process connects beyond this machine. */
function watchHosts(t: TestContext): void {
  const foreign: string[] = [];
  const note = (message: unknown): void => {
    const host = hostOf(message);
    if (host !== null && host !== "127.0.0.1") foreign.push(host);
  };
  const channels = ["undici:client:beforeConnect", "http.client.request.start"];
  for (const channel of channels) subscribe(channel, note);
  t.after(() => {
    for (const channel of channels) unsubscribe(channel, note);
    assert.deepEqual(foreign, [], "only this machine is called");
  });
}

/** The host of a connection (fetch) or of a request (node:http); null when the message tells none. */
function hostOf(message: unknown): string | null {
  if (typeof message !== "object" || message === null) return null;
  const about: unknown =
    "connectParams" in message
      ? message.connectParams
      : "request" in message
        ? message.request
        : null;
  if (typeof about !== "object" || about === null) return null;
  if ("hostname" in about) return String(about.hostname);
  return "host" in about ? String(about.host) : null;
}
