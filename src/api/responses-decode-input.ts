// The input of a Responses request as canonical messages: what the model made in one answer becomes one message, and so
// do the results of calls side by side.
// Must never reorder a call and its result, nor hand a sealed thought to anybody but the provider that made it.

import type { CanonicalMessage } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import { openSeal, type Proofs } from "./anthropic-seal.ts";
import { asObject, objectsOf, type JsonObject } from "./json-value.ts";
import { callOf, resultOf } from "./responses-calls.ts";
import { decodeParts, hasFile } from "./responses-decode-parts.ts";
import { wireName } from "./responses-decode-tools.ts";
import { asText, callIdOf, kindOf, partsOf, textOf, typeOf, type Item } from "./responses-items.ts";

type AssistantPart = Extract<CanonicalMessage, { role: "assistant" }>["content"][number];
type ToolPart = Extract<CanonicalMessage, { role: "tool" }>["content"][number];
type ResultPart = Extract<ToolPart, { type: "tool-result" }>;
type Warn = (sentence: string) => void;

/** Calls that a client answers itself; all others were run by their provider. */
const OWN_CALLS: ReadonlySet<string> = new Set([
  "function_call",
  "custom_tool_call",
  "local_shell_call",
  "shell_call",
  "apply_patch_call",
]);
/** Longest name of a type that a warning repeats, in characters. */
const TYPE_LENGTH_MAX = 64;

interface Reading {
  /** Names of the tools that were called, by the id of the call. */
  readonly names: Map<string, string>;
  /** What proves the call of this id. */
  readonly proofs: Map<string, Proofs>;
  readonly warn: Warn;
}

/** Throws a FaultError for an input that no model could be asked with. */
export function decodeInput(input: unknown, warn: Warn): CanonicalMessage[] {
  if (typeof input === "string") {
    return [{ role: "user", content: [{ type: "text", text: input }] }];
  }
  if (!Array.isArray(input)) {
    return throwFault("invalid_request", "`input` must be a text or an array.", { param: "input" });
  }
  const reading: Reading = { names: new Map(), proofs: new Map(), warn };
  const prompt: CanonicalMessage[] = [];
  for (const [index, item] of objectsOf(input).entries()) {
    add(prompt, decodeItem(item, `input[${index}]`, reading));
  }
  return prompt;
}

/** What belongs together comes as one message. */
function add(prompt: CanonicalMessage[], message: CanonicalMessage | null): void {
  if (message === null) return;
  const last = prompt.at(-1);
  if (message.role === "assistant" && last?.role === "assistant") {
    last.content.push(...message.content);
  } else if (message.role === "tool" && last?.role === "tool") {
    last.content.push(...message.content);
  } else if (message.content.length > 0) {
    prompt.push(message);
  }
}

function decodeItem(item: JsonObject, at: string, reading: Reading): CanonicalMessage | null {
  const type = typeOf(item);
  if (type === "reasoning") return assistant(thought(item, reading));
  switch (kindOf(item)) {
    case "said":
      return saidMessage(item, at);
    case "result":
      return { role: "tool", content: [resultPart(item, at, reading)] };
    case "model":
      return assistant(modelParts(item, type, reading));
    case "silent":
      reading.warn(`Items of type ${shown(type)} are not carried to a model of another dialect.`);
      return null;
  }
}

function assistant(content: AssistantPart[]): CanonicalMessage | null {
  return content.length === 0 ? null : { role: "assistant", content };
}

function saidMessage(item: Item, at: string): CanonicalMessage | null {
  const { role, content } = item;
  if (role === "user") return { role, content: decodeParts(partsOf(content), `${at}.content`) };
  if (role === "system" || role === "developer")
    return { role: "system", content: textOf(content) };
  const message = `\`${at}.role\` must be user, assistant, system or developer.`;
  return throwFault("invalid_request", message, { param: `${at}.role` });
}

function modelParts(item: Item, type: string, reading: Reading): AssistantPart[] {
  if (type === "message") {
    const text = textOf(item["content"]);
    return text === "" ? [] : [{ type: "text", text }];
  }
  if (!OWN_CALLS.has(type)) {
    reading.warn(`Items of type ${shown(type)} are not carried to a model of another dialect.`);
    return [];
  }
  const call = callOf(item);
  const named = type === "function_call" || type === "custom_tool_call";
  const space = asText(item["namespace"]);
  const toolName = named ? wireName(asText(item["name"]), space === "" ? null : space) : call.name;
  reading.names.set(call.id, toolName);
  const proofs = reading.proofs.get(call.id);
  return [
    {
      type: "tool-call",
      toolCallId: call.id,
      toolName,
      input: inputOf(call.arguments, reading.warn),
      ...(proofs === undefined ? {} : { providerOptions: proofs }),
    },
  ];
}

/** Other dialects take an object only: what the model wrote wrongly is shown to it inside of one. */
function inputOf(written: string, warn: Warn): object {
  if (written.trim() === "") return {};
  try {
    const input = asObject(JSON.parse(written));
    if (input !== null) return input;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  warn("Arguments of a call that are no JSON object are sent inside of one.");
  return { invalid_json: written };
}

/** The thought itself, or the proof of the call behind it. */
function thought(item: Item, { proofs, warn }: Reading): AssistantPart[] {
  const sealed = asText(item["encrypted_content"]);
  const seal = openSeal(sealed);
  const text = textOf(item["summary"]);
  if (seal === null) {
    if (sealed !== "" || text !== "") {
      warn("Reasoning in the history that this model cannot read is not sent.");
    }
    return [];
  }
  if (seal.callId === null) return [{ type: "reasoning", text, providerOptions: seal.proofs }];
  proofs.set(seal.callId, seal.proofs);
  return [];
}

function resultPart(item: Item, at: string, { names }: Reading): ResultPart {
  const result = resultOf(item);
  const toolCallId = callIdOf(item);
  const named = names.get(toolCallId) ?? asText(item["name"]);
  // What answers no call is for the provider to refuse; a name it needs.
  const toolName = named === "" ? "tool" : named;
  return { type: "tool-result", toolCallId, toolName, output: outputOf(item, at, result) };
}

function outputOf(
  item: Item,
  at: string,
  { text, isError }: { readonly text: string; readonly isError: boolean },
): ResultPart["output"] {
  const parts = partsOf(item["output"]);
  if (!isError && hasFile(parts)) {
    return { type: "content", value: decodeParts(parts, `${at}.output`) };
  }
  return { type: isError ? "error-text" : "text", value: text };
}

/** Fit to be shown: a caller wrote it. */
function shown(type: string): string {
  return type.replace(/[^\w.-]/g, "?").slice(0, TYPE_LENGTH_MAX);
}
