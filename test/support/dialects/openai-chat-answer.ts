// The wire of OpenAI's chat completions, as their public reference describes it.
// Must never send usage in a stream that did not ask for it.

import { dataEvent, SSE, withIds } from "./dialect.ts";
import type { Asked, Pieces, ScriptedDialect } from "./dialect.ts";
import { embeddingAnswer, isEmbeddings, validateOpenaiEmbeddings } from "./openai-embeddings.ts";
import { isJson, textOf } from "./judge.ts";
import type { Json } from "./judge.ts";
import { validateOpenaiChat, validateOpenModelChat } from "./openai-chat-request.ts";
import { openaiError } from "./openai-error.ts";
import { piecesOf } from "./step.ts";
import type { Reply } from "./step.ts";

export const openaiChat: ScriptedDialect = {
  name: "openai-chat",
  basePath: "/v1",
  validate: (path, headers, body) =>
    (isEmbeddings(path) ? validateOpenaiEmbeddings : validateOpenaiChat)(path, headers, body),
  streamType: SSE,
  isStream: ({ body }) => isJson(body) && body["stream"] === true,
  modelOf: ({ body }) => (isJson(body) ? textOf(body["model"]) : ""),
  answer: (reply, asked) => answer(reply, asked),
  stream: (reply, asked) => stream(reply, asked),
  error: openaiError,
  errorPiece: (error) => dataEvent(openaiError(error, { retryAfterSeconds: null }).json),
  aside: ({ path, body }) => (isEmbeddings(path) ? { json: embeddingAnswer(body) } : null),
};

/** The same of a server of open models, which shows what its model thinks and takes it back. */
export const openModelChat: ScriptedDialect = {
  ...openaiChat,
  validate: (path, headers, body) =>
    (isEmbeddings(path) ? validateOpenaiEmbeddings : validateOpenModelChat)(path, headers, body),
  answer: (reply, asked) => answer(reply, asked, reply.reasoning ?? ""),
  stream: (reply, asked) => stream(reply, asked, reply.reasoning ?? ""),
};

function answer(reply: Reply, asked: Asked, thought = ""): object {
  const toolCalls = callsOf(reply, asked);
  const message = {
    role: "assistant",
    content: reply.text,
    refusal: null,
    annotations: [],
    ...(thought === "" ? {} : { reasoning_content: thought }),
    ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
  };
  const choice = { index: 0, message, logprobs: null, finish_reason: finishOf(reply) };
  return { ...headOf(asked), object: "chat.completion", choices: [choice], usage: usageOf(reply) };
}

function stream(reply: Reply, asked: Asked, thought = ""): Pieces {
  const head = { ...headOf(asked), object: "chat.completion.chunk" };
  const countsUsage = asksUsage(asked.request.body);
  // Where usage is asked for, every chunk before the last has it as null.
  const usage = countsUsage ? { usage: null } : {};
  const chunk = (delta: object, finishReason: string | null = null) =>
    dataEvent({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...usage,
    });
  const calls = callsOf(reply, asked).flatMap((call, index) => [
    chunk({ tool_calls: [{ index, ...call, function: { ...call.function, arguments: "" } }] }),
    ...piecesOf(call.function.arguments).map((piece) =>
      chunk({ tool_calls: [{ index, function: { arguments: piece } }] }),
    ),
  ]);
  return [
    chunk({ role: "assistant", content: reply.text === null ? null : "", refusal: null }),
    ...piecesOf(thought).map((piece) => chunk({ reasoning_content: piece })),
    ...piecesOf(reply.text ?? "").map((content) => chunk({ content })),
    ...calls,
    chunk({}, finishOf(reply)),
    ...(countsUsage ? [dataEvent({ ...head, choices: [], usage: usageOf(reply) })] : []),
    dataEvent("[DONE]"),
  ];
}

function headOf({ model, turn }: Asked) {
  return { id: `chatcmpl-scripted${turn}`, created: 1_700_000_000, model, service_tier: "default" };
}

function callsOf({ calls }: Reply, { turn }: Asked) {
  return withIds(calls, "call_", turn).map(({ id, name, input }) => ({
    id,
    type: "function",
    function: { name, arguments: JSON.stringify(input) },
  }));
}

function finishOf({ stop, calls }: Reply): string {
  if (stop === "length") return "length";
  if (stop === "refused") return "content_filter";
  return calls.length > 0 ? "tool_calls" : "stop";
}

function usageOf({ usage }: Reply): Json {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: {
      cached_tokens: usage.cacheReadTokens,
      cache_write_tokens: usage.cacheWriteTokens,
      audio_tokens: 0,
    },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function asksUsage(body: unknown): boolean {
  const options = isJson(body) ? body["stream_options"] : null;
  return isJson(options) && options["include_usage"] === true;
}
