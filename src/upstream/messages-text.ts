// The text of an answer of the Messages dialect, for one who watches it, and the end of an answer cut by that.
// Must never cut inside a thought, which would go back to its provider without a signature, nor an answer that has
// begun a tool call.

import type { Usage } from "../turn/usage.ts";
import type { CutEnd, TextWatch } from "./dialect.ts";
import { asObject, parseObject } from "./json-object.ts";

export interface MessageText {
  /** The data of an event. What is no text is passed over. */
  take(data: string): void;
  /** A block of a whole answer. */
  takeBlock(block: Record<string, unknown>): void;
  cut(): CutEnd | null;
}

export function createMessageText(watch: TextWatch): MessageText {
  /** Index of the text block that is open; null: none is. */
  let open: number | null = null;
  let thinking = false;
  let over = false;

  function add(text: unknown, isThought: boolean): void {
    if (typeof text !== "string" || text === "") return;
    if (thinking && !isThought) watch.add("\n\n");
    thinking = isThought;
    watch.add(text);
  }

  function start(event: Record<string, unknown>): void {
    const block = asObject(event["content_block"]) ?? {};
    if (block["type"] === "tool_use") over = true;
    open = block["type"] === "text" ? indexOf(event) : null;
    takeBlock(block);
  }

  function takeBlock(block: Record<string, unknown>): void {
    if (block["type"] === "text") add(block["text"], false);
    else if (block["type"] === "thinking") add(block["thinking"], true);
  }

  return {
    takeBlock,
    take(data) {
      if (over) return;
      const event = parseObject(data) ?? {};
      switch (event["type"]) {
        case "content_block_start":
          start(event);
          break;
        case "content_block_delta": {
          const delta = asObject(event["delta"]) ?? {};
          add(delta["text"], false);
          add(delta["thinking"], true);
          break;
        }
        case "content_block_stop":
          open = null;
          break;
        case "message_delta":
          over = true;
          break;
      }
    },
    cut: () => (over || open === null || !watch.wantsCut() ? null : cutEnd(open)),
  };
}

function indexOf(event: Record<string, unknown>): number {
  const { index } = event;
  return typeof index === "number" ? index : 0;
}

function cutEnd(index: number): CutEnd {
  return (usage) => {
    const events = [
      { type: "content_block_stop", index },
      {
        type: "message_delta",
        // Not "end_turn": the model did not come to an end, and a client must be able to tell.
        delta: { stop_reason: "max_tokens", stop_sequence: null },
        usage: usageOf(usage),
      },
      { type: "message_stop" },
    ];
    const lines = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    return Buffer.from(lines.join(""));
  };
}

/** The figures of the start stand; at the end the dialect asks for the output. */
function usageOf(usage: Usage | null): object {
  return { output_tokens: usage?.outputTokens ?? 0 };
}
