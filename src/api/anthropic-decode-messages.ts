// The messages of a Messages request as canonical ones: results of tools become messages of their own.
// Must never reorder a call and its result, nor hand a signature to anybody but the provider that made it.

import type { CanonicalMessage } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import { asText, blocksOf, textOf, typeOf, type Block } from "./anthropic-blocks.ts";
import { decodeFile, type FilePart } from "./anthropic-decode-files.ts";
import { asObject } from "./json-value.ts";
import { openSeal, type Proofs } from "./anthropic-seal.ts";

type AssistantPart = Extract<CanonicalMessage, { role: "assistant" }>["content"][number];
type UserPart = Extract<CanonicalMessage, { role: "user" }>["content"][number];
type ToolPart = Extract<CanonicalMessage, { role: "tool" }>["content"][number];
type ResultPart = Extract<ToolPart, { type: "tool-result" }>;
type Options = NonNullable<UserPart["providerOptions"]>;

/** What a decoding tells beside its result. */
export interface Carried {
  /** One sentence on something that is left out. */
  readonly warn: (sentence: string) => void;
}

/** A mark of the client's for the prompt cache, in the words of those who take one. */
export function cacheOptions(block: Block): { providerOptions?: Options } {
  const mark = asObject(block["cache_control"]);
  if (mark === null) return {};
  const ttl = mark["ttl"] === "1h" ? { ttl: "1h" } : {};
  return {
    providerOptions: {
      anthropic: { cacheControl: { type: "ephemeral", ...ttl } },
      bedrock: { cachePoint: { type: "default", ...ttl } },
    },
  };
}

/** Throws a FaultError for a message without a known role. */
export function decodeMessages(messages: readonly unknown[], carried: Carried): CanonicalMessage[] {
  const book: Book = { toolNames: new Map(), proofs: new Map() };
  return messages.flatMap((value, index): CanonicalMessage[] => {
    const message = asObject(value) ?? {};
    const blocks = blocksOf(message["content"]);
    switch (message["role"]) {
      case "user":
        return userMessages(blocks, book, carried);
      case "assistant": {
        const content = blocks.flatMap((block) => assistantPart(block, book, carried));
        return content.length === 0 ? [] : [{ role: "assistant", content }];
      }
      case "system": {
        const content = textOf(blocks);
        return content === "" ? [] : [{ role: "system", content }];
      }
      default: {
        const text = `\`messages[${index}].role\` must be user, assistant or system.`;
        return throwFault("invalid_request", text, { param: "messages" });
      }
    }
  });
}

/** What is known of the calls so far, by their id. */
interface Book {
  readonly toolNames: Map<string, string>;
  /** What a call's provider must get back with it. */
  readonly proofs: Map<string, Proofs>;
}

function assistantPart(block: Block, book: Book, { warn }: Carried): AssistantPart[] {
  const type = typeOf(block);
  switch (type) {
    case "text":
      return textPart(block);
    case "thinking":
      return thought(block, book);
    case "redacted_thinking": {
      const redactedData = asText(block["data"]);
      return [{ type: "reasoning", text: "", providerOptions: { anthropic: { redactedData } } }];
    }
    case "tool_use": {
      const toolCallId = asText(block["id"]);
      const toolName = asText(block["name"]);
      book.toolNames.set(toolCallId, toolName);
      const input = block["input"] ?? {};
      const proof = optionsOf(book.proofs.get(toolCallId) ?? {});
      return [{ type: "tool-call", toolCallId, toolName, input, ...cacheOptions(block), ...proof }];
    }
    case "compaction":
      return textPart({ text: block["content"] });
    default:
      warn(`Blocks of type ${nameOf(type)} in the model's messages are left out.`);
      return [];
  }
}

function thought(block: Block, { proofs }: Book): AssistantPart[] {
  const signature = asText(block["signature"]);
  const seal = openSeal(signature);
  if (seal !== null && seal.callId !== null) {
    proofs.set(seal.callId, seal.proofs);
    return [];
  }
  const own: Proofs = signature === "" ? {} : { anthropic: { signature } };
  const text = asText(block["thinking"]);
  return [{ type: "reasoning", text, ...optionsOf(seal?.proofs ?? own) }];
}

function optionsOf(proofs: Proofs): { providerOptions?: Options } {
  return Object.keys(proofs).length === 0 ? {} : { providerOptions: proofs };
}

function userMessages(blocks: readonly Block[], book: Book, carried: Carried): CanonicalMessage[] {
  const results: ResultPart[] = [];
  const content: UserPart[] = [];
  for (const block of blocks) {
    if (typeOf(block) !== "tool_result") {
      content.push(...userPart(block, carried));
      continue;
    }
    const { part, files } = resultPart(block, book, carried);
    results.push(part);
    content.push(...files);
  }
  const messages: CanonicalMessage[] = [];
  if (results.length > 0) messages.push({ role: "tool", content: results });
  if (content.length > 0) messages.push({ role: "user", content });
  return messages;
}

/** Few models take a file in a result, so it follows as the user's, and the result says so. */
function resultPart(block: Block, { toolNames }: Book, carried: Carried) {
  const toolCallId = asText(block["tool_use_id"]);
  const parts = blocksOf(block["content"]).flatMap((inner) => userPart(inner, carried));
  const files = parts.filter((part) => part.type === "file");
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  if (files.length > 0) texts.push("[files of this result follow as the user's]");
  const value = texts.join("\n");
  const part: ResultPart = {
    type: "tool-result",
    toolCallId,
    toolName: toolNames.get(toolCallId) ?? "unknown",
    output: { type: block["is_error"] === true ? "error-text" : "text", value },
    ...cacheOptions(block),
  };
  return { part, files };
}

function userPart(
  block: Block,
  carried: Carried,
): (Extract<UserPart, { type: "text" }> | FilePart)[] {
  const type = typeOf(block);
  switch (type) {
    case "text":
      return textPart(block);
    case "image":
    case "document":
      return decodeFile(block, carried).map((part) => ({ ...part, ...cacheOptions(block) }));
    case "search_result": {
      const { title, source } = block;
      const text = [asText(title), asText(source), textOf(blocksOf(block["content"]))].join("\n");
      return [{ type: "text", text, ...cacheOptions(block) }];
    }
    default:
      carried.warn(`Blocks of type ${nameOf(type)} in the user's messages are left out.`);
      return [];
  }
}

/** An empty text is refused by some providers and means nothing to the others. */
function textPart(block: Block): Extract<UserPart, { type: "text" }>[] {
  const text = asText(block["text"]);
  return text === "" ? [] : [{ type: "text", text, ...cacheOptions(block) }];
}

/** Longest name of a type that a warning repeats, in characters. */
const NAME_LENGTH_MAX = 64;

/** Fit to be shown: a caller wrote it. */
function nameOf(type: string): string {
  return type.replace(/[^\w.-]/g, "?").slice(0, NAME_LENGTH_MAX);
}
