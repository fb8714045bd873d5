// Reads answers of the Responses dialect: id, usage, tool calls, finish, error.
// On the hot path: after the first content an event is parsed only when its name says that it matters.

import type { Usage } from "../turn/usage.ts";
import type {
  AnswerReader,
  AnswerSummary,
  CutEnd,
  EventKind,
  SaidAnswer,
  TextWatch,
} from "./dialect.ts";
import { asObject, parseObject } from "./json-object.ts";
import { readResponseUsage, saidIn } from "./responses-end.ts";
import { createResponseText, type ResponseText } from "./responses-text.ts";
import { readEvent } from "./sse.ts";

/** Most tool names kept of one answer. */
const TOOL_NAMES_MAX = 128;
/** Longest tool name kept, in characters. */
const TOOL_NAME_LENGTH_MAX = 64;
/** The type as most servers write it, for those that do not name their events. */
const TYPE_FIRST = /^\s*\{\s*"type"\s*:\s*"([^"\\]+)"/;
/** A piece of an item: once the answer has begun it tells nothing that is kept. */
const DELTA = /\.delta$/;
const CALL = /_call$/;
const CREATED = "response.created";
/** Ends of an answer that is whole, and of one that reached a limit. */
const ENDS: ReadonlySet<string> = new Set(["response.completed", "response.incomplete"]);
const FAILURES: ReadonlySet<string> = new Set(["response.failed", "response.cancelled", "error"]);
/** States of a response that is no answer. */
const FAILED_STATES: ReadonlySet<unknown> = new Set(["failed", "cancelled"]);

/** `watch`: who looks at the text of the answer; null, at no cost, for nobody. */
export function createResponsesReader(watch: TextWatch | null = null): AnswerReader {
  return new ResponsesReader(watch === null ? null : createResponseText(watch));
}

class ResponsesReader implements AnswerReader {
  readonly #text: ResponseText | null;
  readonly #calls = new Map<number, string>();
  #usage: Usage | null = null;
  #finish: string | null = null;
  #said: SaidAnswer | null = null;
  #begun = false;
  #pieces = 0;

  constructor(text: ResponseText | null) {
    this.#text = text;
  }

  readEvent(raw: Buffer): EventKind {
    const { event, data } = readEvent(raw);
    if (data === null) return event === "error" ? "error" : this.#waiting();
    const type = event ?? TYPE_FIRST.exec(data)?.[1] ?? null;
    if (this.#begun && type !== null && DELTA.test(type)) {
      this.#pieces += 1;
      this.#text?.take(data);
      return "content";
    }
    const parsed = parseObject(data);
    if (parsed === null) return "error";
    this.#text?.take(data);
    const told = parsed["type"];
    const kind = this.#readNamed(type ?? (typeof told === "string" ? told : ""), parsed);
    if (kind === "content") {
      this.#begun = true;
      this.#pieces += 1;
    }
    // Once content has gone out there is no way back: what looks empty is passed on in its place.
    return kind === "preamble" ? this.#waiting() : kind;
  }

  isWhole(raw: Buffer): boolean {
    const { event, data } = readEvent(raw);
    return data === null ? event === "error" : parseObject(data) !== null;
  }

  readJson(body: Buffer): boolean {
    const answer = parseObject(body.toString("utf8"));
    if (answer === null || answer["object"] !== "response") return false;
    if (!Array.isArray(answer["output"]) || FAILED_STATES.has(answer["status"])) return false;
    for (const [index, item] of this.#noteEnd(answer).entries()) {
      this.#noteItem({ item, output_index: index });
      this.#text?.takeItem(item);
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
      usage: this.#usage,
      finish: this.#finish,
      toolCalls: [...this.#calls.values()],
      pieces: this.#pieces,
      said: this.#said,
    };
  }

  #readNamed(type: string, event: Record<string, unknown>): EventKind {
    if (FAILURES.has(type)) return "error";
    if (ENDS.has(type)) {
      const output = this.#noteEnd(asObject(event["response"]) ?? {});
      // Some servers tell the whole answer at its end alone.
      return this.#begun || output.length > 0 ? "terminal" : "hollow";
    }
    if (type.startsWith("response.output_item.")) return this.#noteItem(event);
    // An answer that is not heard to its end can be named all the same.
    if (type === CREATED) this.#said = saidIn(asObject(event["response"]) ?? {}, []);
    return DELTA.test(type) ? "content" : "preamble";
  }

  #noteItem(event: Record<string, unknown>): EventKind {
    const item = asObject(event["item"]);
    const type = item?.["type"];
    const isCall = typeof type === "string" && CALL.test(type);
    if (isCall && this.#calls.size < TOOL_NAMES_MAX) {
      this.#calls.set(indexOf(event), nameOf(item ?? {}, type));
    }
    // An empty message says nothing yet; thoughts may be long in coming, and they count.
    const isEmpty = type === "message" && event["type"] !== "response.output_item.done";
    return isEmpty ? "preamble" : "content";
  }

  /** What the end tells; comes back with the items of the answer. */
  #noteEnd(response: Record<string, unknown>): readonly unknown[] {
    this.#usage = readResponseUsage(response["usage"]);
    const reason = asObject(response["incomplete_details"])?.["reason"];
    const finish = typeof reason === "string" ? reason : response["status"];
    this.#finish = typeof finish === "string" ? finish : "completed";
    const output = Array.isArray(response["output"]) ? response["output"] : [];
    this.#said = saidIn(response, output);
    return output;
  }

  #waiting(): EventKind {
    return this.#begun ? "content" : "preamble";
  }
}

function nameOf(item: Record<string, unknown>, type: string): string {
  const { name } = item;
  const told = typeof name === "string" && name !== "" ? name : type.replace(CALL, "");
  return told.slice(0, TOOL_NAME_LENGTH_MAX);
}

function indexOf(event: Record<string, unknown>): number {
  const index = event["output_index"];
  return typeof index === "number" ? index : 0;
}
