// Where a note of the gateway's own goes in the Gemini dialect: a text behind all parts of what the user's side said
// last. Must never stand between a call and its response, or in front of the responses of its content.

import type { BodyInsertion } from "../turn/turn-request.ts";
import { roleAt } from "./gemini-contents.ts";
import type { BodyScan, Span } from "./json-scan.ts";
import { scanObject } from "./json-scan.ts";
import { insertAfterElement, type Edit } from "./splice.ts";

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

interface Noted {
  readonly body: Buffer;
  readonly scan: BodyScan;
}

/** What a note becomes, and the index of the content it belongs to. */
interface Target {
  readonly kind: "part" | "content";
  readonly index: number;
}

/** `index` of a note counts the contents of the body. This dialect has one place for all notes. */
export function noteEdits(
  request: Noted,
  notes: readonly Pick<BodyInsertion, "index" | "text">[],
): readonly Edit[] {
  // Notes that end up at one place become one edit, in the order in which they were sent.
  const groups = new Map<string, { readonly target: Target; readonly texts: string[] }>();
  for (const { index, text } of notes) {
    const target = targetOf(request, index);
    const key = `${target.kind} ${target.index}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { target, texts: [text] });
    else group.texts.push(text);
  }
  return [...groups.values()].flatMap(({ target, texts }) => edits(request, target, texts));
}

function targetOf({ body, scan }: Noted, index: number): Target {
  const { elements } = scan;
  const last = Math.min(index, elements.length - 1);
  let host = last;
  const roleOf = (at: number): string | null => {
    const element = elements[at];
    return element === undefined ? null : roleAt(body, element);
  };
  // Behind an answer that the client began itself, a note would be an answer of its own.
  while (host > 0 && roleOf(host) === "model") host -= 1;
  const takes = roleOf(host) === "user" && partsAt(body, elements[host]) !== null;
  return takes ? { kind: "part", index: host } : { kind: "content", index: last };
}

function edits(
  { body, scan }: Noted,
  { kind, index }: Target,
  texts: readonly string[],
): readonly Edit[] {
  const written = texts.map((text) => JSON.stringify({ text })).join(",");
  const parts = partsAt(body, scan.elements[index]);
  if (kind === "content" || parts === null) {
    return [insertAfterElement(scan, index, `{"role":"user","parts":[${written}]}`)];
  }
  if (body[parts.start] === OPEN_BRACE) {
    // A single part without its list becomes the first of one.
    return [
      { start: parts.start, end: parts.start, bytes: Buffer.from("[") },
      { start: parts.end, end: parts.end, bytes: Buffer.from(`,${written}]`) },
    ];
  }
  const at = parts.end - 1;
  const isEmpty = body.toString("latin1", parts.start + 1, at).trim() === "";
  return [{ start: at, end: at, bytes: Buffer.from(isEmpty ? written : `,${written}`) }];
}

/** Null for parts that are neither a list nor one part. */
function partsAt(body: Buffer, element: Span | undefined): Span | null {
  if (element === undefined || body[element.start] !== OPEN_BRACE) return null;
  const parts = scanObject(body, element).get("parts")?.value;
  if (parts === undefined) return null;
  const first = body[parts.start];
  return first === OPEN_BRACKET || first === OPEN_BRACE ? parts : null;
}
