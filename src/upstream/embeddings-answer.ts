// Reads answers of the embeddings dialect: that they are one, and what they used.
// Must never build the vectors: an answer may hold tens of megabytes of numbers that nobody here looks at.

import { NO_USAGE, type Usage } from "../turn/usage.ts";
import type { AnswerReader } from "./dialect.ts";
import { asObject, parseObject } from "./json-object.ts";

/** Up to so many bytes an answer is parsed whole. */
const PARSED_BYTES_MAX = 64 * 1024;
/** Of a larger one, so many bytes at each end tell what stands beside the vectors. */
const END_BYTES = 4 * 1024;
const TELLS_DATA = /"data"\s*:\s*\[/;
const TELLS_USAGE = /"usage"\s*:\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})/;

export function createEmbeddingsReader(): AnswerReader {
  let usage: Usage | null = null;
  let pieces = 0;

  function readWhole(answer: Record<string, unknown> | null): boolean {
    if (answer === null || !Array.isArray(answer["data"])) return false;
    if ((answer["error"] ?? null) !== null) return false;
    usage = readUsage(answer["usage"]);
    return true;
  }

  function readEnds(body: Buffer): boolean {
    const head = body.toString("utf8", 0, END_BYTES);
    const tail = body.toString("utf8", body.length - END_BYTES);
    const isObject = head.trimStart().startsWith("{") && tail.trimEnd().endsWith("}");
    if (!isObject || !(TELLS_DATA.test(head) || TELLS_DATA.test(tail))) return false;
    const told = TELLS_USAGE.exec(tail)?.[1] ?? TELLS_USAGE.exec(head)?.[1];
    usage = told === undefined ? null : readUsage(parseObject(told));
    return true;
  }

  return {
    // Embeddings are never streamed.
    readEvent: () => "error",
    isWhole: () => false,
    readJson(body) {
      const isAnswer =
        body.length > PARSED_BYTES_MAX
          ? readEnds(body)
          : readWhole(parseObject(body.toString("utf8")));
      if (isAnswer) pieces = 1;
      return isAnswer;
    },
    finished: () => false,
    cut: () => null,
    summary: () => ({ usage, finish: null, toolCalls: [], pieces }),
  };
}

/** Null when there is none. */
function readUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  const input = usage?.["prompt_tokens"] ?? usage?.["total_tokens"];
  if (typeof input !== "number" || !Number.isSafeInteger(input) || input < 0) return null;
  return { ...NO_USAGE, inputTokens: input };
}
