// The response object and the events of its stream: what everything that writes this dialect shares.
// Must never write an event without its name and number: clients choose by the one and count by the other.

import type { Usage } from "../turn/usage.ts";

export interface ResponsesEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Writes the events of one stream, numbered from 0. */
export function createEventWriter(): (event: ResponsesEvent) => string {
  let number = 0;
  return (event) => {
    const { type, ...fields } = event;
    const data = JSON.stringify({ type, sequence_number: number, ...fields });
    number += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  };
}

export interface ResponseHead {
  readonly requestId: string;
  readonly model: string;
  /** Seconds since the epoch. */
  readonly created: number;
}

/** Id of an answer that is written here. */
export function responseId(requestId: string): string {
  return `resp_${requestId}`;
}

/** A response before anything of it is there. What a client may rely on to be present is. */
export function emptyResponse({ requestId, model, created }: ResponseHead) {
  return {
    id: responseId(requestId),
    object: "response",
    created_at: created,
    status: "in_progress",
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    metadata: {},
    model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: null,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [],
    top_p: null,
    truncation: "disabled",
    usage: null,
  };
}

/** In tokens. */
export function responseUsage(usage: Pick<Usage, "inputTokens" | "outputTokens"> & Partial<Usage>) {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: {
      cached_tokens: usage.cacheReadTokens ?? 0,
      cache_write_tokens: usage.cacheWriteTokens ?? 0,
    },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

/** A message of the model with one text. */
export function messageItem(id: string, text: string) {
  return {
    id,
    type: "message",
    status: "completed",
    role: "assistant",
    content: [textPart(text)],
  };
}

export function textPart(text: string) {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}
