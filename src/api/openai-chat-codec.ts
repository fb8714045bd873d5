// The chat completions dialect as a codec, so that models of other dialects can answer its clients.

import type { Codec } from "./codec.ts";
import { createChatEncoder } from "./openai-chat-codec-answer.ts";
import { decodeChatCall } from "./openai-chat-codec-request.ts";

export const chatCodec: Codec = {
  decode: decodeChatCall,
  createEncoder: createChatEncoder,
};
