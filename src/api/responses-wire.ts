// The Responses dialect as a wire: what its request, fault, ending and codec files know, in one object.

import { responsesCodec } from "./responses-codec.ts";
import { endingResponse, endingResponseStream } from "./responses-ending.ts";
import { responseId } from "./responses-event.ts";
import { responsesErrorBody, responsesErrorEvent } from "./responses-fault.ts";
import { readResponsesRequest } from "./responses-request.ts";
import type { Wire } from "./wire.ts";

export const responsesWire: Wire = {
  dialect: "openai-responses",
  codec: responsesCodec,
  // The state of a turn is the provider's cookie: agents send back what they were given.
  relayedHeaders: ["openai-beta", "x-codex-turn-state"],
  readRequest: readResponsesRequest,
  answerId: responseId,
  errorBody: responsesErrorBody,
  errorEvent: responsesErrorEvent,
  // Clients keep the items they get and send them back: there is no room for a field of ours.
  addGatewayObject: (body) => body,
  endingBody: endingResponse,
  endingStream: endingResponseStream,
};
