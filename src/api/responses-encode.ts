// Writes an answer of any model as a response: as the events that build it up, or whole.
// Must never end an item that was not begun, nor leave one open behind the end.

import type { CanonicalFinish, CanonicalPart, CanonicalResult } from "../turn/canonical.ts";
import type { AnswerEncoder, AnswerIdentity } from "./codec.ts";
import { contentItems } from "./responses-encode-content.ts";
import { CallWriter } from "./responses-encode-call.ts";
import { endOf } from "./responses-encode-end.ts";
import { TextWriter } from "./responses-encode-text.ts";
import { ThoughtWriter } from "./responses-encode-thought.ts";
import { createEventWriter, emptyResponse } from "./responses-event.ts";
import type { AnswerItems, OutputItem } from "./responses-encode-item.ts";

interface ItemWriter {
  /** Writes the end of the item; "" where it never began. */
  end(): string;
}

type Finish = Extract<CanonicalPart, { type: "finish" }>;
type ToolStart = Extract<CanonicalPart, { type: "tool-input-start" }>;
type ToolCall = Extract<CanonicalPart, { type: "tool-call" }>;

const NOT_TOLD: CanonicalFinish = { unified: "stop", raw: undefined };

export function createResponseEncoder(answer: AnswerIdentity): AnswerEncoder {
  return new ResponseEncoder(answer);
}

class ResponseEncoder implements AnswerEncoder {
  readonly #answer: AnswerIdentity;
  readonly #head: ReturnType<typeof emptyResponse>;
  readonly #items: AnswerItems;
  readonly #output: OutputItem[] = [];
  /** What is being written, by kind and id. */
  readonly #open = new Map<string, TextWriter | ThoughtWriter | CallWriter>();
  #finish: Finish | null = null;
  #begun = false;

  constructor(answer: AnswerIdentity) {
    this.#answer = answer;
    this.#head = emptyResponse(answer);
    const write = createEventWriter();
    const output = this.#output;
    this.#items = {
      write,
      add(make) {
        const place = output.length;
        const item = make(`${answer.requestId}_${place}`);
        output.push(item);
        return { place, item };
      },
      done(place, item) {
        output[place] = item;
        return write({ type: "response.output_item.done", output_index: place, item });
      },
    };
  }

  part(part: CanonicalPart): string {
    // What begins the answer is numbered first, and only where something follows it.
    if (!this.#begun && !writesSomething(part)) {
      this.#take(part);
      return "";
    }
    return this.#begin() + this.#take(part);
  }

  end(): string {
    const begun = this.#begin();
    return begun + [...this.#open.keys()].map((key) => this.#close(key)).join("");
  }

  terminal(): string {
    const { finishReason, usage } = this.#finish ?? { finishReason: NOT_TOLD, usage: null };
    const end = endOf(finishReason, usage);
    const response = { ...this.#head, ...end, output: this.#output };
    return this.#items.write({ type: `response.${end.status}`, response });
  }

  json(result: CanonicalResult): string {
    const { finishReason, usage, content } = result;
    const output = contentItems(content, this.#answer);
    return JSON.stringify({ ...this.#head, ...endOf(finishReason, usage), output });
  }

  #begin(): string {
    if (this.#begun) return "";
    this.#begun = true;
    const { write } = this.#items;
    const response = this.#head;
    return (
      write({ type: "response.created", response }) +
      write({ type: "response.in_progress", response })
    );
  }

  #take(part: CanonicalPart): string {
    switch (part.type) {
      case "text-delta":
        return part.delta === "" ? "" : this.#text(part.id).add(part.delta);
      case "text-end":
        return this.#close(`t ${part.id}`);
      case "reasoning-start":
        this.#thought(part.id).note(part.providerMetadata);
        return "";
      case "reasoning-delta": {
        const thought = this.#thought(part.id);
        thought.note(part.providerMetadata);
        return part.delta === "" ? "" : thought.add(part.delta);
      }
      case "reasoning-end":
        this.#thought(part.id).note(part.providerMetadata);
        return this.#close(`r ${part.id}`);
      case "tool-input-start":
        return part.providerExecuted === true ? "" : this.#call(part.id, part).begin();
      case "tool-input-delta":
        return this.#openCall(part.id)?.add(part.delta) ?? "";
      case "tool-call":
        return part.providerExecuted === true ? "" : this.#wholeCall(part);
      case "finish":
        this.#finish = part;
        return "";
      default:
        return "";
    }
  }

  #text(id: string): TextWriter {
    const key = `t ${id}`;
    const known = this.#open.get(key);
    if (known instanceof TextWriter) return known;
    const made = new TextWriter(this.#items);
    this.#open.set(key, made);
    return made;
  }

  #thought(id: string): ThoughtWriter {
    const key = `r ${id}`;
    const known = this.#open.get(key);
    if (known instanceof ThoughtWriter) return known;
    const made = new ThoughtWriter(this.#items);
    this.#open.set(key, made);
    return made;
  }

  #openCall(id: string): CallWriter | null {
    const known = this.#open.get(`c ${id}`);
    return known instanceof CallWriter ? known : null;
  }

  #call(id: string, start: Pick<ToolStart, "toolName" | "providerMetadata">): CallWriter {
    const known = this.#openCall(id);
    if (known !== null) return known;
    const { toolName, providerMetadata } = start;
    const made = new CallWriter(this.#items, {
      callId: id,
      toolName,
      named: this.#answer.renamedTools?.get(toolName) ?? null,
      providerMetadata,
    });
    this.#open.set(`c ${id}`, made);
    return made;
  }

  /** The whole call: of one whose input came in pieces only the end is left to write. */
  #wholeCall(part: ToolCall): string {
    const call = this.#call(part.toolCallId, part);
    return call.begin() + call.finish(part.input) + this.#close(`c ${part.toolCallId}`);
  }

  #close(key: string): string {
    const writer: ItemWriter | undefined = this.#open.get(key);
    this.#open.delete(key);
    return writer?.end() ?? "";
  }
}

function writesSomething(part: CanonicalPart): boolean {
  switch (part.type) {
    case "text-delta":
    case "reasoning-delta":
      return part.delta !== "";
    case "reasoning-end":
    case "tool-input-start":
    case "tool-call":
      return true;
    default:
      return false;
  }
}
