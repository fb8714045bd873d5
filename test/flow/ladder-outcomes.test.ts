// Goal: of every loop it is known what it cost and how it ended, with help and without. Method: agents that go round in
// circles and then do not, in conversations that are corrected and in the share that is only watched.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  agentBody,
  honestRounds,
  opening,
  stuckRounds,
  toolRound,
} from "../support/agent-turns.ts";
import { inConversation, type Json } from "../support/gateway.ts";
import { startLadder, STUCK } from "../support/ladder-scene.ts";
import { textAnswer } from "../support/upstream.ts";

const MARKER = "[fairlead]";
const WATCHED = { divergence: { observeSharePercent: 100 } };

test("an episode counts the turns, tokens and money from its onset to its recovery", async (t) => {
  const { turns, turn, conversation } = await startLadder(t, { divergence: {} });
  await turns(0, 6);
  const last = await turn(6, honestRounds(1, 50));
  await turn(6, honestRounds(2, 50));
  const { episodes, corrections } = await conversation();
  assert.equal(episodes.length, 1);
  const [episode] = episodes;
  assert.equal(episode.arm, "corrected");
  assert.equal(episode.outcome, "recovered");
  assert.equal(episode.turns_to_recovery, 3, "from the fifth turn to the eighth");
  // Three turns were sent while it was open: each of a thousand tokens, at a dollar a million.
  assert.equal(episode.turns, 3);
  assert.equal(episode.input_tokens, 3_000);
  assert.equal(episode.cost_usd, 0.003);
  assert.equal(episode.level, 2);
  assert.deepEqual(
    corrections.map(({ episode: id, outcome }: Json) => [id === episode.id, outcome]),
    [
      [true, { kind: "recovered", turns: 3 }],
      [true, { kind: "recovered", turns: 1 }],
    ],
  );
  assert.deepEqual(last.receipt.episodes, [
    {
      id: episode.id,
      pattern: "same-call-same-result",
      arm: "corrected",
      outcome: "recovered",
      turns: 3,
      level: 2,
      corrections: 2,
      stronger_turns: 0,
      tokens: { input: 3_000, output: 0 },
      cost_usd: 0.003,
      unpriced_turns: 0,
    },
  ]);
});

test("a final answer is a recovery too, and the turn that gave it is counted", async (t) => {
  const { turns, turn, upstream, conversation } = await startLadder(t, { divergence: {} });
  await turns(0, 4);
  upstream.respond(textAnswer("I stop.", { promptTokens: 500, completionTokens: 0 }));
  const last = await turn(5);
  assert.equal(last.receipt.episodes[0].outcome, "recovered");
  const [episode] = (await conversation()).episodes;
  assert.equal(episode.turns, 2);
  assert.equal(episode.input_tokens, 1_500);
});

test("a loop that comes back soon takes its recovery back, and counts as an episode of its own", async (t) => {
  const { turns, turn, conversation } = await startLadder(t, { divergence: {} });
  await turns(0, 4);
  const news = honestRounds(1, 50);
  await turn(4, news);
  for (let rounds = 1; rounds <= 5; rounds += 1) {
    await turn(4, [...news, ...stuckRounds(rounds, 60)]);
  }
  const { episodes } = await conversation();
  assert.deepEqual(
    episodes.map(({ outcome, open }: Json) => [outcome, open]),
    [
      ["relapsed", false],
      [null, true],
    ],
  );
});

test("in the share that is only watched nothing is sent, and natural recovery is known", async (t) => {
  const { turns, turn, upstream, conversation } = await startLadder(t, WATCHED);
  await turns(0, 12);
  const last = await turn(12, honestRounds(1, 50));
  assert.ok(upstream.requests.every(({ raw }) => !raw.includes(MARKER)));
  assert.equal(last.state, "steady");
  const { episodes, corrections } = await conversation();
  assert.deepEqual(corrections, []);
  const [episode] = episodes;
  assert.equal(episode.arm, "observed");
  assert.equal(episode.outcome, "recovered");
  assert.equal(episode.turns_to_recovery, 9);
  assert.equal(last.receipt.episodes[0].arm, "observed");
});

test("an answer of its own ends a loop that was only watched", async (t) => {
  const { turns, turn, upstream, conversation } = await startLadder(t, WATCHED);
  await turns(0, 5);
  upstream.respond(textAnswer("I stop."));
  assert.equal((await turn(6)).receipt.episodes[0].outcome, "recovered");
  assert.equal((await conversation()).state, "steady");
});

test("the share is drawn by the conversation's id: always the same ones, and about as many", async (t) => {
  const arms = async (): Promise<readonly string[]> => {
    const scene = await startLadder(t, { divergence: { observeSharePercent: 50 } });
    const drawn: string[] = [];
    for (let id = 0; id < 24; id += 1) {
      const messages = [...opening("x"), ...stuckRounds(4)];
      const headers = inConversation(`drawn-${id}`, "LADDER");
      await scene.gateway.chat(agentBody(messages), headers);
      const seen = await scene.gateway.read(`/v1/conversations/drawn-${id}`);
      drawn.push(seen.episodes[0].arm);
      assert.equal(seen.corrections.length, seen.episodes[0].arm === "observed" ? 0 : 1);
    }
    return drawn;
  };
  const first = await arms();
  assert.deepEqual(await arms(), first);
  const observed = first.filter((arm) => arm === "observed").length;
  assert.ok(observed > 4 && observed < 20, `${observed} of 24`);
});

test("where no correction is allowed a loop is of no arm that may be compared", async (t) => {
  const { turns, conversation } = await startLadder(t, { divergence: { mode: "observe" } });
  await turns(0, 5);
  assert.equal((await conversation()).episodes[0].arm, "shadow");
});

test("a detection that a person calls false has that outcome, whatever was told before", async (t) => {
  const { turns, turn, gateway, conversation } = await startLadder(t, { divergence: {} });
  await turns(0, 4);
  const dismiss = async (): Promise<Json> => {
    const response = await fetch(`${gateway.url}/v1/conversations/stuck/actions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"action":"false-positive"}',
    });
    assert.equal(response.status, 200);
    return conversation();
  };
  const open = await dismiss();
  assert.equal(open.episodes[0].outcome, "dismissed");
  assert.equal(open.corrections[0].outcome.kind, "dismissed");
  assert.equal(open.state, "steady");
  const more = (rounds: number) => turn(4, stuckRounds(rounds, 60));
  for (let rounds = 1; rounds <= 5; rounds += 1) await more(rounds);
  await turn(4, [...stuckRounds(5, 60), ...honestRounds(1, 80)]);
  assert.equal((await conversation()).episodes.at(-1).outcome, "recovered");
  assert.equal((await dismiss()).episodes.at(-1).outcome, "dismissed");
});

test("the second note says what was tried and what alone was changed", async (t) => {
  const { turn, upstream } = await startLadder(t, { divergence: {}, handler: STUCK });
  const round = (index: number): readonly Json[] => {
    const [asked, result] = toolRound(index, { q: "report", result: "Error: no such index" });
    const call = { name: "search", arguments: `{"q":"report","timeout":${index * 10}}` };
    asked.tool_calls[0].function = call;
    return [asked, result];
  };
  for (let rounds = 0; rounds <= 8; rounds += 1) {
    await turn(0, Array.from({ length: rounds }, (_, index) => round(index + 1)).flat());
  }
  const sent = upstream.requests.map(({ body }): string => JSON.stringify(body));
  const second = sent.find((text) => text.includes("An earlier note did not help"));
  assert.match(second ?? "", /tried .*'timeout':.* only \\"timeout\\" changed.*no such index/);
});
