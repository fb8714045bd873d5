// Where a note of the gateway's own goes in the Responses dialect: behind the item it follows, as an item of its own.
// Must never stand between a call and its result, and must leave a string a string.

import type { BodyInsertion } from "../turn/turn-request.ts";
import { scanObject, type BodyScan, type Span } from "./json-scan.ts";
import { parseSpan } from "./json-scan.ts";
import {
  appendElement,
  appendField,
  insertAfterElement,
  replaceValue,
  type Edit,
} from "./splice.ts";

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const QUOTE = 0x22;

/** Results whose output is free text, so that more text may follow in it. */
const TEXT_RESULTS: ReadonlySet<unknown> = new Set([
  "function_call_output",
  "custom_tool_call_output",
]);

interface Noted {
  readonly body: Buffer;
  readonly scan: BodyScan;
  /** Fields that are taken out in the same edits. */
  readonly removed: readonly string[];
}

/** `index` counts the items of the input. */
export function noteEdits(request: Noted, notes: readonly BodyInsertion[]): readonly Edit[] {
  if (notes.length === 0) return [];
  const { elements } = request.scan;
  if (elements.length === 0)
    return [
      addToText(
        request,
        notes.map(({ text }) => text),
      ),
    ];
  // Notes at one place become one edit, in the order in which they were sent.
  const places = Map.groupBy(notes, ({ index, place }) => `${index} ${place}`);
  return [...places.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined
      ? []
      : [
          addBehind(
            request,
            first,
            group.map(({ text }) => text),
          ),
        ];
  });
}

function addBehind(request: Noted, where: BodyInsertion, texts: readonly string[]): Edit {
  const index = Math.min(where.index, request.scan.elements.length - 1);
  if (where.place === "tool-result-tail") {
    const tail = tailEdit(request, index, texts);
    if (tail !== null) return tail;
  }
  const role = where.place === "late-system" ? "developer" : "user";
  const items = texts.map((text) => JSON.stringify(messageItem(role, text)));
  return insertAfterElement(request.scan, index, items.join(","));
}

function messageItem(role: string, text: string) {
  return { type: "message", role, content: [{ type: "input_text", text }] };
}

/** An input that is one text gets the note at its end; where there is none, the note is all of it. */
function addToText({ body, scan, removed }: Noted, texts: readonly string[]): Edit {
  const field = scan.fields.get("input");
  const text = texts.join("\n\n");
  if (field === undefined) {
    return appendField(scan, { name: "input", jsonText: JSON.stringify(text), removed });
  }
  if (scan.array !== null) return appendElement(scan, JSON.stringify(messageItem("user", text)));
  if (body[field.value.start] !== QUOTE) return replaceValue(field, JSON.stringify(text));
  return appendToString(field.value, text);
}

function appendToString(value: Span, text: string): Edit {
  const at = value.end - 1;
  return { start: at, end: at, bytes: Buffer.from(JSON.stringify(`\n\n${text}`).slice(1, -1)) };
}

/** Null: the item is no result, or none that text can be added to. */
function tailEdit({ body, scan }: Noted, index: number, texts: readonly string[]): Edit | null {
  const element = scan.elements[index];
  if (element === undefined || body[element.start] !== OPEN_BRACE) return null;
  const fields = scanObject(body, element);
  const type = fields.get("type")?.value;
  if (type === undefined || !TEXT_RESULTS.has(parseSpan(body, type))) return null;
  const output = fields.get("output")?.value;
  if (output === undefined) return null;
  const first = body[output.start];
  if (first === QUOTE) return appendToString(output, texts.join("\n\n"));
  if (first !== OPEN_BRACKET) return null;
  const at = output.end - 1;
  const isEmpty = body.toString("latin1", output.start + 1, at).trim() === "";
  const parts = texts.map((text) => JSON.stringify({ type: "input_text", text })).join(",");
  return { start: at, end: at, bytes: Buffer.from(isEmpty ? parts : `,${parts}`) };
}
