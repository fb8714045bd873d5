import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { scanArray, scanBody, type BodyScan, type Field } from "../../src/api/json-scan.ts";
import {
  appendElement,
  appendField,
  applyEdits,
  insertAfterElement,
  removeFields,
  replaceValue,
  type Edit,
} from "../../src/api/splice.ts";
import { choices, uniqueMembers, writeObject } from "./json-text.ts";

function read(text: string): { body: Buffer; scan: BodyScan } {
  const body = Buffer.from(text);
  return { body, scan: scanBody(body, { arrayField: "messages", depthMax: 64 }) };
}

function without(text: string, ...names: string[]): string {
  const { body, scan } = read(text);
  return applyEdits(body, removeFields(scan, names)).toString();
}

function fieldOf(scan: BodyScan, name: string): Field {
  const field = scan.fields.get(name);
  assert.ok(field);
  return field;
}

test("Edits are applied in the order of the body, whatever order they come in", () => {
  const edit = (start: number, end: number, text: string) => ({
    start,
    end,
    bytes: Buffer.from(text),
  });
  const edits = [
    edit(6, 6, "+"),
    edit(4, 6, "ef"),
    edit(0, 1, "AA"),
    edit(6, 6, "-"),
    edit(4, 4, "!"),
  ];
  assert.equal(applyEdits(Buffer.from("abcdEFgh"), edits).toString(), "AAbcd!ef+-gh");
  assert.equal(applyEdits(Buffer.from("ab"), []).toString(), "ab");
  assert.equal(applyEdits(Buffer.from("ab"), [edit(0, 2, "")]).toString(), "");
});

test("Edits that overlap or leave the body are a bug and never reach a provider", () => {
  const body = Buffer.from("abcdef");
  const bytes = Buffer.from("x");
  const bad: Edit[][] = [
    [
      { start: 0, end: 3, bytes },
      { start: 2, end: 4, bytes },
    ],
    [
      { start: 0, end: 3, bytes },
      { start: 1, end: 1, bytes },
    ],
    [
      { start: 1, end: 3, bytes },
      { start: 1, end: 3, bytes },
    ],
    [{ start: 4, end: 3, bytes }],
    [{ start: -1, end: 3, bytes }],
    [{ start: 5, end: 7, bytes }],
  ];
  for (const edits of bad) assert.throws(() => applyEdits(body, edits), assert.AssertionError);
});

test("A value is replaced and all round it stays", () => {
  const { body, scan } = read('{ "model" : "auto" , "stream":true}');
  const edited = applyEdits(body, [replaceValue(fieldOf(scan, "model"), '"größe"')]);
  assert.equal(edited.toString(), '{ "model" : "größe" , "stream":true}');
});

test("Fields go with exactly their commas, first, last, side by side or all of them", () => {
  const text = '{"a":1,"b":2,"c":3,"d":4}';
  assert.equal(without(text, "a"), '{"b":2,"c":3,"d":4}');
  assert.equal(without(text, "b"), '{"a":1,"c":3,"d":4}');
  assert.equal(without(text, "d"), '{"a":1,"b":2,"c":3}');
  assert.equal(without(text, "b", "c"), '{"a":1,"d":4}');
  assert.equal(without(text, "c", "d"), '{"a":1,"b":2}');
  assert.equal(without(text, "a", "d"), '{"b":2,"c":3}');
  assert.equal(without(text, "a", "c"), '{"b":2,"d":4}');
  assert.equal(without(text, "d", "c", "b", "a"), "{}");
  assert.equal(without(text, "none"), text);
  assert.equal(without("{}", "a"), "{}");
  assert.equal(without(' { "a" : 1 , "b" : 2 } ', "a"), ' { "b" : 2 } ');
  assert.equal(without(' { "a" : 1 , "b" : 2 } ', "b"), ' { "a" : 1 } ');
  assert.equal(without('{"x\\u002dhints":1,"a":2}', "x-hints"), '{"a":2}');
});

test("A field is added with a comma only where another one remains", () => {
  const add = (text: string, removed: string[] = []) => {
    const { body, scan } = read(text);
    const field = appendField(scan, { name: 'n"', jsonText: "[1]", removed });
    return applyEdits(body, [...removeFields(scan, removed), field]).toString();
  };
  assert.equal(add("{}"), '{"n\\"":[1]}');
  assert.equal(add("{ }"), '{"n\\"":[1] }');
  assert.equal(add('{ "a":1 }'), '{ "a":1,"n\\"":[1] }');
  assert.equal(add('{"a":1,"b":2}', ["b"]), '{"a":1,"n\\"":[1]}');
  assert.equal(add('{"a":1,"b":2}', ["a"]), '{"b":2,"n\\"":[1]}');
  assert.equal(add('{"a":1,"b":2}', ["a", "b"]), '{"n\\"":[1]}');
});

test("A field that is there cannot be added a second time, unless it is removed", () => {
  const { body, scan } = read('{"a":1}');
  const again = { name: "a", jsonText: "2" };
  assert.throws(() => appendField(scan, again), assert.AssertionError);
  const edits = [appendField(scan, { ...again, removed: ["a"] }), ...removeFields(scan, ["a"])];
  assert.equal(applyEdits(body, edits).toString(), '{"a":2}');
});

test("A member is inserted behind the one it follows, also in a list within the list", () => {
  const { body, scan } = read('{"messages":[ {"content":[1]} , 2 ]}');
  const inside = scanArray(body, { start: 25, end: 28 });
  const edits = [
    insertAfterElement(scan, 0, '"first"'),
    insertAfterElement(scan, 0, '"second"'),
    appendElement(scan, '"last"'),
    insertAfterElement({ elements: inside }, 0, "1.5"),
  ];
  const expected = '{"messages":[ {"content":[1,1.5]},"first","second" , 2,"last" ]}';
  assert.equal(applyEdits(body, edits).toString(), expected);
  assert.throws(() => insertAfterElement(scan, 2, "3"), assert.AssertionError);
  assert.throws(() => insertAfterElement(scan, -1, "3"), assert.AssertionError);
});

test("A member is added to an empty list, and to nothing that is no list", () => {
  const { body, scan } = read('{"messages":[ ]}');
  assert.equal(applyEdits(body, [appendElement(scan, "1")]).toString(), '{"messages":[1 ]}');
  assert.throws(() => appendElement(read('{"messages":1}').scan, "1"), assert.AssertionError);
});

test("Any splices give the expected object, and no byte of what stays is changed", () => {
  const fate = fc.constantFrom("keep", "keep", "remove", "replace");
  fc.assert(
    fc.property(
      uniqueMembers,
      choices,
      fc.array(fate, { minLength: 8, maxLength: 8 }),
      fc.boolean(),
      (members, random, fates, adds) => {
        const { body, scan } = read(writeObject(members, random));
        const expected = new Map<string, unknown>();
        const removed: string[] = [];
        const edits: Edit[] = [];
        for (const [index, [name, value]] of members.entries()) {
          const field = fieldOf(scan, name);
          if (fates[index] === "remove") removed.push(name);
          else
            expected.set(
              name,
              fates[index] === "replace" ? "new" : JSON.parse(JSON.stringify(value)),
            );
          if (fates[index] === "replace") edits.push(replaceValue(field, '"new"'));
          const grows = name === "messages" && Array.isArray(value) && fates[index] === "keep";
          if (!grows) continue;
          edits.push(appendElement(scan, '"tail"'));
          expected.set(name, JSON.parse(JSON.stringify([...value, "tail"])));
        }
        edits.push(...removeFields(scan, removed));
        if (adds) {
          edits.push(appendField(scan, { name: "added by us", jsonText: "{}", removed }));
          expected.set("added by us", {});
        }

        const edited = applyEdits(body, edits);
        const after = scanBody(edited, { arrayField: "messages", depthMax: 64 });
        assert.deepEqual([...after.fields.keys()], [...expected.keys()]);
        assert.deepEqual(JSON.parse(edited.toString()), Object.fromEntries(expected));
        for (const [index, [name]] of members.entries()) {
          if (fates[index] !== "keep" || name === "messages") continue;
          const before = fieldOf(scan, name);
          const now = fieldOf(after, name);
          const was = body.toString("latin1", before.key.start, before.value.end);
          assert.equal(edited.toString("latin1", now.key.start, now.value.end), was);
        }
        const firstEdit = Math.min(body.length, ...edits.map((edit) => edit.start));
        assert.ok(edited.subarray(0, firstEdit).equals(body.subarray(0, firstEdit)));
        const tail = body.length - Math.max(0, ...edits.map((edit) => edit.end));
        assert.ok(edited.subarray(edited.length - tail).equals(body.subarray(body.length - tail)));
      },
    ),
    { numRuns: 1500 },
  );
});
