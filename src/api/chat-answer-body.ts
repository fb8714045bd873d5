// What the gateway adds to an answer of the chat completions dialect, and the answer it gives itself at a kind ending.
// Must never change a byte of what the model said.

import { ENDING_MODEL, type EndingAnswer, type GatewayObject } from "./gateway-object.ts";

const CLOSE_BRACE = 0x7d;

/** Adds `x-llm-gateway` as the last field of a JSON object. The body was read as one before. */
export function addGatewayObject(body: Buffer, gateway: GatewayObject): Buffer {
  const close = body.lastIndexOf(CLOSE_BRACE);
  if (close <= 0) return body;
  const added = Buffer.from(`,"x-llm-gateway":${JSON.stringify(gateway)}`);
  return Buffer.concat([body.subarray(0, close), added, body.subarray(close)]);
}

/** A valid assistant message that an agent can read, instead of an error that its client would retry. */
export function endingBody(ending: EndingAnswer): string {
  return JSON.stringify({
    id: `chatcmpl-${ending.requestId}`,
    object: "chat.completion",
    created: ending.created,
    model: ENDING_MODEL,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: ending.text, refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  });
}

/** The same as a stream, up to but without its terminal event. */
export function endingEvents(ending: EndingAnswer): string {
  const base = {
    id: `chatcmpl-${ending.requestId}`,
    object: "chat.completion.chunk",
    created: ending.created,
    model: ENDING_MODEL,
  };
  const chunk = (delta: object, finish: string | null) =>
    `data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  return chunk({ role: "assistant", content: ending.text }, null) + chunk({}, "stop");
}

export const DONE_EVENT = "data: [DONE]\n\n";
