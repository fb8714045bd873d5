// One message of the Messages dialect as the stations see it. Must never throw on odd shapes: what is not
// understood is left out, because the upstream, not the gateway, judges the request.

import type { Message, ToolCall, ToolResult, Transcript } from "../turn/transcript.ts";
import {
  asText,
  blocksOf,
  isCall,
  isResult,
  systemBlocks,
  textOf,
  type Block,
} from "./anthropic-blocks.ts";
import { parseSpan, type Span } from "./json-scan.ts";
import { asObject } from "./json-value.ts";

/**
 * The messages of a body, decoded on demand from their spans. A system prompt, which stands in a field of its own,
 * is read as the message at index 0, so that all others follow it.
 */
export function messagesTranscript(
  body: Buffer,
  { system, elements }: { readonly system: Span | null; readonly elements: readonly Span[] },
): Transcript {
  const spans = system === null ? elements : [system, ...elements];
  // The same few messages at the end are read by matching, evidence and checkpoint: decoded once.
  const decoded = new Map<number, Message>();
  return {
    count: spans.length,
    bytes: (index) => body.subarray(spans[index]?.start ?? 0, spans[index]?.end ?? 0),
    read(index) {
      const known = decoded.get(index);
      if (known !== undefined) return known;
      const span = spans[index];
      if (span === undefined) throw new RangeError(`no message ${index} of ${spans.length}`);
      const value = parseSpan(body, span);
      const message = span === system ? systemMessage(value) : decodeMessage(value);
      decoded.set(index, message);
      return message;
    },
  };
}

/** Decodes a parsed message. */
export function decodeMessage(value: unknown): Message {
  const message = asObject(value) ?? {};
  const blocks = blocksOf(message["content"]);
  const text = textOf(blocks);
  const calls = blocks.filter(isCall).map(callOf);
  const results = blocks.filter(isResult).map(resultOf);
  const { role } = message;
  if (role === "assistant") return { role, text, calls, results };
  if (role !== "user") return { role: "system", text, calls: [], results: [] };
  // Without a word of its own the message is the tools', not a person's.
  const spoken = results.length === 0 || text.trim() !== "";
  return { role: spoken ? "user" : "tool", text, calls: [], results };
}

function systemMessage(system: unknown): Message {
  return { role: "system", text: textOf(systemBlocks(system)), calls: [], results: [] };
}

function callOf(block: Block): ToolCall {
  const { id, name, input } = block;
  return {
    id: asText(id),
    name: asText(name),
    arguments: typeof input === "string" ? input : JSON.stringify(input ?? {}),
  };
}

function resultOf(block: Block): ToolResult {
  const { tool_use_id: id, content, is_error: isError } = block;
  return { callId: asText(id), text: textOf(blocksOf(content)), isError: isError === true };
}
