// Goal: bad input of `fairlead replay` is named, line by line, and never stops the good lines.
// Method: the command with broken files; lines of odd lengths, however they are cut into chunks.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { readLines, type Line } from "../../src/replay/lines.ts";
import { workFolder } from "../support/gateway-process.ts";
import { failing, failingInBlocks, replay, replayLines } from "./replay-scene.ts";

const SECRET = "sk-secret";

const DEEP = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;

/** What a line that cannot be replayed is said to be. */
const FAULTS: readonly (readonly [unknown, RegExp])[] = [
  [`{"id": "${SECRET}`, /is not JSON/],
  ["[".repeat(200_000), /is (?:not JSON|nested too deep)/],
  [
    `[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":${DEEP}}}]}]`,
    /is nested too deep/,
  ],
  [
    `[{"role":"assistant","content":[{"type":"tool_use","name":"f","input":${DEEP}}]}]`,
    /is nested too deep/,
  ],
  [7, /expected \{"id", "messages": \[…\]\} or a list of messages, found a number/],
  [{ id: SECRET }, /found an object without a list `messages`/],
  [{ messages: [] }, /`messages` is empty/],
  [[SECRET], /messages\[0\] is a string, expected an object with a role/],
  [[{ role: SECRET, content: "x" }], /messages\[0\]\.role must be one of system, /],
  [[{ content: "x" }], /messages\[0\]\.role must be one of .*found missing/],
  [[{ role: "user", content: 4 }], /messages\[0\]\.content is a number, expected text/],
  [[{ role: "user", content: [{}] }], /messages\[0\]\.content\[0\] is no part with a type/],
  [[{ role: "assistant", tool_calls: {} }], /messages\[0\]\.tool_calls is an object/],
  [[{ role: "assistant", tool_calls: [{}] }], /messages\[0\]\.tool_calls\[0\] names no function/],
  [{ system: 4, messages: failingInBlocks(1) }, /`system` is a number/],
  [[...failing(1), ...failingInBlocks(1)], /one transcript is in one format/],
];

test("each bad line is named with its number and what is wrong, and the others are replayed", async (t) => {
  const lines = FAULTS.flatMap(([line]) => [line, { id: "good", messages: failing(3) }]);
  const { code, lines: replayed, error } = await replayLines(t, lines);
  assert.equal(code, 2);
  assert.equal(replayed().length, FAULTS.length);
  assert.ok(replayed().every((line) => line.fired_at === 3));
  const said = error.trimEnd().split("\n");
  assert.equal(said.length, FAULTS.length, error);
  for (const [index, [, expected]] of FAULTS.entries()) {
    assert.match(said[index] ?? "", expected);
    assert.match(said[index] ?? "", new RegExp(`^runs\\.jsonl, line ${2 * index + 1}: `));
  }
  assert.ok(!error.includes(SECRET), "a transcript may be private: it is not quoted");
});

test("a file that cannot be read, none, and two sources are wrong usage", async (t) => {
  const folder = workFolder(t);
  const missing = await replay(folder, ["none.jsonl"]);
  assert.equal(missing.code, 2);
  assert.match(missing.error, /none\.jsonl cannot be read \(ENOENT\)/);
  const directory = await replay(folder, ["."]);
  assert.equal(directory.code, 2);
  assert.match(directory.error, /cannot be read \(EISDIR\)/);
  const empty = await replay(folder, ["-"]);
  assert.equal(empty.code, 2);
  assert.match(empty.error, /standard input holds no transcript/);
  for (const args of [[], ["a", "b"], ["a", "--conversation", "c"], ["--tenant", "x", "a"]]) {
    const refused = await replay(folder, args);
    assert.equal(refused.code, 2, args.join(" "));
    assert.match(refused.error, /Usage: fairlead replay FILE/);
  }
  const help = await replay(folder, ["--help"]);
  assert.equal(help.code, 0);
  assert.match(help.out, /--set divergence/);
});

test("a reader that has seen enough ends the command without a stack", async (t) => {
  const folder = workFolder(t);
  const cli = join(import.meta.dirname, "../../src/cli.ts");
  const child = spawn(process.execPath, [cli, "replay", "-", "--json"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "" },
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on("error", (error: Error & { code?: string }) => {
    if (error.code !== "EPIPE") throw error;
  });
  child.stdout.destroy();
  child.stdin.write(`${JSON.stringify({ messages: failing(3) })}\n`.repeat(500));
  child.stdin.end();
  await once(child, "exit");
  assert.equal(said, "");
});

async function linesOf(chunks: readonly Uint8Array[], bytesMax: number): Promise<Line[]> {
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  const lines: Line[] = [];
  for await (const line of readLines(stream(), bytesMax)) lines.push(line);
  return lines;
}

test("lines are the same however they come in pieces, and a too long one is skipped", async () => {
  const text = fc.array(fc.string({ unit: "grapheme", maxLength: 12 }).map(withoutBreaks));
  const cuts = fc.array(fc.nat(6), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(
      text,
      cuts,
      fc.integer({ min: 1, max: 20 }),
      async (texts, sizes, bytesMax) => {
        const bytes = Buffer.from(texts.map((line) => `${line}\n`).join(""));
        const found = await linesOf(cutInto(bytes, sizes), bytesMax);
        const expected = texts.map((line, index) => ({
          number: index + 1,
          text: Buffer.byteLength(line) > bytesMax ? null : line,
        }));
        assert.deepEqual(found, expected);
      },
    ),
    { numRuns: 200 },
  );
});

const withoutBreaks = (text: string): string => text.replace(/[\r\n\uFEFF]/g, "");

function cutInto(bytes: Buffer, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let turn = 0;
  for (let start = 0; start < bytes.length; turn += 1) {
    const size = 1 + (sizes[turn % sizes.length] ?? 0);
    chunks.push(bytes.subarray(start, start + size));
    start += size;
  }
  return chunks;
}

test("a carriage return and a byte order mark are no part of a line, nor is an end without a break", async () => {
  const found = await linesOf([Buffer.from("\uFEFF{}\r\n[]")], 100);
  assert.deepEqual(
    found.map(({ text }) => text),
    ["{}", "[]"],
  );
});
