import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SEEN_MAX, STEPS_MAX } from "../../src/conversation/evidence-packing.ts";
import {
  appendEvidence,
  emptyEvidence,
  EVIDENCE_BYTES_MAX,
  pairOf,
  readEvidence,
  type Evidence,
  type Step,
} from "../../src/conversation/evidence.ts";
import { shortHash } from "../../src/conversation/fingerprint.ts";
import { repeat, stored } from "./divergence-scene.ts";

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
