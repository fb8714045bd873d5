// One message of the chat completions dialect as the stations see it. Must never throw on odd shapes: what is not
// understood is left out, because the upstream, not the gateway, judges the request.

import type { Message, Role, ToolCall, ToolResult, Transcript } from "../turn/transcript.ts";
import { parseSpan, type Span } from "./json-scan.ts";

/** The messages of a body, decoded on demand from their spans. */
export function chatTranscript(body: Buffer, elements: readonly Span[]): Transcript {
  // The same few messages at the end are read by matching, evidence and checkpoint: decoded once.
  const decoded = new Map<number, Message>();
  return {
    count: elements.length,
    bytes: (index) => body.subarray(elements[index]?.start ?? 0, elements[index]?.end ?? 0),
    read(index) {
      const known = decoded.get(index);
      if (known !== undefined) return known;
      const span = elements[index];
      if (span === undefined) throw new RangeError(`no message ${index} of ${elements.length}`);
      const message = decodeMessage(parseSpan(body, span));
      decoded.set(index, message);
      return message;
    },
  };
}

/** Decodes a parsed message. */
export function decodeMessage(value: unknown): Message {
  const message = asObject(value) ?? {};
  const role = roleOf(message["role"]);
  const text = textOf(message["content"]);
  return {
    role,
    text: role === "tool" ? "" : text,
    calls: role === "assistant" ? callsOf(message) : [],
    results: role === "tool" ? [resultOf(message, text)] : [],
  };
}

function roleOf(role: unknown): Role {
  if (role === "assistant" || role === "user") return role;
  if (role === "tool" || role === "function") return "tool";
  // `developer` is the newer name of `system`; an unknown role is treated as the one that carries no evidence.
  return "system";
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map(partText).join("\n");
}

function partText(part: unknown): string {
  const known = asObject(part);
  if (known === null) return typeof part === "string" ? part : "";
  for (const field of ["text", "refusal"]) {
    const text = known[field];
    if (typeof text === "string") return text;
  }
  return `[${typeof known["type"] === "string" ? known["type"] : "part"}]`;
}

function callsOf(message: Record<string, unknown>): readonly ToolCall[] {
  const calls = Array.isArray(message["tool_calls"]) ? message["tool_calls"] : [];
  const decoded = calls.map((call) => callOf(asObject(call) ?? {}));
  const legacy = asObject(message["function_call"]);
  return legacy === null
    ? decoded
    : [...decoded, makeCall("", legacy["name"], legacy["arguments"])];
}

function callOf(call: Record<string, unknown>): ToolCall {
  const id = typeof call["id"] === "string" ? call["id"] : "";
  const named = asObject(call["function"]);
  if (named !== null) return makeCall(id, named["name"], named["arguments"]);
  const custom = asObject(call["custom"]);
  return makeCall(id, custom?.["name"], custom?.["input"]);
}

function makeCall(id: string, name: unknown, input: unknown): ToolCall {
  return {
    id,
    name: typeof name === "string" ? name : "",
    // Some clients send the arguments as an object: the text is what counts.
    arguments: typeof input === "string" ? input : JSON.stringify(input ?? {}),
  };
}

function resultOf(message: Record<string, unknown>, text: string): ToolResult {
  const id = message["tool_call_id"];
  return { callId: typeof id === "string" ? id : "", text, isError: message["is_error"] === true };
}

function asObject(value: unknown): Record<string, unknown> | null {
  return isObject(value) ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
