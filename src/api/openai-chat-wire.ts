// The chat completions dialect as a wire: what openai-chat, chat-answer-body and fault-reply know, in one object.

import { addGatewayObject, DONE_EVENT, endingBody, endingEvents } from "./chat-answer-body.ts";
import { chatErrorBody, chatErrorEvent } from "./fault-reply.ts";
import { chatCodec } from "./openai-chat-codec.ts";
import { readChatRequest } from "./openai-chat.ts";
import type { Wire } from "./wire.ts";

export const chatWire: Wire = {
  dialect: "openai-chat",
  codec: chatCodec,
  relayedHeaders: ["openai-beta"],
  readRequest: ({ body, depthMax }) => readChatRequest(body, { depthMax }),
  errorBody: chatErrorBody,
  errorEvent: chatErrorEvent,
  addGatewayObject,
  endingBody,
  endingStream: (ending) => ({ events: endingEvents(ending), terminal: DONE_EVENT }),
};
