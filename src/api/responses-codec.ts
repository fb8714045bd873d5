// The Responses dialect as a codec, so that models of other dialects can answer its clients.

import type { Codec } from "./codec.ts";
import { decodeResponsesCall } from "./responses-decode.ts";
import { createResponseEncoder } from "./responses-encode.ts";

export const responsesCodec: Codec = {
  decode: decodeResponsesCall,
  createEncoder: createResponseEncoder,
};
