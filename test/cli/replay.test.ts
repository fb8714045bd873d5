// Goal: `fairlead replay` says of a recorded conversation what the gateway would have done.
// Method: the command as a process of its own, and a real gateway beside it where the two are compared.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import { inConversation, provider, startGateway, type Json } from "../support/gateway.ts";
import { workFolder } from "../support/gateway-process.ts";
import { startUpstream, textAnswer, toolAnswer } from "../support/upstream.ts";
import { correctionsIn, failing, failingInBlocks, replay, replayLines } from "./replay-scene.ts";

test("a run that fails the same way three times is reported at its third turn", async (t) => {
  const { code, lines } = await replayLines(t, [{ id: "run-7", messages: failing(5) }]);
  const [line] = lines();
  assert.equal(code, 0);
  assert.deepEqual(Object.keys(line), ["id", "fired_at", "pattern", "level", "evidence"]);
  assert.equal(line.id, "run-7");
  assert.equal(line.fired_at, 3);
  assert.equal(line.level, 1);
  assert.equal(typeof line.pattern, "string");
  assert.equal(line.evidence.count, 3);
  assert.deepEqual(line.evidence.tools, ["search"]);
  assert.match(line.evidence.correction, /^\[fairlead\]/);
});

test("the results of a turn count for it, even where the transcript ends with them", async (t) => {
  const cut = failing(3).slice(0, -1);
  const { lines } = await replayLines(t, [{ messages: cut }, { messages: cut.slice(0, -1) }]);
  assert.deepEqual(
    lines().map((line) => line.fired_at),
    [3, null],
  );
});

test("a healthy run is reported with nulls", async (t) => {
  const messages = [...opening("Work."), ...honestRounds(20)];
  const { code, lines } = await replayLines(t, [{ id: "fine", messages }]);
  assert.equal(code, 0);
  const nothing = { fired_at: null, pattern: null, level: null, evidence: null };
  assert.deepEqual(lines(), [{ id: "fine", ...nothing }]);
});

test("content blocks with a top-level system prompt are judged like chat messages", async (t) => {
  const { code, lines, error } = await replayLines(t, [
    { id: "text", system: "You pay bills.", messages: failingInBlocks(4) },
    { id: "blocks", system: [{ type: "text", text: "Pay." }], messages: failingInBlocks(4) },
    { id: "none", messages: failingInBlocks(2) },
  ]);
  assert.equal(code, 0, error);
  assert.deepEqual(
    lines().map(({ id, fired_at }) => [id, fired_at]),
    [
      ["text", 3],
      ["blocks", 3],
      ["none", null],
    ],
  );
});

test("parallel results in one message of blocks are paired with their own calls", async (t) => {
  const messages = [1, 2, 3, 4].flatMap((turn) => [
    {
      role: "assistant",
      content: ["a", "b"].map((name) => ({ type: "tool_use", id: name, name, input: {} })),
    },
    {
      role: "user",
      // In another order every turn, and under ids that every turn uses again.
      content: (turn % 2 === 0 ? ["a", "b"] : ["b", "a"]).map((name) => ({
        type: "tool_result",
        tool_use_id: name,
        content: `There is nothing to be found in the archive of ${name}.`,
      })),
    },
  ]);
  const { lines } = await replayLines(t, [{ messages }]);
  assert.equal(lines()[0].fired_at, 4);
});

test("an answer that repeats itself is reported at its turn, a thought that does is not", async (t) => {
  const words = "and so the answer is once more that the answer is not known to us yet, ";
  const run = (block: object): Json[] => [
    { role: "user", content: "Tell me." },
    { role: "assistant", content: [block, { type: "text", text: "I looked at it." }] },
    { role: "user", content: [{ type: "text", text: "Thank you." }] },
  ];
  const repeated = words.repeat(40);
  const { lines } = await replayLines(t, [
    { messages: run({ type: "text", text: repeated }) },
    { messages: run({ type: "thinking", thinking: repeated, text: repeated }) },
  ]);
  assert.deepEqual(
    lines().map(({ fired_at, pattern }) => [fired_at, pattern]),
    [
      [1, "stream-repetition"],
      [null, null],
    ],
  );
});

test("bare lists, tau-bench runs, numbers for ids and files over many lines are read", async (t) => {
  const run = { task_id: 13, trial: 0, reward: 0, traj: failing(3) };
  const { code, lines } = await replayLines(t, [failing(3), run, { id: 4, messages: failing(3) }]);
  assert.equal(code, 0);
  assert.deepEqual(
    lines().map(({ id, fired_at }) => [id, fired_at]),
    [
      ["line-1", 3],
      ["13-0", 3],
      ["4", 3],
    ],
  );
  const pretty = await replayLines(t, [JSON.stringify([run, run], null, 2)]);
  assert.deepEqual(
    pretty.lines().map(({ id }) => id),
    ["13-0", "13-0"],
  );
});

test("ids beyond 2^53 that differ are different calls", async (t) => {
  const rounds = (ids: readonly string[]): string => {
    const messages = ids.map(
      (id) =>
        `{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"get","input":{"id":${id}}}]},` +
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"gone","is_error":true}]}',
    );
    return `{"messages":[${messages.join(",")}]}`;
  };
  const equal = rounds(["9007199254740993", "9007199254740993", "9007199254740993"]);
  const { lines } = await replayLines(t, [equal], ["--json"]);
  assert.equal(lines()[0].fired_at, 3);
  const two = await replayLines(
    t,
    [rounds(["9007199254740992", "9007199254740993"])],
    ["--json", "--set", "divergence.sameErrorCount=2"],
  );
  assert.equal(two.lines()[0].fired_at, null);
});

test("settings can be changed one by one, within what a profile file may say", async (t) => {
  const run = [{ messages: failing(2) }];
  const set = (value: string) => ["--json", "--set", `divergence.${value}`];
  const { lines } = await replayLines(t, run, set("sameErrorCount=2"));
  assert.equal(lines()[0].fired_at, 2);
  const unknown = await replayLines(t, run, set("sameErorCount=2"));
  assert.equal(unknown.code, 2);
  assert.match(unknown.error, /did you mean sameErrorCount\?/);
  const wrong = await replayLines(t, run, set("sameErrorCount=often"));
  assert.equal(wrong.code, 2);
  assert.match(wrong.error, /divergence\.sameErrorCount: expected/);
  const other = await replayLines(t, run, ["--set", "floor=0.5"]);
  assert.equal(other.code, 2);
  assert.match(other.error, /divergence\.KEY=VALUE/);
});

test("a profile that does not correct says so, and observing shows verdicts only", async (t) => {
  const run = [{ messages: failing(4) }];
  const chat = await replayLines(t, run, ["--profile", "chat"]);
  assert.equal(chat.code, 0);
  assert.match(chat.error, /CHAT has divergence off/);
  assert.doesNotMatch(chat.out, /firing/);
  const observed = await replayLines(t, run, ["--set", "divergence.mode=observe"]);
  assert.match(observed.out, /turn 3 +firing/);
  assert.doesNotMatch(observed.out, /\[fairlead\]/);
  const unknown = await replayLines(t, run, ["--profile", "AGNT"]);
  assert.equal(unknown.code, 2);
  assert.match(unknown.error, /There is no profile AGNT; did you mean AGENT\? Known: AGENT, BATCH/);
});

test("an operator's own profiles are used, and a broken configuration is told", async (t) => {
  const folder = workFolder(t);
  const run = JSON.stringify({ messages: failing(2) });
  mkdirSync(join(folder, "own"));
  writeFileSync(join(folder, "fairlead.yaml"), "profiles: ./own\n");
  writeFileSync(join(folder, "own/fast.yaml"), "divergence: { mode: correct, sameErrorCount: 2 }");
  const own = await replay(folder, ["-", "--json", "--profile", "fast"], run);
  assert.equal(own.lines()[0].fired_at, 2, own.error);
  writeFileSync(join(folder, "fairlead.yaml"), "profils: ./own\n");
  const broken = await replay(folder, ["-", "--json"], run);
  assert.equal(broken.code, 1);
  assert.match(broken.error, /profils: is not a known name; did you mean profiles\?/);
});

test("the text shows each verdict with its evidence, the correction, and what replay cannot do", async (t) => {
  const { out } = await replayLines(t, [{ id: "run-7", messages: failing(3) }], []);
  assert.match(out, /^run-7 {2}\(4 turns\)$/m);
  assert.match(out, /turn 2 +suspected/);
  assert.match(out, /turn 3 +firing .*search/);
  assert.match(out, /asked {"q":"pay"}\n +got +Error: payment method not found/);
  assert.match(out, /correction, level 1: \[fairlead\]/);
  assert.match(out, /1 transcript, 1 would be corrected/);
  assert.match(out, /goes on as recorded/);
});

test("what a terminal would obey is not printed", async (t) => {
  const messages = failing(3, "Error: \u001b[2J\u0007 wiped");
  const { out } = await replayLines(t, [{ id: "\u001b]0;title\u0007", messages }], []);
  assert.match(out, /wiped/);
  assert.doesNotMatch(out.replaceAll("\n", ""), /\p{Cc}/u);
});

/** Short answers without a tool: the first one ends the loop before it, the others let time pass. */
const chat = (count: number): Json[] =>
  Array.from({ length: count }, (_, index) => [
    { role: "assistant", content: `Answer ${index} of its own kind.` },
    { role: "user", content: `What about number ${index}?` },
  ]).flat();

/** Loops, is corrected twice, comes to an answer, and after a while loops again until the ladder ends. */
const LONG_RUN: readonly Json[] = [
  ...opening("Find it."),
  ...honestRounds(2),
  ...stuckRounds(10, 3),
  ...chat(9),
  ...stuckRounds(12, 13),
  ...honestRounds(1, 25),
  ...stuckRounds(3, 26),
];

test("a replay corrects where a gateway would have, rung by rung", async (t) => {
  let next: Json = null;
  const upstream = await startUpstream((request) => {
    const script = next?.tool_calls === undefined ? textAnswer("So.") : toolAnswer("search", {});
    return script(request);
  });
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  for (const [index, message] of [...LONG_RUN, null].entries()) {
    if (message !== null && message.role !== "assistant") continue;
    next = message;
    const body = agentBody(LONG_RUN.slice(0, index));
    const response = await gateway.chat(body, inConversation("replayed"));
    assert.equal(response.status, 200, await response.text());
  }
  const { corrections } = await gateway.read("/v1/conversations/replayed");
  // The first request of all follows no turn.
  const sent = corrections.map(({ turn, level }: Json) => [turn - 1, level]);
  assert.ok(sent.length >= 3, JSON.stringify(sent));
  const { out } = await replayLines(t, [{ messages: LONG_RUN }], []);
  assert.deepEqual(correctionsIn(out), sent);
});

test("thousands of lines stream through standard input", async (t) => {
  const folder = workFolder(t);
  const healthy = [...opening("Work."), ...honestRounds(3)];
  function* runs(): Generator<string> {
    for (let index = 0; index < 3_000; index += 1) {
      const messages = index % 1_000 === 0 ? failing(3) : healthy;
      yield `${JSON.stringify({ id: `run-${index}`, messages })}\r\n\n`;
    }
  }
  const { code, lines } = await replay(folder, ["-", "--json"], runs());
  assert.equal(code, 0);
  assert.equal(lines().length, 3_000);
  const fired = lines().filter((line: Json) => line.fired_at !== null);
  assert.deepEqual(
    fired.map((line) => line.id),
    ["run-0", "run-1000", "run-2000"],
  );
});
