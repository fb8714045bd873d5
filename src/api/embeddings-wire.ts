// Embeddings in OpenAI's format as a wire. Must never be given an ending: no conversation stands behind it.

import { throwFault } from "../turn/fault.ts";
import { readEmbeddingsRequest } from "./embeddings-request.ts";
import { chatErrorBody, chatErrorEvent } from "./fault-reply.ts";
import type { Wire } from "./wire.ts";

export const embeddingsWire: Wire = {
  dialect: "openai-embeddings",
  codec: null,
  // Vectors of two models cannot be compared, and nobody rates them: the price chooses, and no failure moves a caller.
  stateless: { rankBy: ["cost"], oneModel: true },
  relayedHeaders: ["openai-beta"],
  readRequest: readEmbeddingsRequest,
  errorBody: chatErrorBody,
  errorEvent: chatErrorEvent,
  // Clients read the list and nothing else, and it may be large.
  addGatewayObject: (body) => body,
  endingBody: noEnding,
  endingStream: noEnding,
};

function noEnding(): never {
  return throwFault("internal", "A request for embeddings cannot be ended in words.");
}
