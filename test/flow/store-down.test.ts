// Goal: a store that is silent or gone slows nobody down, breaks no pin, and gets the books back afterwards. Method: a
// real Redis that is halted and killed, a store that fails on command, and rows that somebody has damaged.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { ConversationStore } from "../../src/conversation/store-port.ts";
import { openStore } from "../../src/store/open-store.ts";
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
  ownRedis,
  startGatewayProcess,
  workFolder,
  type FrontDoor,
} from "../support/gateway-process.ts";
import { startOwnRedis, type RedisServer } from "../support/redis-server.ts";
import { startUpstream, textAnswer, type Upstream } from "../support/upstream.ts";

async function startTwins(t: TestContext): Promise<{ upstream: Upstream; tree: ConfigTree }> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const models = ["left", "right"].map((id) => model(id, { model: `${id}-1` }));
  return { upstream, tree: { providers: [provider("lab", upstream, { models })] } };
}

const turnOf = (rounds: number, about: Json = {}) =>
  agentBody([...opening("Do it."), ...honestRounds(rounds)], about);

async function send(gateway: FrontDoor, body: unknown, headers: Readonly<Record<string, string>>) {
  const response = await gateway.chat(body, headers);
  const text = await response.text();
  const header = (name: string) => response.headers.get(name);
  return { status: response.status, text, header, model: header("x-router-model") };
}

/** Asks again until the gateway has noticed that its store is back. */
async function untilSaved(
  gateway: FrontDoor,
  body: unknown,
  headers: Readonly<Record<string, string>>,
) {
  for (;;) {
    const answer = await send(gateway, body, headers);
    const state = answer.header("x-conversation-state");
    if (answer.status === 200 && state !== "degraded" && state !== "unsaved") return answer;
    await pause(100);
  }
}

async function startOnRedis(t: TestContext, settings: ConfigTree = {}) {
  const redis = await ownRedis(t);
  if (redis === null) return null;
  const { upstream, tree } = await startTwins(t);
  const gateway = await startGatewayProcess(t, workFolder(t), {
    ...tree,
    ...settings,
    store: redis.url,
  });
  return { redis, upstream, gateway };
}

function halt(redis: RedisServer): void {
  redis.process?.kill("SIGSTOP");
}

function wake(redis: RedisServer): void {
  redis.process?.kill("SIGCONT");
}

test("while Redis is silent known pins are served, unknown locks wait, and the pin comes back as stored", async (t) => {
  const scene = await startOnRedis(t);
  if (scene === null) return;
  const { redis, gateway } = scene;
  const known = inConversation("known");
  const pinned = await send(gateway, turnOf(0), known);
  halt(redis);
  for (const stream of [false, true]) {
    const degraded = await send(gateway, turnOf(1, { stream }), known);
    assert.equal(degraded.status, 200, degraded.text);
    assert.equal(degraded.model, pinned.model);
    assert.equal(degraded.header("x-conversation-state"), "degraded");
  }
  const unknown = await send(gateway, turnOf(1), inConversation("from-elsewhere"));
  assert.equal(unknown.status, 503);
  assert.equal(JSON.parse(unknown.text).error.code, "state_unavailable");
  assert.match(unknown.header("retry-after") ?? "", /^[1-9]\d*$/);
  const chat = await send(gateway, turnOf(1), inConversation("talk", "CHAT"));
  assert.equal(chat.status, 200);
  assert.equal((await send(gateway, turnOf(0), {})).status, 200);
  wake(redis);
  const back = await untilSaved(gateway, turnOf(2), known);
  assert.deepEqual([back.model, back.header("x-router-pin")], [pinned.model, "kept"]);
});

test("a conversation that begins while Redis is silent keeps model and profile, then and afterwards", async (t) => {
  const scene = await startOnRedis(t, { defaultConversationProfile: "CHAT" });
  if (scene === null) return;
  const { redis, upstream, gateway } = scene;
  // The model that is asked first refuses: what serves the first turn is not what would be chosen later.
  const asked = new Set<string>();
  upstream.respond((request) => {
    const task = /Task \d/.exec(request.raw.toString())?.[0] ?? "";
    if (task === "" || asked.has(task)) return textAnswer("Done.")(request);
    asked.add(task);
    return { status: 503, json: {} };
  });
  const bodyOf = (task: number, rounds: number) =>
    agentBody([...opening(`Task ${task}.`), ...honestRounds(rounds)]);
  halt(redis);
  const models: (string | null)[] = [];
  for (const task of [1, 2, 3]) {
    const first = await send(gateway, bodyOf(task, 0), inConversation(`begun-${task}`));
    assert.equal(first.status, 200, first.text);
    models.push(first.model);
    // Both models have answered since, so that neither is left alone for its refusal.
    for (const name of ["lab/left", "lab/right"])
      await send(gateway, turnOf(0, { model: name }), {});
    // Without a profile header: what was promised at the beginning holds.
    const next = await send(gateway, bodyOf(task, 1), { "x-conversation-id": `begun-${task}` });
    assert.deepEqual(
      [next.status, next.model, next.header("x-router-profile")],
      [200, first.model, "AGENT"],
    );
  }
  wake(redis);
  for (const [index, pinned] of models.entries()) {
    const id = `begun-${index + 1}`;
    const later = await untilSaved(gateway, bodyOf(index + 1, 2), { "x-conversation-id": id });
    assert.equal(later.model, pinned);
    const { pins, profile } = await gateway.read(`/v1/conversations/${id}`);
    assert.deepEqual([pins[0].home.deployment, profile], [pinned, "AGENT"]);
  }
});

test("with onStoreFailure: strict nothing is served that cannot be kept", async (t) => {
  const scene = await startOnRedis(t, { onStoreFailure: "strict" });
  if (scene === null) return;
  const { redis, gateway, upstream } = scene;
  await send(gateway, turnOf(0), inConversation("known"));
  const before = upstream.requests.length;
  halt(redis);
  for (const headers of [
    inConversation("known"),
    inConversation("new"),
    inConversation("talk", "CHAT"),
  ]) {
    const refused = await send(gateway, turnOf(0), headers);
    assert.equal(refused.status, 503);
    assert.equal(JSON.parse(refused.text).error.code, "state_unavailable");
    assert.match(refused.header("retry-after") ?? "", /^[1-9]\d*$/);
  }
  assert.equal(upstream.requests.length, before);
  const ready = await fetch(`${gateway.url}/readyz`);
  assert.equal(ready.status, 503);
  wake(redis);
  await untilSaved(gateway, turnOf(1), inConversation("known"));
});

test("a Redis that dies in the middle of a conversation and comes back empty costs no model", async (t) => {
  const scene = await startOnRedis(t);
  if (scene === null) return;
  const { redis, gateway } = scene;
  const known = inConversation("known");
  const pinned = await send(gateway, turnOf(0), known);
  await redis.stop();
  for (let times = 0; times < 3; times += 1) {
    const degraded = await send(gateway, turnOf(1), known);
    assert.deepEqual([degraded.status, degraded.model], [200, pinned.model], degraded.text);
  }
  assert.ok(redis.port !== null);
  const again = await startOwnRedis(redis.port);
  assert.ok(again !== null);
  t.after(() => again.stop());
  const back = await untilSaved(gateway, turnOf(2), known);
  const receipt = await gateway.read(`/v1/receipts/${back.header("x-request-id")}`);
  // Its rows are gone for good: that is said, and the turn is served.
  assert.match(receipt.pin.note ?? "", /the pin was lost/);
});

test("twenty turns at once while Redis is silent are all answered", async (t) => {
  const scene = await startOnRedis(t);
  if (scene === null) return;
  const { redis, gateway } = scene;
  await send(gateway, turnOf(0), inConversation("known"));
  halt(redis);
  const sent = Array.from({ length: 20 }, (_, index) =>
    send(
      gateway,
      turnOf(1, { stream: index % 2 === 0 }),
      inConversation(index < 10 ? "known" : `new-${index}`, "CHAT"),
    ),
  );
  for (const { status } of await Promise.all(sent)) assert.equal(status, 200);
  wake(redis);
});

type Breakage = "commit" | "load" | "answer of a commit";

/** A store that works until it is told what to fail in. */
async function fragileStore(t: TestContext) {
  const store = await openStore({ url: "memory:", durability: "normal" });
  t.after(() => store.close());
  const broken = new Set<Breakage>();
  const failIf = (breakage: Breakage): void => {
    if (broken.has(breakage)) throw new Error(`the ${breakage} fails, as the test wants`);
  };
  const fragile: ConversationStore = {
    ...store,
    async loadConversation(key) {
      failIf("load");
      return store.loadConversation(key);
    },
    async commit(commit) {
      failIf("commit");
      const outcome = await store.commit(commit);
      failIf("answer of a commit");
      return outcome;
    },
  };
  return { fragile, broken };
}

/** What the gateway does every half minute, followed by a moment for it to be done. */
async function keepUp(t: TestContext, gateway: FrontDoor, turns: number): Promise<void> {
  t.mock.timers.tick(30_000);
  for (let look = 0; look < 100; look += 1) {
    const { data } = await gateway.read("/v1/conversations/late/turns");
    if (data.length === turns && look > 5) break;
    await pause(20);
  }
}

/** The turn counter and the money agree with the receipts. */
async function assertBooked(gateway: FrontDoor, turns: number): Promise<void> {
  const { data } = await gateway.read("/v1/conversations/late/turns");
  const conversation = await gateway.read("/v1/conversations/late");
  assert.deepEqual([data.length, conversation.turns], [turns, turns]);
  const costs = data.map(({ cost }: Json) => Math.round(cost.total_usd * 1e9));
  const sum = costs.reduce((total: number, cost: number) => total + cost, 0);
  assert.equal(Math.round(conversation.budget.spent_usd * 1e9), sum);
}

test("a turn that cannot be saved is delivered, marked, kept on disk and booked later, once", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { upstream, tree } = await startTwins(t);
  const { fragile, broken } = await fragileStore(t);
  const gateway = await startGateway(t, tree, { store: fragile });
  const headers = inConversation("late");
  await send(gateway, turnOf(0), headers);
  broken.add("commit");
  const whole = await send(gateway, turnOf(1), headers);
  assert.equal(whole.status, 200);
  assert.equal(whole.header("x-conversation-state"), "unsaved");
  const streamed = await send(gateway, turnOf(2, { stream: true }), headers);
  assert.match(streamed.text, /\n: x-llm-gateway \{.*"state":"unsaved"\}\n\ndata: \[DONE\]\n\n$/);
  broken.clear();
  await assertBooked(gateway, 1);
  await keepUp(t, gateway, 3);
  await assertBooked(gateway, 3);
  await keepUp(t, gateway, 3);
  await assertBooked(gateway, 3);
  assert.equal(upstream.requests.length, 3);
});

test("a turn that was saved although the store's answer got lost is booked once", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { tree } = await startTwins(t);
  const { fragile, broken } = await fragileStore(t);
  const gateway = await startGateway(t, tree, { store: fragile });
  await send(gateway, turnOf(0), inConversation("late"));
  broken.add("answer of a commit");
  const turn = await send(gateway, turnOf(1), inConversation("late"));
  assert.equal(turn.header("x-conversation-state"), "unsaved");
  broken.clear();
  await assertBooked(gateway, 2);
  await keepUp(t, gateway, 2);
  await assertBooked(gateway, 2);
});

test("with durability: strict a turn that cannot be saved is an error, whole and streamed", async (t) => {
  const { tree } = await startTwins(t);
  const { fragile, broken } = await fragileStore(t);
  const gateway = await startGateway(t, { ...tree, durability: "strict" }, { store: fragile });
  const headers = inConversation("strict");
  await send(gateway, turnOf(0), headers);
  broken.add("commit");
  const whole = await send(gateway, turnOf(1), headers);
  assert.equal(whole.status, 503);
  assert.equal(JSON.parse(whole.text).error.code, "state_unavailable");
  const streamed = await send(gateway, turnOf(2, { stream: true }), headers);
  assert.doesNotMatch(streamed.text, /\[DONE\]/);
  assert.match(streamed.text, /"code":"state_unavailable"/);
});

test("a correction that could not be stored is not sent, and comes with the next turn that can", async (t) => {
  const { upstream, tree } = await startTwins(t);
  const { fragile, broken } = await fragileStore(t);
  const gateway = await startGateway(t, tree, { store: fragile });
  const headers = inConversation("loop");
  const stuck = (rounds: number) => agentBody([...opening("Do it."), ...stuckRounds(rounds)]);
  for (let rounds = 0; rounds <= 3; rounds += 1) await send(gateway, stuck(rounds), headers);
  broken.add("commit");
  assert.equal((await send(gateway, stuck(4), headers)).status, 200);
  assert.ok(!upstream.requests.at(-1)?.raw.includes("[fairlead]"));
  broken.clear();
  await send(gateway, stuck(5), headers);
  assert.ok(upstream.requests.at(-1)?.raw.includes("[fairlead]"));
});

test("CHAT moves on to another model even while nothing can be stored", async (t) => {
  const { upstream, tree } = await startTwins(t);
  const { fragile, broken } = await fragileStore(t);
  const gateway = await startGateway(t, tree, { store: fragile });
  const headers = inConversation("talk", "CHAT");
  const first = await send(gateway, turnOf(0), headers);
  broken.add("commit").add("load");
  const failing = first.model === "lab/left" ? "left-1" : "right-1";
  upstream.respond(({ body }) => {
    const asked: Json = body;
    if (asked.model === failing) return { status: 503, json: {} };
    return {
      json: {
        id: "x",
        object: "chat.completion",
        choices: [
          { index: 0, message: { role: "assistant", content: "Here." }, finish_reason: "stop" },
        ],
      },
    };
  });
  const moved = await send(gateway, turnOf(1), headers);
  assert.equal(moved.status, 200, moved.text);
  assert.notEqual(moved.model, first.model);
});

interface Damage {
  readonly title: string;
  readonly harm: (body: Json) => string;
  readonly keepsPin: boolean;
}

const DAMAGES: readonly Damage[] = [
  {
    title: "newer",
    harm: (body) => JSON.stringify({ ...body, schema: 99, hologram: {} }),
    keepsPin: true,
  },
  {
    title: "incomplete",
    harm: ({ turns: _turns, ...body }) => JSON.stringify(body),
    keepsPin: true,
  },
  {
    title: "of a wrong type",
    harm: (body) => JSON.stringify({ ...body, threads: "none" }),
    keepsPin: true,
  },
  { title: "no JSON at all", harm: () => "\u0000 not json", keepsPin: false },
];

for (const { title, harm, keepsPin } of DAMAGES) {
  const how = keepsPin ? "by its pin" : "with a note";
  test(`a conversation row that is ${title} is set aside, and the turn is served ${how}`, async (t) => {
    const { tree } = await startTwins(t);
    const folder = workFolder(t);
    const file = join(folder, "fairlead.db");
    const gateway = await startGateway(t, { ...tree, store: `sqlite:${file}` });
    const headers = inConversation("harmed");
    const first = await send(gateway, turnOf(0), headers);
    const database = new DatabaseSync(file);
    t.after(() => database.close());
    const { body } = database.prepare("SELECT body FROM conversation").get() ?? {};
    const harmed = harm(JSON.parse(String(body)));
    database.prepare("UPDATE conversation SET body = ?").run(harmed);
    const next = await send(gateway, turnOf(1), headers);
    assert.equal(next.status, 200, next.text);
    if (keepsPin)
      assert.deepEqual([next.model, next.header("x-router-pin")], [first.model, "kept"]);
    const kept = database.prepare("SELECT body FROM quarantine").all();
    assert.deepEqual(
      kept.map((row) => row["body"]),
      [harmed],
    );
    const healed = await gateway.read("/v1/conversations/harmed");
    assert.equal(healed.pins[0].answered, true);
    assert.ok(healed.budget.spent_usd > 0, "what was spent stays spent");
    if (!keepsPin) {
      const receipt = await gateway.read(`/v1/receipts/${next.header("x-request-id")}`);
      assert.match(receipt.pin.note, /the pin was lost/);
    }
    assert.equal((await send(gateway, turnOf(2), headers)).header("x-router-pin"), "kept");
    assert.doesNotMatch(gateway.logged(), /hologram|not json/, "the log says why, not what");
  });
}

test("a thread row that cannot be read costs its evidence and nothing else", async (t) => {
  const { tree } = await startTwins(t);
  const folder = workFolder(t);
  const file = join(folder, "fairlead.db");
  const gateway = await startGateway(t, { ...tree, store: `sqlite:${file}` });
  const headers = inConversation("harmed");
  await send(gateway, turnOf(1), headers);
  const database = new DatabaseSync(file);
  t.after(() => database.close());
  database.prepare("UPDATE thread SET body = '{}'").run();
  const read = await gateway.read("/v1/conversations/harmed");
  assert.equal(read.threads.length, 1, "it can still be read back");
  const next = await send(gateway, turnOf(2), headers);
  assert.deepEqual([next.status, next.header("x-router-pin")], [200, "kept"]);
  assert.equal(database.prepare("SELECT count(*) AS rows FROM quarantine").get()?.["rows"], 1);
  assert.equal((await gateway.read("/v1/conversations/harmed")).turns, 2);
  assert.ok(readdirSync(folder).includes("fairlead.db"));
});
