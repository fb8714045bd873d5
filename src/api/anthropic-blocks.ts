// The content blocks of the Messages dialect as plain values: what they are, and the text they hold.
// Must never throw on odd values: whoever needs a block to be sound checks it himself.

import { asObject, type JsonObject } from "./json-value.ts";

/** A block as it stands in a body. */
export type Block = JsonObject;

const CALL_TYPES = /(?:^|_)tool_use$/;
const RESULT_TYPES = /(?:^|_)tool_result$/;
/** The model's own thoughts: no part of what it said. */
const THOUGHT_TYPES = /^(?:redacted_)?thinking$/;

/** A note that one client puts in front of its system prompt; it differs from request to request. */
const BILLING_NOTE = /^x-anthropic-billing-header:/;

/** The blocks of a content; a string counts as one text block. */
export function blocksOf(content: unknown): readonly Block[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.map((block) =>
    typeof block === "string" ? { type: "text", text: block } : (asObject(block) ?? {}),
  );
}

/** "" for a block without one. */
export function typeOf(block: Block): string {
  return asText(block["type"]);
}

/** A call of a tool, of the client's own or of the provider's. */
export function isCall(block: Block): boolean {
  return CALL_TYPES.test(typeOf(block));
}

export function isResult(block: Block): boolean {
  return RESULT_TYPES.test(typeOf(block));
}

export function isThought(block: Block): boolean {
  return THOUGHT_TYPES.test(typeOf(block));
}

/** Texts joined; images and other parts are named by kind only. */
export function textOf(blocks: readonly Block[]): string {
  return blocks.flatMap(partText).join("\n");
}

/** The blocks of a system prompt without what changes with every request. */
export function systemBlocks(system: unknown): readonly Block[] {
  return blocksOf(system).filter((block) => !BILLING_NOTE.test(asText(block["text"])));
}

function partText(block: Block): string[] {
  if (isThought(block) || isCall(block) || isResult(block)) return [];
  const { text } = block;
  const type = typeOf(block);
  return [typeof text === "string" ? text : `[${type === "" ? "part" : type}]`];
}

/** "" for everything that is no text. */
export function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
