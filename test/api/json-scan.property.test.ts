// The scanner against JSON.parse: any value however it is written, and any bytes however they are
// damaged.

import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { parseSpan, scanArray, scanBody, scanObject, type Span } from "../../src/api/json-scan.ts";
import { FaultError } from "../../src/turn/fault.ts";
import { anyMembers, choices, judge, uniqueMembers, writeObject } from "./json-text.ts";

const OPTIONS = { arrayField: "messages", depthMax: 64 };
const RUNS = { numRuns: 1500 };

function verdict(body: Buffer, depthMax: number): "accept" | "refuse" {
  try {
    scanBody(body, { arrayField: "messages", depthMax });
    return "accept";
  } catch (error) {
    if (error instanceof FaultError) return "refuse";
    throw error;
  }
}

/** Scans everything under `span` and holds the pieces against the parsed value. */
function checkDeep(body: Buffer, span: Span, expected: unknown): void {
  assert.deepEqual(parseSpan(body, span), expected);
  if (Array.isArray(expected)) {
    const spans = scanArray(body, span);
    assert.equal(spans.length, expected.length);
    for (const [index, piece] of spans.entries()) checkDeep(body, piece, expected[index]);
  } else if (typeof expected === "object" && expected !== null) {
    const fields = scanObject(body, span);
    const members = Object.entries(expected);
    assert.deepEqual(new Set(fields.keys()), new Set(members.map(([name]) => name)));
    for (const [name, value] of members) {
      const field = fields.get(name);
      assert.ok(field);
      checkDeep(body, field.value, value);
    }
  }
}

test("Every object is read as JSON.parse reads it, however it is spaced and escaped", () => {
  fc.assert(
    fc.property(uniqueMembers, choices, (members, random) => {
      const body = Buffer.from(writeObject(members, random));
      const scan = scanBody(body, OPTIONS);
      assert.deepEqual(
        [...scan.fields.keys()],
        members.map(([name]) => name),
      );
      for (const [name, field] of scan.fields) {
        assert.equal(field.name, name);
        assert.equal(parseSpan(body, field.key), name);
      }
      const parsed: unknown = JSON.parse(body.toString());
      checkDeep(body, { start: scan.open, end: scan.close + 1 }, parsed);
      for (const [name, value] of members) {
        if (name !== "messages" || !Array.isArray(value)) continue;
        assert.deepEqual(scan.elements, scanArray(body, scan.array ?? { start: 0, end: 0 }));
        assert.equal(scan.elements.length, value.length);
      }
    }),
    RUNS,
  );
});

const damage = fc.record({
  kind: fc.constantFrom("replace", "insert", "delete", "copy"),
  at: fc.nat({ max: 400 }),
  length: fc.integer({ min: 1, max: 12 }),
  bytes: fc.oneof(
    fc
      .constantFrom(...'{}[]":,\\/+-.0123456789eEtrufalsn \t\n\r\v\f\0\u001f\u007f')
      .map(Buffer.from),
    fc.constantFrom("\ufeff", "\u00a0", "\u2028", '"model":1,', "\\u00", "\\u12G4", "[[", "null"),
    fc.constantFrom(0x80, 0xbf, 0xc0, 0xed, 0xf4, 0xff).map((byte) => Buffer.from([byte])),
  ),
});

function applyDamage(body: Buffer, wound: typeof damage extends fc.Arbitrary<infer T> ? T : never) {
  const at = wound.at % (body.length + 1);
  const bytes = Buffer.from(wound.bytes);
  const head = body.subarray(0, at);
  if (wound.kind === "replace") return Buffer.concat([head, bytes, body.subarray(at + 1)]);
  if (wound.kind === "insert") return Buffer.concat([head, bytes, body.subarray(at)]);
  if (wound.kind === "delete") return Buffer.concat([head, body.subarray(at + wound.length)]);
  return Buffer.concat([head, body.subarray(at, at + wound.length), body.subarray(at)]);
}

test("A damaged body is accepted exactly where JSON.parse, depth and names allow it", () => {
  const seen = { accept: 0, refuse: 0 };
  fc.assert(
    fc.property(
      anyMembers,
      choices,
      fc.array(damage, { maxLength: 3 }),
      fc.integer({ min: 0, max: 6 }),
      (members, random, wounds, depthMax) => {
        const body = wounds.reduce(applyDamage, Buffer.from(writeObject(members, random)));
        const expected = judge(body, depthMax);
        seen[expected] += 1;
        assert.equal(verdict(body, depthMax), expected, body.toString());
      },
    ),
    { numRuns: 6000 },
  );
  assert.ok(seen.accept > 500 && seen.refuse > 500, JSON.stringify(seen));
});

test("Any scribble of JSON characters is judged as JSON.parse judges it", () => {
  const marks = ["{", "}", "[", "]", ":", ",", '"', '"a"', '"b"', '"\\n"', " ", "\n", "\\"];
  const words = ["0", "-", "1.5", "e+1", "E", ".", "true", "false", "null", "nul", "tru"];
  const token = fc.constantFrom(...marks, ...words);
  const scribble = fc.array(token, { maxLength: 9 }).map((tokens) => tokens.join(""));
  fc.assert(
    fc.property(scribble, (text) => {
      for (const written of [text, `{"a":${text}}`, `{"messages":[${text}]}`, `{${text}:1}`]) {
        const body = Buffer.from(written);
        assert.equal(verdict(body, 3), judge(body, 3), written);
      }
    }),
    { numRuns: 4000 },
  );
});

test("A fault in the encoding is named by the byte where the first bad character starts", () => {
  const piece = fc.oneof(
    fc
      .constantFrom("a", "plain text, long enough to be skipped over", "é", "数", "😀")
      .map(Buffer.from),
    fc.uint8Array({ minLength: 1, maxLength: 6 }).map(Buffer.from),
    fc.array(fc.integer({ min: 0x80, max: 0xf4 }), { minLength: 1, maxLength: 9 }).map(Buffer.from),
  );
  const bytes = fc.array(piece, { minLength: 1, maxLength: 12 }).map((list) => Buffer.concat(list));
  fc.assert(
    fc.property(bytes, (body) => {
      fc.pre(!isUtf8(body) && body.subarray(0, 3).toString("hex") !== "efbbbf");
      let first = body.length - 1;
      while (!isUtf8(body.subarray(0, first))) first -= 1;
      assert.throws(
        () => scanBody(body, OPTIONS),
        (error) =>
          error instanceof FaultError &&
          error.fault.code === "invalid_encoding" &&
          error.message.includes(` at byte ${first}.`),
      );
    }),
    RUNS,
  );
});
