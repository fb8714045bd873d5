import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SEEN_MAX, STEPS_MAX, TEXTS_MAX } from "../../src/conversation/evidence-packing.ts";
import {
  appendEvidence,
  emptyEvidence,
  EVIDENCE_BYTES_MAX,
  readEvidence,
  type Evidence,
  type Step,
} from "../../src/conversation/evidence.ts";
import { MARK, pairOf } from "../../src/conversation/divergence/step.ts";
import { noteAnswer } from "../../src/conversation/gather-steps.ts";
import { shortHash } from "../../src/conversation/fingerprint.ts";
import { repeat, stored } from "./divergence-scene.ts";

describe("the window", () => {
  const cut = (text: string, length: number): string => shortHash(text).slice(0, length);
  const step = (index: number, extra: Partial<Step> = {}): Step => ({
    turn: index,
    index: -1,
    tool: "tool",
    call: cut(`c${index}`, 8),
    detail: cut(`d${index}`, 3),
    skeleton: cut(`s${index}`, 4),
    result: cut(`r${index}`, 8),
    words: "ABCD",
    grams: "",
    sum: index % 4096,
    marks: MARK.opens,
    errorClass: "",
    user: "none",
    userHash: "",
    userWords: "",
    userFacts: "",
    task: null,
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
    assert.equal(evidence.steps[0]?.turn, 5);
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
    const evidence = appendEvidence(filled(SEEN_MAX - 9), [
      early,
      ...repeat(STEPS_MAX, () => step(1000)),
    ]);
    const later = appendEvidence(
      evidence,
      repeat(SEEN_MAX - 1, (index) => step(2000 + index)),
    );
    assert.ok(later.seen.includes(pairOf(early)));
    assert.equal(new Set(evidence.seen).size, evidence.seen.length);
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
              marks: (error ? MARK.error : 0) | (flag ? MARK.waiting : MARK.opens),
              errorClass: error ? cut("e", 6) : "",
              user: flag ? "none" : "real",
              userHash: flag ? "" : "abc",
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
    const sketch = (tokens: number): string => "zz".repeat(tokens);
    const sample = '"'.repeat(79);
    const worst = (index: number): Step =>
      step(900_000 + 1500 * index, {
        tool: `${index}`.padEnd(40, "ツ"),
        marks: MARK.error | MARK.opens,
        errorClass: cut(`e${index}`, 6),
        user: "real",
        userHash: "abc",
        words: sketch(16),
        sum: 4095,
        sample: { arguments: sample, result: sample },
      });
    const text = (index: number): Step =>
      step(990_000 + index, {
        tool: "",
        marks: MARK.text | MARK.opens,
        user: "real",
        userHash: "abc",
        words: sketch(16),
        grams: sketch(20),
        userWords: sketch(12),
        userFacts: sketch(4),
        sample: { arguments: "", result: "" },
      });
    const task = { times: 60, items: 60, watch: true, words: sketch(32) };
    const wide = appendEvidence(emptyEvidence(), repeat(STEPS_MAX + SEEN_MAX, worst));
    const calls = repeat(STEPS_MAX - TEXTS_MAX, (index) => ({
      ...worst(index),
      tool: `t${index}`,
    }));
    const full = appendEvidence(appendEvidence(wide, [...calls, ...repeat(TEXTS_MAX - 1, text)]), [
      { ...text(9), task },
    ]);
    const pending = noteAnswer(full, {
      calls: repeat(9, (index) => ({
        id: `call_${index}`,
        name: "ツ".repeat(40),
        arguments: JSON.stringify({ a: repeat(30, (word) => `word${word}-${index}`) }),
      })),
      text: "",
    });
    assert.equal(full.steps.length, STEPS_MAX);
    assert.equal(full.seen.length, SEEN_MAX);
    for (const evidence of [wide, full, pending]) {
      const bytes = Buffer.byteLength(JSON.stringify(evidence));
      assert.ok(bytes <= EVIDENCE_BYTES_MAX, `${bytes} bytes`);
    }
    assert.deepEqual(stored(pending).pending, pending.pending);
    assert.deepEqual(stored(full).task, task);
  });

  test("a stored window that does not fit is refused by the name of its column", () => {
    const good = (): Record<string, unknown> => {
      const parsed: unknown = JSON.parse(JSON.stringify(filled(3)));
      assert.ok(typeof parsed === "object" && parsed !== null);
      return { ...parsed };
    };
    assert.equal(readEvidence(good()).steps.length, 3);
    const faults: Record<string, unknown[]> = {
      v: [3, null],
      f: ["8", "A".repeat(5 * (STEPS_MAX + 1)), 5, "AAAA9".repeat(3)],
      n: [["x".repeat(41)], "x", [1]],
      t: [
        [0, 0, 9],
        [0, 0],
        [0, 0, -1],
      ],
      u: [
        [1, 2, 3.5],
        [1, 2, "3"],
      ],
      c: ["short", "c".repeat(25 * 4), "!".repeat(25 * 3)],
      e: ["e".repeat(6)],
      h: ["abc", 1],
      w: ["", "AB;AB;A", "AB;AB;AB,AB,AB,AB,AB", `AB;AB;${"AB".repeat(17)}`],
      a: [[1, 2, 0], [99, 0, 0, ""], [0, 0, 0, "A"], null],
      p: [[["t", "x", ""]], [[]], "x"],
      q: ["short", 5, `${"A".repeat(12)},A`],
      x: [["only one"], repeat(6, () => "x".repeat(121))],
      s: ["s".repeat(11), "s".repeat(8 * (SEEN_MAX + 1))],
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

  test("rows of the first version are still read, and match no new call", () => {
    const file = new URL("./fixtures/evidence.v1.json", import.meta.url);
    const old: unknown = JSON.parse(readFileSync(file, "utf8"));
    const evidence = readEvidence(old);
    assert.equal(evidence.steps.length, STEPS_MAX);
    assert.equal(evidence.seen.length, 6);
    const newest = evidence.steps.at(-1);
    assert.equal(newest?.tool, "run_tests");
    assert.ok(newest !== undefined && (newest.marks & MARK.error) !== 0);
    assert.equal(evidence.steps.filter(({ user }) => user === "real").length, 1);
    assert.deepEqual(stored(evidence), evidence);
    assert.throws(() => readEvidence({ ...Object(old), c: "x" }), /c does not fit/);
  });
});
