// What a model of another dialect thought, as a chat completions client can keep it: the text in `reasoning_content`,
// and in `reasoning_details` what its provider must see again, sealed. Clients that send both back lose nothing.
// Must never open a seal into anything but the few fields that prove a thought.

import type { CanonicalMessage, CanonicalPart } from "../turn/canonical.ts";
import { parseSpan, type BodyScan } from "./json-scan.ts";
import { asObject, asText, objectsOf, type JsonObject } from "./json-value.ts";
import type { Edit } from "./splice.ts";

type AssistantPart = Extract<CanonicalMessage, { role: "assistant" }>["content"][number];
type ReasoningPart = Extract<AssistantPart, { type: "reasoning" }>;
type Options = NonNullable<ReasoningPart["providerOptions"]>;
type Metadata = Extract<CanonicalPart, { type: "reasoning-end" }>["providerMetadata"];

const SEAL = "fairlead.";
const SEALED = Buffer.from(`"${SEAL}`);
/** Longest seal that is opened, in characters. */
const SEAL_LENGTH_MAX = 1024 * 1024;

/** What a seal may hold, by the namespace of the provider; a name alone proves nothing. */
const PROOFS: Readonly<Record<string, readonly string[]>> = {
  anthropic: ["signature", "redactedData"],
  bedrock: ["signature", "redactedData"],
  google: ["thoughtSignature"],
  openai: ["reasoningEncryptedContent", "itemId"],
};
const NAMES: ReadonlySet<string> = new Set(["itemId"]);

/** The seal for this metadata; null when there is nothing in it that has to come back. */
export function sealOf(metadata: Metadata): string | null {
  const proofs = proofsIn(metadata);
  if (proofs === null) return null;
  return SEAL + Buffer.from(JSON.stringify(proofs)).toString("base64url");
}

/** One detail of a thought that is over, as it stands in an answer. */
export function thoughtDetail(text: string, seal: string): object {
  return { type: "reasoning.text", text, signature: seal, format: "fairlead" };
}

/** The same for a tool call that is signed by itself. */
export function callDetail(id: string, seal: string): object {
  return { type: "reasoning.encrypted", id, data: seal, format: "fairlead" };
}

export interface Thoughts {
  readonly parts: readonly ReasoningPart[];
  /** What proves the call of this id; null: nothing. */
  ofCall(id: string): Options | null;
}

/** The thoughts of an assistant message as a client sent it back. */
export function readThoughts(message: JsonObject): Thoughts {
  const details = objectsOf(message["reasoning_details"]);
  const sealed = details.flatMap((detail): ReasoningPart[] => {
    const providerOptions = openSeal(detail["signature"]);
    if (providerOptions === null) return [];
    return [{ type: "reasoning", text: asText(detail["text"]) ?? "", providerOptions }];
  });
  const proofs = new Map<unknown, unknown>();
  for (const { id, data } of details) {
    if (data !== undefined && !proofs.has(id)) proofs.set(id, data);
  }
  const plain = asText(message["reasoning_content"]) ?? asText(message["reasoning"]) ?? "";
  const isPlain = sealed.length === 0 && plain !== "";
  const parts = isPlain ? [{ type: "reasoning" as const, text: plain }] : sealed;
  return {
    parts,
    ofCall: (id) => openSeal(proofs.get(id)),
  };
}

/** Takes sealed thoughts out of a body that is relayed: another provider may refuse fields it does not know. */
export function sealedThoughtEdits(body: Buffer, scan: BodyScan): readonly Edit[] {
  if (scan.array === null || !body.includes(SEALED, scan.array.start)) return [];
  return scan.elements.flatMap((element): Edit[] => {
    if (!body.subarray(element.start, element.end).includes(SEALED)) return [];
    const message = asObject(parseSpan(body, element));
    const details = objectsOf(message?.["reasoning_details"]);
    const isOurs = details.some((detail) => detail["format"] === "fairlead");
    if (message === null || !isOurs) return [];
    const { reasoning_details: _details, reasoning_content: _content, ...kept } = message;
    return [{ ...element, bytes: Buffer.from(JSON.stringify(kept)) }];
  });
}

function openSeal(seal: unknown): Options | null {
  const text = asText(seal);
  if (text === null || !text.startsWith(SEAL) || text.length > SEAL_LENGTH_MAX) return null;
  try {
    return proofsIn(JSON.parse(Buffer.from(text.slice(SEAL.length), "base64url").toString("utf8")));
  } catch (error) {
    // Whoever changed it gets nothing from it.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function proofsIn(metadata: unknown): Options | null {
  const known = asObject(metadata);
  if (known === null) return null;
  const found = Object.entries(PROOFS).flatMap(([provider, names]) => {
    const own = asObject(known[provider]);
    const proofs = names.flatMap((name) => {
      const value = asText(own?.[name]);
      return value === null || value === "" ? [] : [[name, value] as const];
    });
    const proves = proofs.some(([name]) => !NAMES.has(name));
    return proves ? [[provider, Object.fromEntries(proofs)] as const] : [];
  });
  return found.length === 0 ? null : Object.fromEntries(found);
}
