// Puts a simulated answer into the chat completions format: one JSON object, or the chunks of a
// stream.
// Must never do I/O: it turns values into values.

import { countTokens } from "./prompt-meter.ts";
import type { Answer } from "./answer.ts";
import type { PromptCount } from "./prompt-meter.ts";

export interface Completion {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly model: string;
  readonly answer: Answer;
  readonly callId: string;
  readonly finishReason: "stop" | "tool_calls" | "length";
  readonly prompt: PromptCount;
}

/** Characters in one chunk of a stream; about one token. */
const CHUNK_CHARACTERS = 4;

/** The answer cut to `maxTokens`, and why it ended. A tool call is never cut. */
export function limitAnswer(
  answer: Answer,
  maxTokens: number,
): Pick<Completion, "answer" | "finishReason"> {
  if (answer.kind === "call") return { answer, finishReason: "tool_calls" };
  if (countTokens(answer.text) <= maxTokens) return { answer, finishReason: "stop" };
  const text = Array.from(answer.text)
    .slice(0, maxTokens * CHUNK_CHARACTERS)
    .join("");
  return { answer: { kind: "text", text }, finishReason: "length" };
}

export function completionTokens(answer: Answer): number {
  return countTokens(answer.kind === "text" ? answer.text : answer.name + answer.arguments);
}

export function completionBody(completion: Completion): object {
  const { answer, callId } = completion;
  const message =
    answer.kind === "text"
      ? { role: "assistant", content: answer.text, refusal: null }
      : { role: "assistant", content: null, refusal: null, tool_calls: [toolCall(answer, callId)] };
  const choice = { index: 0, message, logprobs: null, finish_reason: completion.finishReason };
  return {
    ...envelope(completion, "chat.completion"),
    choices: [choice],
    usage: usage(completion),
  };
}

/** Chunks before the usage chunk and `[DONE]`: the role, the content piece by piece, the finish. */
export function completionChunks(completion: Completion): readonly object[] {
  const chunk = (delta: object, finishReason: string | null): object => ({
    ...envelope(completion, "chat.completion.chunk"),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
  });
  const { answer } = completion;
  if (answer.kind === "text") {
    return [
      chunk({ role: "assistant", content: "", refusal: null }, null),
      ...pieces(answer.text).map((content) => chunk({ content }, null)),
      chunk({}, completion.finishReason),
    ];
  }
  const opening = { index: 0, ...toolCall({ ...answer, arguments: "" }, completion.callId) };
  return [
    chunk({ role: "assistant", content: null, tool_calls: [opening] }, null),
    ...pieces(answer.arguments).map((text) =>
      chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] }, null),
    ),
    chunk({}, completion.finishReason),
  ];
}

export function usageChunk(completion: Completion): object {
  return {
    ...envelope(completion, "chat.completion.chunk"),
    choices: [],
    usage: usage(completion),
  };
}

function envelope(completion: Completion, kind: string): object {
  const { id, created, model } = completion;
  return { id, object: kind, created, model };
}

function toolCall(answer: Extract<Answer, { kind: "call" }>, id: string): object {
  return { id, type: "function", function: { name: answer.name, arguments: answer.arguments } };
}

function usage({ prompt, answer }: Completion): object {
  const output = completionTokens(answer);
  return {
    prompt_tokens: prompt.promptTokens,
    completion_tokens: output,
    total_tokens: prompt.promptTokens + output,
    prompt_tokens_details: { cached_tokens: prompt.cachedTokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

/** Whole characters only: an emoji is never torn between two chunks. */
function pieces(text: string): readonly string[] {
  const characters = Array.from(text);
  const count = Math.ceil(characters.length / CHUNK_CHARACTERS);
  return Array.from({ length: count }, (_, index) =>
    characters.slice(index * CHUNK_CHARACTERS, (index + 1) * CHUNK_CHARACTERS).join(""),
  );
}
