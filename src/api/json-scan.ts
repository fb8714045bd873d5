// Finds where things stand in a request body without building its values: the top-level fields and
// the members of one top-level array. Everything policy rests on is read through these spans, and
// the same bytes go upstream, so the scanner must never accept what JSON.parse refuses, and never
// let a top-level field be read in two ways.

import { isUtf8 } from "node:buffer";
import { throwFault } from "../turn/fault.ts";
import * as token from "./json-tokens.ts";

/** Byte offsets into the body: `start` is inside, `end` is the first byte outside. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Field {
  /** Decoded: `"mod\u0065l"` is `model`. */
  readonly name: string;
  /** The field name with its quotes. */
  readonly key: Span;
  readonly value: Span;
}

export interface BodyScan {
  /** The top-level fields in the order of the body, by decoded name. */
  readonly fields: ReadonlyMap<string, Field>;
  /** The value of the array field with its brackets; null when it is absent or not an array. */
  readonly array: Span | null;
  /** The members of that array. */
  readonly elements: readonly Span[];
  /** Those of `watchedKeys` that stand inside the array; written with escapes they are not found. */
  readonly watchedSeen: ReadonlySet<string>;
  /** Offset of the outer opening brace. */
  readonly open: number;
  /** Offset of the outer closing brace. */
  readonly close: number;
}

export interface ScanOptions {
  /** The top-level field whose members are wanted: `messages`, `input`, `contents`. */
  readonly arrayField: string;
  /** How deep braces and brackets may be nested; the outer object is the first level. */
  readonly depthMax: number;
  /** Field names that are looked out for inside the array field, at any depth; a few at most. */
  readonly watchedKeys?: readonly string[];
}

/** Most top-level fields of a body: a hostile body must not buy a large map with few bytes. */
export const FIELD_COUNT_MAX = 10_000;
/** Most members of the array field. Providers document limits of up to 100 000 messages. */
export const ELEMENT_COUNT_MAX = 100_000;
/** Longest piece of a field name that is repeated to the caller, in UTF-16 code units. */
const PARAM_LENGTH_MAX = 128;

interface ObjectPlan {
  readonly open: number;
  /** How deep a field's value may be nested. */
  readonly levelsMax: number;
  /** null: no array is wanted, and a repeated field replaces the one before, as in JSON.parse. */
  readonly arrayField: string | null;
  /** Looked out for inside the array. */
  readonly watch: token.KeyWatch | null;
}

/**
 * Scans a request body: one JSON object in UTF-8. Throws a FaultError with invalid_encoding,
 * invalid_json, body_too_deep, duplicate_field (top level only; `param` is the name), or
 * invalid_request for more than FIELD_COUNT_MAX fields or ELEMENT_COUNT_MAX members.
 */
export function scanBody(body: Buffer, options: ScanOptions): BodyScan {
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) {
    throwFault(
      "invalid_json",
      "The request body starts with a byte order mark at byte 0. Send UTF-8 without one.",
    );
  }
  if (!isUtf8(body)) {
    throwFault(
      "invalid_encoding",
      `The request body is not valid UTF-8 at byte ${invalidByteOffset(body)}. Encode it as UTF-8.`,
    );
  }
  const json = token.jsonBytes(body);
  const open = token.skipSpace(json, 0);
  if (token.peek(json, open) !== token.OPEN_BRACE) {
    token.failSyntax(json, open, "the opening brace of an object");
  }
  if (options.depthMax < 1) token.failDepth(open);
  const { arrayField, depthMax, watchedKeys } = options;
  const watch = watchedKeys === undefined ? null : watchFor(watchedKeys);
  const scan = readObject(body, json, { open, arrayField, levelsMax: depthMax - 1, watch });
  const end = token.skipSpace(json, scan.close + 1);
  if (end !== json.end) token.failSyntax(json, end, "the end of the body");
  return scan;
}

/**
 * The fields of the object at `span`, a piece that `scanBody` has accepted. Of a repeated field the
 * last one counts, as in JSON.parse.
 */
export function scanObject(body: Buffer, span: Span): Map<string, Field> {
  const json = token.jsonBytes(body);
  if (token.peek(json, span.start) !== token.OPEN_BRACE) {
    throw new TypeError(`There is no object at byte ${span.start}.`);
  }
  const levelsMax = Number.POSITIVE_INFINITY;
  const plan = { open: span.start, arrayField: null, levelsMax, watch: null };
  return readObject(body, json, plan).fields;
}

/** The members of the array at `span`, a piece that `scanBody` has accepted. */
export function scanArray(body: Buffer, span: Span): Span[] {
  const json = token.jsonBytes(body);
  if (token.peek(json, span.start) !== token.OPEN_BRACKET) {
    throw new TypeError(`There is no array at byte ${span.start}.`);
  }
  const elements: Span[] = [];
  readElements(json, { open: span.start, levelsMax: Number.POSITIVE_INFINITY }, elements);
  return elements;
}

/**
 * The value at `span`. JSON.parse makes `__proto__` an own property and leaves the prototype alone;
 * so does a spread, but `Object.assign` and `target[key] = value` would not: never copy a parsed
 * object with those.
 */
export function parseSpan(body: Buffer, span: Span): unknown {
  return JSON.parse(body.toString("utf8", span.start, span.end));
}

function watchFor(names: readonly string[]): token.KeyWatch {
  const keys = names.map((name) => ({ name, bytes: Buffer.from(JSON.stringify(name)) }));
  return { keys, seen: new Set() };
}

const NONE_SEEN: ReadonlySet<string> = new Set();

function readObject(body: Buffer, json: token.JsonBytes, plan: ObjectPlan) {
  const { watch } = plan;
  const watching = watch === null ? json : { view: json.view, end: json.end, watch };
  const { open, levelsMax, arrayField } = plan;
  const fields = new Map<string, Field>();
  const elements: Span[] = [];
  let array: Span | null = null;
  let at = token.skipSpace(json, open + 1);
  while (token.peek(json, at) !== token.CLOSE_BRACE) {
    const keyEnd = token.skipString(json, at);
    const name = decodeName(body, json, { start: at, end: keyEnd });
    if (arrayField !== null) refuseField(fields, name, at);
    const start = token.skipColon(json, keyEnd);
    const wanted = name === arrayField && token.peek(json, start) === token.OPEN_BRACKET;
    const end = wanted
      ? readElements(watching, { open: start, levelsMax }, elements)
      : token.skipValue(json, start, levelsMax);
    const value = { start, end };
    if (wanted) array = value;
    fields.set(name, { name, key: { start: at, end: keyEnd }, value });
    at = token.skipComma(json, end, token.CLOSE_BRACE);
  }
  return { fields, array, elements, watchedSeen: watch?.seen ?? NONE_SEEN, open, close: at };
}

/** Collects the members of the array that opens at `list.open`; returns the offset behind it. */
function readElements(
  json: token.JsonBytes,
  list: { readonly open: number; readonly levelsMax: number },
  elements: Span[],
): number {
  if (list.levelsMax < 1) token.failDepth(list.open);
  let at = token.skipSpace(json, list.open + 1);
  while (token.peek(json, at) !== token.CLOSE_BRACKET) {
    if (elements.length === ELEMENT_COUNT_MAX) {
      throwFault(
        "invalid_request",
        `The list holds more than ${ELEMENT_COUNT_MAX} members at byte ${at}. Send fewer.`,
      );
    }
    const end = token.skipValue(json, at, list.levelsMax - 1);
    elements.push({ start: at, end });
    at = token.skipComma(json, end, token.CLOSE_BRACKET);
  }
  return at + 1;
}

function refuseField(fields: ReadonlyMap<string, Field>, name: string, at: number): void {
  if (fields.has(name)) {
    throwFault(
      "duplicate_field",
      `A field stands twice in the request body, the second time at byte ${at}. Send it once.`,
      { param: name.slice(0, PARAM_LENGTH_MAX) },
    );
  }
  if (fields.size === FIELD_COUNT_MAX) {
    throwFault(
      "invalid_request",
      `The request body has more than ${FIELD_COUNT_MAX} fields at byte ${at}. Send fewer.`,
    );
  }
}

function decodeName(body: Buffer, json: token.JsonBytes, key: Span): string {
  let isAscii = true;
  for (let at = key.start + 1; at < key.end - 1; at += 1) {
    const byte = json.view.getUint8(at);
    if (byte === token.BACKSLASH) {
      // A string token parses to a string; String() says so to the compiler without a cast.
      return String(parseSpan(body, key));
    }
    if (byte >= 0x80) isAscii = false;
  }
  return body.toString(isAscii ? "latin1" : "utf8", key.start + 1, key.end - 1);
}

/**
 * Where the first invalid sequence starts. Halves what is left, so the whole costs two passes over
 * the body.
 */
function invalidByteOffset(body: Buffer): number {
  // Up to `good` all is valid; the first fault lies before `bad`, and not only because a character
  // is cut there.
  let good = 0;
  let bad = body.length;
  while (bad - good > 8) {
    const middle = (good + bad) >>> 1;
    let lead = middle;
    while (lead > middle - 3 && isContinuation(body[lead])) lead -= 1;
    if (isContinuation(body[lead])) bad = middle + 1;
    else if (isUtf8(body.subarray(good, lead))) good = lead;
    else bad = lead;
  }
  let offset = bad - 1;
  while (!isUtf8(body.subarray(good, offset))) offset -= 1;
  return offset;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
