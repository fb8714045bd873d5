// Goal: kill -9 in the middle of a stream costs that stream and nothing else. Method: a real process, killed while it
// relays, and started again under a configuration that would rather choose another model.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test, type TestContext } from "node:test";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import { inConversation, model, provider, type ConfigTree, type Json } from "../support/gateway.ts";
import {
  sharedRedis,
  startGatewayProcess,
  workFolder,
  type GatewayProcess,
} from "../support/gateway-process.ts";
import { startUpstream, textAnswer, toolAnswer, type Upstream } from "../support/upstream.ts";

const MARKER = "[fairlead]";
const RATED = (value: number) => ({ quality: { chat: value, agent: value, coding: value } });

interface Scene {
  readonly id: string;
  readonly upstream: Upstream;
  start(preferred: "first" | "second"): Promise<GatewayProcess>;
}

async function makeScene(t: TestContext, store: ConfigTree): Promise<Scene> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const folder = workFolder(t);
  const tree = (preferred: string): ConfigTree => ({
    ...store,
    providers: [
      provider("lab", upstream, {
        models: ["first", "second"].map((id) =>
          model(id, { model: `${id}-1`, ...RATED(id === preferred ? 0.95 : 0.7) }),
        ),
      }),
    ],
  });
  return {
    id: `crash-${randomUUID()}`,
    upstream,
    start: (preferred) => startGatewayProcess(t, folder, tree(preferred)),
  };
}

const STORES: Readonly<Record<string, (t: TestContext) => Promise<Scene | null>>> = {
  SQLite: (t) => makeScene(t, {}),
  Redis: async (t) => {
    const redis = await sharedRedis(t);
    return redis === null ? null : makeScene(t, { store: redis.url });
  },
};

async function send(
  { id }: Scene,
  gateway: GatewayProcess,
  messages: readonly Json[],
): Promise<Response> {
  const response = await gateway.chat(agentBody(messages), inConversation(id));
  assert.equal(response.status, 200, await response.clone().text());
  await response.arrayBuffer();
  return response;
}

/** Begins a stream, and kills the gateway when a part of it has reached the client. */
async function killWhileStreaming(
  { id, upstream }: Scene,
  gateway: GatewayProcess,
  messages: readonly Json[],
): Promise<void> {
  const script = textAnswer("An answer that nobody will read to its end.");
  upstream.respond((request) => ({ ...script(request), holdAfter: 3 }));
  const response = await gateway.chat(agentBody(messages, { stream: true }), inConversation(id));
  const reader = response.body?.getReader();
  await reader?.read();
  await gateway.kill();
  await assert.rejects(async () => {
    while ((await reader?.read())?.done === false);
  });
  upstream.respond(toolAnswer("search", { q: "report" }));
}

for (const [store, prepare] of Object.entries(STORES)) {
  test(`a first turn that dies with the gateway has pinned its conversation: ${store}`, async (t) => {
    const scene = await prepare(t);
    if (scene === null) return;
    await killWhileStreaming(scene, await scene.start("first"), opening("Do it."));
    const gateway = await scene.start("second");
    const resent = await send(scene, gateway, opening("Do it."));
    assert.equal(resent.headers.get("x-router-model"), "lab/first");
    assert.deepEqual(
      [resent.headers.get("x-router-pin"), resent.headers.get("x-conversation-turn")],
      ["kept", "1"],
    );
    const next = await send(scene, gateway, [...opening("Do it."), ...honestRounds(1)]);
    assert.deepEqual(
      [next.headers.get("x-router-model"), next.headers.get("x-conversation-turn")],
      ["lab/first", "2"],
    );
    const other = await gateway.chat(agentBody(opening("New.")), inConversation(`${scene.id}-new`));
    assert.equal(
      other.headers.get("x-router-model"),
      "lab/second",
      "the new configuration is in force",
    );
  });

  test(`a loop begun before the crash is corrected after it, at the right count: ${store}`, async (t) => {
    const scene = await prepare(t);
    if (scene === null) return;
    const gateway = await scene.start("first");
    const begun = opening("Do it.");
    for (let rounds = 0; rounds <= 2; rounds += 1) {
      await send(scene, gateway, [...begun, ...stuckRounds(rounds)]);
    }
    await killWhileStreaming(scene, gateway, [...begun, ...stuckRounds(3)]);
    const again = await scene.start("first");
    const resent = await send(scene, again, [...begun, ...stuckRounds(3)]);
    assert.equal(resent.headers.get("x-conversation-state"), "suspected");
    const fourth = await send(scene, again, [...begun, ...stuckRounds(4)]);
    assert.equal(fourth.headers.get("x-conversation-state"), "correcting");
    const seen = await again.read(`/v1/conversations/${scene.id}`);
    assert.equal(seen.threads[0].verdict.count, 4);
    assert.equal(seen.threads[0].steps_remembered, 4);
    assert.equal(seen.corrections.length, 1);
  });

  test(`a correction that died with the gateway is inserted again, byte for byte: ${store}`, async (t) => {
    const scene = await prepare(t);
    if (scene === null) return;
    const gateway = await scene.start("first");
    const begun = opening("Do it.");
    for (let rounds = 0; rounds <= 3; rounds += 1) {
      await send(scene, gateway, [...begun, ...stuckRounds(rounds)]);
    }
    await killWhileStreaming(scene, gateway, [...begun, ...stuckRounds(4)]);
    const again = await scene.start("first");
    await send(scene, again, [...begun, ...stuckRounds(4)]);
    await send(scene, again, [...begun, ...stuckRounds(4), ...honestRounds(1, 5)]);
    const corrected = scene.upstream.requests.filter(({ raw }) => raw.includes(MARKER));
    assert.equal(corrected.length, 3);
    const heads = corrected.map(({ raw }) => {
      const text = raw.toString();
      return text.slice(text.indexOf('"messages"'), text.indexOf("}", text.indexOf(MARKER)));
    });
    assert.equal(new Set(heads).size, 1);
    const { corrections } = await again.read(`/v1/conversations/${scene.id}`);
    assert.equal(corrections.length, 1);
    assert.equal(corrections[0].retired, null);
  });
}

test("a gateway that is told to stop lets its running stream end", async (t) => {
  const scene = await makeScene(t, {});
  const gateway = await scene.start("first");
  const release = Promise.withResolvers<void>();
  const script = textAnswer("Slow but whole.");
  scene.upstream.respond(async (request) => {
    await release.promise;
    return script(request);
  });
  const running = gateway.chat(
    agentBody(opening("Do it."), { stream: true }),
    inConversation(scene.id),
  );
  while (scene.upstream.requests.length === 0)
    await new Promise((resolve) => setImmediate(resolve));
  const stopped = gateway.stop();
  release.resolve();
  const text = await (await running).text();
  assert.match(text, /\[DONE\]\n\n$/);
  await stopped;
  const again = await scene.start("first");
  const { data } = await again.read(`/v1/conversations/${scene.id}/turns`);
  assert.equal(data[0].outcome, "completed");
});
