// Finds an answer that goes round in circles while it is written: the same words again and again, to no end.
// Must never depend on how the text came in pieces, hold more than a bounded piece of it, or judge code and data.

import { createLineReader, LINE_LOOK_LENGTH, listText, type LineKind } from "./answer-lines.ts";
import {
  createTokenizer,
  hashText,
  isSpace,
  isWordToken,
  mix,
  wordlessToken,
} from "./answer-tokens.ts";
import { createTail, PERIOD_MAX, type TailPeriod } from "./tail-period.ts";

/** Name of the pattern in verdicts, receipts and corrections. */
export const STREAM_REPETITION = "stream-repetition";

/**
 * How often a passage must stand there: a sentence more often than a paragraph. Of a few words COVERED_MIN
 * alone asks for more.
 */
const REPEATS: readonly { readonly periodMax: number; readonly repeats: number }[] = [
  { periodMax: 12, repeats: 6 },
  { periodMax: PERIOD_MAX, repeats: 4 },
];
/** Fewest tokens the repetitions must cover; without any word in them, and as a share of the text. */
const COVERED_MIN = 40;
const COVERED_WORDLESS_MIN = 120;
const COVERED_SHARE_MIN = 0.3;
/** The share is taken of the newest tokens: a long good answer may lose its way at its end. */
const SHARE_TOKENS_MAX = 600;
/** Fewest list lines that are judged, most of them, and how many of them may be different. */
const LIST_LINES_MIN = 12;
const LIST_LINES_MAX = 24;
const LIST_DISTINCT_SHARE = 0.25;
/** The same where numbers inside the lines go on: surveys do that too, so it takes much more. */
const COUNTED_LINES = 48;
const COUNTED_DISTINCT_SHARE = 0.1;
/** Fewest words of a list line; signs of scripts without spaces count half. Answer keys are shorter. */
const LIST_WORDS_MIN = 3;
const COUNTED_WORDS_MIN = 6;
/** Longest line without a word that passes for a drawing or a number, in UTF-16 units. */
const FIGURES_LENGTH_MAX = 1_000;
/** White space without a break that no text has, in UTF-16 units. */
const BLANK_LENGTH_MAX = 2_000;

export interface Repetition {
  /** passage: the same words. list: lines of a list. blank: nothing but white space. */
  readonly kind: "passage" | "list" | "blank";
  /** How often the passage stood there, how many list lines were judged, or units of white space. */
  readonly count: number;
}

export interface TextWatcher {
  /** The next piece of the answer. The first finding stays, whatever comes behind it. */
  add(text: string): Repetition | null;
  /** The answer is over: its last, open line counts too. Nothing may be added behind it. */
  end(): Repetition | null;
}

/** What the whole text would have told a watcher. */
export function repetitionIn(text: string): Repetition | null {
  const watcher = watchText();
  watcher.add(text);
  return watcher.end();
}

/** Watches one answer. Costs a few nanoseconds for each character and a few KiB. */
export function watchText(): TextWatcher {
  const tail = createTail();
  const lines = createLineReader();
  const list = createListBook();
  /** The beginning of the line at hand, as UTF-16. */
  const line = Buffer.alloc(2 * LINE_LOOK_LENGTH);
  let found: Repetition | null = null;
  let kind: LineKind | "open" = "open";
  let lineLength = 0;
  let blankLength = 0;
  /** The unjudged lines since the last prose, as one token: what differs in them keeps passages apart. */
  let block: number | null = null;

  const push = (token: number): void => {
    if (tail.push(token)) found ??= passageOf(tail);
  };
  const tokens = createTokenizer(push);

  function takeUnit(unit: number): void {
    blankLength = isSpace(unit) ? blankLength + 1 : 0;
    if (blankLength >= BLANK_LENGTH_MAX) found ??= { kind: "blank", count: blankLength };
    if (unit === LINE_FEED) return endLine();
    lineLength += 1;
    if (kind === "open") {
      // Of a blank line beyond that length nothing more is kept.
      if (lineLength <= LINE_LOOK_LENGTH) line.writeUInt16LE(unit, 2 * (lineLength - 1));
      if (lineLength === LINE_LOOK_LENGTH) decideLine();
      return;
    }
    if (kind === "figures" && lineLength > FIGURES_LENGTH_MAX) kind = "prose";
    takeDecided(unit);
  }

  function takeDecided(unit: number): void {
    if (kind === "prose") tokens.take(unit);
    else if (!isSpace(unit)) block = mix(block ?? 0, unit);
  }

  function decideLine(): void {
    const head = line.toString("utf16le", 0, 2 * Math.min(lineLength, LINE_LOOK_LENGTH));
    if (head.trim() === "") return;
    kind = lines.read(head);
    if (kind === "prose") {
      if (block !== null) push(wordlessToken(block));
      block = null;
      found ??= list.note(head);
    }
    for (let at = 0; at < head.length; at += 1) takeDecided(head.charCodeAt(at));
  }

  function endLine(): void {
    if (kind === "open") decideLine();
    tokens.flush();
    kind = "open";
    lineLength = 0;
  }

  return {
    add(text) {
      // Once found, nothing can change it: the rest costs nothing.
      for (let at = 0; at < text.length && found === null; at += 1) takeUnit(text.charCodeAt(at));
      return found;
    },
    end() {
      if (found === null) endLine();
      found ??= passageOf(tail);
      return found;
    },
  };
}

const LINE_FEED = 0x0a;

function passageOf(tail: ReturnType<typeof createTail>): Repetition | null {
  const found = tail.find(isLong);
  if (found === null) return null;
  const wordless = !tail.newest(found.period).some(isWordToken);
  if (wordless && found.covered < COVERED_WORDLESS_MIN) return null;
  return { kind: "passage", count: Math.floor(found.covered / found.period) };
}

function isLong({ period, covered }: TailPeriod, known: number): boolean {
  const rule = REPEATS.find(({ periodMax }) => period <= periodMax);
  if (rule === undefined || covered < COVERED_MIN) return false;
  const share = COVERED_SHARE_MIN * Math.min(known, SHARE_TOKENS_MAX);
  return covered >= rule.repeats * period && covered >= share;
}

interface ListLine {
  /** Without its marker. */
  readonly text: number;
  /** Without any number; null where the line is too short for that. */
  readonly numberless: number | null;
}

/** Remembers the newest lines of the list at hand. */
function createListBook(): { note(head: string): Repetition | null } {
  let kept: ListLine[] = [];
  return {
    note(head) {
      const text = listText(head);
      if (text === null) {
        // An indented line goes on with its item; any other one ends the list.
        if (!/^\s/.test(head)) kept = [];
        return null;
      }
      const words = countWords(text);
      if (words < LIST_WORDS_MIN) return null;
      const plain = text.trim().replace(/\s+/g, " ");
      const numberless = hashText(plain.replace(/\d+/g, "#"));
      const line = {
        text: hashText(plain),
        numberless: words < COUNTED_WORDS_MIN ? null : numberless,
      };
      kept = [...kept, line].slice(-COUNTED_LINES);
      return judgeList(kept);
    },
  };
}

function judgeList(kept: readonly ListLine[]): Repetition | null {
  const newest = kept.slice(-LIST_LINES_MAX);
  const count = newest.length;
  const distinct = new Set(newest.map(({ text }) => text)).size;
  if (count >= LIST_LINES_MIN && distinct <= count * LIST_DISTINCT_SHARE) {
    return { kind: "list", count };
  }
  if (kept.length < COUNTED_LINES) return null;
  const numberless = kept.map((line) => line.numberless);
  const counted = new Set(numberless).size <= kept.length * COUNTED_DISTINCT_SHARE;
  return counted && !numberless.includes(null) ? { kind: "list", count: kept.length } : null;
}

const SIGN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/gu;
const WORD = /\p{L}[\p{L}\p{M}]*/gu;

/** Words, where a sign of a script without spaces counts half a word. */
function countWords(text: string): number {
  const signs = text.match(SIGN)?.length ?? 0;
  return signs / 2 + (text.replace(SIGN, " ").match(WORD)?.length ?? 0);
}
