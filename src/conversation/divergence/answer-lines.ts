// Tells the lines of an answer that may look alike for a good reason (code, tables, logs, data) from its prose.
// Must never need more of a line than its beginning: a stream may never end it.

/** How much of a line is looked at before it is decided what it is, in UTF-16 units. */
export const LINE_LOOK_LENGTH = 200;

/**
 * prose: judged word by word. data: not judged, as it is meant to be regular. figures: no words at all
 * (a separator, a matrix, a drawing, hex, base64): not judged unless the line grows beyond all measure.
 */
export type LineKind = "prose" | "data" | "figures";

const FENCE = /^[\s>]*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}|~{3,})([^`]*)$/;
const DIFF_BEGINS = /^(?:diff --git |@@ -\d|--- \S|\+\+\+ \S)/;
const DIFF_GOES_ON = /^(?:[+\-@ \\]|diff |index |new file|deleted file|rename |similarity |$)/;
const DATA: readonly RegExp[] = [
  // Tables: a row begins with a bar, or has two of them.
  /^\s*\||\|.*\|/,
  // JSON: an object or array, a member, a bracket alone.
  /^\s*(?:[{}]|\[\s*(?:[[{"\d-]|$)|[\])}]+[,;]?\s*$|"[^"]*"\s*:|"[^"]*",?\s*$)/,
  // Log lines: a time, or a level in capitals.
  /^\s*[[(]?(?:\d{4}-\d\d-\d\d[T ,]|\d{1,2}:\d\d:\d\d|[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d)/,
  /^\s*\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b/,
  // Markup, and code and comments without a fence.
  /^\s*<[/!?a-z]/i,
  /^\s*(?:\/\/|\/\*)|^\s+\*\s/,
  /[(){}=<>].*[;{}]\s*$/,
  // Rows of comma- or tab-separated values. Prose of scripts without spaces has commas and no spaces too.
  /^(?!.*[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])[^\s,]*(?:,[^\s,]*){3,}$/u,
  /\t.*\t/,
];
/** Code by its indent, where it is no nested list. */
const INDENTED = /^(?: {4}|\t)\s*(?![-*+•]\s|\d+[.)]\s)\S/;
const HEX = /^[\s\dA-Fa-fx:]+$/;
const BLOB = /^\s*[A-Za-z\d+/=_-]{40,}\s*$/;
/** Two letters side by side, or one sign of a script that writes words without spaces. */
const WORD = /\p{L}{2}|\p{Lo}/u;
const LIST = /^\s*(?:[-*+•‣]|\(?\d{1,4}[.):]|\d{1,4}、|[a-z][.)])\s+(?=\S)/i;

export interface LineReader {
  /** What this line is. `head` is the line, or its first LINE_LOOK_LENGTH units. */
  read(head: string): LineKind;
}

/** One for each answer, as it remembers open fences and diffs. */
export function createLineReader(): LineReader {
  let fence: string | null = null;
  let inDiff = false;
  return {
    read(head) {
      const mark = FENCE.exec(head);
      if (fence !== null) {
        const [, sign = "", behind = ""] = mark ?? [];
        if (mark !== null && sign.startsWith(fence) && behind.trim() === "") fence = null;
        return "data";
      }
      if (mark !== null) {
        fence = mark[1] ?? null;
        return "data";
      }
      inDiff = DIFF_BEGINS.test(head) || (inDiff && DIFF_GOES_ON.test(head));
      if (inDiff || DATA.some((pattern) => pattern.test(head))) return "data";
      if (INDENTED.test(head)) return "data";
      const wordless = !WORD.test(head) || HEX.test(head) || BLOB.test(head);
      return wordless ? "figures" : "prose";
    },
  };
}

/** The text of a list line behind its marker; null for any other line. */
export function listText(head: string): string | null {
  const marker = LIST.exec(head);
  return marker === null ? null : head.slice(marker[0].length);
}
