// The Messages dialect as a wire: what its request, fault, ending and codec files know, in one object.

import { messagesCodec } from "./anthropic-codec.ts";
import { estimateTokens, tokenCountBody } from "./anthropic-count.ts";
import { endingMessage, endingMessageStream } from "./anthropic-ending.ts";
import { messagesErrorBody, messagesErrorEvent } from "./anthropic-fault.ts";
import { readMessagesRequest } from "./anthropic-request.ts";
import type { Wire } from "./wire.ts";

export const messagesWire: Wire = {
  dialect: "anthropic-messages",
  codec: messagesCodec,
  counting: { estimate: estimateTokens, body: tokenCountBody },
  relayedHeaders: ["anthropic-version", "anthropic-beta"],
  readRequest: readMessagesRequest,
  errorBody: messagesErrorBody,
  errorEvent: messagesErrorEvent,
  // Clients keep the message they get and send it back: there is no room for a field of ours.
  addGatewayObject: (body) => body,
  endingBody: endingMessage,
  endingStream: endingMessageStream,
};
