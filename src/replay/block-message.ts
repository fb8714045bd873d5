// One message made of content blocks (Anthropic messages: text, tool_use, tool_result) as the detector sees it.
// Must never throw on odd values inside a block: what a message must be is checked before, in read-transcript.

import type { Message, ToolCall, ToolResult } from "../turn/transcript.ts";
import { asObject } from "./json-shape.ts";

/** Blocks of this format alone: by them a transcript is known. */
const OWN_TYPES = /(?:^|_)tool_(?:use|result)$|^(?:redacted_)?thinking$/;
const CALL_TYPES = /(?:^|_)tool_use$/;
const RESULT_TYPES = /(?:^|_)tool_result$/;
/** The model's own thoughts: no part of what it said. */
const THOUGHT_TYPES = /^(?:redacted_)?thinking$/;

/** Whether a message can only be of this format. */
export function hasOwnBlocks(message: Readonly<Record<string, unknown>>): boolean {
  const { content } = message;
  return Array.isArray(content) && content.some((block) => OWN_TYPES.test(typeOf(block)));
}

/** Decodes a parsed message whose role is `user`, `assistant` or `system`. */
export function decodeBlocks(message: Readonly<Record<string, unknown>>): Message {
  const blocks = blocksOf(message["content"]);
  const text = textOf(blocks);
  const calls = blocks.filter((block) => CALL_TYPES.test(typeOf(block))).map(callOf);
  const results = blocks.filter((block) => RESULT_TYPES.test(typeOf(block))).map(resultOf);
  const { role } = message;
  if (role === "assistant") return { role, text, calls, results };
  if (role !== "user") return { role: "system", text, calls: [], results: [] };
  // Without a word of its own the message is the tools', not a person's.
  const spoken = results.length === 0 || text.trim() !== "";
  return { role: spoken ? "user" : "tool", text, calls: [], results };
}

/** The text of a system prompt, which is a string or a list of text blocks. */
export function systemText(system: unknown): string {
  return textOf(blocksOf(system));
}

type Block = Readonly<Record<string, unknown>>;

function blocksOf(content: unknown): readonly Block[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.map((block) =>
    typeof block === "string" ? { type: "text", text: block } : (asObject(block) ?? {}),
  );
}

function typeOf(block: unknown): string {
  const type = asObject(block)?.["type"];
  return typeof type === "string" ? type : "";
}

/** Texts joined; images and other parts are named by kind only. */
function textOf(blocks: readonly Block[]): string {
  return blocks.flatMap(partText).join("\n");
}

function partText(block: Block): string[] {
  const type = typeOf(block);
  if (THOUGHT_TYPES.test(type) || CALL_TYPES.test(type) || RESULT_TYPES.test(type)) return [];
  const { text } = block;
  return [typeof text === "string" ? text : `[${type === "" ? "part" : type}]`];
}

function callOf(block: Block): ToolCall {
  const { id, name, input } = block;
  return {
    id: typeof id === "string" ? id : "",
    name: typeof name === "string" ? name : "",
    arguments: typeof input === "string" ? input : JSON.stringify(input ?? {}),
  };
}

function resultOf(block: Block): ToolResult {
  const { tool_use_id: id, content, is_error: isError } = block;
  return {
    callId: typeof id === "string" ? id : "",
    text: textOf(blocksOf(content)),
    isError: isError === true,
  };
}
