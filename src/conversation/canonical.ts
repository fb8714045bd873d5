// One spelling for equal JSON texts: key order, whitespace and number spelling do not matter, the
// value does.
// Must never let two different values share a spelling (integers above 2^53, long decimals), and
// never throw.

import stringify from "fast-json-stable-stringify";

/** Longest text that is parsed. A longer one costs more than its canonical form is worth. */
export const CANONICAL_CHARACTERS_MAX = 65_536;
/**
 * Deepest nesting that is parsed: beyond it the recursion of reviver and stringifier would be at
 * risk.
 */
export const CANONICAL_DEPTH_MAX = 64;

/** Longest exponent of a number that is worked out: one of thousands of digits costs more than all else in its text. */
const EXPONENT_DIGITS_MAX = 15;

/**
 * Texts in which a number might not survive a double, or in which a string might look like our
 * mark. A decimal of up to 15 digits without an exponent always survives, and those texts are the
 * common case.
 */
const NEEDS_EXACT_PARSE = /\d[\d.]{15}|\d[eE]|\\u0000/;

/**
 * Opens a number kept as text. JSON strings that open with the same character get one more mark.
 */
const MARK = "\u0000";

/**
 * The canonical form of a JSON text, or null when it is invalid, too long or too deep.
 * On null the caller falls back to the trimmed text itself.
 */
export function canonical(text: string): string | null {
  const parsed = parseExact(text);
  return parsed === null ? null : stringify(parsed.value);
}

/**
 * The value of a JSON text, or null when it is invalid, too long or too deep. A number that a
 * double cannot hold is a string that `isExactNumber`.
 */
export function parseExact(text: string): { readonly value: unknown } | null {
  if (text.length > CANONICAL_CHARACTERS_MAX || !isShallow(text)) return null;
  try {
    const value: unknown = NEEDS_EXACT_PARSE.test(text)
      ? parseWithSource(text, keepExact)
      : JSON.parse(text);
    return { value };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Whether a string of a value from `parseExact` stands for a number. */
export function isExactNumber(text: string): boolean {
  return text.startsWith(`${MARK}#`);
}

/** The reviver's third argument is not yet in the library types of es2024. */
const parseWithSource: (
  text: string,
  reviver: (key: string, value: unknown, context?: { readonly source?: string }) => unknown,
) => unknown = JSON.parse;

function keepExact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value === "string") return value.startsWith(MARK) ? `${MARK}$${value}` : value;
  if (typeof value !== "number" || context?.source === undefined) return value;
  const exact = decimal(context.source);
  return exact === decimal(String(value)) ? value : `${MARK}#${exact}`;
}

/**
 * `-1.50e3` → `-15e2`: one spelling for each decimal value. Anything else (`Infinity`) stays as it
 * is.
 */
function decimal(source: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source);
  if (match === null) return source;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  if (exponent.length > EXPONENT_DIGITS_MAX) return source;
  const digits = whole + fraction;
  let first = 0;
  let end = digits.length;
  while (first < end && digits[first] === "0") first += 1;
  while (end > first && digits[end - 1] === "0") end -= 1;
  if (first === end) return "0";
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - end);
  return `${sign}${digits.slice(first, end)}e${power}`;
}

/** Counts brackets outside strings. Linear, and without recursion. */
function isShallow(text: string): boolean {
  if (text.length <= 2 * CANONICAL_DEPTH_MAX) return true;
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') index = endOfString(text, index);
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") depth -= 1;
    if (depth > CANONICAL_DEPTH_MAX) return false;
  }
  return true;
}

/**
 * Index of the quote that closes the string opened at `start`; the text's length when none does.
 */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let escapes = 0;
    while (text[end - 1 - escapes] === "\\") escapes += 1;
    if (escapes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}
