import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ELEMENT_COUNT_MAX,
  FIELD_COUNT_MAX,
  parseSpan,
  scanArray,
  scanBody,
  scanObject,
} from "../../src/api/json-scan.ts";
import { FaultError, type Fault } from "../../src/turn/fault.ts";

const DEPTH_MAX = 64;

function scan(text: string | Buffer, depthMax = DEPTH_MAX) {
  return scanBody(Buffer.from(text), { arrayField: "messages", depthMax });
}

function faultOf(text: string | Buffer, depthMax = DEPTH_MAX): Fault {
  try {
    scan(text, depthMax);
  } catch (error) {
    assert.ok(error instanceof FaultError, String(error));
    return error.fault;
  }
  return assert.fail("the body was accepted");
}

function isAccepted(text: string): boolean {
  try {
    scan(text);
    return true;
  } catch (error) {
    assert.ok(error instanceof FaultError, String(error));
    assert.equal(error.fault.code, "invalid_json", text);
    return false;
  }
}

function isParsed(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("The fields, the members of the list and the braces are found at their bytes", () => {
  const text = ' { "model" : "größe" , "messages":[ {"role":"user"} ,2 ] } ';
  const body = Buffer.from(text);
  const found = scan(text);
  const piece = (span: { start: number; end: number } | null | undefined) =>
    span ? body.toString("utf8", span.start, span.end) : null;
  assert.deepEqual([...found.fields.keys()], ["model", "messages"]);
  assert.equal(piece(found.fields.get("model")?.key), '"model"');
  assert.equal(piece(found.fields.get("model")?.value), '"größe"');
  assert.equal(piece(found.array), '[ {"role":"user"} ,2 ]');
  assert.deepEqual(found.elements.map(piece), ['{"role":"user"}', "2"]);
  assert.equal(body[found.open], "{".charCodeAt(0));
  assert.equal(body.toString("utf8", found.close), "} ");
});

test("A list field that is absent, empty or not a list has no members", () => {
  assert.equal(scan('{"a":[1]}').array, null);
  assert.deepEqual(scan('{"a":[1]}').elements, []);
  assert.equal(scan('{"messages":{"a":[1]}}').array, null);
  assert.deepEqual(scan('{"messages":[ ]}').elements, []);
  assert.deepEqual(scan('{"messages":[ ]}').array, { start: 12, end: 15 });
});

test("A field name that is written with escapes is the same field", () => {
  assert.deepEqual([...scan('{"mod\\u0065l":1}').fields.keys()], ["model"]);
  assert.equal(scan('{"m\\u0065ssages":[1,2]}').elements.length, 2);
});

test("A field that stands twice is refused by name, also when an escape hides it", () => {
  const fault = faultOf('{"model":"small","mod\\u0065l":"big"}');
  assert.equal(fault.code, "duplicate_field");
  assert.equal(fault.param, "model");
  assert.match(fault.message, /second time at byte 17/);
  assert.equal(faultOf('{"__proto__":1,"__proto__":2}').code, "duplicate_field");
  assert.equal(faultOf(`{"${"n".repeat(999)}":1,"${"n".repeat(999)}":1}`).param?.length, 128);
});

test("A name that stands twice deeper down is accepted, and the last one counts", () => {
  const text = '{"messages":[{"content":"old","content":"new"}]}';
  const body = Buffer.from(text);
  const [message] = scan(text).elements;
  assert.ok(message);
  const content = scanObject(body, message).get("content");
  assert.ok(content);
  assert.equal(parseSpan(body, content.value), "new");
});

test("Numbers, literals and escapes are accepted exactly as JSON.parse accepts them", () => {
  const numbers =
    "0 -0 -1 10 1.5 0.0 1e5 1E5 1e+5 1e-5 1.0e0 123456789012345678901234567890 1e999 01 -01 1. .5";
  const moreNumbers =
    "+1 - 1e 1e+ 1.e1 --1 0x1 1_0 NaN Infinity -Infinity 1a ½ ١ 00 0e 0e0 -e1 1e1.5";
  const literals =
    "true false null True tru truee nulll nul undefined t f n truefalse [] {} [,] {,} [1,] [1 2]";
  const strings = String.raw`"" "\"" "\\" "\/" "\b\f\n\r\t" "\u00e9" "\uD83D\uDE00" "\ud800"`;
  const moreStrings = String.raw`"\x41" "\v" "\u12" "\u12g4" "\" "a"b" 'a' "\0" "\\\" "\u0000"`;
  const structures =
    '{"a"} {"a":} {:1} {a:1} {"a":1,} {"a"::1} {"a":1,,"b":2} [[]] [}] {] [[} ] } /**/1 1// 1;';
  const all = [numbers, moreNumbers, literals, strings, moreStrings, structures]
    .join(" ")
    .split(" ");
  for (const value of all) {
    const text = `{"a":${value}}`;
    assert.equal(isAccepted(text), isParsed(text), text);
    assert.equal(isAccepted(`{"messages":[${value}]}`), isParsed(`[${value}]`), value);
  }
});

test("Every character at every place of a string is judged as JSON.parse judges it", () => {
  for (let code = 0; code < 0x180; code += 1) {
    for (let before = 0; before < 10; before += 1) {
      const character = String.fromCharCode(code);
      const escaped = `{"a":"${"x".repeat(before)}\\${character}"}`;
      assert.equal(isAccepted(escaped), isParsed(escaped), `escaped ${code} after ${before}`);
      for (const after of ["", "n", "yyyyyyyyy"]) {
        const text = `{"a":"${"x".repeat(before)}${character}${after}"}`;
        assert.equal(isAccepted(text), isParsed(text), `${code} after ${before} before ${after}`);
      }
    }
  }
});

test("Only the four whitespace characters of JSON count as whitespace", () => {
  for (const space of [
    " ",
    "\t",
    "\n",
    "\r",
    "\v",
    "\f",
    "\0",
    "\u00a0",
    "\u2028",
    "\ufeff",
    "/",
  ]) {
    for (const text of ["_{}", "{_}", '{"a"_:1}', '{"a":_1}', '{"a":1_}', '{"a":[_]}', "{}_"]) {
      const written = text.replace("_", space);
      assert.equal(isAccepted(` ${written}`), isParsed(` ${written}`), JSON.stringify(written));
    }
  }
});

test("Only one object is a body", () => {
  for (const text of ["", " ", "[]", "null", "1", '"a"', "{}{}", "{} x", "{}}", "{", '{"a":1']) {
    assert.equal(faultOf(text).code, "invalid_json", text);
  }
  assert.equal(scan("{}").close, 1);
});

test("A body that is cut anywhere is refused", () => {
  const text = '{"a":[1.5e3,{"b":"c\\n\\u0041"},true,null],"d":{"e":[]}}';
  for (let length = 0; length < text.length; length += 1) {
    const fault = faultOf(text.slice(0, length));
    assert.equal(fault.code, "invalid_json");
  }
});

test("Bytes behind the end of the body in the same memory are never read", () => {
  const memory = Buffer.from('xx{"a":"b"}"}');
  const whole = memory.subarray(2, 11);
  assert.equal(scanBody(whole, { arrayField: "a", depthMax: 1 }).close, 8);
  assert.equal(faultOf(memory.subarray(2, 10)).code, "invalid_json");
  const cut = memory.subarray(2, 8);
  const act = () => scanBody(cut, { arrayField: "a", depthMax: 1 });
  assert.throws(act, /closing quote of a string is missing at byte 6, where the body ends/);
});

test("A byte order mark is refused with a hint", () => {
  const fault = faultOf('\ufeff{"a":1}');
  assert.equal(fault.code, "invalid_json");
  assert.match(fault.message, /byte order mark at byte 0/);
});

test("Bytes that are not UTF-8 are refused and the first one is named", () => {
  const body = Buffer.concat([
    Buffer.from('{"größe":"'),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from('"}'),
  ]);
  const fault = faultOf(body);
  assert.equal(fault.code, "invalid_encoding");
  assert.match(fault.message, /at byte 12\b/);
});

test("A fault names the byte and never repeats what the body says", () => {
  for (const text of [
    '{"secret":"sk-1" "x":2}',
    '{"secret":sk-1}',
    '{"s":"secret\u0001"}',
    '{"s":secret',
  ]) {
    const { message, param } = faultOf(text);
    assert.match(message, /byte \d+/);
    assert.doesNotMatch(message, /secret|sk-1/);
    assert.equal(param, null);
  }
  assert.match(faultOf('{"a" 1}').message, /a colon after the field name is missing at byte 5/);
});

test("Nesting is accepted up to the limit and refused one level deeper", () => {
  const nested = (levels: number) => `{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`;
  assert.equal(scan(nested(3), 4).close, 11);
  assert.equal(faultOf(nested(4), 4).code, "body_too_deep");
  assert.match(faultOf(nested(4), 4).message, /at byte 8\b/);
  assert.equal(faultOf('{"a":{}}', 1).code, "body_too_deep");
  assert.equal(faultOf('{"messages":[]}', 1).code, "body_too_deep");
  assert.equal(faultOf('{"messages":[{"a":{}}]}', 3).code, "body_too_deep");
  assert.equal(scan('{"messages":[{"a":1}]}', 3).elements.length, 1);
  assert.equal(scan('{"a":1}', 1).close, 6);
  assert.equal(faultOf("{}", 0).code, "body_too_deep");
});

test("A million levels neither overflow the stack nor get past the limit", () => {
  for (const levels of [10_000, 1_000_000]) {
    const lists = `{"messages":${"[".repeat(levels)}${"]".repeat(levels)}}`;
    const objects = `{"messages":${'{"a":'.repeat(levels)}1${"}".repeat(levels)}}`;
    for (const text of [lists, objects]) {
      assert.equal(faultOf(text).code, "body_too_deep");
      assert.equal(scan(text, levels + 1).close, text.length - 1);
      assert.equal(faultOf(text, levels).code, "body_too_deep");
      assert.equal(faultOf(text.slice(0, -1), levels + 1).code, "invalid_json");
    }
  }
});

test("A body cannot buy more spans than the limits allow", () => {
  const list = (count: number) => `{"messages":[${"0,".repeat(count - 1)}0]}`;
  assert.equal(scan(list(ELEMENT_COUNT_MAX)).elements.length, ELEMENT_COUNT_MAX);
  assert.equal(faultOf(list(ELEMENT_COUNT_MAX + 1)).code, "invalid_request");
  const fields = (count: number) =>
    `{${Array.from({ length: count }, (_, index) => `"${index}":0`).join(",")}}`;
  assert.equal(scan(fields(FIELD_COUNT_MAX)).fields.size, FIELD_COUNT_MAX);
  assert.equal(faultOf(fields(FIELD_COUNT_MAX + 1)).code, "invalid_request");
});

test("A field named __proto__ is a field like any other", () => {
  const text = '{"__proto__":{"admin":true},"messages":[{"__proto__":{"admin":true}}]}';
  const body = Buffer.from(text);
  const found = scan(text);
  assert.equal(found.fields.has("__proto__"), true);
  const message = found.elements[0];
  assert.ok(message);
  const parsed = parseSpan(body, message);
  assert.equal(Object.getPrototypeOf(parsed), Object.prototype);
  assert.equal(scanObject(body, message).has("__proto__"), true);
  assert.equal("admin" in {}, false);
});

test("Asking for an object or a list where none is says so", () => {
  const body = Buffer.from('{"a":[1]}');
  assert.throws(() => scanObject(body, { start: 5, end: 8 }), TypeError);
  assert.throws(() => scanArray(body, { start: 0, end: 9 }), TypeError);
  assert.deepEqual(scanArray(body, { start: 5, end: 8 }), [{ start: 6, end: 7 }]);
});
