// Reads answers of the Messages dialect: usage, tool calls, finish, error.
// On the hot path: after the first content an event is parsed only when its name says that it matters.

import type { AnswerReader, AnswerSummary, CutEnd, EventKind, TextWatch } from "./dialect.ts";
import { asObject, parseObject } from "./json-object.ts";
import { createMessageText, type MessageText } from "./messages-text.ts";
import { createMessageUsage } from "./messages-usage.ts";
import { readEvent } from "./sse.ts";

/** Most tool names kept of one answer. */
const TOOL_NAMES_MAX = 128;
/** Longest tool name kept, in characters. */
const TOOL_NAME_LENGTH_MAX = 64;
/** A piece of a block: once the answer has begun it tells nothing that is kept. */
const DELTA = "content_block_delta";

/** `watch`: who looks at the text of the answer; null, at no cost, for nobody. */
export function createMessagesReader(watch: TextWatch | null = null): AnswerReader {
  return new MessagesReader(watch);
}

class MessagesReader implements AnswerReader {
  readonly #usage = createMessageUsage();
  readonly #toolCalls: string[] = [];
  readonly #text: MessageText | null;
  #finish: string | null = null;
  #begun = false;
  #pieces = 0;

  constructor(watch: TextWatch | null) {
    this.#text = watch === null ? null : createMessageText(watch);
  }

  readEvent(raw: Buffer): EventKind {
    const { event, data } = readEvent(raw);
    if (event === "error") return "error";
    if (data === null) return this.#begun ? "content" : "preamble";
    if (this.#begun && event === DELTA) {
      this.#pieces += 1;
      this.#text?.take(data);
      return "content";
    }
    const parsed = parseObject(data);
    if (parsed === null) return "error";
    this.#text?.take(data);
    const kind = this.#kindOf(parsed);
    if (kind === "content") {
      this.#begun = true;
      this.#pieces += 1;
    }
    // Once content has gone out there is no way back: what looks empty is passed on in its place.
    return kind === "preamble" && this.#begun ? "content" : kind;
  }

  isWhole(raw: Buffer): boolean {
    const { event, data } = readEvent(raw);
    return data !== null && (event === "error" || parseObject(data) !== null);
  }

  readJson(body: Buffer): boolean {
    const answer = parseObject(body.toString("utf8"));
    if (answer === null || answer["type"] !== "message") return false;
    if (!Array.isArray(answer["content"])) return false;
    this.#usage.note(answer["usage"]);
    if (typeof answer["stop_reason"] === "string") this.#finish = answer["stop_reason"];
    for (const value of answer["content"]) {
      const block = asObject(value) ?? {};
      this.#noteBlock(block);
      this.#text?.takeBlock(block);
    }
    return true;
  }

  /** Only the last event says that the answer is whole. */
  finished(): boolean {
    return false;
  }

  cut(): CutEnd | null {
    return this.#text?.cut() ?? null;
  }

  summary(): AnswerSummary {
    return {
      usage: this.#usage.told(),
      finish: this.#finish,
      toolCalls: this.#toolCalls,
      pieces: this.#pieces,
    };
  }

  #kindOf(event: Record<string, unknown>): EventKind {
    switch (event["type"]) {
      case "message_start":
        this.#usage.note(asObject(event["message"])?.["usage"]);
        return "preamble";
      case "content_block_start": {
        const block = asObject(event["content_block"]) ?? {};
        this.#noteBlock(block);
        // An empty text says nothing yet; thoughts may be long in coming, and they count.
        return block["type"] === "text" && block["text"] === "" ? "preamble" : "content";
      }
      case DELTA:
        return "content";
      case "message_delta":
        return this.#noteEnd(event);
      case "message_stop":
        return this.#begun ? "terminal" : "hollow";
      case "error":
        return "error";
      default:
        // New kinds of events may come at any time.
        return "preamble";
    }
  }

  #noteBlock(block: Record<string, unknown>): void {
    const name = block["type"] === "tool_use" ? block["name"] : null;
    if (typeof name !== "string" || this.#toolCalls.length >= TOOL_NAMES_MAX) return;
    this.#toolCalls.push(name.slice(0, TOOL_NAME_LENGTH_MAX));
  }

  #noteEnd(end: Record<string, unknown>): EventKind {
    const told = asObject(end["delta"])?.["stop_reason"];
    if (typeof told === "string") this.#finish = told;
    this.#usage.note(end["usage"]);
    return this.#finish === null ? "preamble" : "content";
  }
}
