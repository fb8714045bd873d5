import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  canonical,
  CANONICAL_CHARACTERS_MAX,
  CANONICAL_DEPTH_MAX,
} from "../../src/conversation/canonical.ts";

/** Writes the same value with its keys in reverse order and with white space. */
function respell(value: unknown): string {
  if (Array.isArray(value)) return `[ ${value.map(respell).join(" ,\n")} ]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toReversed();
  const members = entries.map(([key, item]) => `${JSON.stringify(key)} : ${respell(item)}`);
  return `{\t${members.join(" , ")} }`;
}

test("key order and white space do not change the canonical form", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value);
      assert.notEqual(canonical(text), null);
      assert.equal(canonical(respell(JSON.parse(text))), canonical(text));
    }),
  );
});

test("different values have different canonical forms", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (left, right) => {
      const same = respell(sorted(left)) === respell(sorted(right));
      assert.equal(canonical(JSON.stringify(left)) === canonical(JSON.stringify(right)), same);
    }),
  );
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? 0 : value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

test("integers beyond 2^53 that differ stay different", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (number) => {
      assert.notEqual(canonical(`{"id":${number}}`), canonical(`{"id":${number + 1n}}`));
    }),
  );
  assert.notEqual(canonical("[9007199254740992]"), canonical("[9007199254740993]"));
});

test("long decimals and huge numbers stay different, spellings of one number do not", () => {
  assert.notEqual(canonical("0.1"), canonical("0.10000000000000000001"));
  assert.notEqual(canonical("1e400"), canonical("1e401"));
  assert.notEqual(canonical("1e-400"), canonical("0"));
  assert.notEqual(canonical("1e9007199254740992"), canonical("1e9007199254740993"));
  const long = "9".repeat(1_000);
  assert.notEqual(canonical(`1e${long}8`), canonical(`1e${long}9`));
  assert.notEqual(canonical(`1e-${long}8`), canonical(`1e${long}8`));
  for (const spelling of ["100", "1e2", "1.0e+2", "100.000", "100.00000000000000000"]) {
    assert.equal(canonical(spelling), "100");
  }
  assert.equal(canonical("90071992547409930e-1"), canonical("9007199254740993"));
});

test("a string cannot pass for a number that was kept exactly", () => {
  const number = "9007199254740993";
  const exact = canonical(number);
  const inside: unknown = JSON.parse(exact ?? "null");
  assert.equal(typeof inside, "string");
  assert.notEqual(canonical(JSON.stringify(inside)), exact);
  const escaped = `"\\u0000#${number.replace(/\d/g, (digit) => `\\u003${digit}`)}e0"`;
  assert.notEqual(canonical(escaped), exact);
});

test("a __proto__ key is an ordinary key", () => {
  const polluted = canonical('{"__proto__":{"admin":true},"a":12345678901234567890}');
  assert.match(polluted ?? "", /"__proto__":\{"admin":true\}/);
  assert.equal(Reflect.get({}, "admin"), undefined);
  assert.notEqual(canonical('{"__proto__":{"a":1}}'), canonical("{}"));
});

test("invalid JSON has no canonical form", () => {
  for (const text of ["", "{", "{'a':1}", "undefined", "NaN", "[1,]", '{"a":1} trailing', "01"]) {
    assert.equal(canonical(text), null, text);
  }
});

test("any text at all is answered without an exception", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => canonical(text) !== undefined));
});

test("nesting is followed to the bound and refused beyond it", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assert.equal(canonical(nested(CANONICAL_DEPTH_MAX)), nested(CANONICAL_DEPTH_MAX));
  assert.equal(canonical(nested(CANONICAL_DEPTH_MAX + 1)), null);
  assert.equal(canonical(`{"a":1,"b":${nested(30_000)}}`), null);
});

test("brackets inside strings do not count as nesting", () => {
  const code = JSON.stringify({ code: '{[("\\"'.repeat(200) });
  assert.equal(canonical(code), code);
});

test("a text beyond the size bound is not parsed", () => {
  const fits = JSON.stringify("a".repeat(CANONICAL_CHARACTERS_MAX - 2));
  assert.equal(canonical(fits), fits);
  assert.equal(canonical(`${fits} `), null);
});
