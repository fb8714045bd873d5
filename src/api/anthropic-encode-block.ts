// The blocks of an answer as a message holds them, and the whole message of an answer that came at once.
// Must never write a thought without a signature, nor an id that this dialect would refuse later.

import type { CanonicalContent, CanonicalResult } from "../turn/canonical.ts";
import type { Block } from "./anthropic-blocks.ts";
import { endOf } from "./anthropic-encode-end.ts";
import type { emptyMessage } from "./anthropic-event.ts";
import { sealCall, sealThought } from "./anthropic-seal.ts";
import { asObject } from "./json-value.ts";

export type Metadata = CanonicalContent["providerMetadata"];

export const THOUGHT = { type: "thinking", thinking: "", signature: "" };

export function redacted(data: string) {
  return { type: "redacted_thinking", data };
}

/** A call before its input is there. */
export function toolUse({ id, toolName }: { readonly id: string; readonly toolName: string }) {
  return { type: "tool_use", id: validId(id), name: toolName, input: {} };
}

/** An id as this dialect takes it, should the client go on with a model of this dialect. */
function validId(id: string): string {
  const valid = id.replace(/[^\w-]/g, "_");
  return valid === "" ? "toolu_0" : valid;
}

/** A thought of this dialect's own provider keeps its signature; any other gets a seal. */
export function signatureOf(metadata: Metadata) {
  const own = metadata?.["anthropic"];
  const data = own?.["redactedData"];
  const signature = own?.["signature"];
  return {
    data: typeof data === "string" ? data : null,
    signature: typeof signature === "string" ? signature : sealThought(metadata),
  };
}

export function wholeMessage(head: ReturnType<typeof emptyMessage>, result: CanonicalResult) {
  const content = result.content.flatMap(blocksOf);
  const hasCalls = content.some(({ type }) => type === "tool_use");
  const { stop, usage } = endOf(result, hasCalls);
  return { ...head, content, ...stop, usage };
}

function blocksOf(part: CanonicalContent): Block[] {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [{ type: "text", text: part.text }];
    case "reasoning": {
      const { signature, data } = signatureOf(part.providerMetadata);
      if (data !== null) return [redacted(data)];
      return [{ ...THOUGHT, thinking: part.text, signature }];
    }
    case "tool-call": {
      if (part.providerExecuted === true) return [];
      const block = toolUse({ id: part.toolCallId, toolName: part.toolName });
      const call = { ...block, input: inputOf(part.input) };
      const signature = sealCall(block.id, part.providerMetadata);
      return signature === null ? [call] : [{ ...THOUGHT, signature }, call];
    }
    default:
      return [];
  }
}

/** Here a call's input is an object. What a model wrote instead is shown to the client as it is. */
function inputOf(text: string): Block {
  try {
    const input = asObject(JSON.parse(text === "" ? "{}" : text));
    if (input !== null) return input;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { INVALID_JSON: text };
}
