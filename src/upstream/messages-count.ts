// Reads the answer to a call that only counts the tokens of a request. Must never take anything else for a count.

import type { AnswerReader } from "./dialect.ts";
import { parseObject } from "./json-object.ts";

export function createCountReader(): AnswerReader {
  return {
    // It is never a stream.
    readEvent: () => "error",
    isWhole: () => false,
    finished: () => false,
    cut: () => null,
    readJson(body) {
      const count = parseObject(body.toString("utf8"))?.["input_tokens"];
      return typeof count === "number" && Number.isSafeInteger(count) && count >= 0;
    },
    summary: () => ({ usage: null, finish: null, toolCalls: [], pieces: 0 }),
  };
}
