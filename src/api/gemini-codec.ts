// The Gemini dialect as a codec, so that models of other dialects can answer its clients.

import type { Codec } from "./codec.ts";
import { decodeGeminiCall } from "./gemini-decode.ts";
import { createGeminiEncoder } from "./gemini-encode.ts";

export const geminiCodec: Codec = {
  decode: decodeGeminiCall,
  createEncoder: createGeminiEncoder,
};
