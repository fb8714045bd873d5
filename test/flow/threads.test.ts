// Goal: side requests and sub-agents share a conversation's pin and budget, and nothing else; and an edited history
// keeps its evidence. Method: the requests that real clients send beside and after each other, through the front door.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import {
  agentBody,
  honestRounds,
  opening,
  stuckRounds,
  toolRound,
} from "../support/agent-turns.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { startUpstream, textAnswer } from "../support/upstream.ts";

const MARKER = "[fairlead]";

async function startScene(t: TestContext) {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const models = [
    model("big", { model: "big-1" }),
    model("small", { model: "small-1", quality: { chat: 0.5, agent: 0.5, coding: 0.5 } }),
  ];
  return {
    upstream,
    gateway: await startGateway(t, { providers: [provider("lab", upstream, { models })] }),
  };
}

interface Asked {
  readonly state: string | null;
  readonly turn: string | null;
  readonly pin: string | null;
  readonly model: string | null;
  readonly receipt: Json;
}

async function ask(
  gateway: TestGateway,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Asked> {
  const response = await gateway.chat(body, headers);
  assert.equal(response.status, 200, await response.clone().text());
  await response.arrayBuffer();
  const header = (name: string) => response.headers.get(name);
  return {
    state: header("x-conversation-state"),
    turn: header("x-conversation-turn"),
    pin: header("x-router-pin"),
    model: header("x-router-model"),
    receipt: await gateway.read(`/v1/receipts/${header("x-request-id")}`),
  };
}

/** What opencode sends with every request of a session: no X-Conversation-ID. */
const OPENCODE = {
  "x-session-id": "ses_1",
  "x-session-affinity": "ses_1",
  "user-agent": "opencode/1.0",
};

const title = (about: Json = {}) => ({
  model: "lab/small",
  messages: [
    { role: "system", content: "You are a title generator." },
    { role: "user", content: "Generate a title for this conversation: Fix the bug." },
  ],
  ...about,
});

test("a title request beside the first turn neither pins nor counts nor waits", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const release = Promise.withResolvers<void>();
  upstream.respond(async (request) => {
    if (request.raw.includes("You are an agent.")) await release.promise;
    return textAnswer("Done.")(request);
  });
  const main = ask(gateway, agentBody(opening("Fix the bug.")), OPENCODE);
  // Answered while the first turn is still on its way.
  const side = await ask(gateway, title(), OPENCODE);
  assert.equal(side.pin, "none");
  assert.equal(side.receipt.conversation.thread_kind, "side");
  release.resolve();
  const first = await main;
  assert.deepEqual([first.turn, first.pin, first.model], ["1", "set", "lab/big"]);
  const second = await ask(
    gateway,
    agentBody([...opening("Fix the bug."), ...honestRounds(1)]),
    OPENCODE,
  );
  assert.deepEqual([second.turn, second.pin], ["2", "kept"]);
  const conversation = await gateway.read("/v1/conversations/ses_1");
  assert.deepEqual([conversation.turns, conversation.side_turns], [2, 1]);
  assert.deepEqual(
    conversation.pins.map(({ model: pinned }: Json) => pinned),
    ["big-1"],
  );
});

test("a title request that comes before the first turn sets no pin for it", async (t) => {
  const { gateway } = await startScene(t);
  const side = await ask(gateway, title({ model: "auto" }), OPENCODE);
  assert.equal(side.pin, "none");
  const first = await ask(gateway, agentBody(opening("Fix the bug.")), OPENCODE);
  assert.deepEqual([first.turn, first.pin], ["1", "set"]);
  const titles = await Promise.all([1, 2, 3].map(() => ask(gateway, title(), OPENCODE)));
  assert.deepEqual(new Set(titles.map(({ pin }) => pin)), new Set(["none"]));
});

test("the same title asked again and again is no loop, and its money counts", async (t) => {
  const { gateway } = await startScene(t);
  await ask(gateway, agentBody(opening("Fix the bug.")), OPENCODE);
  const before = await gateway.read("/v1/conversations/ses_1");
  for (let times = 0; times < 6; times += 1) {
    assert.equal((await ask(gateway, title(), OPENCODE)).state, "steady");
  }
  const after = await gateway.read("/v1/conversations/ses_1");
  assert.equal(after.turns, before.turns);
  assert.ok(after.budget.spent_usd > before.budget.spent_usd);
  assert.equal((await gateway.read("/v1/conversations/ses_1/turns")).data.length, 7);
});

test("a client's talk without tools is pinned like other conversations once it has a history", async (t) => {
  const { gateway } = await startScene(t);
  const talk = [{ role: "user", content: "Hello?" }];
  await ask(gateway, { model: "auto", messages: talk }, OPENCODE);
  const more = [
    ...talk,
    { role: "assistant", content: "Hello." },
    { role: "user", content: "Tell me more." },
  ];
  const second = await ask(gateway, { model: "auto", messages: more }, OPENCODE);
  assert.equal(second.pin, "set");
});

test("two sub-agents that do the same work are no loop", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const base = inConversation("crew");
  await ask(gateway, agentBody(opening("Review everything.")), base);
  const history = opening("Review one file.");
  for (let rounds = 0; rounds < 3; rounds += 1) {
    for (const agent of ["agent-a", "agent-b", "agent-c"]) {
      const body = agentBody([...history, ...stuckRounds(rounds)]);
      const { state, receipt } = await ask(gateway, body, {
        ...base,
        "x-claude-code-agent-id": agent,
      });
      assert.equal(state, "steady");
      assert.equal(receipt.conversation.thread_kind, "agent");
      assert.equal(receipt.pin.event, "kept");
    }
  }
  const conversation = await gateway.read("/v1/conversations/crew");
  assert.equal(conversation.threads.length, 4);
  // One of them alone goes round in circles, and is told so; the others are not.
  const stuck = { ...base, "x-claude-code-agent-id": "agent-b" };
  assert.equal(
    (await ask(gateway, agentBody([...history, ...stuckRounds(3)]), stuck)).state,
    "suspected",
  );
  const told = await ask(gateway, agentBody([...history, ...stuckRounds(4)]), stuck);
  assert.equal(told.state, "correcting");
  const other = { ...base, "x-claude-code-agent-id": "agent-a" };
  await ask(gateway, agentBody([...history, ...stuckRounds(2), ...honestRounds(1, 3)]), other);
  assert.ok(!upstream.requests.at(-1)?.raw.includes(MARKER));
});

/** A loop of three rounds, and then the client replaces everything behind the system prompt by a summary. */
async function condense(gateway: TestGateway) {
  const headers = inConversation("condensed");
  const begun = opening("Find the report.");
  for (let rounds = 0; rounds <= 3; rounds += 1) {
    await ask(gateway, agentBody([...begun, ...stuckRounds(rounds)]), headers);
  }
  const summary = { role: "user", content: "Summary so far: the report was searched for." };
  const condensed = [begun[0], summary];
  const first = await ask(gateway, agentBody(condensed), headers);
  const next = await ask(gateway, agentBody([...condensed, ...stuckRounds(1, 4)]), headers);
  return { first, next, seen: await gateway.read("/v1/conversations/condensed") };
}

test("a history that the client condenses stays the same thread, with its evidence", async (t) => {
  const { gateway } = await startScene(t);
  const { first, next, seen } = await condense(gateway);
  assert.equal(first.receipt.conversation.thread_found_by, "summary");
  assert.equal(next.receipt.conversation.thread_found_by, "checkpoint");
  assert.equal(seen.threads.length, 1);
  assert.equal(seen.threads[0].steps_remembered, 4);
  assert.deepEqual([next.pin, next.turn], ["kept", "6"]);
});

// The summary is a user message, and a user message resets the count of a loop.

test("a history whose beginning was cut off keeps the evidence of the loop", async (t) => {
  const { gateway } = await startScene(t);
  const headers = inConversation("cut");
  const begun = [...opening("Find the report."), ...honestRounds(4)];
  for (let rounds = 0; rounds <= 3; rounds += 1) {
    await ask(gateway, agentBody([...begun, ...stuckRounds(rounds, 5)]), headers);
  }
  const recent = [...stuckRounds(4, 5)].slice(-6);
  const next = await ask(gateway, agentBody([...opening("Find the report."), ...recent]), headers);
  assert.equal(next.receipt.conversation.thread_found_by, "overlap");
  assert.equal(next.state, "correcting");
  assert.equal((await gateway.read("/v1/conversations/cut")).threads.length, 1);
});

test("going back in the history and on from there is no loop", async (t) => {
  const { gateway } = await startScene(t);
  const headers = inConversation("rewound");
  const begun = [
    ...opening("Find the report."),
    ...toolRound(1, { q: "report", result: "nothing found" }),
  ];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    await ask(gateway, agentBody(begun), headers);
    const more = [...begun, ...toolRound(2, { q: `idea ${attempt}`, result: `text ${attempt}` })];
    assert.equal(
      (await ask(gateway, agentBody(more), headers)).state,
      "steady",
      `attempt ${attempt}`,
    );
  }
});

test("two live children of one history are two threads", async (t) => {
  const { gateway } = await startScene(t);
  const headers = inConversation("forked");
  const root = [...opening("Explore."), ...honestRounds(1)];
  await ask(gateway, agentBody(root), headers);
  const left = [...root, ...toolRound(2, { q: "left", result: "l" })];
  const right = [...root, ...toolRound(2, { q: "right", result: "r" })];
  const first = await ask(gateway, agentBody(left), headers);
  const second = await ask(gateway, agentBody(right), headers);
  assert.notEqual(first.receipt.conversation.thread, second.receipt.conversation.thread);
  const third = await ask(
    gateway,
    agentBody([...left, ...toolRound(3, { q: "left 2", result: "l2" })]),
    headers,
  );
  assert.equal(third.receipt.conversation.thread, first.receipt.conversation.thread);
  const fourth = await ask(
    gateway,
    agentBody([...right, ...toolRound(3, { q: "right 2", result: "r2" })]),
    headers,
  );
  assert.equal(fourth.receipt.conversation.thread, second.receipt.conversation.thread);
});
