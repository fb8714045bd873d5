// The text of a Gemini answer, for one who watches it, and the end of an answer cut by that.
// Must never cut an answer that has begun a call, has more than one candidate, or is ending by itself.

import type { Usage } from "../turn/usage.ts";
import type { CutEnd, TextWatch } from "./dialect.ts";
import { asObject } from "./json-object.ts";

/** What every piece of an answer repeats, and so the piece of our own. */
const HEAD_KEYS = ["modelVersion", "responseId", "createTime"] as const;

export interface GeminiText {
  /** A piece of an answer, or a whole one. What is no text is passed over. */
  take(piece: Record<string, unknown>): void;
  cut(): CutEnd | null;
}

export function createGeminiText(watch: TextWatch): GeminiText {
  let head: Record<string, unknown> = {};
  let thinking = false;
  let over = false;

  function takePart(part: Record<string, unknown>): void {
    if (asObject(part["functionCall"]) !== null) over = true;
    const { text } = part;
    if (over || typeof text !== "string" || text === "") return;
    const isThought = part["thought"] === true;
    if (thinking && !isThought) watch.add("\n\n");
    thinking = isThought;
    watch.add(text);
  }

  return {
    take(piece) {
      const { candidates } = piece;
      if (over || !Array.isArray(candidates)) return;
      head = Object.fromEntries(
        HEAD_KEYS.filter((key) => piece[key] !== undefined).map((key) => [key, piece[key]]),
      );
      const [first, ...others] = candidates.map(asObject);
      const parts = asObject(first?.["content"])?.["parts"];
      if (others.length > 0 || isOther(first?.["index"])) over = true;
      if (Array.isArray(parts)) for (const part of parts) takePart(asObject(part) ?? {});
      over ||= typeof first?.["finishReason"] === "string";
    },
    cut: () => (over || !watch.wantsCut() ? null : cutEnd(head)),
  };
}

function isOther(index: unknown): boolean {
  return typeof index === "number" && index > 0;
}

function cutEnd(head: Record<string, unknown>): CutEnd {
  return (usage) => {
    const content = { role: "model", parts: [{ text: "" }] };
    // Not "STOP": the model did not come to an end, and a client must be able to tell.
    const candidates = [{ content, finishReason: "MAX_TOKENS", index: 0 }];
    const piece = {
      candidates,
      ...(usage === null ? {} : { usageMetadata: usageOf(usage) }),
      ...head,
    };
    return Buffer.from(`data: ${JSON.stringify(piece)}\n\n`);
  };
}

function usageOf({ inputTokens, outputTokens, reasoningTokens }: Usage): object {
  return {
    promptTokenCount: inputTokens,
    candidatesTokenCount: Math.max(0, outputTokens - reasoningTokens),
    thoughtsTokenCount: reasoningTokens,
    totalTokenCount: inputTokens + outputTokens,
  };
}
