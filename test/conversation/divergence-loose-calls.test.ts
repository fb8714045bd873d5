import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { callPart } from "../../src/conversation/divergence/call-part.ts";
import { has, MARK, type CallPart } from "../../src/conversation/divergence/step.ts";

const part = (args: unknown, name = "read_thing"): CallPart =>
  callPart(
    { id: "c", name, arguments: typeof args === "string" ? args : JSON.stringify(args) },
    null,
  );
const same = (left: unknown, right: unknown, name?: string): boolean =>
  part(left, name).call === part(right, name).call;

describe("the loose fingerprint of a call", () => {
  test("does not depend on key order or white space", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (args) => {
        const reversed = Object.fromEntries(Object.entries(args).toReversed());
        assert.ok(same(`\n${JSON.stringify(reversed, null, 2)} `, args));
      }),
    );
  });

  test("does not depend on ids of the request, nor on how hard it is tried", () => {
    const volatile = fc.record({
      request_id: fc.string(),
      traceId: fc.string(),
      "idempotency-key": fc.string(),
      nonce: fc.integer(),
      sent_at: fc.string(),
      timestamp: fc.integer(),
      timeout_ms: fc.integer(),
      attempt: fc.integer(),
      retries: fc.integer(),
      verbose: fc.boolean(),
      limit: fc.integer(),
    });
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("a", "b", "c"), fc.jsonValue()),
        volatile,
        (args, more) => {
          assert.ok(same({ ...more, ...args }, args));
        },
      ),
    );
  });

  test("always changes with an integer, however big", () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), (left, right) => {
        assert.equal(same(`{"id":${left}}`, `{"id":${right}}`), left === right);
      }),
    );
    assert.ok(!same('{"id":9007199254740992}', '{"id":9007199254740993}'));
  });

  test("takes one path for another way to write it", () => {
    for (const path of ["./src/a.ts", "src//a.ts", "src/./a.ts", " src/a.ts ", "SRC/A.ts"]) {
      assert.ok(same({ path }, { path: "src/a.ts" }), path);
    }
    assert.ok(same({ path: "src/" }, { path: "src" }));
    assert.ok(same({ q: "“a”  b" }, { q: "'a' b" }));
    for (const path of ["src/b.ts", "a.ts", "../src/a.ts", "/src/a.ts"]) {
      assert.ok(!same({ path }, { path: "src/a.ts" }), path);
    }
  });

  test("keeps in a payment what it drops in a question", () => {
    assert.ok(same({ a: 1, timeout: 5 }, { a: 1 }));
    assert.ok(!same({ a: 1, delay: 5 }, { a: 1 }, "send_mail"));
    assert.ok(!same({ a: 1, timestamp: 5 }, { a: 1 }, "create_entry"));
    assert.ok(same({ a: 1, request_id: "x" }, { a: 1 }, "send_mail"));
  });

  test("does not depend on what a shell tool says about its command", () => {
    const command = "npm test";
    assert.ok(same({ command, description: "run the tests" }, { command, description: "try" }));
    assert.ok(!same({ description: "a" }, { description: "b" }));
  });

  test("is of arguments that are no JSON their text, and marks them when they are broken JSON", () => {
    assert.ok(same('{"a": ', ' {"a":  '));
    assert.ok(!same('{"a": 1', '{"a": 2'));
    assert.ok(has(part('{"a": 1'), MARK.malformed));
    assert.ok(!has(part("*** Begin Patch"), MARK.malformed));
    assert.ok(!has(part(""), MARK.malformed));
  });

  test("survives any text, however deep or long", () => {
    fc.assert(fc.property(fc.string(), (text) => part(text).call.length === 8));
    for (const text of ["[".repeat(100_000), `"${"a".repeat(100_000)}"`, '{"a":'.repeat(90)]) {
      assert.equal(part(text).call.length, 8);
    }
  });
});

describe("what a call does", () => {
  const marked = (name: string, args: unknown, mark: number): boolean =>
    has(part(args, name), mark);

  test("is told by the words of its name", () => {
    for (const name of ["send_email", "createOrder", "stripe__refund", "réserver_chambre"]) {
      assert.ok(marked(name, {}, MARK.effects), name);
    }
    for (const name of ["get_order", "list_payments", "search_bookings", "check_delete_rights"]) {
      assert.ok(!marked(name, {}, MARK.mutates), name);
    }
    for (const name of ["write_file", "str_replace", "navigate_to", "set_cell"]) {
      assert.ok(marked(name, {}, MARK.mutates) && !marked(name, {}, MARK.effects), name);
    }
  });

  test("is told by a shell command, an HTTP method, or an editor's command", () => {
    for (const command of [
      "sed -i s/a/b/ x",
      "echo a > b",
      "git commit -m x",
      "rm -r a",
      "cat <<E",
    ]) {
      assert.ok(marked("bash", { command }, MARK.mutates), command);
    }
    for (const command of ["ls 2>&1", "cat a | grep b", "git status", "python a.py", "a => b"]) {
      assert.ok(!marked("bash", { command }, MARK.mutates), command);
    }
    assert.ok(marked("http", { method: "POST", url: "x" }, MARK.effects));
    assert.ok(!marked("http", { method: "GET", url: "x" }, MARK.mutates));
    assert.ok(!marked("str_replace_editor", { command: "view", path: "a" }, MARK.mutates));
    assert.ok(marked("bash", { command: "sleep 5 && curl x" }, MARK.polls));
  });
});
