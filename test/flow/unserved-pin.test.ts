// Goal: a locked conversation whose model may have answered is never given another one, whatever hides that answer
// from the books. Method: providers that answer when the test says so, a store that fails on command, a jumping clock.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { ConversationStore } from "../../src/conversation/store-port.ts";
import { openStore } from "../../src/store/open-store.ts";
import { agentBody, honestRounds, opening } from "../support/agent-turns.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import {
  startUpstream,
  textAnswer,
  type CapturedRequest,
  type Scripted,
  type Upstream,
} from "../support/upstream.ts";

const DOWN: Scripted = { status: 503, json: { error: { message: "down" } } };
const HEADERS = inConversation("pinned-1");
const HOUR_MS = 3_600_000;

type Breakage = "commit" | "load";

interface Scene {
  readonly gateway: TestGateway;
  /** Serves `first-1`, which everybody prefers. */
  readonly one: Upstream;
  /** Serves `second-1`, which is as good and dearer. */
  readonly two: Upstream;
  /** What the store fails in. */
  readonly broken: Set<Breakage>;
  jumpMs: number;
}

async function startProvider(t: TestContext): Promise<Upstream> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  return upstream;
}

async function startScene(t: TestContext): Promise<Scene> {
  const [one, two] = await Promise.all([startProvider(t), startProvider(t)]);
  const broken = new Set<Breakage>();
  const clock = {
    now: () => Date.now() + scene.jumpMs,
    monotonicMs: () => performance.now(),
  };
  const tree = {
    providers: [
      provider("one", one, { models: [model("first", { model: "first-1" })] }),
      provider("two", two, {
        models: [model("second", { model: "second-1", price: { input: 30, output: 150 } })],
      }),
    ],
  };
  const store = await breakableStore(t, broken);
  // The gateway reads the clock when it starts, before the scene is whole.
  const scene = { one, two, broken, jumpMs: 0 };
  return Object.assign(scene, { gateway: await startGateway(t, tree, { clock, store }) });
}

async function breakableStore(
  t: TestContext,
  broken: ReadonlySet<Breakage>,
): Promise<ConversationStore> {
  const store = await openStore({ url: "memory:", durability: "normal" });
  t.after(() => store.close());
  const failIf = (breakage: Breakage): void => {
    if (broken.has(breakage)) throw new Error(`the ${breakage} fails, as the test wants`);
  };
  return {
    ...store,
    async loadConversation(key) {
      failIf("load");
      return store.loadConversation(key);
    },
    async commit(commit) {
      failIf("commit");
      return store.commit(commit);
    },
  };
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

async function assertKept(response: Response): Promise<void> {
  const body: Json = await response.json();
  assert.equal(response.status, 503, JSON.stringify(body));
  assert.equal(body.error.code, "pinned_model_unavailable");
}

/** Holds every request back; `release` answers those held that contain `text`. */
function holdAt(upstream: Upstream) {
  const held: { readonly request: CapturedRequest; resolve(how: Scripted): void }[] = [];
  upstream.respond((request) => {
    const { promise, resolve } = Promise.withResolvers<Scripted>();
    held.push({ request, resolve });
    return promise;
  });
  return (text: string, how: Scripted | null): void => {
    for (const { request, resolve } of held) {
      if (request.raw.includes(text)) resolve(how ?? textAnswer("Done.")(request));
    }
  };
}

/** The first turn is answered by `one`, but the store goes away before the answer is in the books. */
async function answerUnsaved({ gateway, one, broken }: Scene): Promise<void> {
  one.respond((request) => {
    broken.add("commit");
    return textAnswer("Done.")(request);
  });
  const first = await gateway.chat(agentBody(opening("Do it.")), HEADERS);
  assert.equal(first.headers.get("x-conversation-state"), "unsaved");
  assert.equal(await modelOf(first), "one/first");
  one.respond(() => DOWN);
}

const nextTurn = ({ gateway }: Scene, rounds = 1): Promise<Response> =>
  gateway.chat(agentBody([...opening("Do it."), ...honestRounds(rounds)]), HEADERS);

/** What the gateway does every half minute, until the late turn is in the books. */
async function untilBooked(t: TestContext, { gateway }: Scene, turns: number): Promise<Json> {
  t.mock.timers.tick(30_000);
  for (;;) {
    const { data } = await gateway.read("/v1/conversations/pinned-1/turns");
    if (data.length >= turns) return gateway.read("/v1/conversations/pinned-1");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("an answer that is not in the books yet binds the pin, and so it does afterwards (#2)", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const scene = await startScene(t);
  await answerUnsaved(scene);
  scene.broken.clear();
  scene.jumpMs = HOUR_MS;
  await assertKept(await nextTurn(scene));
  const { pins } = await untilBooked(t, scene, 2);
  assert.equal(pins[0].answered, true);
  await assertKept(await nextTurn(scene));
  assert.equal(scene.two.requests.length, 0);
});

test("an answer that could not be stored is known for as long as the store is away (#2)", async (t) => {
  const scene = await startScene(t);
  await answerUnsaved(scene);
  scene.broken.add("load");
  await assertKept(await nextTurn(scene));
  assert.equal(scene.two.requests.length, 0);
});

test("a turn that fails while the store is away takes no answer of another one back (#2)", async (t) => {
  const scene = await startScene(t);
  scene.broken.add("load").add("commit");
  const release = holdAt(scene.one);
  const fails = scene.gateway.chat(agentBody(opening("Task 1.")), HEADERS);
  await asked(scene.one, 1);
  const answered = scene.gateway.chat(agentBody(opening("Task 2.")), HEADERS);
  await asked(scene.one, 2);
  release("Task 2.", null);
  assert.equal(await modelOf(await answered), "one/first");
  release("Task 1.", { status: 400, json: { error: { message: "no" } } });
  await (await fails).arrayBuffer();
  scene.one.respond(() => DOWN);
  await assertKept(await nextTurn(scene));
  assert.equal(scene.two.requests.length, 0);
});

test("release-pin is the way out of a wait whose end is unknown, and a late turn does not undo it (#2)", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const scene = await startScene(t);
  await answerUnsaved(scene);
  scene.broken.clear();
  await assertKept(await nextTurn(scene));
  const released = await fetch(`${scene.gateway.url}/v1/conversations/pinned-1/actions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action: "release-pin" }),
  });
  assert.equal(released.status, 200, await released.text());
  assert.equal(await modelOf(await nextTurn(scene)), "two/second");
  const { pins } = await untilBooked(t, scene, 3);
  assert.deepEqual([pins[0].home.model, pins[0].state], ["second-1", "home"]);
  assert.equal(await modelOf(await nextTurn(scene, 2)), "two/second");
});

test("a clock that jumps by an hour during first turns gives no second model (#2)", async (t) => {
  const scene = await startScene(t);
  const release = holdAt(scene.one);
  const [first, second] = ["Task 1.", "Task 2."].map((task) =>
    scene.gateway.chat(agentBody(opening(task)), HEADERS),
  );
  assert.ok(first !== undefined && second !== undefined);
  await asked(scene.one, 2);
  scene.jumpMs = HOUR_MS;
  release("Task 2.", DOWN);
  await assertKept(await second);
  release("Task 1.", null);
  assert.equal(await modelOf(await first), "one/first");
  assert.equal(scene.two.requests.length, 0);
});

test("of seventy first turns at once none is given a second model (#2)", async (t) => {
  const scene = await startScene(t);
  const release = holdAt(scene.one);
  const send = (task: string, count: number) =>
    Array.from({ length: count }, () => scene.gateway.chat(agentBody(opening(task)), HEADERS));
  const oldest = send("Oldest.", 6);
  await asked(scene.one, 6);
  const others = send("Other.", 64);
  await asked(scene.one, 70);
  release("Other.", DOWN);
  for (const response of await Promise.all(others)) await assertKept(response);
  release("Oldest.", null);
  for (const response of await Promise.all(oldest)) {
    assert.equal(await modelOf(response), "one/first");
  }
  assert.equal(scene.two.requests.length, 0);
});

test("a title request that is on its way holds the pin of a first turn that fails (#2)", async (t) => {
  const scene = await startScene(t);
  const release = holdAt(scene.one);
  const headers = { "x-session-affinity": "ses_1", "user-agent": "opencode/1.0" };
  const main = scene.gateway.chat(agentBody(opening("Fix the bug.")), headers);
  await asked(scene.one, 1);
  const messages = [
    { role: "system", content: "You are a title generator." },
    { role: "user", content: "Generate a title for this conversation." },
  ];
  const title = scene.gateway.chat({ model: "auto", messages }, headers);
  await asked(scene.one, 2);
  release("You are an agent.", DOWN);
  await assertKept(await main);
  release("title generator", null);
  const response = await title;
  assert.equal(await modelOf(response), "one/first");
  const receipt = await scene.gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  assert.equal(receipt.conversation.thread_kind, "side");
  assert.equal(scene.two.requests.length, 0);
});

test("a conversation that is only held moves on beside a first turn that was left behind (#2)", async (t) => {
  const scene = await startScene(t);
  const headers = inConversation("talk", "CHAT");
  const release = holdAt(scene.one);
  const left = scene.gateway.chat(agentBody(opening("Task 1.")), headers);
  await asked(scene.one, 1);
  const other = scene.gateway.chat(agentBody(opening("Task 2.")), headers);
  await asked(scene.one, 2);
  release("Task 2.", DOWN);
  assert.equal(await modelOf(await other), "two/second");
  release("Task 1.", null);
  await modelOf(await left);
});
