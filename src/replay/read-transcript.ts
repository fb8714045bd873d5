// From parsed JSON to transcripts: which format it is, whether it has the shape, and what it says.
// Pure. Must never guess at a message it does not understand, nor quote one: it may be private.

import { decodeMessage } from "../api/chat-message.ts";
import type { Message, Transcript } from "../turn/transcript.ts";
import { decodeBlocks, hasOwnBlocks, systemText } from "./block-message.ts";
import { asObject, kindOf } from "./json-shape.ts";

/** Longest id that is shown, in characters; longer ones are cut. */
const ID_LENGTH_MAX = 256;
const CHAT_ROLES = ["system", "developer", "user", "assistant", "tool", "function"];
const BLOCK_ROLES = ["system", "user", "assistant"];

export type ReadTranscript =
  | { readonly ok: true; readonly id: string; readonly transcript: Transcript }
  /** One sentence that says what is wrong and where, to be put behind the line's number. */
  | { readonly ok: false; readonly message: string };

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads what one line holds: `{"id", "messages": […]}` with an optional top-level `system`, the same with
 * `traj` for `messages` (tau-bench), a bare list of messages, or a list of any of the first two.
 * `fallbackId` names what has no id.
 */
export function readTranscripts(value: unknown, fallbackId: string): readonly ReadTranscript[] {
  if (!Array.isArray(value) || !value.some(isConversation)) return [readOne(value, fallbackId)];
  return value.map((item, index) => readOne(item, `${fallbackId}.${index + 1}`));
}

function isConversation(value: unknown): boolean {
  const known = asObject(value);
  return known !== null && (messagesOf(known) !== undefined || "system" in known);
}

function messagesOf(conversation: JsonObject): unknown {
  return conversation["messages"] ?? conversation["traj"];
}

function readOne(value: unknown, fallbackId: string): ReadTranscript {
  const known = asObject(value);
  const messages = known === null ? value : messagesOf(known);
  if (!Array.isArray(messages)) {
    const found = known === null ? kindOf(value) : "an object without a list `messages`";
    const message = `expected {"id", "messages": […]} or a list of messages, found ${found}`;
    return { ok: false, message };
  }
  if (messages.length === 0) return { ok: false, message: "`messages` is empty" };
  const fault = faultOf(messages);
  if (fault !== null) return { ok: false, message: fault };
  const system = known?.["system"] ?? null;
  if (system !== null && typeof system !== "string" && !Array.isArray(system)) {
    return { ok: false, message: `\`system\` is ${kindOf(system)}, expected text or blocks` };
  }
  const blocks = messages.some(isBlockMessage);
  const decode = (message: unknown): Message =>
    blocks ? decodeBlocks(asObject(message) ?? {}) : decodeMessage(message);
  const decoded = messages.map(decode);
  const transcript = system === null ? decoded : [systemMessage(system), ...decoded];
  return { ok: true, id: idOf(known ?? {}, fallbackId), transcript: transcriptOf(transcript) };
}

/** A transcript that holds its messages already. */
export function transcriptOf(messages: readonly Message[]): Transcript {
  return {
    count: messages.length,
    read(index) {
      const message = messages[index];
      if (message === undefined) throw new RangeError(`no message ${index} of ${messages.length}`);
      return message;
    },
  };
}

function systemMessage(system: unknown): Message {
  return { role: "system", text: systemText(system), calls: [], results: [] };
}

/** `id`, else what tau-bench calls a run: its task and its trial. */
function idOf(conversation: JsonObject, fallbackId: string): string {
  const { id, task_id: task, trial } = conversation;
  const named = typeof id === "number" ? String(id) : id;
  if (typeof named === "string" && named !== "") return named.slice(0, ID_LENGTH_MAX);
  if (typeof task !== "number" && typeof task !== "string") return fallbackId;
  return `${task}${typeof trial === "number" ? `-${trial}` : ""}`.slice(0, ID_LENGTH_MAX);
}

function isBlockMessage(message: unknown): boolean {
  const known = asObject(message);
  return known !== null && hasOwnBlocks(known);
}

function isChatMessage(message: unknown): boolean {
  const known = asObject(message);
  const { role, tool_calls: calls, function_call: call } = known ?? {};
  return role === "tool" || role === "function" || Array.isArray(calls) || asObject(call) !== null;
}

/** The first fault of a list of messages, with its path; null when there is none. */
function faultOf(messages: readonly unknown[]): string | null {
  const block = messages.findIndex(isBlockMessage);
  const chat = messages.findIndex(isChatMessage);
  if (block !== -1 && chat !== -1) {
    return (
      `messages[${block}] has content blocks for tools and messages[${chat}] is a chat message ` +
      "with tools: one transcript is in one format"
    );
  }
  const roles = block === -1 ? CHAT_ROLES : BLOCK_ROLES;
  for (const [index, message] of messages.entries()) {
    const fault = faultOfMessage(message, roles);
    if (fault !== null) return `messages[${index}]${fault}`;
  }
  return null;
}

function faultOfMessage(value: unknown, roles: readonly string[]): string | null {
  const message = asObject(value);
  if (message === null) return ` is ${kindOf(value)}, expected an object with a role`;
  const { role, content, tool_calls: calls } = message;
  if (typeof role !== "string" || !roles.includes(role)) {
    const found = typeof role === "string" ? "another one" : kindOf(role);
    return `.role must be one of ${roles.join(", ")}, found ${found}`;
  }
  const isText = content === undefined || content === null || typeof content === "string";
  if (!isText && !Array.isArray(content)) {
    return `.content is ${kindOf(content)}, expected text or a list of parts`;
  }
  const odd = Array.isArray(content) ? content.findIndex((part) => !isPart(part)) : -1;
  if (odd !== -1) return `.content[${odd}] is no part with a type`;
  if (calls === undefined || calls === null) return null;
  if (!Array.isArray(calls)) return `.tool_calls is ${kindOf(calls)}, expected a list`;
  const nameless = calls.findIndex((call) => !isCall(call));
  return nameless === -1 ? null : `.tool_calls[${nameless}] names no function`;
}

function isPart(part: unknown): boolean {
  return typeof part === "string" || typeof asObject(part)?.["type"] === "string";
}

function isCall(call: unknown): boolean {
  const known = asObject(call);
  const named = asObject(known?.["function"]) ?? asObject(known?.["custom"]);
  return typeof named?.["name"] === "string";
}
