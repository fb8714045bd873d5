// Holds docs/conversation-spec.md and the tests to each other: no rule without a test, no test of a
// rule that is not written down. Must never know the rules itself.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const SPECIFICATION = read("../../docs/conversation-spec.md");

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), "utf8");
}

/** `- **P3** what holds. *Test:* a.test.ts, b.test.ts` */
const RULE = /^- \*\*([A-Z]\d+)\*\* [^]*?\*Tests?:\* ([^\n]+)$/gm;

interface WrittenRule {
  readonly id: string;
  readonly files: readonly string[];
}

function writtenRules(): readonly WrittenRule[] {
  return [...SPECIFICATION.matchAll(RULE)].map(([, id = "", files = ""]) => ({
    id,
    files: [...files.matchAll(/`([\w./-]+\.ts)`/g)].map(([, file = ""]) => file),
  }));
}

/** Names of rules in a test, ranges such as L1-L6 written out. */
function rulesIn(source: string): ReadonlySet<string> {
  const named = [...source.matchAll(/\b([CLPT])(\d{1,2})(?:-\1(\d{1,2}))?\b/g)];
  return new Set(
    named.flatMap(([, letter = "", first = "", last = first]) =>
      Array.from(
        { length: Number(last) - Number(first) + 1 },
        (_, index) => `${letter}${Number(first) + index}`,
      ),
    ),
  );
}

test("Every rule of the specification names a test, and that test names the rule", () => {
  const rules = writtenRules();
  const ids = rules.map((rule) => rule.id);
  assert.deepEqual(ids, [...new Set(ids)], "no number is given twice");
  const listed = [...SPECIFICATION.matchAll(/^- \*\*([A-Z]\d+)\*\*/gm)].map(([, id]) => id);
  assert.deepEqual(ids, listed, "every rule ends in the tests that enforce it");
  for (const { id, files } of rules) {
    assert.ok(files.length > 0, `${id} names a test`);
    for (const file of files) {
      assert.ok(rulesIn(read(`./${file}`)).has(id), `${file} says that it enforces ${id}`);
    }
  }
});

test("No test enforces a rule that the specification does not have", () => {
  const rules = writtenRules();
  const known = new Set(rules.map((rule) => rule.id));
  for (const file of new Set(rules.flatMap((rule) => rule.files))) {
    for (const id of rulesIn(read(`./${file}`)))
      assert.ok(known.has(id), `${file} speaks of ${id}`);
  }
});
