// Goal: a logical name leads where the operator said, and a conversation keeps its arm. Method: many conversations.

import assert from "node:assert/strict";
import { test } from "node:test";
import { splitTargets, type LogicalTarget, type SplitInput } from "../../src/routing/split.ts";

const TARGETS: readonly LogicalTarget[] = [
  { to: "eu/big", weight: 1, when: { header: { "x-data-class": "regulated" } } },
  { to: "lab/big", weight: 95, when: null },
  { to: "lab/small", weight: 5, when: null },
];

function input(about: Partial<SplitInput>): SplitInput {
  return { affinity: null, header: () => null, random: 0, ...about };
}

test("a matching condition rules out everything it does not name", () => {
  const header = (name: string) => (name === "x-data-class" ? "regulated" : null);
  const ordered = splitTargets(TARGETS, input({ affinity: "a", header }));
  assert.deepEqual(
    ordered.map(({ to }) => to),
    ["eu/big"],
  );
});

test("a conversation never changes its arm", () => {
  for (let index = 0; index < 200; index += 1) {
    const affinity = `conversation ${index}`;
    const first = splitTargets(TARGETS, input({ affinity, random: 0.1 }))[0];
    assert.equal(splitTargets(TARGETS, input({ affinity, random: 0.9 }))[0], first);
  }
});

test("weights are kept over many conversations", () => {
  let small = 0;
  const conversations = 20_000;
  for (let index = 0; index < conversations; index += 1) {
    const first = splitTargets(TARGETS, input({ affinity: `tenant\nconversation-${index}` }))[0];
    if (first?.to === "lab/small") small += 1;
  }
  const share = small / conversations;
  assert.ok(share > 0.04 && share < 0.06, `5 % were wanted, ${share * 100} % came`);
});

test("the arm that was not drawn stands by", () => {
  const ordered = splitTargets(TARGETS, input({ random: 0.999 }));
  assert.deepEqual(
    ordered.map(({ to }) => to),
    ["lab/small", "lab/big"],
  );
});
