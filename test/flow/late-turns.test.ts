// Goal: turns that were served while the store was away come into the books whole and once, whatever the store had done
// of them. Method: a store in memory that fails as the test says, before or after it has stored.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { ConversationStore } from "../../src/conversation/store-port.ts";
import { openStore } from "../../src/store/open-store.ts";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import { inConversation, model, provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

type Commit = Parameters<ConversationStore["commit"]>[0];
/** When a commit fails: not at all, before anything is stored, or after everything is. */
type Failing = (commit: Commit) => "no" | "before" | "after";

const isDecision = ({ receipts }: Commit): boolean => receipts.length === 0;
const NEVER: Failing = () => "no";

async function startScene(t: TestContext) {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const upstream = await startUpstream();
  const store = await openStore({ url: "memory:", durability: "normal" });
  t.after(async () => {
    await upstream.close();
    await store.close();
  });
  const trouble = { failing: NEVER, loads: true };
  const fragile: ConversationStore = {
    ...store,
    async loadConversation(key) {
      if (!trouble.loads) throw new Error("the store is away, as the test wants");
      return store.loadConversation(key);
    },
    async commit(commit) {
      const when = trouble.failing(commit);
      if (when === "before") throw new Error("the store is away, as the test wants");
      const outcome = await store.commit(commit);
      if (when === "after") throw new Error("the answer is lost, as the test wants");
      return outcome;
    },
  };
  const models = ["left", "right"].map((id) => model(id, { model: `${id}-1` }));
  const tree = { providers: [provider("lab", upstream, { models })] };
  const gateway = await startGateway(t, tree, { store: fragile });
  const send = async (messages: readonly Json[]) => {
    const response = await gateway.chat(agentBody(messages), inConversation("late"));
    assert.equal(response.status, 200, await response.text());
    return response.headers;
  };
  /** What the gateway does every half minute. */
  const keepUp = async () => {
    t.mock.timers.tick(30_000);
    await pause(200);
  };
  const read = () => gateway.read("/v1/conversations/late");
  const turns = async () => (await gateway.read("/v1/conversations/late/turns")).data;
  return { upstream, gateway, trouble, send, keepUp, read, turns };
}

const honest = (rounds: number) => [...opening("Do it."), ...honestRounds(rounds)];
const stuck = (rounds: number) => [...opening("Do it."), ...stuckRounds(rounds)];
const MARKER = "[fairlead]";

for (const whenBooked of ["at once", "later"]) {
  const title = `a turn whose decision was stored although that seemed to fail is counted once, booked ${whenBooked}`;
  test(title, async (t) => {
    const { trouble, send, keepUp, read, turns } = await startScene(t);
    trouble.failing = (commit) => {
      if (isDecision(commit)) return "after";
      return whenBooked === "later" ? "before" : "no";
    };
    const headers = await send(honest(0));
    assert.equal(headers.get("x-conversation-state"), "degraded");
    trouble.failing = NEVER;
    await keepUp();
    const first = await read();
    assert.deepEqual([first.turns, first.threads[0].turns], [1, 1]);
    assert.equal(first.threads[0].last_turn.outcome, "completed");
    await send(honest(1));
    assert.deepEqual([(await read()).turns, (await turns()).length], [2, 2]);
  });
}

test("it is counted once even where a newer turn was stored before it was booked", async (t) => {
  const { trouble, send, keepUp, read, turns } = await startScene(t);
  for (let rounds = 0; rounds <= 3; rounds += 1) await send(stuck(rounds));
  trouble.failing = (commit) => (isDecision(commit) ? "after" : "before");
  await send(stuck(4));
  trouble.failing = NEVER;
  await send(stuck(5));
  await keepUp();
  assert.deepEqual([(await read()).turns, (await turns()).length], [6, 6]);
});

test("a correction that was stored and never sent goes out at the end of the next turn", async (t) => {
  const { upstream, trouble, send, keepUp, read } = await startScene(t);
  for (let rounds = 0; rounds <= 3; rounds += 1) await send(stuck(rounds));
  trouble.failing = (commit) => (isDecision(commit) ? "after" : "no");
  await send(stuck(4));
  assert.ok(!upstream.requests.at(-1)?.raw.includes(MARKER), "not sent while nothing is stored");
  trouble.failing = NEVER;
  await keepUp();
  assert.deepEqual((await read()).corrections, []);
  await send(stuck(5));
  const sent: Json = upstream.requests.at(-1)?.body;
  const noted = sent.messages.map((message: Json) => JSON.stringify(message).includes(MARKER));
  assert.equal(noted.indexOf(true), noted.length - 1, "behind everything else");
  const { corrections, episodes } = await read();
  assert.deepEqual([corrections.length, corrections[0].level], [1, 1]);
  assert.deepEqual([episodes.length, episodes[0].corrections], [1, 1]);
});

test("a conversation that began while the store was away has its first turn in turns, totals and pin", async (t) => {
  const { trouble, send, keepUp, read, turns } = await startScene(t);
  trouble.failing = () => "before";
  trouble.loads = false;
  const headers = await send(honest(0));
  trouble.failing = NEVER;
  trouble.loads = true;
  await keepUp();
  const begun = await read();
  assert.deepEqual([begun.turns, begun.profile, begun.totals.input_tokens], [1, "AGENT", 10]);
  assert.ok(begun.budget.spent_usd > 0);
  assert.equal(begun.pins[0].home.deployment, headers.get("x-router-model"));
  assert.equal(begun.pins[0].answered, true);
  const next = await send(honest(1));
  assert.equal(next.get("x-router-model"), headers.get("x-router-model"));
  assert.equal(next.get("x-conversation-turn"), "2");
  const { turns: count, totals } = await read();
  assert.deepEqual([count, totals.input_tokens, (await turns()).length], [2, 20, 2]);
});

test("what a person does to it before its next turn holds", async (t) => {
  const { gateway, trouble, send, keepUp, read } = await startScene(t);
  trouble.failing = () => "before";
  trouble.loads = false;
  await send(honest(0));
  trouble.failing = NEVER;
  trouble.loads = true;
  await keepUp();
  const acted = await fetch(`${gateway.url}/v1/conversations/late/actions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action: "release-pin" }),
  });
  assert.equal(acted.status, 200, await acted.text());
  assert.equal((await read()).pins[0].state, "unpinned");
});

test("a conversation that was deleted is not brought back by a turn that comes late", async (t) => {
  const { gateway, trouble, send, keepUp } = await startScene(t);
  await send(honest(0));
  trouble.failing = () => "before";
  await send(honest(1));
  trouble.failing = NEVER;
  const deleted = await fetch(`${gateway.url}/v1/conversations/late`, { method: "DELETE" });
  assert.equal(deleted.status, 204);
  await keepUp();
  assert.equal((await fetch(`${gateway.url}/v1/conversations/late`)).status, 404);
});
