// Goal: what is found in an answer depends on its text alone, and repetition is found wherever it is.
// Method: random texts, random cuts, and a search by hand as the yardstick.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  repetitionIn,
  watchText,
  type Repetition,
} from "../../src/conversation/divergence/stream-repetition.ts";
import { createTail } from "../../src/conversation/divergence/tail-period.ts";

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

function kindOf(text: string): string | null {
  return repetitionIn(text)?.kind ?? null;
}

/** The longest end that is at least two and a half repetitions, found by trying. */
function longestByHand(values: readonly number[]): number | null {
  for (let covered = values.length; covered >= 8; covered -= 1) {
    const end = values.slice(-covered);
    for (let period = 1; period * 2.5 <= covered; period += 1) {
      if (end.every((value, at) => at < period || value === end[at - period])) return covered;
    }
  }
  return null;
}

test("a repeated end is found exactly, also within repetitions of repetitions", () => {
  const row = fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 60 });
  fc.assert(
    fc.property(row, (values) => {
      const tail = createTail();
      for (const value of values) tail.push(value);
      const found = tail.find(({ period, covered }) => covered >= 8 && period * 2.5 <= covered);
      assert.equal(found?.covered ?? null, longestByHand(values));
    }),
    { numRuns: 2_000 },
  );
});

const word = fc.stringMatching(/^[a-z]{1,9}$/);
const passage = fc.array(word, { minLength: 1, maxLength: 60 }).map((all) => all.join(" "));
/** Texts in which anything may happen. */
const anyText = fc
  .array(
    fc.oneof(
      fc.tuple(passage, fc.integer({ min: 1, max: 40 })).map(([text, count]) => times(text, count)),
      fc.constantFrom(
        "\n",
        "\n\n",
        "```\n",
        "~~~",
        "1. ",
        "- ",
        "| a | b |\n",
        "    ",
        "我们再来",
        "-".repeat(99),
      ),
      fc.string({ unit: "grapheme", maxLength: 30 }),
      fc.integer({ min: 1, max: 2_500 }).map((count) => " ".repeat(count)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

function inPieces(text: string, cuts: readonly number[]): Repetition | null {
  const watcher = watchText();
  let at = 0;
  for (let piece = 0; at < text.length; piece += 1) {
    const length = cuts[piece % cuts.length] ?? 1;
    watcher.add(text.slice(at, at + length));
    at += length;
  }
  return watcher.end();
}

test("how a text was cut into pieces never changes what is found", () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(anyText, cuts, (text, sizes) => {
      const whole = repetitionIn(text);
      assert.deepEqual(inPieces(text, sizes), whole);
      assert.deepEqual(inPieces(text, [1]), whole);
    }),
    { numRuns: 150 },
  );
});

test("a text whose words never come again is never reported, wherever it ends", () => {
  const punctuation = fc.constantFrom(" ", ", ", ". ", "\n", "\n- ", "\n1. ", ": ");
  fc.assert(
    fc.property(
      fc.array(punctuation, { minLength: 1, maxLength: 40 }),
      fc.nat(1_200),
      (marks, end) => {
        const text = Array.from(
          { length: end },
          (_, at) => `n${letters(at)}${marks[at % marks.length] ?? " "}`,
        );
        assert.equal(repetitionIn(text.join("")), null);
      },
    ),
    { numRuns: 100 },
  );
});

test("words that come again and again are always found in the end, whatever was written before", () => {
  fc.assert(
    fc.property(passage, fc.nat(1_500), (text, before) => {
      const good = words(before, "good");
      assert.equal(
        kindOf(`${good}\n${times(text, Math.ceil(800 / text.split(" ").length))}`),
        "passage",
      );
    }),
    { numRuns: 60 },
  );
});
