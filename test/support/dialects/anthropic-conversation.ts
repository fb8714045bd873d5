// The order of an Anthropic conversation: who speaks when, and which results answer which tool
// uses.
// Must never look behind a message thread: what the provider stores cannot be judged here.

import { faultsWhere, isForeignSignature, isJson, objectsOf, textOf } from "./judge.ts";
import type { Json } from "./judge.ts";

interface Turn {
  readonly role: unknown;
  /** A string counts as one text block. */
  readonly blocks: readonly Json[];
  readonly at: string;
}

export function conversationFaults(request: Json): readonly string[] {
  const thread = isJson(request["thread"]) ? request["thread"] : {};
  const isContinued = thread["type"] === "continue";
  const turns = objectsOf(request["messages"]).map(turnOf);
  const first = turns[0]?.role ?? "user";
  return [
    ...faultsWhere([first !== "user", "messages[0]: the first message must be the user's"]),
    ...turns.flatMap((turn, index) => {
      const before = turns[index - 1];
      if (turn.role === "assistant") return assistantFaults(turn, turns[index + 1]);
      const isStored = isContinued && index === 0;
      return turn.role === "user" && !isStored ? userFaults(turn, before) : [];
    }),
    ...idFaults(turns),
    ...lastFaults(turns.at(-1)),
    ...thinkingStartFaults(request, turns),
  ];
}

function turnOf({ role, content }: Json, index: number): Turn {
  const at = `messages[${index}]`;
  if (typeof content === "string") return { role, at, blocks: [{ type: "text", text: content }] };
  return { role, at, blocks: objectsOf(content) };
}

/** Every tool use is answered in the very next message, which must be the user's. */
function assistantFaults({ blocks, at }: Turn, next: Turn | undefined): readonly string[] {
  const answered = new Set(
    next?.role === "user" ? resultsOf(next).map((block) => block["tool_use_id"]) : [],
  );
  const missing = blocks
    .filter(({ type, id }) => type === "tool_use" && !answered.has(id))
    .map(({ id }) => `${at}: the tool_use ${textOf(id)} has no tool_result in the next message`);
  const foreign = blocks.filter(
    ({ signature, data }) =>
      isForeignSignature(signature, "anthropic-messages") ||
      isForeignSignature(data, "anthropic-messages"),
  );
  return [...missing, ...foreign.map(() => `${at}: thinking was signed by another provider`)];
}

/** Results come first in their message, each for one tool use of the message before. */
function userFaults(turn: Turn, before: Turn | undefined): readonly string[] {
  const results = resultsOf(turn);
  if (results.length === 0) return [];
  const uses = new Set(
    before?.role === "assistant"
      ? before.blocks.filter(({ type }) => type === "tool_use").map(({ id }) => id)
      : [],
  );
  const ids = results.map((block) => block["tool_use_id"]);
  const lastResult = turn.blocks.findLastIndex(({ type }) => type === "tool_result");
  return [
    ...ids
      .filter((id) => !uses.has(id))
      .map((id) => `${turn.at}: a tool_result for ${textOf(id)}, which the message before lacks`),
    ...faultsWhere(
      [lastResult !== results.length - 1, `${turn.at}: tool_result blocks must come first`],
      [new Set(ids).size < ids.length, `${turn.at}: two tool_result blocks for one tool_use`],
    ),
  ];
}

function resultsOf({ blocks }: Turn): readonly Json[] {
  return blocks.filter(({ type }) => type === "tool_result");
}

function idFaults(turns: readonly Turn[]): readonly string[] {
  const ids = turns.flatMap(({ blocks }) =>
    blocks.filter(({ type }) => type === "tool_use").map(({ id }) => textOf(id)),
  );
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
  return twice.map((id) => `messages: the tool_use id ${id} must be unique`);
}

function lastFaults(last: Turn | undefined): readonly string[] {
  const words = textOf(last?.blocks.at(-1)?.["text"]);
  const isOpen = last?.role === "assistant" && words !== words.trimEnd();
  return faultsWhere([isOpen, "messages: a final assistant message must not end with white space"]);
}

/**
 * With a budget of thinking, the assistant message that results answer must begin with its
 * thinking.
 */
function thinkingStartFaults(request: Json, turns: readonly Turn[]): readonly string[] {
  const thinking = isJson(request["thinking"]) ? request["thinking"] : {};
  const last = turns.findLast(({ role }) => role === "assistant");
  if (thinking["type"] !== "enabled" || last === undefined) return [];
  const usesTools = last.blocks.some(({ type }) => type === "tool_use");
  const begins = textOf(last.blocks[0]?.["type"]);
  const isRight = begins === "thinking" || begins === "redacted_thinking";
  return faultsWhere([
    usesTools && !isRight,
    `${last.at}: must begin with thinking, since thinking is enabled`,
  ]);
}
