// The contents of a Gemini request as canonical messages: responses of functions become messages of their own.
// Must never reorder a call and its response, nor hand a signature to anybody but the provider that made it.

import type { CanonicalMessage } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import { decodeFile, type FilePart } from "./gemini-decode-files.ts";
import {
  answerText,
  asObject,
  asText,
  callIn,
  isThought,
  partsOf,
  responseIn,
  signatureOf,
  type Part,
} from "./gemini-parts.ts";
import { createOpenCalls, type OpenCalls } from "./gemini-open-calls.ts";
import { openSeal, type SealedThought } from "./gemini-seal.ts";

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

/** Throws a FaultError for a content without a known role. */
export function decodeContents(contents: readonly unknown[], carried: Carried): CanonicalMessage[] {
  let open = createOpenCalls();
  return contentRuns(contents).flatMap(({ role, index, parts }): CanonicalMessage[] => {
    if (role !== "model") return userMessages(parts, { open, index, carried });
    const told = assistantMessage(parts, index, carried);
    open = told.open;
    return told.content.length === 0 ? [] : [{ role: "assistant", content: told.content }];
  });
}

interface ContentRun {
  readonly role: "user" | "model";
  /** Of its first content. */
  readonly index: number;
  readonly parts: Part[];
}

/** Clients keep each piece of a stream as a content of its own: what the model said in a row is one message. */
function contentRuns(contents: readonly unknown[]): readonly ContentRun[] {
  const runs: ContentRun[] = [];
  for (const [index, content] of contents.entries()) {
    const role = roleOf(content, index);
    const before = runs.at(-1);
    const parts = partsOf(content);
    if (role === "model" && before?.role === "model") before.parts.push(...parts);
    else runs.push({ role, index, parts: [...parts] });
  }
  return runs;
}

function roleOf(content: unknown, index: number): ContentRun["role"] {
  const role = asObject(content)?.["role"] ?? "user";
  if (role === "model") return "model";
  if (role === "user" || role === "function") return "user";
  const message = `\`contents[${index}].role\` must be user or model.`;
  return throwFault("invalid_request", message, { param: "contents" });
}

function assistantMessage(parts: readonly Part[], index: number, carried: Carried) {
  const open = createOpenCalls();
  const content: AssistantPart[] = [];
  // A seal holds the thoughts whole, so what stands beside it is a copy.
  const isSealed = parts.some((part) => openSeal(signatureOf(part)) !== null);
  for (const [at, part] of parts.entries()) {
    const call = callIn(part);
    if (isThought(part)) {
      if (!isSealed) content.push(thought(part));
    } else if (call !== null) {
      const id = call.id === "" ? `call_${index}_${at}` : call.id;
      open.add({ id, name: call.name });
      content.push(...(openSeal(signatureOf(part)) ?? []).map(sealed));
      const { name: toolName, args: input } = call;
      content.push({ type: "tool-call", toolCallId: id, toolName, input, ...signed(part) });
    } else if (typeof part["text"] === "string") {
      addText(content, part);
    } else {
      content.push(...decodeFile(part, carried));
    }
  }
  return { content, open };
}

/** A text comes in pieces; an empty one is refused by some providers and means nothing to the others. */
function addText(content: AssistantPart[], part: Part): void {
  const text = asText(part["text"]);
  if (text === "") return;
  const before = content.at(-1);
  if (before?.type === "text") content.splice(-1, 1, { ...before, text: before.text + text });
  else content.push({ type: "text", text });
}

function thought(part: Part): AssistantPart {
  return { type: "reasoning", text: asText(part["text"]), ...signed(part) };
}

function sealed({ text, metadata }: SealedThought): AssistantPart {
  return { type: "reasoning", text, providerOptions: metadata };
}

/** A signature of this dialect's own provider. */
function signed(part: Part): { providerOptions?: Options } {
  const thoughtSignature = signatureOf(part);
  if (thoughtSignature === "" || openSeal(thoughtSignature) !== null) return {};
  return { providerOptions: { google: { thoughtSignature } } };
}

interface UserContext {
  readonly open: OpenCalls;
  readonly index: number;
  readonly carried: Carried;
}

function userMessages(parts: readonly Part[], context: UserContext): CanonicalMessage[] {
  const results: ResultPart[] = [];
  const content: UserPart[] = [];
  for (const [at, part] of parts.entries()) {
    if (responseIn(part) === null) {
      content.push(...userPart(part, context.carried));
      continue;
    }
    const { result, files } = resultPart(part, at, context);
    results.push(result);
    content.push(...files);
  }
  const messages: CanonicalMessage[] = [];
  if (results.length > 0) messages.push({ role: "tool", content: results });
  if (content.length > 0) messages.push({ role: "user", content });
  return messages;
}

/** Few models take a file in a result, so it follows as the user's, and the result says so. */
function resultPart(part: Part, at: number, { open, index, carried }: UserContext) {
  const { id, name, response, parts } = responseIn(part) ?? EMPTY_RESPONSE;
  const call = open.take(id, name);
  const files = parts.flatMap((inner) => decodeFile(inner, carried));
  const { text, isError } = answerText(response);
  const value = files.length > 0 ? `${text}\n[files of this result follow as the user's]` : text;
  const result: ResultPart = {
    type: "tool-result",
    toolCallId: call?.id ?? (id === "" ? `call_${index}_${at}` : id),
    toolName: call?.name ?? name,
    output: { type: isError ? "error-text" : "text", value },
  };
  return { result, files };
}

const EMPTY_RESPONSE = { id: "", name: "", response: {}, parts: [] };

function userPart(
  part: Part,
  carried: Carried,
): (Extract<UserPart, { type: "text" }> | FilePart)[] {
  const { text } = part;
  if (typeof text !== "string") return decodeFile(part, carried);
  return text === "" ? [] : [{ type: "text", text }];
}
