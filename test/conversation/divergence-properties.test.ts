import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  appendEvidence,
  emptyEvidence,
  type Evidence,
  type Step,
} from "../../src/conversation/evidence.ts";
import { gatherSteps } from "../../src/conversation/gather-steps.ts";
import { judge } from "../../src/conversation/divergence/judge.ts";
import type { Verdict } from "../../src/conversation/divergence/verdict.ts";
import {
  act,
  messagesOf,
  play,
  SETTINGS,
  stored,
  transcriptOf,
  type Act,
  type Scene,
} from "./divergence-scene.ts";

const RANK = { clear: 0, suspected: 1, firing: 2 } as const;

/** Few tools, arguments and results, so that loops of every kind come up by chance. */
const oneAct: fc.Arbitrary<Act> = fc.record({
  tool: fc.constantFrom("a", "b", "c", "think", "wait"),
  arguments: fc.constantFrom({ n: 1 }, { n: 2 }),
  result: fc.constantFrom("x", "x", "x", "y", "pending", "Error: 503 busy", "Error: 1", "Error: 2"),
});
const loopy: fc.Arbitrary<Scene> = fc
  .tuple(
    fc.array(fc.oneof(fc.array(oneAct, { minLength: 1, maxLength: 3 }), fc.constant("go on")), {
      maxLength: 8,
    }),
    fc.array(fc.array(oneAct, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 4 }),
    fc.integer({ min: 1, max: 8 }),
  )
  .map(([start, lap, times]) => [...start, ...Array.from({ length: times }, () => lap).flat()]);

function stepsOf(scene: Scene): Step[] {
  return gatherSteps(transcriptOf(messagesOf(scene)), { from: 0, turn: 1 });
}

function isRound(part: Scene[number]): part is readonly Act[] {
  return Array.isArray(part);
}

function judged(evidence: Evidence, fresh = 1): Verdict {
  return judge(evidence, { fresh, settings: SETTINGS });
}

test("chance scenes reach every severity and pattern", () => {
  const met = new Set<string | null>();
  for (const scene of fc.sample(loopy, { numRuns: 1500, seed: 7 })) {
    for (const { severity, pattern } of play(scene)) met.add(`${severity} ${pattern}`);
  }
  const firing = [...met].filter((seen) => seen?.startsWith("firing"));
  assert.ok(firing.length >= 6, [...met].join(", "));
});

test("the same evidence always gets the same verdict, and is left as it was", () => {
  fc.assert(
    fc.property(loopy, (scene) => {
      const evidence = appendEvidence(emptyEvidence(), stepsOf(scene));
      const before = JSON.stringify(evidence);
      assert.deepEqual(judged(evidence), judged(stored(evidence)));
      assert.equal(JSON.stringify(evidence), before);
    }),
  );
});

test("forgetting the oldest steps never raises the severity", () => {
  fc.assert(
    fc.property(loopy, fc.nat(60), (scene, drop) => {
      const evidence = appendEvidence(emptyEvidence(), stepsOf(scene));
      const later = { ...evidence, steps: evidence.steps.slice(drop) };
      const rank = RANK[judged(later, Math.min(1, later.steps.length)).severity];
      assert.ok(rank <= RANK[judged(evidence).severity]);
    }),
    { numRuns: 2000 },
  );
});

test("taking the repeats of the newest round away leaves nothing to report", () => {
  fc.assert(
    fc.property(loopy, (scene) => {
      const all = stepsOf(scene);
      const newest = all.at(-1);
      const calls = new Set(
        all.filter((one) => one.index === newest?.index).map((one) => one.call),
      );
      const tools = new Set(
        all.filter((one) => one.index === newest?.index).map((one) => one.tool),
      );
      const rest = all.filter(
        (one) => one.index === newest?.index || !(calls.has(one.call) || tools.has(one.tool)),
      );
      const settings = { ...SETTINGS, noProgressCalls: 99 };
      const evidence = appendEvidence(emptyEvidence(), rest);
      assert.equal(judge(evidence, { fresh: 1, settings }).severity, "clear");
    }),
  );
});

test("however often a turn repeats a call in parallel, it is one repeat", () => {
  fc.assert(
    fc.property(loopy, fc.integer({ min: 2, max: 5 }), (scene, copies) => {
      const copied = scene.map((part) =>
        isRound(part) ? Array.from({ length: copies }, () => part).flat() : part,
      );
      assert.deepEqual(play(copied), play(scene));
    }),
  );
});

test("spelling the arguments differently changes no verdict", () => {
  fc.assert(
    fc.property(loopy, (scene) => {
      const respelled = scene.map((part) =>
        isRound(part)
          ? part.map((one) => ({
              ...one,
              arguments: ` ${JSON.stringify(one.arguments, null, 1)}\n`,
            }))
          : part,
      );
      const plain = (verdict: Verdict): Verdict => ({ ...verdict, sample: null, varied: null });
      assert.deepEqual(play(respelled).map(plain), play(scene).map(plain));
    }),
  );
});

test("calls that never come back are never reported, and always progress", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(), { maxLength: 80 }),
      fc.constantFrom("x", ""),
      (ids, text) => {
        for (const verdict of play(ids.map((id) => act("a", { id }, text)))) {
          assert.equal(verdict.severity, "clear");
          assert.equal(verdict.progress, true);
        }
      },
    ),
    { numRuns: 30 },
  );
});
