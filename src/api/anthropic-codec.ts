// The Messages dialect as a codec, so that models of other dialects can answer its clients.

import { decodeMessagesCall } from "./anthropic-decode.ts";
import { createMessageEncoder } from "./anthropic-encode.ts";
import type { Codec } from "./codec.ts";

export const messagesCodec: Codec = {
  decode: decodeMessagesCall,
  createEncoder: createMessageEncoder,
};
