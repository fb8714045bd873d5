// Changes a request body by replacing pieces of its bytes at the spans that json-scan found. Every
// byte outside the edits stays as the client sent it: the provider's prompt cache and signed
// reasoning depend on it. Must never re-serialise a value it does not replace. Each `jsonText` must
// be valid JSON; that is the caller's promise.

import assert from "node:assert/strict";
import type { BodyScan, Field, Span } from "./json-scan.ts";

/**
 * Puts `bytes` in the place of `start … end`; with `start === end` it inserts before that offset.
 */
export interface Edit extends Span {
  readonly bytes: Buffer;
}

export interface Addition {
  readonly name: string;
  readonly jsonText: string;
  /**
   * What `removeFields` takes out in the same `applyEdits`: where no field remains, no comma may
   * stand.
   */
  readonly removed?: Iterable<string>;
}

const NOTHING = Buffer.alloc(0);

/**
 * The body after all edits, which may come in any order; insertions at one offset keep theirs.
 * Throws an AssertionError when two edits overlap or one lies outside the body: that is a bug, not
 * a fault of the caller.
 */
export function applyEdits(body: Buffer, edits: readonly Edit[]): Buffer {
  const sorted = edits.toSorted((left, right) => left.start - right.start || left.end - right.end);
  let length = body.length;
  let previousEnd = 0;
  for (const edit of sorted) {
    assert.ok(edit.start >= previousEnd, `edits overlap at byte ${edit.start}`);
    assert.ok(edit.end >= edit.start, `an edit ends before it starts, at byte ${edit.start}`);
    length += edit.bytes.length - (edit.end - edit.start);
    previousEnd = edit.end;
  }
  assert.ok(previousEnd <= body.length, `an edit ends outside the body, at byte ${previousEnd}`);

  const edited = Buffer.allocUnsafe(length);
  let read = 0;
  let written = 0;
  for (const edit of sorted) {
    written += body.copy(edited, written, read, edit.start);
    written += edit.bytes.copy(edited, written);
    read = edit.end;
  }
  body.copy(edited, written, read);
  return edited;
}

/** Replaces the value of a field and leaves its name and the whitespace round it. */
export function replaceValue(field: Field, jsonText: string): Edit {
  return { start: field.value.start, end: field.value.end, bytes: Buffer.from(jsonText) };
}

/**
 * Removes top-level fields with their commas; names that are not there are passed over. Fields side
 * by side go in one edit. A field of these may not be edited in any other way in the same
 * `applyEdits`.
 */
export function removeFields(scan: BodyScan, names: Iterable<string>): Edit[] {
  const removed = new Set(names);
  const edits: Edit[] = [];
  let kept: Field | null = null;
  let runStart: number | null = null;
  let end = 0;
  for (const field of scan.fields.values()) {
    if (removed.has(field.name)) {
      runStart ??= field.key.start;
      end = field.value.end;
      continue;
    }
    // The comma that goes is the one behind the run, together with the whitespace up to the next
    // name.
    if (runStart !== null) edits.push({ start: runStart, end: field.key.start, bytes: NOTHING });
    runStart = null;
    kept = field;
  }
  // At the end of the object it is the one before the run.
  if (runStart !== null) edits.push({ start: kept?.value.end ?? runStart, end, bytes: NOTHING });
  return edits;
}

/**
 * Adds a top-level field behind the last one. Where several are added and no field of the client's
 * remains, add them in separate `applyEdits`. Throws an AssertionError when the body has the name
 * already and keeps it.
 */
export function appendField(scan: BodyScan, addition: Addition): Edit {
  const { name, jsonText } = addition;
  const removed = new Set(addition.removed);
  const fields = [...scan.fields.values()];
  const remaining = fields.filter((field) => !removed.has(field.name));
  const isNew = remaining.every((field) => field.name !== name);
  assert.ok(isNew, "a field that is added stands in the body already");
  const comma = remaining.length > 0 ? "," : "";
  const at = fields.at(-1)?.value.end ?? scan.open + 1;
  return { start: at, end: at, bytes: Buffer.from(`${comma}${JSON.stringify(name)}:${jsonText}`) };
}

/**
 * Adds a member behind the last one of the array. Into an empty array at most once per
 * `applyEdits`. Throws an AssertionError when the body has no such array.
 */
export function appendElement(list: Pick<BodyScan, "array" | "elements">, jsonText: string): Edit {
  if (list.elements.length > 0) return insertAfterElement(list, list.elements.length - 1, jsonText);
  assert.ok(list.array !== null, "the body has no array to append to");
  const at = list.array.start + 1;
  return { start: at, end: at, bytes: Buffer.from(jsonText) };
}

/**
 * Adds a member behind the one at `index` (0-based). Throws an AssertionError when there is no such
 * member.
 */
export function insertAfterElement(
  list: Pick<BodyScan, "elements">,
  index: number,
  jsonText: string,
): Edit {
  const at = list.elements[index]?.end;
  assert.ok(at !== undefined, `the array has no member ${index}`);
  return { start: at, end: at, bytes: Buffer.from(`,${jsonText}`) };
}
