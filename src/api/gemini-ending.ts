// The answer that the gateway gives itself at a kind ending, as a Gemini response.
// Must never look like a model's: it is marked, and it costs nothing.

import { geminiEvent, response, usageMetadata } from "./gemini-event.ts";
import { ENDING_MODEL, type EndingAnswer } from "./gateway-object.ts";

const END = { finishReason: "STOP", usageMetadata: usageMetadata({}) };

function headOf({ requestId }: EndingAnswer) {
  return { responseId: requestId, modelVersion: ENDING_MODEL };
}

/** A valid answer that an agent can read, instead of an error that its client would retry. */
export function endingResponse(ending: EndingAnswer): string {
  return JSON.stringify(response(headOf(ending), [{ text: ending.text }], END));
}

/** The same as a stream. */
export function endingResponseStream(ending: EndingAnswer) {
  const head = headOf(ending);
  return {
    events: geminiEvent(response(head, [{ text: ending.text }], null)),
    terminal: geminiEvent(response(head, [{ text: "" }], END)),
  };
}
