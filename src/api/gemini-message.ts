// One message of the Gemini dialect as the stations see it. Must never throw on odd shapes: what is not
// understood is left out, because the upstream, not the gateway, judges the request.

import type { Message, ToolCall, ToolResult, Transcript } from "../turn/transcript.ts";
import type { Run } from "./gemini-contents.ts";
import {
  answerText,
  asObject,
  callIn,
  isThought,
  partsOf,
  responseIn,
  type Part,
} from "./gemini-parts.ts";
import { parseSpan, type Span } from "./json-scan.ts";

export interface Contents {
  /** The system instruction; null when it says nothing. */
  readonly system: Span | null;
  readonly elements: readonly Span[];
  readonly runs: readonly Run[];
}

/**
 * The messages of a body, decoded on demand from their spans. A system instruction, which stands in a field of its
 * own, is read as the message at index 0, so that all others follow it.
 */
export function geminiTranscript(body: Buffer, contents: Contents): Transcript {
  const { system, elements, runs } = contents;
  const leading = system === null ? 0 : 1;
  const count = runs.length + leading;
  // The same few messages at the end are read by matching, evidence and checkpoint: decoded once.
  const decoded = new Map<number, Message>();
  const read = (index: number): Message => {
    if (index === 0 && system !== null) return systemMessage(parseSpan(body, system));
    const run = runs[index - leading];
    if (run === undefined) throw new RangeError(`no message ${index} of ${count}`);
    const spans = elements.slice(run.first, run.last + 1);
    return decodeMessage(spans.map((span) => parseSpan(body, span)));
  };
  return {
    count,
    read(index) {
      const message = decoded.get(index) ?? read(index);
      decoded.set(index, message);
      return message;
    },
  };
}

/** Decodes parsed contents that belong together. */
export function decodeMessage(contents: readonly unknown[]): Message {
  const role = asObject(contents[0])?.["role"];
  const parts = contents.flatMap(partsOf).filter((part) => !isThought(part));
  const results = parts
    .map(responseIn)
    .filter((response) => response !== null)
    .map(resultOf);
  if (role === "model") {
    const calls = parts
      .map(callIn)
      .filter((call) => call !== null)
      .map(callOf);
    // A text comes in pieces, one part each.
    return { role: "assistant", text: parts.flatMap(partText).join(""), calls, results };
  }
  const text = parts.flatMap(partText).join("\n");
  // Without a word of its own the message is the tools', not a person's.
  const spoken = results.length === 0 || text.trim() !== "";
  return { role: spoken ? "user" : "tool", text, calls: [], results };
}

function systemMessage(instruction: unknown): Message {
  return { role: "system", text: systemText(instruction), calls: [], results: [] };
}

/** The text of a system instruction: a content, or a bare string. */
export function systemText(instruction: unknown): string {
  if (typeof instruction === "string") return instruction;
  return partsOf(instruction).flatMap(partText).join("\n");
}

/** Where no id is sent, calls and answers of one name belong together in their order. */
function callOf({ id, name, args }: NonNullable<ReturnType<typeof callIn>>): ToolCall {
  return { id: id === "" ? name : id, name, arguments: JSON.stringify(args) };
}

function resultOf({ id, name, response }: NonNullable<ReturnType<typeof responseIn>>): ToolResult {
  return { callId: id === "" ? name : id, ...answerText(response) };
}

function partText(part: Part): string[] {
  if (typeof part["text"] === "string") return [part["text"]];
  if (callIn(part) !== null || responseIn(part) !== null) return [];
  const [kind] = Object.keys(part);
  return kind === undefined ? [] : [`[${kind}]`];
}
