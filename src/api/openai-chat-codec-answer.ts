// An answer of any model as the chat completions dialect writes it, as a stream of chunks or as one body.
// Must never write two chunks for one delta, nor end a stream that was not told to end.

import type {
  CanonicalContent,
  CanonicalFinish,
  CanonicalPart,
  CanonicalResult,
  CanonicalUsage,
} from "../turn/canonical.ts";
import type { AnswerEncoder, AnswerIdentity } from "./codec.ts";
import { callDetail, sealOf, thoughtDetail } from "./openai-chat-codec-thoughts.ts";

const DONE_EVENT = "data: [DONE]\n\n";

/** A call as its pieces come. */
interface OpenCall {
  readonly index: number;
  /** True once any of its arguments has been written. */
  written: boolean;
}

export function createChatEncoder(answer: AnswerIdentity): AnswerEncoder {
  return new ChatEncoder(answer);
}

class ChatEncoder implements AnswerEncoder {
  readonly #answer: AnswerIdentity;
  /** All of a chunk up to its delta: it is the same for each. */
  readonly #head: string;
  readonly #calls = new Map<string, OpenCall>();
  readonly #thoughts = new Map<string, string>();
  #details: object[] = [];
  #begun = false;
  #usage: CanonicalUsage | null = null;

  constructor(answer: AnswerIdentity) {
    this.#answer = answer;
    this.#head = `data: {${headOf(answer, "chat.completion.chunk")},"choices":[{"index":0,"delta":`;
  }

  part(part: CanonicalPart): string {
    switch (part.type) {
      case "text-delta":
        return part.delta === "" ? "" : this.#text("content", part.delta);
      case "reasoning-start":
        this.#thoughts.set(part.id, "");
        return this.#note(part.id, part.providerMetadata);
      case "reasoning-delta": {
        this.#thoughts.set(part.id, (this.#thoughts.get(part.id) ?? "") + part.delta);
        this.#note(part.id, part.providerMetadata);
        return part.delta === "" ? "" : this.#text("reasoning_content", part.delta);
      }
      case "reasoning-end":
        return this.#note(part.id, part.providerMetadata);
      case "tool-input-start":
        return this.#beginCall(part.id, part.toolName);
      case "tool-input-delta":
        return this.#continueCall(part.id, part.delta);
      case "tool-call":
        return this.#endCall(part);
      case "finish":
        this.#usage = part.usage;
        return this.#finish(part.finishReason);
      default:
        return "";
    }
  }

  end(): string {
    if (!this.#answer.wantsUsage || this.#usage === null) return "";
    const usage = JSON.stringify(usageOf(this.#usage));
    const head = headOf(this.#answer, "chat.completion.chunk");
    return `data: {${head},"choices":[],"usage":${usage}}\n\n`;
  }

  terminal(): string {
    return DONE_EVENT;
  }

  json(result: CanonicalResult): string {
    const { content, finishReason, usage } = result;
    const calls = content.filter((part) => part.type === "tool-call");
    const choice = {
      index: 0,
      message: messageOf(content),
      logprobs: null,
      finish_reason: finishWord(finishReason, calls.length > 0),
    };
    const head = headOf(this.#answer, "chat.completion");
    const rest = { choices: [choice], usage: usageOf(usage) };
    return `{${head},${JSON.stringify(rest).slice(1)}`;
  }

  #text(field: "content" | "reasoning_content", text: string): string {
    return this.#chunk(`{"${field}":${JSON.stringify(text)}}`);
  }

  /** Seals come in one chunk at the end: clients join them in different ways. */
  #note(id: string, metadata: Parameters<typeof sealOf>[0]): "" {
    const seal = sealOf(metadata);
    if (seal !== null) this.#seals.set(id, seal);
    return "";
  }

  readonly #seals = new Map<string, string>();

  #beginCall(id: string, name: string): string {
    const index = this.#calls.size;
    this.#calls.set(id, { index, written: false });
    const call = { index, id, type: "function", function: { name, arguments: "" } };
    return this.#chunk(`{"tool_calls":[${JSON.stringify(call)}]}`);
  }

  #continueCall(id: string, delta: string): string {
    const call = this.#calls.get(id);
    if (call === undefined || delta === "") return "";
    call.written = true;
    const written = JSON.stringify(delta);
    return this.#chunk(
      `{"tool_calls":[{"index":${call.index},"function":{"arguments":${written}}}]}`,
    );
  }

  /** Some models give a call at once; of most, its pieces have been written already. */
  #endCall(part: Extract<CanonicalPart, { type: "tool-call" }>): string {
    const { toolCallId: id, toolName, input } = part;
    const seal = sealOf(part.providerMetadata);
    if (seal !== null) this.#details.push(callDetail(id, seal));
    const begun = this.#calls.has(id) ? "" : this.#beginCall(id, toolName);
    return this.#calls.get(id)?.written === true ? begun : begun + this.#continueCall(id, input);
  }

  #finish(reason: CanonicalFinish): string {
    const thoughts = [...this.#seals].map(([id, seal]) =>
      thoughtDetail(this.#thoughts.get(id) ?? "", seal),
    );
    const details = [...thoughts, ...this.#details];
    const sealed =
      details.length === 0 ? "" : this.#chunk(JSON.stringify({ reasoning_details: details }));
    const word = finishWord(reason, this.#calls.size > 0);
    return `${sealed}${this.#chunk("{}", word)}`;
  }

  #chunk(delta: string, finish: string | null = null): string {
    const first = this.#begun ? "" : this.#role();
    const last = finish === null ? "null" : `"${finish}"`;
    return `${first}${this.#head}${delta},"finish_reason":${last}}]}\n\n`;
  }

  #role(): string {
    this.#begun = true;
    return this.#chunk('{"role":"assistant","content":""}');
  }
}

function headOf({ requestId, created, model }: AnswerIdentity, object: string): string {
  const head = { id: `chatcmpl-${requestId}`, object, created, model };
  return JSON.stringify(head).slice(1, -1);
}

function messageOf(content: readonly CanonicalContent[]): object {
  const texts = content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const thoughts = content.flatMap((part) => (part.type === "reasoning" ? [part] : []));
  const calls = content.flatMap((part) => (part.type === "tool-call" ? [part] : []));
  const details = [
    ...thoughts.map((part) => ({ part, seal: sealOf(part.providerMetadata) })),
    ...calls.map((part) => ({ part, seal: sealOf(part.providerMetadata) })),
  ].flatMap(({ part, seal }) => {
    if (seal === null) return [];
    const isCall = part.type === "tool-call";
    return [isCall ? callDetail(part.toolCallId, seal) : thoughtDetail(part.text, seal)];
  });
  const thought = thoughts.map(({ text }) => text).join("\n\n");
  return {
    role: "assistant",
    content: texts.length === 0 ? null : texts.join(""),
    refusal: null,
    ...(thought === "" ? {} : { reasoning_content: thought }),
    ...(details.length === 0 ? {} : { reasoning_details: details }),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map(callOf) }),
  };
}

function callOf({
  toolCallId: id,
  toolName,
  input,
}: Extract<CanonicalContent, { type: "tool-call" }>) {
  return { id, type: "function", function: { name: toolName, arguments: input } };
}

/** The dialect knows four ways to end; a call that waits for its result goes before the others. */
function finishWord({ unified }: CanonicalFinish, calls: boolean): string {
  switch (unified) {
    case "length":
      return "length";
    case "content-filter":
      return "content_filter";
    default:
      return calls || unified === "tool-calls" ? "tool_calls" : "stop";
  }
}

function usageOf({ inputTokens: input, outputTokens: output }: CanonicalUsage): object {
  const promptTokens = input.total ?? 0;
  const completionTokens = output.total ?? 0;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: {
      cached_tokens: input.cacheRead ?? 0,
      cache_write_tokens: input.cacheWrite ?? 0,
    },
    completion_tokens_details: { reasoning_tokens: output.reasoning ?? 0 },
  };
}
