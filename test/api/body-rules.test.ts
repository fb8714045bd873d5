// Goal: an operator's rules change the named fields and not one byte else.
// Method: random bodies and rules against what plain objects would become; the rest of the bytes is compared.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mutateBody, type BodyRules } from "../../src/api/body-rules.ts";

const NAMES = ["temperature", "top_p", "service_tier", "seed", "user"] as const;
const value = fc.jsonValue({ maxDepth: 2 });
const fields = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 5 });

/** Each name in one list at most, as the configuration has it. */
const rulesOf = fc.tuple(fields, fields, fc.subarray([...NAMES])).map(([set, given, removed]) => {
  const own = Object.fromEntries(Object.entries(given).filter(([name]) => !(name in set)));
  const remove = removed.filter((name) => !(name in set) && !(name in own));
  return { set, defaults: own, remove };
});

const texts = (of: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(of).map(([name, each]) => [name, JSON.stringify(each)]));

const rules = (about: {
  readonly set?: Readonly<Record<string, unknown>>;
  readonly defaults?: Readonly<Record<string, unknown>>;
  readonly remove?: readonly string[];
}): BodyRules => ({
  set: texts(about.set ?? {}),
  defaults: texts(about.defaults ?? {}),
  remove: new Set(about.remove),
});

test("set, default and remove do to a body what they do to an object", () => {
  fc.assert(
    fc.property(fields, rulesOf, fc.boolean(), (sent, about, bare) => {
      const body = bare ? sent : { model: "m", ...sent, messages: [{ role: "user" }] };
      const bytes = mutateBody(Buffer.from(JSON.stringify(body, null, 1)), rules(about));
      const kept = Object.entries({ ...about.defaults, ...body, ...about.set }).filter(
        ([name]) => !about.remove.some((removed) => removed === name),
      );
      const expected: unknown = JSON.parse(JSON.stringify(Object.fromEntries(kept)));
      assert.deepEqual(JSON.parse(bytes.toString("utf8")), expected);
    }),
  );
});

test("what no rule names stays as it is, to the byte", () => {
  const body = '{ "model":"m",\n "temperature": 1.50, "messages" : [ {"content":"\\u0061"} ] }';
  const changed = mutateBody(
    Buffer.from(body),
    rules({ set: { temperature: 0 }, defaults: { seed: 7 }, remove: ["user"] }),
  );
  assert.equal(
    changed.toString(),
    '{ "model":"m",\n "temperature": 0, "messages" : [ {"content":"\\u0061"} ],"seed":7 }',
  );
  const bytes = Buffer.from(body);
  assert.equal(mutateBody(bytes, rules({ defaults: { temperature: 2 }, remove: ["seed"] })), bytes);
});

test("a field is found however its name is written", () => {
  const body = Buffer.from('{"se\\u0065d":1,"messages":[]}');
  assert.equal(
    mutateBody(body, rules({ set: { seed: 2 } })).toString(),
    '{"se\\u0065d":2,"messages":[]}',
  );
  assert.equal(mutateBody(body, rules({ remove: ["seed"] })).toString(), '{"messages":[]}');
});
