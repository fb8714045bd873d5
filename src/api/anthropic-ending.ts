// The answer that the gateway gives itself at a kind ending, as a message.
// Must never look like a model's: it is marked, and it costs nothing.

import { emptyMessage, messageEvent, MESSAGE_STOP, messageUsage } from "./anthropic-event.ts";
import { ENDING_MODEL, type EndingAnswer } from "./gateway-object.ts";

function messageOf({ requestId }: EndingAnswer) {
  return emptyMessage({ id: `msg_${requestId}`, model: ENDING_MODEL });
}

/** A valid assistant message that an agent can read, instead of an error that its client would retry. */
export function endingMessage(ending: EndingAnswer): string {
  const content = [{ type: "text", text: ending.text }];
  return JSON.stringify({ ...messageOf(ending), content, stop_reason: "end_turn" });
}

/** The same as a stream. */
export function endingMessageStream(ending: EndingAnswer) {
  const events = [
    { type: "message_start", message: messageOf(ending) },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: ending.text } },
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: messageUsage({}),
    },
  ];
  return { events: events.map(messageEvent).join(""), terminal: MESSAGE_STOP };
}
