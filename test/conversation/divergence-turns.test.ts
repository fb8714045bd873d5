import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { judge } from "../../src/conversation/divergence/judge.ts";
import { appendEvidence, emptyEvidence } from "../../src/conversation/evidence.ts";
import { gatherSteps } from "../../src/conversation/gather-steps.ts";
import {
  act,
  messagesOf,
  play,
  repeat,
  SETTINGS,
  severities,
  transcriptOf,
} from "./divergence-scene.ts";

describe("every turn", () => {
  test("a turn without new steps is clear and brings no progress", () => {
    const verdicts = play([act("a", {}, "x"), [], act("a", {}, "x")]);
    assert.equal(verdicts[1]?.severity, "clear");
    assert.equal(verdicts[1]?.progress, false);
  });

  test("an unseen result is progress; a known one, an error, or a thought is not", () => {
    const scene = [
      act("a", {}, "x"),
      act("a", {}, "x"),
      act("a", {}, "y"),
      act("b", {}, "Error: no"),
      act("think", { thought: "new" }, ""),
    ];
    assert.deepEqual(
      play(scene).map((verdict) => verdict.progress),
      [true, false, true, false, false],
    );
  });

  test("what left the ring long ago is still no progress", () => {
    const scene = [
      act("a", {}, "x"),
      ...repeat(100, (index) => act("b", { index }, "y")),
      act("a", {}, "x"),
    ];
    assert.equal(play(scene).at(-1)?.progress, false);
  });

  test("a loop that ended is not reported for ever", () => {
    const scene = [...repeat(4, () => act("a", {}, "x")), act("b", {}, "y"), act("think", {}, "")];
    assert.deepEqual(severities(scene).slice(3), ["firing", "clear", "clear"]);
  });

  test("a loop that stood in a history taken over whole is found at its last turn", () => {
    const transcript = transcriptOf(messagesOf(repeat(4, () => act("a", {}, "x"))));
    const steps = gatherSteps(transcript, { from: 0, turn: 1 });
    const evidence = appendEvidence(emptyEvidence(), steps);
    const verdict = judge(evidence, { fresh: steps.length, settings: SETTINGS });
    assert.equal(verdict.severity, "firing");
    assert.equal(verdict.count, 4);
  });

  test("the thresholds are those of the profile", () => {
    const scene = repeat(3, () => act("a", {}, "x"));
    assert.equal(play(scene, { ...SETTINGS, sameResultCount: 2 })[1]?.severity, "firing");
    assert.equal(play(scene, { ...SETTINGS, sameResultCount: 9 })[2]?.severity, "clear");
    const errors = repeat(2, () => act("a", {}, "Error: x"));
    assert.equal(play(errors, { ...SETTINGS, sameErrorCount: 2 })[1]?.severity, "firing");
    const cycle = repeat(4, (index) => act(`t${index % 2}`, {}, "x"));
    assert.equal(play(cycle, { ...SETTINGS, cycleLaps: 2 })[3]?.severity, "firing");
  });
});
