// The text of an answer of the Responses dialect, for one who watches it, and the end of an answer cut by that.
// Must never cut an answer that has begun a tool call, is inside a thought, or is ending by itself.

import type { Usage } from "../turn/usage.ts";
import type { CutEnd, TextWatch } from "./dialect.ts";
import { asObject, parseObject } from "./json-object.ts";

/** Longest text of one message that is kept for its end, in characters; a longer one is not cut. */
const TEXT_LENGTH_MAX = 4 * 1024 * 1024;

export interface ResponseText {
  /** The data of an event. What is no text is passed over. */
  take(data: string): void;
  /** An item of a whole answer. */
  takeItem(item: unknown): void;
  cut(): CutEnd | null;
}

/** The text that is being written. */
interface OpenText {
  readonly at: { readonly item_id: unknown; readonly output_index: unknown };
  readonly contentIndex: unknown;
  readonly text: string;
}

/** All that the end of an answer has to repeat. */
interface Kept {
  readonly response: Record<string, unknown>;
  readonly output: readonly unknown[];
  readonly open: OpenText;
  /** Number of the last event. */
  readonly number: number;
}

export function createResponseText(watch: TextWatch): ResponseText {
  let response: Record<string, unknown> = {};
  const output: unknown[] = [];
  let open: OpenText | null = null;
  let number = 0;
  let thinking = false;
  let over = false;

  function add(text: unknown, isThought: boolean): void {
    if (typeof text !== "string" || text === "") return;
    if (thinking && !isThought) watch.add("\n\n");
    thinking = isThought;
    watch.add(text);
  }

  function write(event: Record<string, unknown>): void {
    const { item_id, output_index, content_index: contentIndex, delta } = event;
    add(delta, false);
    const before = open?.at.item_id === item_id ? (open?.text ?? "") : "";
    const text = before + (typeof delta === "string" ? delta : "");
    over ||= text.length > TEXT_LENGTH_MAX;
    open = { at: { item_id, output_index }, contentIndex, text };
  }

  function takeEvent(event: Record<string, unknown>): void {
    switch (event["type"]) {
      case "response.created":
        response = asObject(event["response"]) ?? {};
        break;
      case "response.output_item.added":
        over ||= String(asObject(event["item"])?.["type"]).endsWith("_call");
        break;
      case "response.output_text.delta":
        write(event);
        break;
      case "response.reasoning_text.delta":
      case "response.reasoning_summary_text.delta":
        open = null;
        add(event["delta"], true);
        break;
      case "response.output_text.done":
        open = null;
        break;
      case "response.output_item.done":
        output.push(event["item"]);
        break;
    }
  }

  return {
    take(data) {
      if (over) return;
      const event = parseObject(data) ?? {};
      const told = event["sequence_number"];
      number = typeof told === "number" ? told : number + 1;
      takeEvent(event);
    },
    takeItem(item) {
      const { type, content, summary } = asObject(item) ?? {};
      const parts = type === "reasoning" ? summary : content;
      if (!Array.isArray(parts)) return;
      for (const part of parts) add(asObject(part)?.["text"], type === "reasoning");
    },
    cut() {
      if (over || open === null || !watch.wantsCut()) return null;
      return cutEnd({ response, output, open, number });
    },
  };
}

function cutEnd({ response, output, open, number }: Kept): CutEnd {
  return (usage) => {
    const { at, contentIndex: content_index, text } = open;
    const here = { ...at, content_index };
    const part = { type: "output_text", text, annotations: [], logprobs: [] };
    const item = {
      id: at.item_id,
      type: "message",
      status: "incomplete",
      role: "assistant",
      content: [part],
    };
    const ended = {
      ...response,
      // Not "completed": the model did not come to an end, and a client must be able to tell.
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output: [...output, item],
      usage: usageOf(usage),
    };
    const events = [
      { type: "response.output_text.done", ...here, text, logprobs: [] },
      { type: "response.content_part.done", ...here, part },
      { type: "response.output_item.done", output_index: at.output_index, item },
      { type: "response.incomplete", response: ended },
    ];
    const lines = events.map(({ type, ...fields }, index) => {
      const data = { type, sequence_number: number + 1 + index, ...fields };
      return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
    });
    return Buffer.from(lines.join(""));
  };
}

function usageOf(usage: Usage | null): object | null {
  if (usage === null) return null;
  const { inputTokens, outputTokens, cacheReadTokens, reasoningTokens } = usage;
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cacheReadTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}
