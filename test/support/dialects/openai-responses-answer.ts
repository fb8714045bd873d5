// The wire of OpenAI's Responses API: one object, or the events that build it up.
// Must never skip a `sequence_number`: clients notice a lost event by it.

import { namedEvent, SSE, withIds } from "./dialect.ts";
import type { Asked, Pieces, ScriptedDialect, WireEvent } from "./dialect.ts";
import { isJson, signatureOf, textOf } from "./judge.ts";
import type { Json } from "./judge.ts";
import { openaiError } from "./openai-error.ts";
import { validateOpenaiResponses } from "./openai-responses-request.ts";
import { piecesOf } from "./step.ts";
import type { ErrorName, Reply } from "./step.ts";

export const openaiResponses: ScriptedDialect = {
  name: "openai-responses",
  basePath: "/v1",
  validate: validateOpenaiResponses,
  streamType: SSE,
  isStream: ({ body }) => isJson(body) && body["stream"] === true,
  modelOf: ({ body }) => (isJson(body) ? textOf(body["model"]) : ""),
  answer: (reply, asked) => responseOf(reply, asked, { status: statusOf(reply) }),
  stream,
  error: openaiError,
  errorPiece,
  aside: () => null,
};

type Item = WireEvent & { readonly id: string };

function itemsOf(reply: Reply, { turn }: Asked): readonly Item[] {
  const status = "completed";
  const { reasoning: words } = reply;
  const part = { type: "output_text", text: reply.text, annotations: [], logprobs: [] };
  return [
    ...(reply.reasoning === null && !reply.isRedacted
      ? []
      : [
          {
            id: `rs_${turn}`,
            type: "reasoning",
            summary: words === null ? [] : [{ type: "summary_text", text: words }],
            encrypted_content: signatureOf("openai-responses", words ?? ""),
          },
        ]),
    ...(reply.text === null
      ? []
      : [{ id: `msg_${turn}`, type: "message", status, role: "assistant", content: [part] }]),
    ...withIds(reply.calls, "call_", turn).map(({ id, name, input }, index) => ({
      id: `fc_${turn}_${index}`,
      type: "function_call",
      status,
      call_id: id,
      name,
      arguments: JSON.stringify(input),
    })),
  ];
}

/** The response object as far as it has come; `change` holds what differs while it is under way. */
function responseOf(reply: Reply, asked: Asked, change: Json): Json {
  const request = isJson(asked.request.body) ? asked.request.body : {};
  const status = change["status"];
  const reason = reply.stop === "refused" ? "content_filter" : "max_output_tokens";
  return {
    id: `resp_scripted${asked.turn}`,
    object: "response",
    created_at: 1_700_000_000,
    status,
    background: false,
    error: null,
    incomplete_details: status === "incomplete" ? { reason } : null,
    instructions: request["instructions"] ?? null,
    max_output_tokens: request["max_output_tokens"] ?? null,
    metadata: {},
    model: asked.model,
    output: itemsOf(reply, asked),
    parallel_tool_calls: true,
    previous_response_id: request["previous_response_id"] ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: "default",
    store: request["store"] ?? true,
    temperature: 1,
    text: { format: { type: "text" } },
    tool_choice: request["tool_choice"] ?? "auto",
    tools: request["tools"] ?? [],
    top_p: 1,
    truncation: "disabled",
    usage: usageOf(reply),
    ...change,
  };
}

function statusOf({ stop }: Reply): string {
  return stop === "end" ? "completed" : "incomplete";
}

function usageOf({ usage }: Reply): Json {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: {
      cached_tokens: usage.cacheReadTokens,
      cache_write_tokens: usage.cacheWriteTokens,
    },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function stream(reply: Reply, asked: Asked): Pieces {
  const begun = responseOf(reply, asked, { status: "in_progress", output: [], usage: null });
  const ended = responseOf(reply, asked, { status: statusOf(reply) });
  const events: readonly WireEvent[] = [
    { type: "response.created", response: begun },
    { type: "response.in_progress", response: begun },
    ...itemsOf(reply, asked).flatMap(eventsOf),
    { type: `response.${statusOf(reply)}`, response: ended },
  ];
  return events.map((event, index) => namedEvent({ ...event, sequence_number: index }));
}

function eventsOf(item: Item, outputIndex: number): readonly WireEvent[] {
  const at = { item_id: item.id, output_index: outputIndex };
  const added = (draft: Json) => ({
    type: "response.output_item.added",
    output_index: outputIndex,
    item: { ...item, ...draft },
  });
  const done = { type: "response.output_item.done", output_index: outputIndex, item };
  const open = { status: "in_progress" };
  switch (item.type) {
    case "message":
      return [added({ ...open, content: [] }), ...textEvents(item, at), done];
    case "function_call":
      return [added({ ...open, arguments: "" }), ...argumentEvents(item, at), done];
    default:
      return [added({ summary: [] }), ...summaryEvents(item, at), done];
  }
}

function textEvents(item: Item, at: Json): readonly WireEvent[] {
  const content: readonly unknown[] = Array.isArray(item["content"]) ? item["content"] : [];
  return content.filter(isJson).flatMap((part, index) => {
    const here = { ...at, content_index: index };
    const words = textOf(part["text"]);
    return [
      { type: "response.content_part.added", ...here, part: { ...part, text: "" } },
      ...piecesOf(words).map((delta) => ({
        type: "response.output_text.delta",
        ...here,
        delta,
        logprobs: [],
      })),
      { type: "response.output_text.done", ...here, text: words, logprobs: [] },
      { type: "response.content_part.done", ...here, part },
    ];
  });
}

function argumentEvents(item: Item, at: Json): readonly WireEvent[] {
  const type = "response.function_call_arguments";
  const words = textOf(item["arguments"]);
  return [
    ...piecesOf(words).map((delta) => ({ type: `${type}.delta`, ...at, delta })),
    { type: `${type}.done`, ...at, arguments: words, name: item["name"] },
  ];
}

function summaryEvents(item: Item, at: Json): readonly WireEvent[] {
  const parts: readonly unknown[] = Array.isArray(item["summary"]) ? item["summary"] : [];
  const type = "response.reasoning_summary";
  return parts.filter(isJson).flatMap((part, index) => {
    const here = { ...at, summary_index: index };
    const words = textOf(part["text"]);
    return [
      { type: `${type}_part.added`, ...here, part: { ...part, text: "" } },
      ...piecesOf(words).map((delta) => ({ type: `${type}_text.delta`, ...here, delta })),
      { type: `${type}_text.done`, ...here, text: words },
      { type: `${type}_part.done`, ...here, part },
    ];
  });
}

/**
 * An `error` event where the server itself broke, else `response.failed`: both are documented
 * ends.
 */
function errorPiece(error: ErrorName, asked: Asked, afterPieces: number): string {
  const { code, message, type } = openaiError(error, { retryAfterSeconds: null }).json.error;
  const sequence = { sequence_number: afterPieces };
  if (error === "server") {
    return namedEvent({ type: "error", code: code ?? type, message, param: null, ...sequence });
  }
  const failed = {
    id: `resp_scripted${asked.turn}`,
    object: "response",
    created_at: 1_700_000_000,
    status: "failed",
    error: { code: code ?? "server_error", message },
    incomplete_details: null,
    model: asked.model,
    output: [],
    usage: null,
  };
  return namedEvent({ type: "response.failed", response: failed, ...sequence });
}
