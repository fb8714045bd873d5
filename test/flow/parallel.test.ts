// Goal: turns of one conversation that run at the same time agree on one model, and none is lost from the books.
// Method: fifty at once, on SQLite in one gateway and on Redis behind two, with amounts that show every lost cent.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type ConfigTree,
  type Json,
} from "../support/gateway.ts";
import {
  sharedRedis,
  startGatewayProcess,
  workFolder,
  type FrontDoor,
} from "../support/gateway-process.ts";
import {
  startUpstream,
  textAnswer,
  type Upstream,
  type UpstreamHandler,
} from "../support/upstream.ts";

const PARALLEL = 50;

interface Scene {
  readonly doors: readonly FrontDoor[];
  readonly upstream: Upstream;
}

/** Two models that are equally good at equal prices: nothing but the pin keeps a conversation at one of them. */
function twins(upstream: Upstream): ConfigTree {
  return {
    providers: [
      provider("lab", upstream, {
        models: [model("left", { model: "left-1" }), model("right", { model: "right-1" })],
      }),
    ],
  };
}

/** Every answer uses other amounts, so that a sum tells which were added up. */
const unevenAnswer: UpstreamHandler = (request) => {
  const asked = request.raw.length % 97;
  return textAnswer("Done.", {
    promptTokens: 101 + asked,
    completionTokens: 7,
    cachedTokens: asked,
  })(request);
};

const PLACES: Readonly<Record<string, (t: TestContext) => Promise<Scene | null>>> = {
  "one gateway on SQLite": async (t) => {
    const upstream = await startUpstream(unevenAnswer);
    t.after(() => upstream.close());
    return { upstream, doors: [await startGateway(t, twins(upstream))] };
  },
  "two gateways on Redis": async (t) => {
    const redis = await sharedRedis(t);
    if (redis === null) return null;
    const upstream = await startUpstream(unevenAnswer);
    t.after(() => upstream.close());
    const tree = { ...twins(upstream), store: redis.url };
    const start = () => startGatewayProcess(t, workFolder(t), tree);
    const doors = await Promise.all([start(), start()]);
    // A process that has never answered is busy with loading its own modules.
    await Promise.all(
      doors.map((door) =>
        door.chat(agentBody(opening("Warm up.")), { "x-router-profile": "CHAT" }),
      ),
    );
    return { upstream, doors };
  },
};

/** Sends them all at once, every other one to the other gateway. */
function sendAll(
  { doors }: Scene,
  id: string,
  bodies: readonly Json[],
): Promise<readonly Response[]> {
  const sent = bodies.map(async (body, index) => {
    const door = doors[index % doors.length];
    assert.ok(door !== undefined);
    const response = await door.chat(body, inConversation(id));
    // Read to its end, so that the turn is over.
    assert.equal(response.status, 200, await response.clone().text());
    await response.arrayBuffer();
    return response;
  });
  return Promise.all(sent);
}

/** Most looks at the books: a turn that met a busy store is booked by the upkeep, half a minute later. */
const LOOKS_MAX = 2_000;

/** The books of a conversation once they hold `count` turns, or as they are when they never do. */
async function readBooks({ doors }: Scene, id: string, count: number) {
  const [door] = doors;
  assert.ok(door !== undefined);
  for (let look = 1; ; look += 1) {
    const { data } = await door.read(`/v1/conversations/${id}/turns?limit=200`);
    if (data.length < count && look < LOOKS_MAX) {
      await pause(20);
      continue;
    }
    assert.equal(data.length, count, "a receipt for every turn");
    return { conversation: await door.read(`/v1/conversations/${id}`), receipts: data };
  }
}

/** In nano-USD, as whole numbers: what is added up must agree to the last digit. */
const nano = (usd: number): number => Math.round(usd * 1e9);

function costOf(receipts: readonly Json[]): number {
  return receipts.reduce((sum, { cost }) => sum + nano(cost.total_usd), 0);
}

const modelsOf = (responses: readonly Response[]) =>
  new Set(responses.map(({ headers }) => headers.get("x-router-model")));

for (const [place, start] of Object.entries(PLACES)) {
  test(`fifty first turns at once get one pin, and all are answered by it: ${place}`, async (t) => {
    const scene = await start(t);
    if (scene === null) return;
    const id = `first-${randomUUID()}`;
    const bodies = Array.from({ length: PARALLEL }, (_, index) =>
      agentBody(opening(`Task ${index}.`)),
    );
    const responses = await sendAll(scene, id, bodies);
    assert.equal(modelsOf(responses).size, 1);
    const { conversation, receipts } = await readBooks(scene, id, PARALLEL);
    assert.equal(conversation.pins.length, 1);
    assert.deepEqual([...modelsOf(responses)], [conversation.pins[0].home.deployment]);
    assert.equal(conversation.turns, PARALLEL);
    assert.equal(nano(conversation.totals.cost_usd), costOf(receipts));
  });

  test(`fifty parallel turns of one conversation lose nothing: ${place}`, async (t) => {
    const scene = await start(t);
    if (scene === null) return;
    const id = `parallel-${randomUUID()}`;
    const begun = opening("Look into it.");
    await sendAll(scene, id, [agentBody(begun)]);
    // Every one brings the same three rounds and asks something of its own: five streams among ten.
    const bodies = Array.from({ length: PARALLEL }, (_, index) =>
      agentBody([...begun, ...honestRounds(3), { role: "user", content: `Question ${index}?` }], {
        stream: index % 2 === 0,
      }),
    );
    const responses = await sendAll(scene, id, bodies);
    assert.equal(modelsOf(responses).size, 1);
    const { conversation, receipts } = await readBooks(scene, id, PARALLEL + 1);
    assert.equal(conversation.turns, PARALLEL + 1);
    assert.equal(nano(conversation.budget.spent_usd), costOf(receipts));
    assert.equal(nano(conversation.totals.cost_usd), costOf(receipts));
    const prompts = receipts.reduce(
      (sum: number, { execution }: Json) => sum + execution.tokens.prompt,
      0,
    );
    assert.equal(conversation.totals.input_tokens, prompts);
    assert.equal(new Set(receipts.map(({ conversation: of }: Json) => of.turn)).size, PARALLEL + 1);
    assert.equal(
      scene.upstream.requests.filter(({ raw }) => raw.includes("Question")).length,
      PARALLEL,
    );
  });

  test(`the same transcript asked fifty times at once is no loop: ${place}`, async (t) => {
    const scene = await start(t);
    if (scene === null) return;
    const id = `same-${randomUUID()}`;
    await sendAll(scene, id, [agentBody(opening("Look into it."))]);
    const messages = [...opening("Look into it."), ...stuckRounds(1)];
    const responses = await sendAll(
      scene,
      id,
      Array.from({ length: PARALLEL }, () => agentBody(messages)),
    );
    assert.deepEqual(
      [...new Set(responses.map(({ headers }) => headers.get("x-conversation-state")))],
      ["steady"],
    );
    const { conversation, receipts } = await readBooks(scene, id, PARALLEL + 1);
    assert.equal(conversation.threads.length, 1);
    assert.equal(conversation.threads[0].steps_remembered, 1);
    assert.equal(nano(conversation.totals.cost_usd), costOf(receipts));
  });
}
