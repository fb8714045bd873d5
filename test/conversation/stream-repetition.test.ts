// Goal: an answer that repeats itself to no end is found, and no healthy one is, however regular it looks.
// Method: texts on both sides of every threshold, the kinds of text that repeat for a good reason, and the project's
// own documents.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { noteRepetition, withFinding } from "../../src/conversation/divergence/answer-finding.ts";
import { asksForRepetition } from "../../src/conversation/divergence/asked-repetition.ts";
import { judge } from "../../src/conversation/divergence/judge.ts";
import {
  repetitionIn,
  STREAM_REPETITION,
  watchText,
} from "../../src/conversation/divergence/stream-repetition.ts";
import type { Verdict } from "../../src/conversation/divergence/verdict.ts";
import { emptyEvidence } from "../../src/conversation/evidence.ts";
import { newThread, readThread } from "../../src/conversation/record.ts";
import { said, SETTINGS, transcriptOf } from "./divergence-scene.ts";

/** `count` words that differ from each other and from those of another `family`. */
function words(count: number, family = "w"): string {
  return Array.from({ length: count }, (_, at) => `${family}${letters(at)}`).join(" ");
}

/** A number as letters: 0 is aa, 27 is bb. */
function letters(value: number): string {
  const digit = (place: number) => String.fromCharCode(0x61 + (Math.floor(value / place) % 26));
  return digit(676) + digit(26) + digit(1);
}

const times = (text: string, count: number): string => `${text} `.repeat(count);
const lines = (count: number, make: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => make(at)).join("\n");

function kindOf(text: string): string | null {
  return repetitionIn(text)?.kind ?? null;
}

test("a few words are found once they cover 40 tokens", () => {
  assert.equal(repetitionIn(times(words(3), 13)), null);
  assert.deepEqual(repetitionIn(times(words(3), 14)), { kind: "passage", count: 14 });
  assert.equal(repetitionIn(times("again", 39)), null);
  assert.deepEqual(repetitionIn(times("again", 40)), { kind: "passage", count: 40 });
});

test("a sentence of up to 12 tokens is found at its sixth time, a longer passage at its fourth", () => {
  assert.equal(repetitionIn(times(words(12), 5)), null);
  assert.deepEqual(repetitionIn(times(words(12), 6)), { kind: "passage", count: 6 });
  assert.equal(repetitionIn(times(words(13), 3)), null);
  assert.deepEqual(repetitionIn(times(words(13), 4)), { kind: "passage", count: 4 });
});

test("a passage of 240 tokens is found, a longer one is not", () => {
  assert.equal(repetitionIn(times(words(240), 3)), null);
  assert.deepEqual(repetitionIn(times(words(240), 4)), { kind: "passage", count: 4 });
  assert.equal(repetitionIn(times(words(241), 4)), null);
});

test("a long good answer that loses its way at its end is found when that end has grown to 180 tokens", () => {
  const good = words(1_500, "good");
  assert.equal(repetitionIn(`${good} ${times(words(12), 14)}`), null);
  assert.deepEqual(repetitionIn(`${good} ${times(words(12), 15)}`), { kind: "passage", count: 15 });
});

test("in a shorter answer the repetition must make up 30 % of it", () => {
  const good = words(140, "good");
  assert.equal(repetitionIn(`${good} ${times("again", 59)}`), null);
  assert.deepEqual(repetitionIn(`${good} ${times("again", 60)}`), { kind: "passage", count: 60 });
});

test("scripts without spaces are judged sign by sign", () => {
  assert.equal(kindOf("我们需要再次检查这个日志文件。".repeat(3)), null);
  assert.equal(kindOf("我们需要再次检查这个日志文件。".repeat(4)), "passage");
  assert.equal(kindOf("微风吹来,荷花轻轻摇曳,".repeat(20)), "passage");
  assert.equal(kindOf("もう一度確認します。".repeat(6)), "passage");
  assert.equal(kindOf("ฉันจะลองอีกครั้ง".repeat(4)), "passage");
});

test("words without any space between them are found, and so is a flood of one symbol", () => {
  assert.equal(kindOf("haha".repeat(2_000)), "passage");
  // The first 1000 could be a drawing; then 120 tokens of 8 signs each.
  assert.equal(kindOf("!".repeat(1_000 + 119 * 8)), null);
  assert.equal(kindOf("!".repeat(1_000 + 120 * 8)), "passage");
});

test("white space to no end is found, also where a JSON answer never goes on", () => {
  assert.equal(kindOf(`{"a": 1,${" \n".repeat(999)}`), null);
  assert.deepEqual(repetitionIn(`{"a": 1,${"\n\t".repeat(1_000)}`), {
    kind: "blank",
    count: 2_000,
  });
});

test("a numbered list that brings the same lines again is found at its twelfth line", () => {
  const list = (count: number, different: number) =>
    lines(count, (at) => `${at + 1}. Check the ${letters(at % different)} of the server once more`);
  assert.equal(repetitionIn(list(11, 2)), null);
  assert.deepEqual(repetitionIn(list(12, 3)), { kind: "list", count: 12 });
  assert.equal(repetitionIn(list(12, 4)), null);
  assert.equal(repetitionIn(list(60, 7)), null);
});

test("a list that only counts on is found after 48 lines", () => {
  const list = (count: number) =>
    lines(count, (at) => `${at + 1}. In ${2_000 + at} the company will expand further abroad.`);
  assert.equal(repetitionIn(list(47)), null);
  assert.deepEqual(repetitionIn(list(48)), { kind: "list", count: 48 });
});

test("a list with a heading or a sentence in between is a new list", () => {
  const section = (at: number) =>
    `## Part ${letters(at)}\n1. Owner is still to be decided\n2. Status is not yet known\n`;
  assert.equal(repetitionIn(lines(20, section)), null);
});

const SENTENCE = "Let me check the log file once more to be sure.";
const LOOKS_ALIKE: Readonly<Record<string, string>> = {
  "code in a fence": `Here it is:\n\`\`\`js\n${`log("again and again");\n`.repeat(80)}\`\`\`\nDone.`,
  "code in a fence that is still open": `~~~\n${`${SENTENCE}\n`.repeat(80)}`,
  "code in a fence of a list": `1. Run:\n   \`\`\`sh\n${`   ${SENTENCE}\n`.repeat(60)}   \`\`\`\n`,
  "code by its indent": `Like this:\n\n${`    ${SENTENCE}\n`.repeat(60)}`,
  "code without a fence": `while (true) { work(); }\n`.repeat(60),
  "a table": `| name | state |\n|---|---|\n${"| server | is not yet known |\n".repeat(80)}`,
  "a table without outer bars": "server | not known | later\n".repeat(80),
  JSON: `[\n${'  {\n    "state": "not yet known",\n    "items": [\n      "none",\n    ]\n  },\n'.repeat(60)}]`,
  "JSON on one line": `[${'{"state":"not yet known"},'.repeat(200)}{}]`,
  "log lines": `2026-01-01T10:00:00Z job is waiting for its turn\n`.repeat(60),
  "log lines with a level": `WARN connection was refused by the host\n`.repeat(60),
  "a diff": `--- a/list.txt\n+++ b/list.txt\n@@ -1,60 +1,60 @@\n${"-the old line\n+the new line\n".repeat(60)}`,
  "comma-separated values": "a,b,none,none\n".repeat(100),
  markup: "<li>nothing to see here</li>\n".repeat(60),
  "a hex dump": `${"00 00 ff ff ".repeat(8)}\n`.repeat(60),
  base64: `${"QUFB".repeat(19)}\n`.repeat(60),
  separators: `${"-".repeat(80)}\n`.repeat(60),
  "a matrix": `${"0 ".repeat(40)}\n`.repeat(40),
  "a drawing": " /\\_/\\  ( o.o )  > ^ <\n".repeat(60),
  "an answer key": lines(60, (at) => `${at + 1}. ${"ABCD"[at % 4]}`),
  "short ticks of a list": lines(60, (at) => `${at + 1}. Not applicable`),
  "a long survey in few words": lines(90, (at) => `- host ${at} did not answer`),
  "a list with new contents": lines(
    80,
    (at) => `${at + 1}. Buy the ${letters(at)} for the kitchen`,
  ),
  "a song with its chorus": lines(
    3,
    (at) => `${words(20, `v${letters(at)}`)}\n${`${words(9, "chorus")}\n`.repeat(2)}`,
  ),
  "a chorus three times in a row": `${words(18, "chorus")}\n`.repeat(3),
  "a poem with a refrain": lines(
    40,
    (at) => `${words(5, letters(at))}\nAnd the sea goes on and on,\n`,
  ),
  "a translation": lines(
    40,
    (at) => `${words(4, letters(at))} means ${words(4, `${letters(at)}x`)}.`,
  ),
  "examples that differ in their code": lines(
    30,
    (at) => `Example:\n\`\`\`\ncode ${at}\n\`\`\`\nOutput:\n\`\`\`\nresult ${at}\n\`\`\``,
  ),
  "letters to many": lines(
    20,
    (at) => `Dear ${letters(at)},\nthank you for your order. We will send it to you soon.\nYours\n`,
  ),
};

for (const [name, text] of Object.entries(LOOKS_ALIKE)) {
  test(`${name}: regular for a good reason, and never reported`, () => {
    assert.equal(repetitionIn(text), null);
    assert.equal(
      repetitionIn(`${words(30, "before")}.\n\n${text}\n\n${words(30, "after")}.`),
      null,
    );
  });
}

test("prose behind a closed fence is judged again", () => {
  const text = `\`\`\`\ncode\n\`\`\`\n${times(SENTENCE, 10)}`;
  assert.equal(kindOf(text), "passage");
  assert.equal(
    kindOf(text.replace("code\n```", "code\n~~~\n``")),
    null,
    "another sign closes nothing",
  );
});

test("the same sentence round the same code is a repetition, however the code looks", () => {
  const round = "I will run the tests once more now.\n```\nnpm test\n```\n";
  assert.equal(kindOf(round.repeat(8)), "passage");
});

test("the project's own documents are healthy", () => {
  const folder = new URL("../../docs/", import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".md"));
  assert.ok(files.length > 3);
  for (const name of files) {
    assert.equal(repetitionIn(readFileSync(new URL(name, folder), "utf8")), null, name);
  }
});

test("a finding stays, whatever comes behind it", () => {
  const watcher = watchText();
  assert.equal(watcher.add(words(10)), null);
  const found = watcher.add(times(`\n${SENTENCE}`, 40));
  assert.equal(found?.kind, "passage");
  assert.equal(watcher.add(words(2_000, "new")), found);
  assert.equal(watcher.end(), found);
});

test("a repetition is found while it is written, not only at its end", () => {
  const watcher = watchText();
  let written = 0;
  while (watcher.add(`${SENTENCE} `) === null && written < 100) written += 1;
  assert.ok(written < 14, `${written} sentences of 12 tokens`);
});

test("what was found in an answer gives way to a loop of calls, and says nothing where it is nothing", () => {
  const calls: Verdict = {
    ...judge(emptyEvidence(), { fresh: 0, settings: SETTINGS }),
    severity: "firing",
    pattern: "same-call-same-result",
  };
  const finding = { turn: 3, count: 9 };
  assert.equal(withFinding(calls, finding), calls);
  assert.equal(withFinding(calls, null), calls);
  const found = withFinding({ ...calls, severity: "suspected" }, finding);
  const { severity, pattern, key, count, tools } = found;
  assert.deepEqual(
    { severity, pattern, key, count, tools },
    { severity: "firing", pattern: STREAM_REPETITION, key: STREAM_REPETITION, count: 9, tools: [] },
  );
});

test("a thread that was stored before there were findings is read as one without any", () => {
  const { finding, ...before } = newThread();
  assert.equal(finding, null);
  assert.equal(readThread(JSON.stringify(before)).finding, null);
  const noted = noteRepetition(newThread(), { turn: 7, repetition: { kind: "list", count: 12 } });
  assert.deepEqual(readThread(JSON.stringify(noted)).finding, { turn: 7, count: 12 });
});

test("a person who asks for repetition in any of several languages gets it", () => {
  const says = (text: string) => asksForRepetition(transcriptOf([said("user", text)]));
  for (const text of [
    "Write 'I will not talk in class' 100 times.",
    "Repeat after me.",
    "Say it over and over.",
    "Écris-le 50 fois.",
    "Wiederhole den Satz bitte.",
    "Escríbelo 20 veces.",
    "把这句话写五十遍",
    "この文を繰り返してください",
  ]) {
    assert.ok(says(text), text);
  }
  for (const text of ["What does the log say?", "It failed two times.", "Fix the repeated code."]) {
    assert.ok(!says(text), text);
  }
  const older = [said("user", "Repeat it."), said("assistant", "It."), said("user", "And now?")];
  assert.ok(!asksForRepetition(transcriptOf(older)), "only the newest message counts");
  const called = [said("user", "Repeat it."), said("assistant", "I will."), said("tool", "ok")];
  assert.ok(asksForRepetition(transcriptOf(called)), "tools in between change nothing");
});
