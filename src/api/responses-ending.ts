// The answer that the gateway gives itself at a kind ending, as a response.
// Must never look like a model's: it is marked, and it costs nothing.

import { ENDING_MODEL, type EndingAnswer } from "./gateway-object.ts";
import {
  createEventWriter,
  emptyResponse,
  messageItem,
  responseUsage,
  textPart,
} from "./responses-event.ts";

const NOTHING_USED = responseUsage({ inputTokens: 0, outputTokens: 0 });

function partsOf({ requestId, created, text }: EndingAnswer) {
  const begun = emptyResponse({ requestId, created, model: ENDING_MODEL });
  const item = messageItem(`msg_${requestId}`, text);
  const ended = { ...begun, status: "completed", output: [item], usage: NOTHING_USED };
  return { begun, item, ended };
}

/** A valid answer that an agent can read, instead of an error that its client would retry. */
export function endingResponse(ending: EndingAnswer): string {
  return JSON.stringify(partsOf(ending).ended);
}

/** The same as a stream. */
export function endingResponseStream(ending: EndingAnswer) {
  const { begun, item, ended } = partsOf(ending);
  const { text } = ending;
  const write = createEventWriter();
  const at = { item_id: item.id, output_index: 0, content_index: 0 };
  const draft = { ...item, status: "in_progress", content: [] };
  const events = [
    { type: "response.created", response: begun },
    { type: "response.in_progress", response: begun },
    { type: "response.output_item.added", output_index: 0, item: draft },
    { type: "response.content_part.added", ...at, part: textPart("") },
    { type: "response.output_text.delta", ...at, delta: text, logprobs: [] },
    { type: "response.output_text.done", ...at, text, logprobs: [] },
    { type: "response.content_part.done", ...at, part: textPart(text) },
    { type: "response.output_item.done", output_index: 0, item },
  ];
  const written = events.map(write).join("");
  return { events: written, terminal: write({ type: "response.completed", response: ended }) };
}
