// Writes an answer of any model as a message: as the events that build it up, or whole.
// Must never open a second block before the first is closed, nor write a thought without a signature.

import type { CanonicalPart, CanonicalResult } from "../turn/canonical.ts";
import {
  redacted,
  signatureOf,
  THOUGHT,
  toolUse,
  wholeMessage,
  type Metadata,
} from "./anthropic-encode-block.ts";
import { endOf } from "./anthropic-encode-end.ts";
import { BlockQueue } from "./anthropic-encode-queue.ts";
import { emptyMessage, MESSAGE_STOP, messageEvent } from "./anthropic-event.ts";
import { sealCall } from "./anthropic-seal.ts";
import type { AnswerEncoder, AnswerIdentity } from "./codec.ts";

type Part<Type extends CanonicalPart["type"]> = Extract<CanonicalPart, { type: Type }>;

const TEXT = { type: "text", text: "" };

export function createMessageEncoder(answer: AnswerIdentity): AnswerEncoder {
  return new MessageEncoder(answer);
}

class MessageEncoder implements AnswerEncoder {
  readonly #head: ReturnType<typeof emptyMessage>;
  readonly #queue = new BlockQueue();
  /** What the provider of a thought needs back, by the thought's id. */
  readonly #seals = new Map<string, NonNullable<Metadata>>();
  /** Calls whose input came in pieces. */
  readonly #inputs = new Set<string>();
  #begun = false;
  #finish: Part<"finish"> | null = null;

  constructor(answer: AnswerIdentity) {
    this.#head = emptyMessage({ id: `msg_${answer.requestId}`, model: answer.model });
  }

  part(part: CanonicalPart): string {
    const written = this.#write(part);
    return written === "" ? "" : this.#begin() + written;
  }

  end(): string {
    const closed = this.#begin() + this.#queue.closeAll();
    const { stop, usage } = endOf(this.#finish, this.#queue.hasCalls());
    return closed + messageEvent({ type: "message_delta", delta: stop, usage });
  }

  terminal(): string {
    return MESSAGE_STOP;
  }

  json(result: CanonicalResult): string {
    return JSON.stringify(wholeMessage(this.#head, result));
  }

  #begin(): string {
    if (this.#begun) return "";
    this.#begun = true;
    return messageEvent({ type: "message_start", message: this.#head });
  }

  #write(part: CanonicalPart): string {
    switch (part.type) {
      // A text begins with its first letter: an empty one could not be sent back.
      case "text-delta":
        if (part.delta === "") return "";
        return this.#queue.delta(`t ${part.id}`, TEXT, { type: "text_delta", text: part.delta });
      case "text-end":
        return this.#queue.close(`t ${part.id}`);
      case "reasoning-start":
      case "reasoning-delta":
      case "reasoning-end":
        return this.#thought(part);
      case "tool-input-start":
        return part.providerExecuted === true ? "" : this.#callStart(part);
      case "tool-input-delta":
        return this.#callInput(part);
      case "tool-call":
        return part.providerExecuted === true ? "" : this.#call(part);
      case "finish":
        this.#finish = part;
        return "";
      default:
        return "";
    }
  }

  #thought(part: Part<"reasoning-start" | "reasoning-delta" | "reasoning-end">): string {
    const key = `r ${part.id}`;
    if (part.providerMetadata !== undefined) {
      this.#seals.set(part.id, { ...this.#seals.get(part.id), ...part.providerMetadata });
    }
    const { signature, data } = signatureOf(this.#seals.get(part.id));
    switch (part.type) {
      case "reasoning-start":
        return this.#queue.open(key, data === null ? THOUGHT : redacted(data));
      case "reasoning-delta":
        if (part.delta === "") return "";
        return this.#queue.delta(key, THOUGHT, { type: "thinking_delta", thinking: part.delta });
      case "reasoning-end": {
        this.#seals.delete(part.id);
        const signed = { type: "signature_delta", signature };
        return (
          (data === null ? this.#queue.delta(key, THOUGHT, signed) : "") + this.#queue.close(key)
        );
      }
    }
  }

  /** What the call's provider must get back with it goes before it, as a thought without words. */
  #callStart(call: CallStart): string {
    const block = toolUse(call);
    const signature = sealCall(block.id, call.providerMetadata);
    const key = `p ${call.id}`;
    const closed = this.#queue.closeTexts();
    const sealed =
      signature === null
        ? ""
        : this.#queue.open(key, THOUGHT) +
          this.#queue.delta(key, null, { type: "signature_delta", signature }) +
          this.#queue.close(key);
    return closed + sealed + this.#queue.open(`c ${call.id}`, block);
  }

  #callInput({ id, delta }: Part<"tool-input-delta">): string {
    if (delta === "" || !this.#queue.isOpen(`c ${id}`)) return "";
    this.#inputs.add(id);
    return this.#queue.delta(`c ${id}`, null, inputDelta(delta));
  }

  /** The whole call: of one whose input came in pieces only the end is left to write. */
  #call({ toolCallId: id, toolName, input, providerMetadata }: Part<"tool-call">): string {
    const key = `c ${id}`;
    const isOpen = this.#queue.isOpen(key);
    const opened = isOpen ? "" : this.#callStart({ id, toolName, providerMetadata });
    const isWritten = this.#inputs.delete(id) || input === "";
    const missing = isWritten ? "" : this.#queue.delta(key, null, inputDelta(input));
    return opened + missing + this.#queue.close(key);
  }
}

interface CallStart {
  readonly id: string;
  readonly toolName: string;
  readonly providerMetadata?: Metadata | undefined;
}

function inputDelta(json: string) {
  return { type: "input_json_delta", partial_json: json };
}
