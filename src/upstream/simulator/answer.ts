// Decides what a simulated model says: a text, or one tool call. Pure, and the same request gets
// the same answer.
// Must never pretend to be a real model: every text says that it is simulated.

import { textOf } from "./chat-request.ts";
import { sampleSchema } from "./schema-sample.ts";
import type { ChatMessage, ChatRequest } from "./chat-request.ts";
import type { Sampling } from "./schema-sample.ts";

export type Answer =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "call"; readonly name: string; readonly arguments: string };

/** What a correction carries in its text; the stubborn model listens to nothing else. */
export const CORRECTION_MARKER = "[fairlead]";

const QUOTE_CHARACTERS_MAX = 400;

/** A stubborn model that has been corrected lets go once it has repeated itself this often. */
const REPEATS_MIN = 2;

type FunctionTool = NonNullable<NonNullable<ChatRequest["tools"]>[number]["function"]>;
type Call = Extract<Answer, { kind: "call" }>;

/** What the model has to go on: the last question and everything that came after it. */
interface Situation {
  readonly question: string;
  /** Calls since the question, oldest first. */
  readonly calls: readonly Call[];
  readonly lastResult: string | null;
  readonly corrected: boolean;
}

export function decideAnswer(request: ChatRequest, stubborn: boolean): Answer {
  const situation = readSituation(request.messages);
  const tool = chooseTool(request, situation.question);
  if (tool === null) return textAnswer(request, situation);
  const call = callTool(tool, { hint: hintFor(tool, situation.question), variant: 0 });
  if (mustCall(request)) return call;
  if (stubborn) return stubbornAnswer(request, { situation, call, tool });
  return situation.lastResult === null ? call : textAnswer(request, situation);
}

/**
 * Without a correction: the same call for ever. With one: another call of the same tool, where its
 * schema leaves room, and then an answer from the result.
 */
function stubbornAnswer(
  request: ChatRequest,
  { situation, call, tool }: { situation: Situation; call: Call; tool: FunctionTool },
): Answer {
  if (!situation.corrected || situation.lastResult === null) return call;
  const repeats = situation.calls.filter((made) => isSameCall(made, call)).length;
  const hasMovedOn = situation.calls.length > repeats;
  const other = callTool(tool, { hint: hintFor(tool, situation.question), variant: 1 });
  const canMoveOn = !isSameCall(other, call);
  if (repeats >= REPEATS_MIN && !hasMovedOn && canMoveOn) return other;
  return textAnswer(request, situation);
}

function readSituation(messages: readonly ChatMessage[]): Situation {
  const corrected = messages.some(
    (message) => message.role !== "assistant" && textOf(message).includes(CORRECTION_MARKER),
  );
  const start = messages.findLastIndex(isQuestion);
  const since = messages.slice(start + 1);
  const calls = since.flatMap((message) => message.tool_calls ?? []);
  const lastResult = since.findLast((message) => message.role === "tool");
  const question = messages[start];
  return {
    question: question === undefined ? "" : textOf(question),
    calls: calls.map((call) => ({ kind: "call", ...call.function })),
    lastResult: lastResult === undefined ? null : textOf(lastResult),
    corrected,
  };
}

/** A correction may be a user message of its own; that is not the user asking something new. */
function isQuestion(message: ChatMessage): boolean {
  return message.role === "user" && !textOf(message).includes(CORRECTION_MARKER);
}

/** Null when the model has no tool to call, or may not call any. */
function chooseTool(request: ChatRequest, question: string): FunctionTool | null {
  const choice = request.tool_choice ?? "auto";
  if (choice === "none") return null;
  const tools = (request.tools ?? []).flatMap((tool) => tool.function ?? []);
  if (typeof choice === "object") {
    const forced = tools.find((tool) => tool.name === choice.function?.name);
    if (forced !== undefined) return forced;
  }
  const gentle = tools.filter((tool) => !changesThings(tool));
  const named = gentle.find((tool) => question.includes(tool.name));
  return named ?? gentle[0] ?? tools[0] ?? null;
}

function mustCall(request: ChatRequest): boolean {
  const choice = request.tool_choice ?? "auto";
  return typeof choice === "object" ? choice.function !== undefined : choice === "required";
}

/** Real agents run what they are told, so a tool that only looks is preferred to one that acts. */
function changesThings(tool: FunctionTool): boolean {
  return /write|edit|patch|delete|remove|create|update|send|bash|shell|exec|run|kill/i.test(
    tool.name,
  );
}

/** A tool that changes things gets no file name from the question: it might overwrite it. */
function hintFor(tool: FunctionTool, question: string): string {
  return changesThings(tool) ? "" : question;
}

function callTool(tool: FunctionTool, sampling: Sampling): Call {
  const value = sampleSchema(tool.parameters ?? { type: "object" }, sampling);
  return { kind: "call", name: tool.name, arguments: JSON.stringify(value) };
}

function isSameCall(one: Call, other: Call): boolean {
  return one.name === other.name && one.arguments === other.arguments;
}

function textAnswer(request: ChatRequest, situation: Situation): Answer {
  const text = plainText(situation);
  const format = request.response_format;
  if (format?.type === "json_object") return asJson({ simulated: true, answer: text });
  if (format?.type !== "json_schema") return { kind: "text", text };
  const schema = format.json_schema?.schema ?? { type: "object" };
  return asJson(sampleSchema(schema, { hint: text, variant: 0 }));
}

function plainText({ question, lastResult }: Situation): string {
  if (lastResult !== null) {
    return `Simulated answer, from the last tool result: ${quote(lastResult)}`;
  }
  const asked = question === "" ? "nothing" : `"${quote(question)}"`;
  return `This is a simulated answer. You asked: ${asked}. No real model was called.`;
}

/** One line, without what a correction may have added at the end of a tool result. */
function quote(text: string): string {
  const own = text.split(CORRECTION_MARKER)[0] ?? "";
  const line = own.replace(/\s+/g, " ").trim();
  return line.length <= QUOTE_CHARACTERS_MAX ? line : `${line.slice(0, QUOTE_CHARACTERS_MAX)}...`;
}

function asJson(value: unknown): Answer {
  return { kind: "text", text: JSON.stringify(value) };
}
