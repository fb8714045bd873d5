// The wire of Anthropic's Messages API: one message, or the events that build it up; and
// count_tokens.
// Must never send a content block outside its start and stop.

import { namedEvent, SSE, withIds } from "./dialect.ts";
import type { Asked, ErrorOptions, Pieces, ScriptedDialect, WireError } from "./dialect.ts";
import type { WireEvent } from "./dialect.ts";
import { isCountTokens, validateAnthropicMessages } from "./anthropic-request.ts";
import { isJson, signatureOf, textOf } from "./judge.ts";
import type { Json } from "./judge.ts";
import { piecesOf } from "./step.ts";
import type { ErrorName, Reply } from "./step.ts";

export const anthropicMessages: ScriptedDialect = {
  name: "anthropic-messages",
  basePath: "/v1",
  validate: validateAnthropicMessages,
  streamType: SSE,
  isStream: ({ body }) => isJson(body) && body["stream"] === true,
  modelOf: ({ body }) => (isJson(body) ? textOf(body["model"]) : ""),
  answer: (reply, asked) => ({
    ...messageOf(asked),
    content: blocksOf(reply, asked),
    stop_reason: stopOf(reply),
    usage: usageOf(reply),
  }),
  stream,
  error: anthropicError,
  errorPiece: (error) => namedEvent(errorBody(error, "req_scripted")),
  // About four letters a token: a test wants a number that grows with the request.
  aside: ({ path, raw }) =>
    isCountTokens(path) ? { json: { input_tokens: Math.ceil(raw.length / 4) } } : null,
};

function messageOf({ model, turn }: Asked): Json {
  return {
    id: `msg_scripted${turn}`,
    type: "message",
    role: "assistant",
    model,
    content: [],
    container: null,
    diagnostics: null,
    stop_details: null,
    stop_reason: null,
    stop_sequence: null,
  };
}

function blocksOf(reply: Reply, { turn }: Asked): readonly WireEvent[] {
  const { reasoning } = reply;
  const signature = signatureOf("anthropic-messages", reasoning ?? "");
  return [
    ...(reasoning === null ? [] : [{ type: "thinking", thinking: reasoning, signature }]),
    ...(reply.isRedacted ? [{ type: "redacted_thinking", data: signature }] : []),
    ...(reply.text === null ? [] : [{ type: "text", text: reply.text, citations: null }]),
    ...withIds(reply.calls, "toolu_", turn).map(({ id, name, input }) => ({
      type: "tool_use",
      id,
      name,
      input,
      caller: { type: "direct" },
    })),
  ];
}

function stopOf({ stop, calls }: Reply): string {
  if (stop === "length") return "max_tokens";
  if (stop === "refused") return "refusal";
  return calls.length > 0 ? "tool_use" : "end_turn";
}

/** Here `input_tokens` are those that the cache neither held nor took. */
function usageOf({ usage }: Reply): Json {
  const { inputTokens, cacheReadTokens, cacheWriteTokens } = usage;
  return {
    input_tokens: inputTokens - cacheReadTokens - cacheWriteTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cacheReadTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: cacheWriteTokens,
      ephemeral_1h_input_tokens: 0,
    },
    output_tokens: usage.outputTokens,
    output_tokens_details: { thinking_tokens: usage.reasoningTokens },
    server_tool_use: null,
    service_tier: "standard",
    inference_geo: null,
    speed: null,
  };
}

function stream(reply: Reply, asked: Asked): Pieces {
  const usage = usageOf(reply);
  const begun = { ...messageOf(asked), usage: { ...usage, output_tokens: 1 } };
  const events: readonly WireEvent[] = [
    { type: "message_start", message: begun },
    { type: "ping" },
    ...blocksOf(reply, asked).flatMap(eventsOf),
    {
      type: "message_delta",
      delta: {
        stop_reason: stopOf(reply),
        stop_sequence: null,
        stop_details: null,
        container: null,
      },
      usage,
    },
    { type: "message_stop" },
  ];
  return events.map(namedEvent);
}

function eventsOf(block: WireEvent, index: number): readonly WireEvent[] {
  const delta = (type: string, field: string, value: unknown) => ({
    type: "content_block_delta",
    index,
    delta: { type, [field]: value },
  });
  return [
    { type: "content_block_start", index, content_block: emptied(block) },
    ...piecesOf(textOf(block["thinking"])).map((words) =>
      delta("thinking_delta", "thinking", words),
    ),
    ...(block["signature"] === undefined
      ? []
      : [delta("signature_delta", "signature", block["signature"])]),
    ...piecesOf(textOf(block["text"])).map((words) => delta("text_delta", "text", words)),
    ...(block["input"] === undefined
      ? []
      : piecesOf(JSON.stringify(block["input"])).map((json) =>
          delta("input_json_delta", "partial_json", json),
        )),
    { type: "content_block_stop", index },
  ];
}

/** A block as it starts: what the deltas bring is still missing. */
function emptied(block: WireEvent): WireEvent {
  switch (block.type) {
    case "thinking":
      return { ...block, thinking: "", signature: "" };
    case "text":
      return { ...block, text: "" };
    case "tool_use":
      return { ...block, input: {} };
    default:
      return block;
  }
}

interface Row {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly details?: Json;
}

const ERRORS: Readonly<Record<ErrorName, Row>> = {
  rate_limited: {
    status: 429,
    type: "rate_limit_error",
    message: "This request would exceed your organization's rate limit.",
  },
  overloaded: { status: 529, type: "overloaded_error", message: "Overloaded" },
  server: { status: 500, type: "api_error", message: "Internal server error" },
  context_overflow: {
    status: 400,
    type: "invalid_request_error",
    message: "prompt is too long: 210000 tokens > 200000 maximum",
  },
  invalid_key: { status: 401, type: "authentication_error", message: "invalid x-api-key" },
  billing: {
    status: 429,
    type: "rate_limit_error",
    message: "Your organization has reached its spend limit.",
    details: { error_code: "enforced_spend_limit_reached" },
  },
  invalid_request: { status: 400, type: "invalid_request_error", message: "Invalid request" },
  model_missing: { status: 404, type: "not_found_error", message: "model: not found" },
};

function errorBody(error: ErrorName, requestId: string): WireEvent {
  const { type, message, details } = ERRORS[error];
  const inner = details === undefined ? { type, message } : { type, message, details };
  return { type: "error", error: inner, request_id: requestId };
}

function anthropicError(error: ErrorName, { retryAfterSeconds }: ErrorOptions): WireError {
  const retry = retryAfterSeconds === null ? {} : { "retry-after": String(retryAfterSeconds) };
  const headers = { "request-id": "req_scripted", ...retry };
  return { status: ERRORS[error].status, headers, json: errorBody(error, "req_scripted") };
}
