// The bytes that go upstream: the client's own, with model name, corrections and gateway fields spliced.
// Must never re-serialise the history: an equal prefix must stay equal to the byte, or the provider's cache is lost.

import type { BodyChanges, BodyInsertion } from "../turn/turn-request.ts";
import { parseSpan, scanObject, type BodyScan } from "./json-scan.ts";
import { sealedThoughtEdits } from "./openai-chat-codec-thoughts.ts";
import {
  appendField,
  applyEdits,
  insertAfterElement,
  removeFields,
  replaceValue,
} from "./splice.ts";
import type { Edit } from "./splice.ts";

/** Fields that are the gateway's alone. */
const GATEWAY_FIELDS = ["x-routing-hints", "x-fallback-chain"] as const;

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const QUOTE = 0x22;

/** What the splices need of a read request. */
export interface SplicedRequest {
  readonly body: Buffer;
  readonly scan: BodyScan;
  readonly model: string;
  readonly stream: boolean;
  readonly wantsUsageEvent: boolean;
}

/** Makes the body for one attempt. */
export function chatBody(request: SplicedRequest, changes: BodyChanges): Buffer {
  const { body, scan } = request;
  const edits: Edit[] = [];
  const model = scan.fields.get("model");
  if (model !== undefined && changes.model !== request.model) {
    edits.push(replaceValue(model, JSON.stringify(changes.model)));
  }
  const removed = GATEWAY_FIELDS.filter((name) => scan.fields.has(name));
  if (removed.length > 0) edits.push(...removeFields(scan, removed));
  if (changes.askForUsage && request.stream && !request.wantsUsageEvent)
    edits.push(askForUsage(request, removed));
  edits.push(...insertionEdits(request, changes.insertions));
  if (changes.forTranslation !== true) edits.push(...sealedThoughtEdits(body, scan));
  return edits.length === 0 ? body : applyEdits(body, edits);
}

/** The cost of a stream is known only from its usage event; it is taken out again on the way back. */
function askForUsage(request: SplicedRequest, removed: readonly string[]): Edit {
  const field = request.scan.fields.get("stream_options");
  if (field === undefined) {
    return appendField(request.scan, {
      name: "stream_options",
      jsonText: '{"include_usage":true}',
      removed,
    });
  }
  const options = parseSpan(request.body, field.value);
  const kept = typeof options === "object" && options !== null ? options : {};
  return replaceValue(field, JSON.stringify({ ...kept, include_usage: true }));
}

function insertionEdits(
  request: SplicedRequest,
  insertions: readonly BodyInsertion[],
): readonly Edit[] {
  const edits: Edit[] = [];
  // Two notes at one place become one edit, in the order in which they were sent.
  const places = Map.groupBy(insertions, (insertion) => `${insertion.index} ${insertion.place}`);
  for (const group of places.values()) {
    const first = group[0];
    if (first === undefined) continue;
    const texts = group.map((insertion) => insertion.text);
    edits.push(insertionEdit(request, first, texts));
  }
  return edits;
}

function insertionEdit(
  request: SplicedRequest,
  where: BodyInsertion,
  texts: readonly string[],
): Edit {
  if (where.place === "tool-result-tail") {
    const tail = tailEdit(request, where.index, texts.join("\n\n"));
    if (tail !== null) return tail;
  }
  const role = where.place === "late-system" ? "system" : "user";
  const messages = texts.map((text) => JSON.stringify({ role, content: text }));
  return insertAfterElement(request.scan, where.index, messages.join(","));
}

/** Adds text at the end of the message's own content; null when it has none that text can be added to. */
function tailEdit(request: SplicedRequest, index: number, text: string): Edit | null {
  const element = request.scan.elements[index];
  // A message that is no object is for the upstream to refuse.
  if (element === undefined || request.body[element.start] !== OPEN_BRACE) return null;
  const content = scanObject(request.body, element).get("content")?.value;
  if (content === undefined) return null;
  const last = content.end - 1;
  const first = request.body[content.start];
  if (first === QUOTE) {
    const added = JSON.stringify(`\n\n${text}`).slice(1, -1);
    return { start: last, end: last, bytes: Buffer.from(added) };
  }
  if (first !== OPEN_BRACKET) return null;
  const empty = request.body.toString("latin1", content.start + 1, last).trim() === "";
  const part = JSON.stringify({ type: "text", text });
  return { start: last, end: last, bytes: Buffer.from(empty ? part : `,${part}`) };
}
