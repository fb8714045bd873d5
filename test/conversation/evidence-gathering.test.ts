import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Message, ToolCall } from "../../src/turn/transcript.ts";
import {
  appendEvidence,
  emptyEvidence,
  type Pending,
  type Step,
} from "../../src/conversation/evidence.ts";
import { gatherSteps, noteAnswer } from "../../src/conversation/gather-steps.ts";
import { has, MARK } from "../../src/conversation/divergence/step.ts";
import { GATHER_MESSAGES_MAX } from "../../src/conversation/rounds.ts";
import { answered, asked, repeat, said, stored, transcriptOf } from "./divergence-scene.ts";

const call = (id: string, name: string, args = "{}"): ToolCall => ({ id, name, arguments: args });
const result = (callId: string, text: string): Message =>
  answered([{ callId, text, isError: false }]);
const gather = (messages: readonly Message[], from = 0): Step[] =>
  gatherSteps(transcriptOf(messages), { from, turn: 7 });
const told = (steps: readonly Step[]): string[] =>
  steps.map((step) => `${step.tool}=${step.sample.result}`);

describe("gathering", () => {
  test("a call and its result become one step that knows its place", () => {
    const messages = [
      said("user", "go"),
      asked([call("1", "ls", '{"a": 1}')]),
      result("1", "x\ny"),
    ];
    const [step, ...more] = gather(messages);
    assert.deepEqual(more, []);
    assert.equal(step?.turn, 7);
    assert.equal(step?.index, 1);
    assert.equal(step?.tool, "ls");
    assert.deepEqual(step?.sample, { arguments: '{"a": 1}', result: "x y" });
  });

  test("a tool_call_id that is used again pairs with the call of its own round", () => {
    const messages = [
      asked([call("same", "first")]),
      result("same", "one"),
      asked([call("same", "second")]),
      result("same", "two"),
    ];
    assert.deepEqual(told(gather(messages)), ["first=one", "second=two"]);
  });

  test("parallel calls with one id for all pair in their order", () => {
    const messages = [
      asked([call("x", "a"), call("x", "b"), call("x", "c")]),
      result("x", "1"),
      result("x", "2"),
      result("x", "3"),
    ];
    assert.deepEqual(told(gather(messages)), ["a=1", "b=2", "c=3"]);
  });

  test("parallel results that arrive in another order pair by their ids", () => {
    const both = answered([
      { callId: "2", text: "two", isError: false },
      { callId: "1", text: "one", isError: false },
    ]);
    assert.deepEqual(told(gather([asked([call("1", "a"), call("2", "b")]), both])), [
      "a=one",
      "b=two",
    ]);
  });

  test("results with ids that no call of the round has pair by position", () => {
    const messages = [asked([call("1", "a"), call("2", "b")]), result("?", "x"), result("!", "y")];
    assert.deepEqual(told(gather(messages)), ["a=x", "b=y"]);
  });

  test("a call without a result yet, and a result without a call, are no steps", () => {
    assert.deepEqual(gather([asked([call("1", "a")])]), []);
    assert.deepEqual(gather([result("1", "x")]), []);
    assert.deepEqual(told(gather([asked([call("1", "a"), call("2", "b")]), result("2", "y")])), [
      "b=y",
    ]);
  });

  test("the call is found when only its results are new", () => {
    const messages = [said("user", "go"), asked([call("1", "a")]), result("1", "x")];
    assert.deepEqual(told(gather(messages, 2)), ["a=x"]);
    assert.deepEqual(gather(messages, 3), []);
  });

  test("of a round that was half answered before only the new half is a step", () => {
    const messages = [
      said("user", "go"),
      asked([call("1", "a"), call("2", "b")]),
      result("1", "x"),
      result("2", "y"),
    ];
    assert.deepEqual(told(gather(messages, 3)), ["b=y"]);
    // The person's message before the round was told with its first half.
    assert.equal(gather(messages, 3)[0]?.user, "none");
    assert.equal(gather(messages, 2)[0]?.user, "real");
  });

  test("the same call with the same result twice in one message counts once", () => {
    const messages = [
      asked([call("1", "a"), call("2", "a"), call("3", "a")]),
      result("1", "x"),
      result("2", "x"),
      result("3", "other"),
    ];
    assert.deepEqual(told(gather(messages)), ["a=x", "a=other"]);
  });

  test("a person's message before a step marks it, a client's own reminder does not", () => {
    const reminder: Message = {
      role: "user",
      text: "remember the rules",
      calls: [],
      results: [{ callId: "1", text: "x", isError: false }],
    };
    const messages = [
      asked([call("1", "a")]),
      reminder,
      asked([call("2", "b")]),
      result("2", "y"),
      said("assistant", "what now?"),
      said("user", "the blue one"),
      asked([call("3", "c"), call("4", "d")]),
      answered([
        { callId: "3", text: "z", isError: false },
        { callId: "4", text: "z", isError: false },
      ]),
    ];
    const marks = gather(messages).map((step) => step.user);
    assert.deepEqual(marks, ["none", "none", "none", "real", "none"]);
    // Also where the person spoke before the part that is new.
    assert.equal(gather(messages, 7)[0]?.user, "real");
  });

  test("of an endless new part only the newest messages are read", () => {
    const messages = repeat(1000, (index) => [
      asked([call("1", "a", `${index}`)]),
      result("1", "x"),
    ]).flat();
    let reads = 0;
    const transcript = transcriptOf(messages);
    const counted = {
      count: transcript.count,
      read(index: number): Message {
        reads += 1;
        return transcript.read(index);
      },
    };
    const steps = gatherSteps(counted, { from: 0, turn: 1 });
    assert.equal(steps.length, GATHER_MESSAGES_MAX / 2);
    assert.ok(reads <= 2 * GATHER_MESSAGES_MAX);
    assert.equal(steps.at(-1)?.sample.arguments, "999");
  });

  test("names and samples are one clipped line without control characters", () => {
    const name = `bad"\u0000\u202ename\n${"n".repeat(200)}`;
    const [step] = gather([
      asked([
        call("1", name, `${"a".repeat(119)}\ud83d\ude00`),
        call("2", "b", "\ud83d\ude00".repeat(99)),
      ]),
      result("1", "a\r\n\u2028b".repeat(99)),
    ]);
    assert.ok(step !== undefined);
    assert.equal(step.tool.length, 40);
    assert.match(step.tool, /^bad_ name n+$/);
    for (const text of [step.sample.arguments, step.sample.result]) {
      assert.ok(text.length <= 120);
      assert.ok(text.isWellFormed());
      assert.doesNotMatch(text, /\p{Cc}|\u2028/u);
    }
  });

  test("an answer that says not yet is marked as waiting", () => {
    const waiting = (text: string): boolean =>
      gather([asked([call("1", "a")]), result("1", text)]).some((step) => has(step, MARK.waiting));
    for (const text of ["still running", '{"x":1,"status": "in_progress"}', "Job is queued"]) {
      assert.equal(waiting(text), true, text);
    }
    assert.equal(waiting("Error: 429 too many requests"), true);
    for (const text of ["done", "running 12 tests", `${"x ".repeat(300)} pending`]) {
      assert.equal(waiting(text), false, text);
    }
  });
});

describe("results that come without their calls", () => {
  const rows = (messages: readonly Message[], from: number, pending: Pending): Step[] =>
    gatherSteps(transcriptOf(messages), { from, turn: 3, pending });
  const noted = noteAnswer(emptyEvidence(), {
    calls: [call("x", "first", '{"a":1}'), call("y", "second", '{"a":2}')],
    text: "beside the calls",
  });

  test("are paired with what the answer before asked for, by id and else by position", () => {
    const byId = rows([result("y", "two"), result("x", "one")], 0, noted.pending);
    assert.deepEqual(told(byId), ["second=two", "first=one"]);
    const byPosition = rows([result("?", "one"), result("!", "two")], 0, noted.pending);
    assert.deepEqual(told(byPosition), ["first=one", "second=two"]);
    const [whole] = gather([asked([call("x", "first", '{"a":1}')]), result("x", "one")]);
    assert.equal(byId[1]?.call, whole?.call);
    assert.equal(byId[1]?.result, whole?.result);
  });

  test("are paired after the window was stored", () => {
    const [step] = rows([result("x", "one")], 0, stored(noted).pending);
    assert.equal(step?.tool, "first");
  });

  test("do not count twice where the transcript holds the calls", () => {
    const messages = [said("user", "go"), asked([call("x", "other")]), result("x", "one")];
    assert.deepEqual(told(rows(messages, 1, noted.pending)), ["other=one"]);
    assert.deepEqual(told(rows(messages, 2, noted.pending)), ["other=one"]);
  });

  test("leave a text that is in no transcript in the evidence, once", () => {
    const { pending } = noteAnswer(emptyEvidence(), { calls: [], text: "I am at work on it." });
    const steps = rows([said("user", "and?")], 0, pending);
    assert.equal(steps.length, 1);
    assert.ok(has(steps[0] ?? { marks: 0 }, MARK.text));
    const whole = [said("assistant", "I am at work on it."), said("user", "and?")];
    const full = rows(whole, 0, pending);
    assert.deepEqual(
      full.map((step) => step.call),
      steps.map((step) => step.call),
    );
    assert.equal(appendEvidence(noted, steps).pending.calls.length, 0);
  });
});

describe("actions written as text", () => {
  const scene = (text: string, outcome: string): Step[] =>
    gather([said("user", "go"), said("assistant", text), said("user", outcome)]);

  test("become calls with the next message as their result", () => {
    const actions: readonly (readonly [string, string])[] = [
      ["Thought: hm\nAction: search[a b]", "search"],
      ['Action: search\nAction Input: {"q": 1}', "search"],
      ["Let me see.\n```bash\nls -la\n```", "shell"],
      ['<tool_call>{"name": "x"}</tool_call>', "tool_call"],
      ['```json\n{"action": "look", "action_input": "x"}\n```', "action"],
    ];
    for (const [text, tool] of actions) {
      assert.deepEqual(told(scene(text, "Observation: seen")), [`${tool}=seen`], text);
    }
  });

  test("are none where a snippet stands inside an answer", () => {
    const text = `Use this:\n\`\`\`bash\nls\n\`\`\`\n${"It lists what is there. ".repeat(5)}`;
    const [step] = scene(text, "thanks");
    assert.ok(has(step ?? { marks: 0 }, MARK.text));
  });

  test("are found when only their outcome is new", () => {
    const messages = [said("assistant", "Action: search[a]"), said("user", "Observation: b")];
    assert.deepEqual(told(gather(messages, 1)), ["search=b"]);
  });
});
