// Names of tools as the target takes them, and back: dialects differ in their letters and lengths. Pure.
// Must never depend on anything but the name: an equal prefix must stay equal, or the provider's cache is lost.

import { createHash } from "node:crypto";
import type {
  CanonicalCall,
  CanonicalContent,
  CanonicalMessage,
  CanonicalPart,
} from "../../turn/canonical.ts";
import type { UpstreamDialect } from "../../turn/dialect.ts";

/** Longest name that every dialect takes, in characters. */
const NAME_LENGTH_MAX = 64;
/** Letters of the hash that keep two names apart. */
const HASH_LENGTH = 8;

const SHORT = /^[a-zA-Z0-9_-]{1,64}$/;
const LONG = /^[a-zA-Z0-9_-]{1,128}$/;
const VALID: Readonly<Record<UpstreamDialect, RegExp>> = {
  "openai-chat": SHORT,
  "bedrock-converse": SHORT,
  "openai-responses": LONG,
  "anthropic-messages": LONG,
  gemini: /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/,
  "openai-embeddings": SHORT,
};

/** The client's own names, by the names that the model is told; those that are the same are not in it. */
export type ClientNames = ReadonlyMap<string, string>;

export interface NamedCall {
  readonly call: CanonicalCall;
  readonly clientNames: ClientNames;
}

export function withValidNames(call: CanonicalCall, dialect: UpstreamDialect): NamedCall {
  const clientNames = new Map<string, string>();
  const told = (name: string): string => {
    if (VALID[dialect].test(name)) return name;
    const made = makeName(name);
    clientNames.set(made, name);
    return made;
  };
  const { tools, toolChoice, prompt } = call;
  const named = {
    ...call,
    prompt: prompt.map((message) => withNames(message, told)),
    ...(tools === undefined
      ? {}
      : { tools: tools.map((tool) => ({ ...tool, name: told(tool.name) })) }),
    ...(toolChoice?.type === "tool"
      ? { toolChoice: { ...toolChoice, toolName: told(toolChoice.toolName) } }
      : {}),
  };
  return clientNames.size === 0 ? { call, clientNames } : { call: named, clientNames };
}

/** A piece of the answer under the name that the client knows. */
export function withClientName<Part extends CanonicalPart | CanonicalContent>(
  part: Part,
  names: ClientNames,
): Part {
  if (names.size === 0 || !("toolName" in part)) return part;
  const name = names.get(part.toolName);
  return name === undefined ? part : { ...part, toolName: name };
}

function withNames(message: CanonicalMessage, told: (name: string) => string): CanonicalMessage {
  if (message.role === "assistant") {
    const content = message.content.map((part) =>
      part.type === "tool-call" || part.type === "tool-result"
        ? { ...part, toolName: told(part.toolName) }
        : part,
    );
    return { ...message, content };
  }
  if (message.role !== "tool") return message;
  const content = message.content.map((part) =>
    part.type === "tool-result" ? { ...part, toolName: told(part.toolName) } : part,
  );
  return { ...message, content };
}

function makeName(name: string): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_LENGTH);
  const plain = name.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^\d/, "_$&");
  return `${plain.slice(0, NAME_LENGTH_MAX - HASH_LENGTH - 1)}_${hash}`;
}
