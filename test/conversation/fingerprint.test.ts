import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Message, ToolCall, ToolResult } from "../../src/turn/transcript.ts";
import {
  callFingerprint,
  errorFingerprint,
  HEAD_CHARACTERS,
  messageFingerprint,
  resultFingerprint,
  shortHash,
  systemFingerprint,
  TAIL_CHARACTERS,
} from "../../src/conversation/fingerprint.ts";
import { isErrorResult } from "../../src/conversation/divergence/error-signs.ts";

const call = (args: string, name = "read"): ToolCall => ({ id: "c", name, arguments: args });
const result = (text: string, isError = false): ToolResult => ({ callId: "c", text, isError });
const ofCall = (args: string, name?: string): string => callFingerprint(call(args, name));
const ofResult = (text: string): string => resultFingerprint(result(text));
const ofError = (text: string): string => errorFingerprint(result(text));

test("a fingerprint is eleven characters of base64url", () => {
  for (const made of [ofCall("{}"), ofResult(""), ofError("x"), systemFingerprint("")]) {
    assert.match(made, /^[\w-]{11}$/);
  }
});

describe("calls", () => {
  test("the same arguments in another key order and spacing are the same call", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (args) => {
        const reversed = Object.fromEntries(Object.entries(args).toReversed());
        const other = JSON.stringify(reversed, null, 2);
        assert.equal(ofCall(`\n${other} `), ofCall(JSON.stringify(args)));
      }),
    );
  });

  test("two big integers that differ are two calls", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }), (id) => {
        assert.notEqual(ofCall(`{"id":${id}}`), ofCall(`{"id":${id + 1n}}`));
      }),
    );
  });

  test("another tool with the same arguments is another call", () => {
    assert.notEqual(ofCall("{}", "a"), ofCall("{}", "b"));
    assert.notEqual(ofCall('1"x"', "a"), ofCall('"x"', "a1"));
  });

  test("no arguments and an empty object are the same call", () => {
    assert.equal(ofCall(""), ofCall("{}"));
  });

  test("arguments that are no JSON are compared as trimmed text", () => {
    assert.equal(ofCall(' {"a": '), ofCall('{"a":'));
    assert.notEqual(ofCall('{"a":1'), ofCall('{"a":2'));
  });
});

describe("results", () => {
  const volatile: readonly (readonly [string, string, string])[] = [
    ["times", "at 2026-01-02T03:04:05.678Z ok", "at 2026-11-30T13:14:15Z ok"],
    ["times with an offset", "2026-01-02 03:04:05 +0100 up", "2026-01-02 09:44:05 +0200 up"],
    ["uuids", "id 7f3c1f0e-1111-4222-8333-abcdefabcdef", "id 00000000-1111-4222-8333-abcdefabcd00"],
    ["hashes", "commit 3f2a9c1 done", "commit a81b0ff12 done"],
    ["durations", "2 passed in 0.42s", "2 passed in 12.1s"],
    [
      "ids of processes",
      "Output: loop\nProcess Group PGID: 1563",
      "Output: loop\nProcess Group PGID: 15640",
    ],
  ];
  for (const [what, left, right] of volatile) {
    test(`${what} that change by themselves do not make a new result`, () => {
      assert.equal(ofResult(left), ofResult(right));
    });
  }

  test("plain numbers, dates and short words are part of the result", () => {
    assert.notEqual(ofResult("copied 123456789012"), ofResult("copied 123456789013"));
    assert.notEqual(ofResult("12 passed in 0.4s"), ofResult("13 passed in 0.4s"));
    assert.notEqual(ofResult("flight on 2024-05-20"), ofResult("flight on 2024-05-21"));
    assert.notEqual(ofResult("deadbeef"), ofResult("defaced"));
  });

  test("a huge result is told by its head, its tail and its length", () => {
    const middle = "m".repeat(100_000);
    const text = `${"h".repeat(HEAD_CHARACTERS)}${middle}${"t".repeat(TAIL_CHARACTERS)}`;
    assert.notEqual(ofResult(text), ofResult(`x${text.slice(1)}`));
    assert.notEqual(ofResult(text), ofResult(`${text.slice(0, -1)}x`));
    assert.notEqual(ofResult(text), ofResult(`${text}t`));
  });

  test("digits without end are fingerprinted in linear time", () => {
    assert.match(ofResult("1".repeat(65_000)), /^[\w-]{11}$/);
    assert.match(ofResult(" 1a".repeat(20_000)), /^[\w-]{11}$/);
  });
});

describe("errors", () => {
  const errors = [
    "Error: payment method not found",
    "error executing tool: boom",
    "TypeError: x is not a function\n  at a.js:1",
    "java.lang.NullPointerException: null value",
    "error[E0308]: mismatched types",
    'Traceback (most recent call last):\n  File "a.py", line 1',
    "HTTP 404 Not Found",
    "HTTP/1.1 503 Service Unavailable",
    "404 Not Found",
    "status code: 500",
    "❌ Failed to apply the patch",
    "Permission denied",
    "cat: x.txt: No such file or directory",
    "bash: foo: command not found\n",
    "User 12 not found.",
    "Request timed out",
    "Timeout after 30 s",
    "npm ERR! code ENOENT",
    "fatal: not a git repository",
    "exit code 1\nstuff",
    '{"error":"bad id"}',
    '{"id":4,"error":{"code":5}}',
    '{"ok":false,"why":"locked"}',
    '{"status":404,"path":"/x"}',
    '{"isError":true,"content":[]}',
  ];
  for (const text of errors) {
    test(`is an error: ${JSON.stringify(text)}`, () => {
      assert.equal(isErrorResult(result(text)), true);
    });
  }

  const long = "All of it went well. ".repeat(40);
  const successes = [
    "",
    "[]",
    "ok",
    "No errors found.",
    "0 errors, 2 warnings",
    "Failed: 0, passed: 12",
    "Errors: none",
    "404 rows were copied",
    "500 users",
    "Timeouts are set in config.yaml",
    '{"error":null,"data":[1]}',
    '{"errors":[],"data":{"a":1}}',
    '{"items":[{"error":"of a row"}]}',
    '{"success":true}',
    `${long}Then an error: was mentioned. Not found, denied, exception.`,
    `# Error handling\n${long}`,
    `Error handling in this project follows three rules. ${long}`,
    `const x = 1; // throws Error: never\n${long}`,
  ];
  for (const text of successes) {
    test(`is no error: ${JSON.stringify(text.slice(0, 60))}`, () => {
      assert.equal(isErrorResult(result(text)), false);
    });
  }

  test("what the dialect marks as an error is one, whatever it says", () => {
    assert.equal(isErrorResult(result("fine", true)), true);
  });

  test("the class of an error does not depend on its numbers or on what follows its head", () => {
    assert.equal(ofError("Error: port 5123 in use"), ofError("Error: port 80 in use"));
    const head = `Error: ${"very ".repeat(50)}long`;
    assert.equal(ofError(`${head} a`), ofError(`${head} b`));
    assert.notEqual(ofError("Error: a is missing"), ofError("Error: b is missing"));
  });

  test("tracebacks are told apart by what they end with", () => {
    const trace = 'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\n';
    assert.equal(ofError(`${trace}KeyError: 'a'\n`), ofError(`${trace}KeyError: 'a'`));
    assert.notEqual(ofError(`${trace}KeyError: 'a'`), ofError(`${trace}ValueError: bad`));
  });
});

describe("messages", () => {
  const message: Message = {
    role: "assistant",
    text: "let me look",
    calls: [{ id: "1", name: "read", arguments: '{"a":1}' }],
    results: [{ callId: "1", text: "x", isError: false }],
  };

  test("every part of a message counts", () => {
    const variants: Message[] = [
      message,
      { ...message, role: "user" },
      { ...message, text: "let me look!" },
      { ...message, calls: [] },
      { ...message, calls: [{ id: "2", name: "read", arguments: '{"a":1}' }] },
      { ...message, calls: [{ id: "1", name: "rea", arguments: 'd{"a":1}' }] },
      { ...message, calls: [{ id: "1", name: "read", arguments: '{"a": 1}' }] },
      { ...message, results: [] },
      { ...message, results: [{ callId: "2", text: "x", isError: false }] },
      { ...message, results: [{ callId: "1", text: "y", isError: false }] },
    ];
    assert.equal(new Set(variants.map(messageFingerprint)).size, variants.length);
    assert.equal(messageFingerprint({ ...message }), messageFingerprint(message));
  });

  test("parts cannot be moved from one field to the next unnoticed", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (first, second, third) => {
        const one = { ...message, calls: [{ id: first, name: second + third, arguments: "" }] };
        const two = { ...message, calls: [{ id: first, name: second, arguments: third }] };
        if (third !== "") assert.notEqual(messageFingerprint(one), messageFingerprint(two));
      }),
    );
  });

  test("a huge message is told by its head, its tail and its length", () => {
    const text = "a".repeat(HEAD_CHARACTERS + TAIL_CHARACTERS + 1000);
    const made = messageFingerprint({ ...message, text });
    assert.notEqual(messageFingerprint({ ...message, text: `${text}a` }), made);
    assert.notEqual(messageFingerprint({ ...message, text: `b${text.slice(1)}` }), made);
    assert.notEqual(messageFingerprint({ ...message, text: `${text.slice(0, -1)}b` }), made);
  });
});

describe("system prompts", () => {
  test("a changing date, directory, number or commit is the same prompt", () => {
    const prompt = (date: string, path: string, commit: string): string =>
      `You are an agent. Today is ${date}. Working directory: ${path}. HEAD is ${commit}.`;
    assert.equal(
      systemFingerprint(prompt("Monday, May 4, 2026", "/home/ann/shop", "3f2a9c1")),
      systemFingerprint(prompt("Tuesday, June 30, 2026", "/srv/b", "a81b0ff12")),
    );
    assert.equal(systemFingerprint("in C:\\a\\b  now"), systemFingerprint("in D:\\c now"));
  });

  test("another job is another prompt", () => {
    assert.notEqual(systemFingerprint("You write titles."), systemFingerprint("You review code."));
  });

  test("what changes far behind the head of a long prompt does not matter", () => {
    const head = "You are a careful agent with many rules. ".repeat(1000);
    assert.equal(systemFingerprint(`${head} git: clean`), systemFingerprint(`${head} git: dirty`));
  });
});

test("the hash is the one stored checkpoints were made with", () => {
  assert.equal(shortHash("fairlead"), "-e-q-yFRIE5");
});
