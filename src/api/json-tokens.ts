// The grammar of JSON (RFC 8259) over raw bytes: each function steps over one token or one value
// and returns the offset behind it. Accepts exactly what JSON.parse accepts. Must never recurse
// (depth is the caller's to choose and the stack is not), allocate per token, or quote the body in
// a fault. Assumes that the bytes are valid UTF-8.

import { throwFault } from "../turn/fault.ts";

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const BACKSLASH = 0x5c;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const SPACE = 0x20;
const LOWER_U = 0x75;
const END_OF_BODY = -1;

/** A body as the functions below read it. Made once per scan. */
export interface JsonBytes {
  readonly view: DataView;
  /**
   * Length of the body. Kept here because the getter of a DataView costs more than the rest of a
   * step.
   */
  readonly end: number;
  /** Field names to look out for on the way; null: none. */
  readonly watch: KeyWatch | null;
}

/** Tells which of some field names were stepped over, at any depth. */
export interface KeyWatch {
  /** The names with their quotes, as UTF-8, each with its name. */
  readonly keys: readonly { readonly bytes: Buffer; readonly name: string }[];
  readonly seen: Set<string>;
}

/**
 * 1 where a plain run inside a string ends: a control character, the closing quote or a backslash.
 */
const ENDS_RUN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < SPACE || byte === QUOTE || byte === BACKSLASH ? 1 : 0,
);
/** 1 for a byte that may follow a backslash on its own, without the four digits that `u` needs. */
const SHORT_ESCAPE = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);
const HEX_DIGIT = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[0-9a-fA-F]/.test(String.fromCharCode(byte)) ? 1 : 0,
);
const LITERALS: readonly (readonly number[])[] = ["true", "false", "null"].map((word) => [
  ...Buffer.from(word),
]);

export function jsonBytes(body: Buffer): JsonBytes {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return { view, end: body.byteLength, watch: null };
}

/**
 * Throws invalid_json. `missing` names what the grammar asks for at `at`; the body itself is never
 * quoted.
 */
export function failSyntax(json: JsonBytes, at: number, missing: string): never {
  const where = at >= json.end ? `byte ${at}, where the body ends` : `byte ${at}`;
  throwFault(
    "invalid_json",
    `The request body is not valid JSON: ${missing} is missing at ${where}. Send valid JSON.`,
  );
}

/** Throws body_too_deep for the bracket or brace at `at`. */
export function failDepth(at: number): never {
  throwFault(
    "body_too_deep",
    `The request body is nested too deeply at byte ${at}. Flatten it, or send text instead.`,
  );
}

/** The byte at `at`, or -1 behind the end. */
export function peek(json: JsonBytes, at: number): number {
  return at < json.end ? json.view.getUint8(at) : END_OF_BODY;
}

/** Steps over the four characters that JSON counts as whitespace. */
export function skipSpace(json: JsonBytes, start: number): number {
  const { view, end } = json;
  let at = start;
  while (at < end) {
    const byte = view.getUint8(at);
    if (byte > SPACE) break;
    if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    at += 1;
  }
  return at;
}

/**
 * Steps over plain string bytes, four at a time: the arithmetic asks of a whole word whether one of
 * its bytes is a backslash, or below 0x20 or a quote (XOR 0x02 turns the quote into 0x20, so one
 * comparison with 0x21 finds both). A borrow can only raise a flag above a true one, so the lowest
 * flag is exact and its position leads to the byte.
 */
function skipRun(json: JsonBytes, start: number): number {
  const { view, end } = json;
  const lastWord = end - 4;
  let at = start;
  while (at <= lastWord) {
    const word = view.getInt32(at, true);
    const low = (word ^ 0x02020202) - 0x21212121;
    const slash = (word ^ 0x5c5c5c5c) - 0x01010101;
    const hits = (low | slash) & ~word & 0x80808080;
    if (hits !== 0) return at + ((31 - Math.clz32(hits & -hits)) >> 3);
    at += 4;
  }
  while (at < end && ENDS_RUN[view.getUint8(at)] === 0) at += 1;
  return at;
}

/** `start` is the backslash of what must be `\\u` and four digits. */
function skipLongEscape(json: JsonBytes, start: number): number {
  if (peek(json, start + 1) !== LOWER_U) failSyntax(json, start + 1, "a known escape character");
  for (let at = start + 2; at < start + 6; at += 1) {
    if (HEX_DIGIT[peek(json, at)] !== 1) failSyntax(json, at, "a hexadecimal digit");
  }
  return start + 6;
}

/**
 * `start` must be the opening quote, else invalid_json. Returns the offset behind the closing one.
 */
export function skipString(json: JsonBytes, start: number): number {
  if (peek(json, start) !== QUOTE) failSyntax(json, start, "a quoted field name");
  const { view, end } = json;
  let at = start + 1;
  for (;;) {
    at = skipRun(json, at);
    if (at === end) failSyntax(json, at, "the closing quote of a string");
    const byte = view.getUint8(at);
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) failSyntax(json, at, "the escape of a control character");
    // Told apart here and not in a call: code in a string has an escape every ten to forty bytes.
    const isShort = at + 1 < end && SHORT_ESCAPE[view.getUint8(at + 1)] === 1;
    at = isShort ? at + 2 : skipLongEscape(json, at);
  }
}

function skipDigits(json: JsonBytes, start: number): number {
  let at = start;
  for (;;) {
    const byte = peek(json, at);
    if (byte < ZERO || byte > NINE) break;
    at += 1;
  }
  if (at === start) failSyntax(json, at, "a digit");
  return at;
}

function skipNumber(json: JsonBytes, start: number): number {
  let at = peek(json, start) === MINUS ? start + 1 : start;
  // A leading zero stands alone: what follows `0` in `01` is then refused as a missing comma.
  at = peek(json, at) === ZERO ? at + 1 : skipDigits(json, at);
  if (peek(json, at) === DOT) at = skipDigits(json, at + 1);
  if ((peek(json, at) | SPACE) === 0x65) {
    const sign = peek(json, at + 1);
    at = skipDigits(json, sign === PLUS || sign === MINUS ? at + 2 : at + 1);
  }
  return at;
}

function skipScalar(json: JsonBytes, start: number): number {
  const first = peek(json, start);
  if (first === MINUS || (first >= ZERO && first <= NINE)) return skipNumber(json, start);
  for (const word of LITERALS) {
    if (word[0] !== first) continue;
    for (let index = 1; index < word.length; index += 1) {
      if (peek(json, start + index) !== word[index]) {
        failSyntax(json, start + index, "a letter of true, false or null");
      }
    }
    return start + word.length;
  }
  return failSyntax(json, start, "a value");
}

function isAt(json: JsonBytes, start: number, bytes: Buffer): boolean {
  return bytes.every((byte, index) => json.view.getUint8(start + index) === byte);
}

/** `start` is the opening quote of a field name. Returns the offset of the value. */
function skipKey(json: JsonBytes, start: number): number {
  const end = skipString(json, start);
  const { watch } = json;
  if (watch !== null) {
    for (const { bytes, name } of watch.keys) {
      // The lengths differ nearly always, and then nothing else is looked at.
      if (bytes.length === end - start && isAt(json, start, bytes)) watch.seen.add(name);
    }
  }
  return skipColon(json, end);
}

/** `start` is behind the field name. Returns the offset of the value. */
export function skipColon(json: JsonBytes, start: number): number {
  const at = skipSpace(json, start);
  if (peek(json, at) !== COLON) failSyntax(json, at, "a colon after the field name");
  return skipSpace(json, at + 1);
}

/**
 * `start` is behind a member of a container that ends with `closer`. Returns the offset of the next
 * member, or the offset of the closer itself.
 */
export function skipComma(json: JsonBytes, start: number, closer: number): number {
  const at = skipSpace(json, start);
  const byte = peek(json, at);
  if (byte === closer) return at;
  if (byte !== COMMA) {
    failSyntax(json, at, `a comma or a closing ${closer === CLOSE_BRACE ? "brace" : "bracket"}`);
  }
  const next = skipSpace(json, at + 1);
  if (peek(json, next) === closer) failSyntax(json, next, "a value after the comma");
  return next;
}

/**
 * Steps over the value that begins at `start` (no whitespace before it), containers and all.
 * `levelsMax`: how deep its brackets and braces may be nested; one more is body_too_deep.
 */
export function skipValue(json: JsonBytes, start: number, levelsMax: number): number {
  /** The closing byte of every container that is open, innermost last. */
  const closers: number[] = [];
  let at = start;
  for (;;) {
    const byte = peek(json, at);
    if (byte === QUOTE) {
      at = skipString(json, at);
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (closers.length >= levelsMax) failDepth(at);
      const closer = byte === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
      at = skipSpace(json, at + 1);
      if (peek(json, at) !== closer) {
        closers.push(closer);
        if (closer === CLOSE_BRACE) at = skipKey(json, at);
        continue;
      }
      at += 1;
    } else {
      at = skipScalar(json, at);
    }
    for (;;) {
      const closer = closers.at(-1);
      if (closer === undefined) return at;
      at = skipComma(json, at, closer);
      if (peek(json, at) !== closer) {
        if (closer === CLOSE_BRACE) at = skipKey(json, at);
        break;
      }
      closers.pop();
      at += 1;
    }
  }
}
