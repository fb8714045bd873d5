// The text of an answer of the chat completions dialect, for one who watches it, and the end of an answer cut by that.
// Must never cut an answer that has begun a tool call, has more than one choice, or is ending by itself.

import type { Usage } from "../turn/usage.ts";
import type { CutEnd, TextWatch } from "./dialect.ts";
import { asObject, parseObject } from "./json-object.ts";

/** A piece of plain text as most servers write it: read without parsing all that stands around it. */
const PLAIN_PIECE = /"delta":\{"content":"((?:[^"\\]|\\.)*)"\}/;
/** What every chunk of an answer repeats, and so a chunk of our own. */
const HEAD_KEYS = ["id", "created", "model", "system_fingerprint"] as const;
/** Fields that hold what the model thinks, as servers name it. */
const THOUGHT_KEYS = ["reasoning_content", "reasoning"] as const;
const DONE_EVENT = "data: [DONE]\n\n";

export interface ChatText {
  /** The data of an event, or a whole answer. What is no answer is passed over. */
  take(data: string): void;
  /** The same for an event that is known to hold one more piece of the one choice, and no tool call or end. */
  takePiece(data: string): void;
  cut(): CutEnd | null;
}

export function createChatText(watch: TextWatch): ChatText {
  let head: Record<string, unknown> = {};
  let thinking = false;
  let over = false;

  function takeChoice(choice: Record<string, unknown>): void {
    const part = asObject(choice["delta"]) ?? asObject(choice["message"]);
    over ||= isOtherChoice(choice["index"]) || (part !== null && callsTool(part));
    if (over || part === null) return;
    const thought = thoughtOf(part);
    if (thought !== "") add(thought, true);
    const text = textOf(part["content"]);
    if (text !== "") add(text, false);
    over = isEnd(choice["finish_reason"]);
  }

  function add(text: string, isThought: boolean): void {
    if (thinking && !isThought) watch.add("\n\n");
    thinking = isThought;
    watch.add(text);
  }

  function take(data: string): void {
    if (over) return;
    const chunk = parseObject(data);
    if (chunk === null || !Array.isArray(chunk["choices"])) return;
    head = headOf(chunk);
    for (const choice of chunk["choices"]) {
      const known = asObject(choice);
      if (known !== null) takeChoice(known);
    }
  }

  return {
    take,
    takePiece(data) {
      const text = over ? undefined : PLAIN_PIECE.exec(data)?.[1];
      if (text === undefined || text.includes("\\")) take(data);
      else add(text, false);
    },
    cut: () => (over || !watch.wantsCut() ? null : cutEnd(head)),
  };
}

function isOtherChoice(index: unknown): boolean {
  return typeof index === "number" && index > 0;
}

function callsTool(part: Record<string, unknown>): boolean {
  const calls = part["tool_calls"];
  return (Array.isArray(calls) && calls.length > 0) || asObject(part["function_call"]) !== null;
}

function isEnd(finish: unknown): boolean {
  return typeof finish === "string" && finish !== "";
}

function thoughtOf(part: Record<string, unknown>): string {
  for (const key of THOUGHT_KEYS) {
    const value = part[key];
    if (typeof value === "string" && value !== "") return value;
  }
  return "";
}

/** A text, or parts of which some are text. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  const texts = content.map((part) => asObject(part)?.["text"]);
  return texts.filter((text) => typeof text === "string").join("");
}

function headOf(chunk: Record<string, unknown>): Record<string, unknown> {
  const told = HEAD_KEYS.filter((key) => chunk[key] !== undefined);
  return Object.fromEntries(told.map((key) => [key, chunk[key]]));
}

function cutEnd(head: Record<string, unknown>): CutEnd {
  const event = (more: object) =>
    `data: ${JSON.stringify({ object: "chat.completion.chunk", ...head, ...more })}\n\n`;
  // Not "stop": the model did not come to an end, and a client must be able to tell.
  const last = { choices: [{ index: 0, delta: {}, finish_reason: "length" }] };
  return (usage) =>
    Buffer.from(event(last) + (usage === null ? "" : event(usageOf(usage))) + DONE_EVENT);
}

function usageOf({ inputTokens, outputTokens }: Usage): object {
  const usage = {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
  return { choices: [], usage };
}
