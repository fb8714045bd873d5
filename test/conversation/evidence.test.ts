import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Message, ToolCall } from "../../src/turn/transcript.ts";
import { SEEN_MAX, STEPS_MAX } from "../../src/conversation/evidence-packing.ts";
import {
  appendEvidence,
  emptyEvidence,
  EVIDENCE_BYTES_MAX,
  gatherSteps,
  pairOf,
  readEvidence,
  type Evidence,
  type Step,
} from "../../src/conversation/evidence.ts";
import { shortHash } from "../../src/conversation/fingerprint.ts";
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
    assert.equal(gather(messages, 3)[0]?.userBoundary, false);
    assert.equal(gather(messages, 2)[0]?.userBoundary, true);
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
      said("user", "go on"),
      asked([call("3", "c"), call("4", "d")]),
      answered([
        { callId: "3", text: "z", isError: false },
        { callId: "4", text: "z", isError: false },
      ]),
    ];
    const marks = gather(messages).map((step) => step.userBoundary);
    assert.deepEqual(marks, [false, false, true, false]);
    // Also where the person spoke before the part that is new.
    assert.equal(gather(messages, 7)[0]?.userBoundary, true);
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
    assert.equal(step.tool.length, 64);
    assert.match(step.tool, /^bad_ name n+$/);
    for (const text of [step.sample.arguments, step.sample.result]) {
      assert.ok(text.length <= 120);
      assert.ok(text.isWellFormed());
      assert.doesNotMatch(text, /\p{Cc}|\u2028/u);
    }
  });

  test("an answer that says not yet is marked as waiting", () => {
    const waiting = (text: string): boolean | undefined =>
      gather([asked([call("1", "a")]), result("1", text)])[0]?.waiting;
    for (const text of ["still running", '{"x":1,"status": "in_progress"}', "Job is queued"]) {
      assert.equal(waiting(text), true, text);
    }
    assert.equal(waiting("Error: 429 too many requests"), true);
    for (const text of ["done", "running 12 tests", `${"x ".repeat(300)} pending`]) {
      assert.equal(waiting(text), false, text);
    }
  });
});

describe("the window", () => {
  const step = (index: number, extra: Partial<Step> = {}): Step => ({
    turn: index,
    index,
    tool: "tool",
    call: shortHash(`c${index}`),
    result: shortHash(`r${index}`),
    error: false,
    errorClass: "",
    waiting: false,
    userBoundary: false,
    sample: { arguments: `a${index}`, result: `b${index}` },
    ...extra,
  });
  const filled = (steps: number): Evidence =>
    repeat(steps, (index) => step(index)).reduce(
      (evidence, one) => appendEvidence(evidence, [one]),
      emptyEvidence(),
    );

  test("no steps leave the very same window", () => {
    const evidence = filled(3);
    assert.equal(appendEvidence(evidence, []), evidence);
  });

  test("the oldest steps leave the ring and stay known", () => {
    const evidence = filled(STEPS_MAX + 5);
    assert.equal(evidence.steps.length, STEPS_MAX);
    assert.equal(evidence.steps[0]?.index, 5);
    assert.deepEqual(
      evidence.seen,
      repeat(5, (index) => pairOf(step(index))),
    );
  });

  test("only the most recent pairs that left are known", () => {
    const evidence = filled(STEPS_MAX + SEEN_MAX + 9);
    assert.equal(evidence.seen.length, SEEN_MAX);
    assert.equal(evidence.seen[0], pairOf(step(9)));
  });

  test("a pair that comes again is remembered from then on", () => {
    const early = step(0);
    const evidence = appendEvidence(filled(SEEN_MAX), [
      early,
      ...repeat(STEPS_MAX, () => step(1000)),
    ]);
    const later = appendEvidence(
      evidence,
      repeat(SEEN_MAX - 1, (index) => step(2000 + index)),
    );
    assert.ok(later.seen.includes(pairOf(early)));
    assert.ok(!later.seen.includes(pairOf(step(1))));
  });

  test("all at once or one by one makes the same window", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(90), { maxLength: 150 }), (indices) => {
        const steps = indices.map((index) => step(index));
        const single = steps.reduce((now, one) => appendEvidence(now, [one]), emptyEvidence());
        assert.deepEqual(appendEvidence(emptyEvidence(), steps).steps, single.steps);
      }),
    );
  });

  test("what is stored is what is read", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(30), fc.boolean(), fc.boolean()), { maxLength: 90 }),
        (all) => {
          const steps = all.map(([index, error, flag]) =>
            step(index, {
              tool: `tool ${index}`,
              error,
              errorClass: error ? shortHash("e") : "",
              waiting: flag,
              userBoundary: !flag,
            }),
          );
          const evidence = appendEvidence(emptyEvidence(), steps);
          assert.deepEqual(stored(evidence), evidence);
        },
      ),
    );
    assert.deepEqual(stored(emptyEvidence()), emptyEvidence());
  });

  test("the worst full window is stored in 8 KiB", () => {
    const worst = repeat(STEPS_MAX + SEEN_MAX, (index) =>
      step(900_000 + index, {
        tool: `${index}`.padEnd(64, "ツ"),
        error: true,
        errorClass: shortHash(`e${index}`),
        waiting: true,
        userBoundary: true,
        sample: { arguments: "漢".repeat(120), result: "漢".repeat(120) },
      }),
    );
    const wide = appendEvidence(emptyEvidence(), worst);
    const names = repeat(STEPS_MAX, (index) => ({ ...worst[index], tool: `tool${index}` }));
    const full = appendEvidence(
      wide,
      names.map((one, index) => step(900_000 + index, one)),
    );
    assert.equal(full.steps.length, STEPS_MAX);
    assert.equal(full.seen.length, SEEN_MAX);
    for (const evidence of [wide, full]) {
      assert.ok(Buffer.byteLength(JSON.stringify(evidence)) <= EVIDENCE_BYTES_MAX);
      assert.deepEqual(stored(evidence), evidence);
    }
  });

  test("a stored window that does not fit is refused by the name of its column", () => {
    const good = (): Record<string, unknown> => {
      const parsed: unknown = JSON.parse(JSON.stringify(filled(3)));
      assert.ok(typeof parsed === "object" && parsed !== null);
      return { ...parsed };
    };
    assert.equal(readEvidence(good()).steps.length, 3);
    const faults: Record<string, unknown[]> = {
      v: [2, null],
      f: ["8", "0".repeat(STEPS_MAX + 1), 5],
      n: [["x".repeat(65)], "x", [1]],
      t: [
        [0, 0, 9],
        [0, 0],
        [0, 0, -1],
      ],
      u: [
        [1, 2, 3.5],
        [1, 2, "3"],
      ],
      i: [null, [1, 2, 3, 4]],
      c: ["short", "c".repeat(44), "!".repeat(33)],
      r: ["", 0],
      e: ["e".repeat(11)],
      x: [["only one"], repeat(6, () => "x".repeat(121))],
      s: ["s".repeat(11), "s".repeat(10 * (SEEN_MAX + 1))],
    };
    for (const [column, values] of Object.entries(faults)) {
      for (const value of values) {
        const message = `${column}: ${JSON.stringify(value)?.slice(0, 40)}`;
        assert.throws(() => readEvidence({ ...good(), [column]: value }), TypeError, message);
      }
    }
    for (const value of [null, undefined, "x", 4, [], {}]) {
      assert.throws(() => readEvidence(value), TypeError);
    }
  });
});
