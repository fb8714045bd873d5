// A translated answer on its way through: part by part from the model, encoded for the client. One for each attempt.
// Must never open the client's stream before the first content, pass on the last event, or pass on a fault.

import type {
  CanonicalContent,
  CanonicalFinish,
  CanonicalPart,
  CanonicalResult,
} from "../../turn/canonical.ts";
import type { Usage } from "../../turn/usage.ts";
import { answerFault, RETRY_ADVICE } from "../classify.ts";
import type { AnswerSummary, CutEnd, TextWatch } from "../dialect.ts";
import type { AnswerSink, StreamStep, UpstreamHeaders } from "../event-relay.ts";
import { readUsage, toCanonicalUsage } from "./usage.ts";
import { readWarnings } from "./warnings.ts";

/** Most tool names kept of one answer, and their longest, in characters. */
const TOOL_NAMES_MAX = 128;
const TOOL_NAME_LENGTH_MAX = 64;

/** Writes an answer in the client's dialect. */
export interface PartEncoder {
  part(part: CanonicalPart): string;
  end(): string;
  terminal(): string;
  json(result: CanonicalResult): string;
}

export interface PartRelayOptions {
  readonly encoder: PartEncoder;
  readonly sink: AnswerSink;
  readonly watch: TextWatch | null;
  readonly headers: () => UpstreamHeaders;
  /** All that is known when the client's stream is opened. */
  readonly warnings: (told: readonly string[]) => readonly string[];
}

type Step = Extract<StreamStep, { kind: "more" | "cut" }>;

const MORE: Step = { kind: "more", room: true };
const FULL: Step = { kind: "more", room: false };

export class PartRelay {
  readonly #options: PartRelayOptions;
  #opened = false;
  #held = "";
  #usage: Usage | null = null;
  #finish: string | null = null;
  #pieces = 0;
  #told: readonly string[] = [];
  #thinking = false;
  /** Ends of blocks, believed once something follows: packages end all that is open where a stream breaks. */
  #ends: CanonicalPart[] = [];
  readonly #tools = new Map<string, string>();
  /** Blocks that have begun and not ended, for an answer that is cut here. */
  readonly #open = new Map<string, "text-end" | "reasoning-end">();

  constructor(options: PartRelayOptions) {
    this.#options = options;
  }

  /** True once bytes have gone to the client. */
  get opened(): boolean {
    return this.#opened;
  }

  /** What the provider's package says it has left out. */
  get told(): readonly string[] {
    return this.#told;
  }

  take(part: CanonicalPart): StreamStep {
    if (part.type === "error") {
      const message = `The provider reported an error inside its answer. ${RETRY_ADVICE}`;
      return { kind: "failed", failure: answerFault("upstream_error_in_stream", message) };
    }
    if (part.type === "finish") return this.#takeFinish(part);
    if (isEnd(part)) {
      this.#ends.push(part);
      return MORE;
    }
    const ended = this.#takeEnds();
    if (ended.kind === "cut") return ended;
    const step = this.#write(part);
    return step.kind === "more" && !ended.room ? { ...step, room: false } : step;
  }

  /** Writes the ends that were held back. */
  #takeEnds(): Step {
    let room = true;
    for (const part of this.#ends.splice(0)) {
      const step = this.#write(part);
      if (step.kind === "cut") return step;
      room &&= step.room;
    }
    return { kind: "more", room };
  }

  #write(part: CanonicalPart): Step {
    if (part.type === "stream-start") this.#told = readWarnings(part.warnings);
    this.#note(part);
    const written = this.#options.encoder.part(part);
    if (!this.#opened && !isContent(part)) {
      this.#held += written;
      return MORE;
    }
    this.#begin();
    if (isContent(part)) this.#pieces += 1;
    const room = written === "" || this.#options.sink.write(Buffer.from(written));
    const end = this.#cut();
    if (end !== null) return { kind: "cut", end };
    return room ? MORE : FULL;
  }

  /** The model's parts are over without a finish. */
  finish(): StreamStep {
    const message = `The provider's answer ended before it was complete. ${RETRY_ADVICE}`;
    return { kind: "failed", failure: answerFault("upstream_stream_cut", message) };
  }

  /** A whole answer at once. */
  json(result: CanonicalResult): Buffer {
    this.#told = readWarnings(result.warnings);
    this.#noteEnd(result);
    for (const part of result.content) {
      this.#noteTool(part);
      if (part.type === "text" || part.type === "reasoning") {
        this.#watchText(part.text, part.type === "reasoning");
      }
    }
    return Buffer.from(this.#options.encoder.json(result));
  }

  summary(): AnswerSummary {
    const toolCalls = [...this.#tools.values()];
    return { usage: this.#usage, finish: this.#finish, toolCalls, pieces: this.#pieces };
  }

  #takeFinish(part: Extract<CanonicalPart, { type: "finish" }>): StreamStep {
    if (isInterrupted(part.finishReason)) return this.finish();
    this.#takeEnds();
    this.#noteEnd(part);
    const { encoder, sink } = this.#options;
    const last = encoder.part(part) + encoder.end();
    this.#begin();
    if (last !== "") sink.write(Buffer.from(last));
    return { kind: "ended", terminal: Buffer.from(encoder.terminal()) };
  }

  #noteEnd({ usage, finishReason }: Pick<CanonicalResult, "usage" | "finishReason">): void {
    this.#usage = readUsage(usage);
    this.#finish = finishReason.raw ?? finishReason.unified;
  }

  #note(part: CanonicalPart): void {
    switch (part.type) {
      case "text-start":
        this.#open.set(part.id, "text-end");
        break;
      case "reasoning-start":
        this.#open.set(part.id, "reasoning-end");
        break;
      case "text-end":
      case "reasoning-end":
        this.#open.delete(part.id);
        break;
      case "text-delta":
      case "reasoning-delta":
        this.#watchText(part.delta, part.type === "reasoning-delta");
        break;
      default:
        this.#noteTool(part);
    }
  }

  #noteTool(part: CanonicalPart | CanonicalContent): void {
    if (part.type !== "tool-input-start" && part.type !== "tool-call") return;
    const id = part.type === "tool-call" ? part.toolCallId : part.id;
    if (this.#tools.size < TOOL_NAMES_MAX || this.#tools.has(id)) {
      this.#tools.set(id, part.toolName.slice(0, TOOL_NAME_LENGTH_MAX));
    }
  }

  #watchText(text: string, isThought: boolean): void {
    const { watch } = this.#options;
    if (watch === null || text === "") return;
    if (this.#thinking && !isThought) watch.add("\n\n");
    this.#thinking = isThought;
    watch.add(text);
  }

  /** An answer that has begun a tool call is never cut. */
  #cut(): CutEnd | null {
    const { watch, encoder } = this.#options;
    if (watch === null || this.#tools.size > 0 || !watch.wantsCut()) return null;
    const closed = [...this.#open].map(([id, type]) => encoder.part({ type, id })).join("");
    return (usage) => {
      // Not "stop": the model did not come to an end, and a client must be able to tell.
      const finishReason = { unified: "length" as const, raw: undefined };
      const last = encoder.part({ type: "finish", finishReason, usage: toCanonicalUsage(usage) });
      return Buffer.from(closed + last + encoder.end() + encoder.terminal());
    };
  }

  #begin(): void {
    if (this.#opened) return;
    this.#opened = true;
    const { sink, headers, warnings } = this.#options;
    sink.open({ headers: headers(), warnings: warnings(this.#told) });
    if (this.#held !== "") sink.write(Buffer.from(this.#held));
    this.#held = "";
  }
}

/** Some packages have a word for an end that nobody told, others make one up. */
function isInterrupted({ unified, raw }: CanonicalFinish): boolean {
  return unified === "interrupted" || (unified === "other" && raw === undefined);
}

/** What says of a block that it is whole. */
function isEnd({ type }: CanonicalPart): boolean {
  return (
    type === "text-end" ||
    type === "reasoning-end" ||
    type === "tool-input-end" ||
    type === "tool-call"
  );
}

function isContent(part: CanonicalPart): boolean {
  switch (part.type) {
    case "text-delta":
    case "reasoning-delta":
      return part.delta !== "";
    case "tool-input-start":
    case "tool-input-delta":
    case "tool-call":
    case "file":
      return true;
    default:
      return false;
  }
}
