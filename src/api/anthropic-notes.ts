// Where a note of the gateway's own goes in the Messages dialect: at the end of what the user's side said last.
// Must never stand between a call and its result, begin a message with text before results, or touch what the client
// wrote before it: a string stays a string, and cache marks stay where they are.

import type { BodyInsertion } from "../turn/turn-request.ts";
import type { BodyScan, Span } from "./json-scan.ts";
import { parseSpan, scanArray, scanObject } from "./json-scan.ts";
import { insertAfterElement, type Edit } from "./splice.ts";

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const QUOTE = 0x22;

interface Noted {
  readonly body: Buffer;
  readonly scan: BodyScan;
  /** Whether a system message may stand among the messages. */
  readonly allowsSystem: boolean;
}

/** What a note becomes, and the index of the message it belongs to. */
interface Target {
  readonly kind: "system" | "user" | "content" | "result";
  readonly index: number;
}

/** `index` counts the messages of the body. */
export function noteEdits(request: Noted, notes: readonly BodyInsertion[]): readonly Edit[] {
  // Notes that end up at one place become one edit, in the order in which they were sent.
  const groups = new Map<string, { readonly target: Target; readonly texts: string[] }>();
  for (const note of notes) {
    const target = targetOf(request, note);
    const key = `${target.kind} ${target.index}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { target, texts: [note.text] });
    else group.texts.push(note.text);
  }
  return [...groups.values()].map(({ target, texts }) => edit(request, target, texts));
}

function targetOf(request: Noted, { index, place }: BodyInsertion): Target {
  const { elements } = request.scan;
  if (place === "late-system") {
    if (roleAt(request, index) === "system") return { kind: "content", index };
    if (takesSystem(request, index)) return { kind: "system", index };
  }
  // Behind a prefilled answer or a system message it would be an answer of its own, or refused.
  let host = Math.min(index, elements.length - 1);
  while (host > 0 && roleAt(request, host) !== "user") host -= 1;
  if (roleAt(request, host) !== "user" || contentAt(request, host) === null) {
    return { kind: "user", index: Math.min(index, elements.length - 1) };
  }
  const isResult = place === "tool-result-tail" && lastResult(request, host) !== null;
  return { kind: isResult ? "result" : "content", index: host };
}

/** A system message must follow a user's and be the last one or stand before the model's. */
function takesSystem(request: Noted, index: number): boolean {
  if (!request.allowsSystem || roleAt(request, index) !== "user") return false;
  const isLast = index === request.scan.elements.length - 1;
  return isLast || roleAt(request, index + 1) === "assistant";
}

function edit(request: Noted, { kind, index }: Target, texts: readonly string[]): Edit {
  if (kind === "system" || kind === "user") {
    const messages = texts.map((text) => JSON.stringify({ role: kind, content: text }));
    return insertAfterElement(request.scan, index, messages.join(","));
  }
  const holder = kind === "result" ? lastResult(request, index) : elementAt(request, index);
  const content = holder === null ? null : contentOf(request.body, holder);
  if (holder === null || content === null) return addContent(request.body, holder, texts);
  return appendTo(request.body, content, texts);
}

/** To a string as text, to a list as blocks behind all others. */
function appendTo(body: Buffer, content: Span, texts: readonly string[]): Edit {
  const at = content.end - 1;
  if (body[content.start] === QUOTE) {
    const added = JSON.stringify(`\n\n${texts.join("\n\n")}`).slice(1, -1);
    return { start: at, end: at, bytes: Buffer.from(added) };
  }
  const isEmpty = body.toString("latin1", content.start + 1, at).trim() === "";
  const blocks = texts.map((text) => JSON.stringify({ type: "text", text })).join(",");
  return { start: at, end: at, bytes: Buffer.from(isEmpty ? blocks : `,${blocks}`) };
}

/** A result may come without any content: it gets one. */
function addContent(body: Buffer, holder: Span | null, texts: readonly string[]): Edit {
  if (holder === null) throw new TypeError("a note has no message to stand in");
  const field = scanObject(body, holder).get("content");
  const value = JSON.stringify(texts.join("\n\n"));
  if (field !== undefined) {
    return { start: field.value.start, end: field.value.end, bytes: Buffer.from(value) };
  }
  const at = holder.end - 1;
  return { start: at, end: at, bytes: Buffer.from(`,"content":${value}`) };
}

/** The last `tool_result` of a message; null when it has none. */
function lastResult(request: Noted, index: number): Span | null {
  const content = contentAt(request, index);
  if (content === null || request.body[content.start] !== OPEN_BRACKET) return null;
  const results = scanArray(request.body, content).filter((block) => {
    if (request.body[block.start] !== OPEN_BRACE) return false;
    const type = scanObject(request.body, block).get("type")?.value;
    return type !== undefined && parseSpan(request.body, type) === "tool_result";
  });
  return results.at(-1) ?? null;
}

function roleAt(request: Noted, index: number): unknown {
  const element = elementAt(request, index);
  const role = element === null ? undefined : scanObject(request.body, element).get("role")?.value;
  return role === undefined ? null : parseSpan(request.body, role);
}

function contentAt(request: Noted, index: number): Span | null {
  const element = elementAt(request, index);
  return element === null ? null : contentOf(request.body, element);
}

/** Null for content that is neither a string nor a list. */
function contentOf(body: Buffer, holder: Span): Span | null {
  const content = scanObject(body, holder).get("content")?.value;
  if (content === undefined) return null;
  const first = body[content.start];
  return first === QUOTE || first === OPEN_BRACKET ? content : null;
}

/** Null for a message that is no object: it is for the upstream to refuse. */
function elementAt(request: Noted, index: number): Span | null {
  const element = request.scan.elements[index];
  return element !== undefined && request.body[element.start] === OPEN_BRACE ? element : null;
}
