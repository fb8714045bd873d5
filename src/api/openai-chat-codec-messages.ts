// The messages of a chat completions request in canonical form.
// Must never reorder a call and its result, nor leave out what was said: what has no place is a fault or a warning.

import type { CanonicalMessage } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import { asObject, asText, objectsOf, type JsonObject } from "./json-value.ts";
import { decodeFile, isFile, type FilePart } from "./openai-chat-codec-files.ts";
import { readThoughts, type Thoughts } from "./openai-chat-codec-thoughts.ts";

type AssistantPart = Extract<CanonicalMessage, { role: "assistant" }>["content"][number];
type CallPart = Extract<AssistantPart, { type: "tool-call" }>;
type ToolPart = Extract<CanonicalMessage, { role: "tool" }>["content"][number];
type ResultPart = Extract<ToolPart, { type: "tool-result" }>;
type Output = ResultPart["output"];
type TextPart = { type: "text"; text: string };
type Warn = (sentence: string) => void;

/** Throws a FaultError for a message that cannot be understood. */
export function decodeMessages(messages: unknown, warn: Warn): CanonicalMessage[] {
  if (!Array.isArray(messages)) {
    return throwFault("invalid_request", "`messages` must be an array.", { param: "messages" });
  }
  const prompt: CanonicalMessage[] = [];
  const names = new Map<string, string>();
  for (const [index, value] of messages.entries()) {
    const message = asObject(value) ?? {};
    const at = `messages[${index}]`;
    if (message["name"] !== undefined && message["role"] === "user") {
      warn("`messages.name` is not carried to a model of another dialect.");
    }
    const decoded = decodeMessage(message, { at, names, warn });
    const last = prompt.at(-1);
    // Results of parallel calls come one by one, and belong together.
    if (decoded?.role === "tool" && last?.role === "tool") last.content.push(...decoded.content);
    else if (decoded !== null) prompt.push(decoded);
  }
  return prompt;
}

interface Reading {
  /** Where the message stands, for faults. */
  readonly at: string;
  /** Names of the tools that were called, by the id of the call. */
  readonly names: Map<string, string>;
  readonly warn: Warn;
}

/** Null for a message that says nothing. */
function decodeMessage(message: JsonObject, reading: Reading): CanonicalMessage | null {
  const content = message["content"];
  switch (message["role"]) {
    case "system":
    case "developer":
      return { role: "system", content: textsOf(content).join("\n") };
    case "user": {
      const parts = userParts(content, reading);
      return parts.length === 0 ? null : { role: "user", content: parts };
    }
    case "assistant": {
      const parts = assistantParts(message, reading);
      return parts.length === 0 ? null : { role: "assistant", content: parts };
    }
    case "tool":
    case "function":
      return { role: "tool", content: [resultPart(message, reading)] };
    default: {
      const text = `\`${reading.at}.role\` must be system, developer, user, assistant or tool.`;
      return throwFault("invalid_request", text, { param: `${reading.at}.role` });
    }
  }
}

function userParts(content: unknown, { at }: Reading): (TextPart | FilePart)[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return objectsOf(content).map((part, index): TextPart | FilePart => {
    if (isFile(part)) return decodeFile(part, `${at}.content[${index}]`);
    const text = asText(part["text"]);
    if (text !== null) return { type: "text", text };
    const place = `${at}.content[${index}]`;
    const message = `\`${place}\` is of a type that cannot be carried to this model.`;
    return throwFault("invalid_request", message, { param: place });
  });
}

function assistantParts(message: JsonObject, reading: Reading): AssistantPart[] {
  const thoughts = readThoughts(message);
  const texts = textsOf(message["content"] ?? message["refusal"]).filter((text) => text !== "");
  const legacy = asObject(message["function_call"]);
  const calls = objectsOf(message["tool_calls"]).map((call) => callPart(call, thoughts, reading));
  if (message["audio"] !== undefined && message["audio"] !== null) {
    reading.warn("`messages.audio` is not carried to a model of another dialect.");
  }
  return [
    ...thoughts.parts,
    ...texts.map((text) => ({ type: "text" as const, text })),
    ...calls,
    ...(legacy === null ? [] : [callPart({ function: legacy }, thoughts, reading)]),
  ];
}

function callPart(call: JsonObject, thoughts: Thoughts, { names, warn }: Reading): CallPart {
  const named = asObject(call["function"]);
  const custom = asObject(call["custom"]);
  const toolName = asText((named ?? custom)?.["name"]) ?? "";
  // The older form has no ids: the name stands for it.
  const toolCallId = asText(call["id"]) ?? toolName;
  names.set(toolCallId, toolName);
  const providerOptions = thoughts.ofCall(toolCallId);
  const input = custom === null ? inputOf(named?.["arguments"], warn) : { input: custom["input"] };
  return {
    type: "tool-call",
    toolCallId,
    toolName,
    input,
    ...(providerOptions === null ? {} : { providerOptions }),
  };
}

/** Other dialects take an object only: what the model wrote wrongly is shown to it inside of one. */
function inputOf(written: unknown, warn: Warn): object {
  const value = typeof written === "string" ? parse(written) : written;
  const input = asObject(value);
  if (input !== null) return input;
  if (written === undefined || written === null || written === "") return {};
  warn("Arguments of a call that are no JSON object are sent inside of one.");
  return { invalid_json: written };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function resultPart(message: JsonObject, { at, names }: Reading): ResultPart {
  const toolCallId = asText(message["tool_call_id"]) ?? asText(message["name"]) ?? "";
  const toolName = names.get(toolCallId) ?? asText(message["name"]) ?? "";
  const { content, is_error: isError } = message;
  return {
    type: "tool-result",
    toolCallId,
    // What answers no call is for the provider to refuse; a name it needs.
    toolName: toolName === "" ? "tool" : toolName,
    output: outputOf(content, { at, isError: isError === true }),
  };
}

function outputOf(
  content: unknown,
  { at, isError }: { readonly at: string; readonly isError: boolean },
): Output {
  const parts = objectsOf(content);
  if (!isError && parts.some(isFile)) {
    const value = parts.map((part, index) =>
      isFile(part)
        ? decodeFile(part, `${at}.content[${index}]`)
        : { type: "text" as const, text: asText(part["text"]) ?? "" },
    );
    return { type: "content", value };
  }
  const value = textsOf(content).join("\n");
  return { type: isError ? "error-text" : "text", value };
}

function textsOf(content: unknown): readonly string[] {
  if (typeof content === "string") return [content];
  return objectsOf(content).map((part) => asText(part["text"]) ?? asText(part["refusal"]) ?? "");
}
