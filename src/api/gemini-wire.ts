// The Gemini dialect as a wire: what its request, fault, ending and codec files know, in one object.

import { geminiCodec } from "./gemini-codec.ts";
import { endingResponse, endingResponseStream } from "./gemini-ending.ts";
import { geminiErrorBody, geminiErrorEvent } from "./gemini-fault.ts";
import { readGeminiRequest } from "./gemini-request.ts";
import type { Wire } from "./wire.ts";

export const geminiWire: Wire = {
  dialect: "gemini",
  codec: geminiCodec,
  relayedHeaders: [],
  readRequest: readGeminiRequest,
  errorBody: geminiErrorBody,
  errorEvent: geminiErrorEvent,
  // Older releases of @google/genai, and Gemini CLI with one inside, get stuck on whatever is no `data:`.
  breaksOnComments: true,
  // Clients check the fields of an answer: there is no room for one of ours.
  addGatewayObject: (body) => body,
  endingBody: endingResponse,
  endingStream: endingResponseStream,
};
