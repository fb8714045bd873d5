// The pieces of a Gemini answer, and the usage they tell: what everything that writes this dialect shares.
// Must never name a finish in a piece that is not the last one: clients take it for the end.

import type { Part } from "./gemini-parts.ts";

export interface AnswerHead {
  readonly responseId: string;
  readonly modelVersion: string;
}

export interface AnswerEnd {
  readonly finishReason: string;
  readonly usageMetadata: ReturnType<typeof usageMetadata>;
}

/** An answer, or a piece of one; `end` null: more follows. */
export function response(head: AnswerHead, parts: readonly Part[], end: AnswerEnd | null) {
  const { responseId, modelVersion } = head;
  const content = { role: "model", parts };
  const candidate = { content, index: 0 };
  return end === null
    ? { candidates: [candidate], modelVersion, responseId }
    : {
        candidates: [{ ...candidate, finishReason: end.finishReason }],
        usageMetadata: end.usageMetadata,
        modelVersion,
        responseId,
      };
}

/** One event, complete with its blank line. */
export function geminiEvent(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** In tokens; what is not told is 0. `input` holds what the cache held, `output` the thoughts. */
export function usageMetadata(told: {
  readonly input?: number;
  readonly output?: number;
  readonly cached?: number;
  readonly thoughts?: number;
}) {
  const { input = 0, output = 0, cached = 0, thoughts = 0 } = told;
  return {
    promptTokenCount: input,
    candidatesTokenCount: Math.max(0, output - thoughts),
    ...(thoughts > 0 ? { thoughtsTokenCount: thoughts } : {}),
    ...(cached > 0 ? { cachedContentTokenCount: cached } : {}),
    totalTokenCount: input + output,
  };
}
