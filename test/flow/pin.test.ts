// Goal: a pinned conversation keeps its model whatever happens to providers and to turns that run beside each other.
// Method: one gateway, and providers that hold an answer back until the test lets it go.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { agentBody, honestRounds, opening } from "../support/agent-turns.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { startUpstream, textAnswer, type Scripted, type Upstream } from "../support/upstream.ts";

const DOWN: Scripted = { status: 503, json: { error: { message: "down" } } };
const LIMITED: Scripted = {
  status: 429,
  headers: { "retry-after": "7" },
  json: { error: { message: "slow down" } },
};
const HEADERS = inConversation("pinned-1");

async function startProvider(t: TestContext): Promise<Upstream> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  return upstream;
}

interface Scene {
  readonly gateway: TestGateway;
  /** Serves `first-1`, which everybody prefers. */
  readonly one: Upstream;
  /** Serves `second-1`, which is as good and dearer. */
  readonly two: Upstream;
}

async function startScene(t: TestContext): Promise<Scene> {
  const [one, two] = await Promise.all([startProvider(t), startProvider(t)]);
  const dear = { input: 30, output: 150 };
  const gateway = await startGateway(t, {
    providers: [
      provider("one", one, { models: [model("first", { model: "first-1" })] }),
      provider("two", two, { models: [model("second", { model: "second-1", price: dear })] }),
    ],
  });
  return { gateway, one, two };
}

/** Resolves when `upstream` has got so many requests. */
async function asked(upstream: Upstream, count: number): Promise<void> {
  while (upstream.requests.length < count) await new Promise((resolve) => setImmediate(resolve));
}

async function modelOf(response: Response): Promise<string | null> {
  assert.equal(response.status, 200, await response.clone().text());
  await response.arrayBuffer();
  return response.headers.get("x-router-model");
}

test("a first turn that takes long is not lost when more threads than are remembered run beside it", async (t) => {
  const { gateway, one } = await startScene(t);
  const release = Promise.withResolvers<void>();
  one.respond(async (request) => {
    if (request.raw.includes("Task 0.")) await release.promise;
    return textAnswer("Done.")(request);
  });
  const slow = gateway.chat(agentBody(opening("Task 0.")), HEADERS);
  await asked(one, 1);
  for (let index = 1; index <= 20; index += 1) {
    await modelOf(await gateway.chat(agentBody(opening(`Task ${index}.`)), HEADERS));
  }
  release.resolve();
  const response = await slow;
  assert.equal(await modelOf(response), "one/first");
  assert.equal(response.headers.get("x-conversation-state"), "steady");
  const { data } = await gateway.read("/v1/conversations/pinned-1/turns");
  assert.equal(data.length, 21);
  const conversation = await gateway.read("/v1/conversations/pinned-1");
  assert.equal(conversation.turns, 21);
});

/** Two first turns that both wait for `one`; each is answered when the test says how. */
async function startPair({ gateway, one }: Scene) {
  const verdicts = ["Task 1.", "Task 2."].map((task) => ({
    task,
    ...Promise.withResolvers<Scripted | null>(),
  }));
  one.respond(async (request) => {
    const known = verdicts.find(({ task }) => request.raw.includes(task));
    return (await known?.promise) ?? textAnswer("Done.")(request);
  });
  const bodies = verdicts.map(({ task }) => agentBody(opening(task)));
  const [first, second] = bodies.map((body) => gateway.chat(body, HEADERS));
  assert.ok(first !== undefined && second !== undefined);
  await asked(one, 2);
  const [decideFirst, decideSecond] = verdicts.map(({ resolve }) => resolve);
  assert.ok(decideFirst !== undefined && decideSecond !== undefined);
  return {
    first,
    second,
    decideFirst,
    decideSecond,
    again: () => gateway.chat(bodies[1], HEADERS),
  };
}

async function assertKept(response: Response): Promise<void> {
  const body: Json = await response.json();
  assert.equal(response.status, 503);
  assert.equal(body.error.code, "pinned_model_unavailable");
  assert.ok(Number(response.headers.get("retry-after")) >= 1);
}

test("a failing first turn does not move while another one may still be answered by the model", async (t) => {
  const scene = await startScene(t);
  const pair = await startPair(scene);
  pair.decideSecond(LIMITED);
  await assertKept(await pair.second);
  pair.decideFirst(null);
  assert.equal(await modelOf(await pair.first), "one/first");
  scene.one.respond(textAnswer("Done."));
  assert.equal(await modelOf(await pair.again()), "one/first");
  assert.equal(scene.two.requests.length, 0);
});

test("when all first turns fail, the last one moves on and the others follow to its model", async (t) => {
  const scene = await startScene(t);
  const pair = await startPair(scene);
  pair.decideSecond(DOWN);
  await assertKept(await pair.second);
  pair.decideFirst(DOWN);
  assert.equal(await modelOf(await pair.first), "two/second");
  scene.one.respond(textAnswer("Here again."));
  assert.equal(await modelOf(await pair.again()), "two/second");
  const { pins } = await scene.gateway.read("/v1/conversations/pinned-1");
  assert.equal(pins[0].home.model, "second-1");
});

test("a first turn whose model never answered moves to another one, which is then kept", async (t) => {
  const { gateway, one } = await startScene(t);
  one.respond(() => DOWN);
  const first = await gateway.chat(agentBody(opening("Task 1.")), HEADERS);
  assert.equal(first.headers.get("x-router-pin"), "set");
  assert.equal(await modelOf(first), "two/second");
  one.respond(textAnswer("Here again."));
  const later = await gateway.chat(agentBody([...opening("Task 1."), ...honestRounds(1)]), HEADERS);
  assert.equal(later.headers.get("x-router-pin"), "kept");
  assert.equal(await modelOf(later), "two/second");
  const { data } = await gateway.read("/v1/conversations/pinned-1/turns");
  assert.deepEqual(
    data[0].fallback.attempts.map(({ deployment }: Json) => deployment),
    ["one/first", "two/second"],
  );
});

test("a burst of first turns of which the provider refuses a part sees one model", async (t) => {
  const { gateway, one } = await startScene(t);
  one.respond((request, count) => (count % 2 === 0 ? LIMITED : textAnswer("Done.")(request)));
  const bodies = Array.from({ length: 20 }, (_, index) => agentBody(opening(`Task ${index}.`)));
  const answers = await Promise.all(bodies.map((body) => gateway.chat(body, HEADERS)));
  const served = answers.filter(({ status }) => status === 200);
  const models = new Set(served.map(({ headers }) => headers.get("x-router-model")));
  assert.equal(models.size, 1, [...models].join());
  for (const answer of answers.filter(({ status }) => status !== 200)) {
    const body: Json = await answer.json();
    assert.equal(body.error.code, "pinned_model_unavailable");
    assert.ok(Number(answer.headers.get("retry-after")) >= 1);
  }
});
