// Writes an answer of any model as a Gemini answer: piece by piece, or whole.
// Must never write half a call, a finish before the end, or a thought as if it were text.

import type {
  CanonicalContent,
  CanonicalFinish,
  CanonicalPart,
  CanonicalResult,
  CanonicalUsage,
} from "../turn/canonical.ts";
import type { AnswerEncoder, AnswerIdentity } from "./codec.ts";
import { geminiEvent, response, usageMetadata } from "./gemini-event.ts";
import { asObject, type Part } from "./gemini-parts.ts";
import { sealThoughts, type OpenThought } from "./gemini-seal.ts";

type Metadata = NonNullable<CanonicalContent["providerMetadata"]>;
type Call = Extract<CanonicalContent, { type: "tool-call" }>;
type Finish = Pick<CanonicalResult, "finishReason" | "usage">;

export function createGeminiEncoder({ requestId, model }: AnswerIdentity): AnswerEncoder {
  const head = { responseId: requestId, modelVersion: model };
  const thoughts = createThoughtBook();
  let finish: Finish | null = null;

  function partOf(part: CanonicalPart): Part | null {
    switch (part.type) {
      case "text-delta":
        return part.delta === "" ? null : { text: part.delta };
      case "reasoning-start":
      case "reasoning-end":
        thoughts.note(part.id, "", part.providerMetadata);
        return null;
      case "reasoning-delta":
        thoughts.note(part.id, part.delta, part.providerMetadata);
        return part.delta === "" ? null : { text: part.delta, thought: true };
      // In this dialect calls come whole.
      case "tool-call":
        return part.providerExecuted === true ? null : callPart(part, thoughts.seal());
      case "file":
        return filePart(part);
      case "finish":
        finish = part;
        return null;
      default:
        return null;
    }
  }

  return {
    part(part) {
      const written = partOf(part);
      return written === null ? "" : geminiEvent(response(head, [written], null));
    },
    end: () => "",
    terminal: () => geminiEvent(response(head, [{ text: "" }], endOf(finish))),
    json: (result) =>
      JSON.stringify(response(head, result.content.flatMap(wholePart(thoughts)), endOf(result))),
  };
}

interface ThoughtBook {
  note(id: string, text: string, metadata: Metadata | undefined): void;
  /** What the first call behind the thoughts has to bring back; null: nothing, or it was given before. */
  seal(): string | null;
}

/** Thoughts that their provider signed go back to it with the call they led to. */
function createThoughtBook(): ThoughtBook {
  const noted = new Map<string, OpenThought>();
  return {
    note(id, text, metadata) {
      const before = noted.get(id) ?? { text: "", metadata: {} };
      noted.set(id, {
        text: before.text + text,
        metadata: { ...before.metadata, ...metadata },
      });
    },
    seal() {
      const all = [...noted.values()];
      noted.clear();
      const isSigned = all.some(({ metadata }) => Object.keys(metadata).length > 0);
      return isSigned ? sealThoughts(all) : null;
    },
  };
}

function wholePart(thoughts: ThoughtBook) {
  return (part: CanonicalContent, index: number): Part[] => {
    switch (part.type) {
      case "text":
        return part.text === "" ? [] : [{ text: part.text }];
      case "reasoning":
        thoughts.note(String(index), part.text, part.providerMetadata);
        return part.text === "" ? [] : [{ text: part.text, thought: true }];
      case "tool-call":
        return part.providerExecuted === true ? [] : [callPart(part, thoughts.seal())];
      case "file": {
        const file = filePart(part);
        return file === null ? [] : [file];
      }
      default:
        return [];
    }
  };
}

function callPart({ toolCallId: id, toolName: name, input }: Call, seal: string | null): Part {
  return {
    functionCall: { id, name, args: argsOf(input) },
    ...(seal === null ? {} : { thoughtSignature: seal }),
  };
}

/** Here a call's arguments are an object. What a model wrote instead is shown to the client as it is. */
function argsOf(text: string): Part {
  try {
    const args = asObject(JSON.parse(text === "" ? "{}" : text));
    if (args !== null) return args;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { INVALID_JSON: text };
}

/** Null for a file that is only an address. */
function filePart({ data, mediaType }: Extract<CanonicalContent, { type: "file" }>): Part | null {
  if (data.type !== "data") return null;
  const bytes =
    typeof data.data === "string" ? data.data : Buffer.from(data.data).toString("base64");
  return { inlineData: { mimeType: mediaType, data: bytes } };
}

/** Words of this dialect that a provider may have used itself. */
const OWN_WORDS: ReadonlySet<string> = new Set(["STOP", "MAX_TOKENS", "SAFETY", "RECITATION"]);

/** `end` null: nobody told it. */
function endOf(end: Finish | null) {
  if (end === null) return { finishReason: "STOP", usageMetadata: usageMetadata({}) };
  return { finishReason: wordOf(end.finishReason), usageMetadata: usageOf(end.usage) };
}

function wordOf({ unified, raw }: CanonicalFinish): string {
  if (raw !== undefined && OWN_WORDS.has(raw)) return raw;
  switch (unified) {
    case "length":
      return "MAX_TOKENS";
    case "content-filter":
      return "SAFETY";
    case "stop":
    case "tool-calls":
      return "STOP";
    default:
      return "OTHER";
  }
}

function usageOf({ inputTokens, outputTokens }: CanonicalUsage) {
  return usageMetadata({
    input: inputTokens.total ?? 0,
    output: outputTokens.total ?? 0,
    cached: inputTokens.cacheRead ?? 0,
    thoughts: outputTokens.reasoning ?? 0,
  });
}
