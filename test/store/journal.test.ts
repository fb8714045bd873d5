// The spill file loses nothing that it acknowledged, and stays within its bound.

import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createJournal, type Journal } from "../../src/store/journal.ts";

function temporaryFile(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-journal-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "spill", "journal.ndjson");
}

const openJournal = (file: string, bytesMax = 10_000): Journal => createJournal({ file, bytesMax });

async function drainAll(journal: Journal): Promise<string[]> {
  const lines: string[] = [];
  await journal.drain(async (line) => void lines.push(line));
  return lines;
}

test("spilled lines come back in order, once", async (context) => {
  const file = temporaryFile(context);
  const journal = openJournal(file);
  assert.deepEqual(await drainAll(journal), []);
  const lines = ["one", '{"two":2}', "drei äöü 🚢", "four\r"];
  const kept = await Promise.all(lines.map((line) => journal.append(line)));
  assert.deepEqual(kept, [true, true, true, true]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(await drainAll(openJournal(file)), lines, "after a restart");
  assert.deepEqual(await drainAll(journal), []);
});

test("a full journal says so, and takes lines again when it is drained", async (context) => {
  const file = temporaryFile(context);
  const journal = openJournal(file, 12);
  assert.equal(await journal.append("12345"), true);
  assert.equal(await journal.append("123456"), false);
  assert.equal(await journal.append("12345"), true);
  assert.equal(statSync(file).size, 12);
  assert.equal(await journal.append("x"), false);
  assert.deepEqual(await drainAll(journal), ["12345", "12345"]);
  assert.equal(await journal.append("x"), true);
});

test("lines whose writing fails are kept, the others are not written again", async (context) => {
  const file = temporaryFile(context);
  const journal = openJournal(file);
  for (const line of ["a", "bad-1", "b", "bad-2", "c"]) await journal.append(line);
  const written: string[] = [];
  const count = await journal.drain(async (line) => {
    if (line.startsWith("bad")) throw new Error("refused");
    written.push(line);
  });
  assert.equal(count, 3);
  assert.deepEqual(written, ["a", "b", "c"]);
  await journal.append("later");
  assert.deepEqual(await drainAll(openJournal(file)), ["bad-1", "bad-2", "later"]);
});

test("a store that is down is asked a few times only, and nothing is lost", async (context) => {
  const journal = openJournal(temporaryFile(context));
  const lines = Array.from({ length: 50 }, (_, at) => `line-${at}`);
  for (const line of lines) await journal.append(line);
  let asked = 0;
  const count = await journal.drain(async () => {
    asked += 1;
    throw new Error("down");
  });
  assert.equal(count, 0);
  assert.equal(asked, 3);
  assert.deepEqual((await drainAll(journal)).toSorted(), lines.toSorted());
});

test("poisoned lines do not block the lines behind them for ever", async (context) => {
  const journal = openJournal(temporaryFile(context));
  for (const line of ["bad-1", "bad-2", "bad-3", "bad-4", "good-1", "good-2"]) {
    await journal.append(line);
  }
  const written: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    await journal.drain(async (line) => {
      if (line.startsWith("bad")) throw new Error("refused");
      written.push(line);
    });
  }
  assert.deepEqual(written.toSorted(), ["good-1", "good-2"]);
});

test("a crash in the middle of draining loses no line", async (context) => {
  const file = temporaryFile(context);
  const journal = openJournal(file);
  for (const line of ["a", "b"]) await journal.append(line);
  const reached = Promise.withResolvers<undefined>();
  // A writer that never comes back stands for the process that died in it.
  void journal.drain(async (line) => {
    if (line === "b") {
      reached.resolve(undefined);
      await new Promise(() => {});
    }
  });
  await reached.promise;
  await journal.append("c");
  assert.deepEqual(await drainAll(openJournal(file)), ["a", "b", "c"]);
  assert.equal(existsSync(file), false);
  assert.equal(existsSync(`${file}.draining`), false);
});

test("a line that a crash cut short is dropped, and spoils no other", async (context) => {
  const file = temporaryFile(context);
  await openJournal(file).append("whole");
  appendFileSync(file, '{"torn":"ä');
  const journal = openJournal(file);
  await journal.append("next");
  assert.equal(readFileSync(file, "utf8"), "whole\nnext\n");
  appendFileSync(file, "torn again");
  assert.deepEqual(await drainAll(openJournal(file)), ["whole", "next"]);
});

test("two drains at once are one", async (context) => {
  const journal = openJournal(temporaryFile(context));
  await journal.append("a");
  const both = await Promise.all([drainAll(journal), drainAll(journal)]);
  assert.deepEqual(both.flat(), ["a"]);
});

test("a line that could not be told from two is refused", async (context) => {
  const journal = openJournal(temporaryFile(context));
  await assert.rejects(journal.append("a\nb"), TypeError);
  await assert.rejects(journal.append(""), TypeError);
});
