// The items of a Responses request as the messages that the stations see: one message an item, so that places stay
// what they are in the body. Must never throw on odd shapes, because the upstream, not the gateway, judges the request.
//
// What the model made in one answer comes as several items: thoughts, words, calls side by side. The last of them
// stands for all, so that calls and results find each other as one round; those before it are read as nobody's words.

import type { Message, ToolCall, ToolResult, Transcript } from "../turn/transcript.ts";
import { parseSpan, scanObject, type Span } from "./json-scan.ts";
import { asObject } from "./json-value.ts";
import { callOf, ownResultOf, resultOf } from "./responses-calls.ts";
import {
  asText,
  callIdOf,
  isCall,
  kindOf,
  textOf,
  typeOf,
  type Item,
  type ItemKind,
} from "./responses-items.ts";

/** Most items of one answer that are read as one message. */
const RUN_ITEMS_MAX = 256;

const OPEN_BRACE = 0x7b;

export interface InputSpans {
  /** The instructions, which stand in a field of their own: the message at index 0. Null: there are none. */
  readonly system: Span | null;
  readonly elements: readonly Span[];
  /** Where the input is a text or missing: it is the only message behind the system prompt. */
  readonly text: string | null;
}

/** The messages of a body, decoded on demand from their spans. */
export function responsesTranscript(body: Buffer, input: InputSpans): Transcript {
  const { system, elements, text } = input;
  const leading = system === null ? 0 : 1;
  const count = leading + (text === null ? elements.length : 1);
  const items = createItems(body, elements);
  // The same few messages at the end are read by matching, evidence and checkpoint: decoded once.
  const decoded = new Map<number, Message>();
  const decode = (index: number): Message => {
    if (system !== null && index === 0) return plain("system", asText(parseSpan(body, system)));
    return text === null ? messageAt(items, index - leading) : plain("user", text);
  };
  return {
    count,
    read(index) {
      const known = decoded.get(index);
      if (known !== undefined) return known;
      if (index < 0 || index >= count) throw new RangeError(`no message ${index} of ${count}`);
      const message = decode(index);
      decoded.set(index, message);
      return message;
    },
  };
}

interface Items {
  readonly count: number;
  read(index: number): Item;
  /** A cheap look: nothing of the item is built but its type and role. */
  kind(index: number): ItemKind;
}

function createItems(body: Buffer, elements: readonly Span[]): Items {
  const parsed = new Map<number, Item>();
  const kinds = new Map<number, ItemKind>();
  const field = (fields: ReturnType<typeof scanObject>, name: string): unknown => {
    const found = fields.get(name);
    return found === undefined ? undefined : parseSpan(body, found.value);
  };
  return {
    count: elements.length,
    read(index) {
      const known = parsed.get(index);
      if (known !== undefined) return known;
      const span = elements[index];
      const item = (span === undefined ? null : asObject(parseSpan(body, span))) ?? {};
      parsed.set(index, item);
      return item;
    },
    kind(index) {
      const known = kinds.get(index);
      if (known !== undefined) return known;
      const span = elements[index];
      if (span === undefined || body[span.start] !== OPEN_BRACE) return "silent";
      const fields = scanObject(body, span);
      const kind = kindOf({ type: field(fields, "type"), role: field(fields, "role") });
      kinds.set(index, kind);
      return kind;
    },
  };
}

function messageAt(items: Items, index: number): Message {
  const item = items.read(index);
  switch (kindOf(item)) {
    case "said":
      return plain(item["role"] === "user" ? "user" : "system", textOf(item["content"]));
    case "result":
      return { role: "tool", text: "", calls: [], results: [resultOf(item)] };
    case "silent":
      return mute(item);
    case "model":
      return isLastOfRun(items, index) ? answerAt(items, index) : mute(item);
  }
}

/** Whether nothing more of the same answer follows. */
function isLastOfRun(items: Items, index: number): boolean {
  let next = index + 1;
  while (next < items.count && items.kind(next) === "silent") next += 1;
  return next >= items.count || items.kind(next) !== "model";
}

/** All that the model made in the answer that ends at `index`. */
function answerAt(items: Items, index: number): Message {
  const lowest = Math.max(0, index - RUN_ITEMS_MAX);
  let first = index;
  for (let before = index - 1; before >= lowest; before -= 1) {
    const kind = items.kind(before);
    if (kind === "model") first = before;
    else if (kind !== "silent") break;
  }
  const texts: string[] = [];
  const calls: ToolCall[] = [];
  const results: ToolResult[] = [];
  for (let at = first; at <= index; at += 1) {
    if (items.kind(at) !== "model") continue;
    const item = items.read(at);
    if (!isCall(item)) {
      texts.push(textOf(item["content"]));
      continue;
    }
    calls.push(callOf(item));
    const result = ownResultOf(item);
    if (result !== null) results.push(result);
  }
  return { role: "assistant", text: texts.join("\n"), calls, results };
}

/** Nobody's word, but with a face of its own for the checkpoint. */
function mute(item: Item): Message {
  const words = isCall(item) ? JSON.stringify(callOf(item)) : textOf(item["content"]);
  return plain("tool", `${typeOf(item)} ${callIdOf(item)} ${words}`);
}

function plain(role: Message["role"], text: string): Message {
  return { role, text, calls: [], results: [] };
}
