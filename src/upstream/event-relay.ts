// A streamed answer on its way through: cut into events, looked at, handed on. One for each attempt.
// Must never open the client's stream before the first content, pass on the last event, or pass on a fault.

import { answerFault, classifyFailure, RETRY_ADVICE, type UpstreamFault } from "./classify.ts";
import type { AnswerReader, CutEnd } from "./dialect.ts";
import { createSseSplitter, type SseSplitter } from "./sse.ts";
import { FaultError } from "../turn/fault.ts";

/** Most bytes of one event of a stream. */
const EVENT_BYTES_MAX = 16 * 1024 * 1024;
/** Most bytes of preamble held back while the first content is awaited. */
const PREAMBLE_BYTES_MAX = 256 * 1024;

const DONE_EVENT = Buffer.from("data: [DONE]\n\n");
const BLANK_LINE = Buffer.from("\n\n");

export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What is known of a streamed answer at its first content. */
export interface OpenedAnswer {
  readonly headers: UpstreamHeaders;
  /** What of the request could not be carried, one sentence each. */
  readonly warnings: readonly string[];
}

/** Where a streamed answer goes. Opened once, at its first content. */
export interface AnswerSink {
  open(answer: OpenedAnswer): void;
  /** False: the client is slower than the upstream; call `whenDrained` and wait. */
  write(bytes: Buffer): boolean;
  whenDrained(resume: () => void): void;
}

/** What a piece of the stream led to. */
export type StreamStep =
  /** `room` false: the client must drain first. */
  | { readonly kind: "more"; readonly room: boolean }
  /** The answer is whole; its last event is held back. */
  | { readonly kind: "ended"; readonly terminal: Buffer }
  /** Nothing more of the answer is wanted. */
  | { readonly kind: "cut"; readonly end: CutEnd }
  | { readonly kind: "failed"; readonly failure: UpstreamFault };

export interface EventRelayOptions {
  readonly reader: AnswerReader;
  readonly sink: AnswerSink;
  /** The extra usage event was asked for by us, not by the client: it is read and taken out again. */
  readonly dropUsageEvent: boolean;
  readonly headers: () => UpstreamHeaders;
}

const MORE: StreamStep = { kind: "more", room: true };
const FULL: StreamStep = { kind: "more", room: false };

export class EventRelay {
  readonly #options: EventRelayOptions;
  readonly #splitter: SseSplitter = createSseSplitter({ eventBytesMax: EVENT_BYTES_MAX });
  #opened = false;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(options: EventRelayOptions) {
    this.#options = options;
  }

  /** True once bytes have gone to the client. */
  get opened(): boolean {
    return this.#opened;
  }

  push(chunk: Buffer): StreamStep {
    let room = true;
    try {
      for (const raw of this.#splitter.push(chunk)) {
        const step = this.#take(raw);
        if (step.kind !== "more") return step;
        room = step.room && room;
      }
    } catch (error) {
      if (error instanceof FaultError) {
        const { message } = error.fault;
        return { kind: "failed", failure: answerFault("upstream_invalid_answer", message) };
      }
      const cause = error instanceof Error ? error : new Error("bad stream");
      return { kind: "failed", failure: classifyFailure(cause, true) };
    }
    return room ? MORE : FULL;
  }

  /** The upstream has closed the stream. */
  finish(): StreamStep {
    const rest = this.#splitter.rest();
    // Some servers leave out the blank line after the very last event. What a cut left is not passed on.
    const isEvent = rest.length > 0 && this.#options.reader.isWhole(rest);
    const last = isEvent ? this.#take(Buffer.concat([rest, BLANK_LINE])) : MORE;
    if (last.kind !== "more") return last;
    if (!this.#options.reader.finished()) {
      const message = `The provider's answer ended before it was complete. ${RETRY_ADVICE}`;
      return { kind: "failed", failure: answerFault("upstream_stream_cut", message) };
    }
    // A finish reason came but no last event: the answer is whole, and the client needs one to end.
    this.#open();
    return { kind: "ended", terminal: DONE_EVENT };
  }

  #take(raw: Buffer): StreamStep {
    const { reader, sink, dropUsageEvent } = this.#options;
    const kind = reader.readEvent(raw);
    if (kind === "terminal") {
      this.#open();
      return { kind: "ended", terminal: raw };
    }
    if (kind === "hollow") {
      const message = `The provider ended its answer before anything of it came. ${RETRY_ADVICE}`;
      return { kind: "failed", failure: answerFault("upstream_invalid_answer", message) };
    }
    if (kind === "error") {
      const message = `The provider reported an error inside its answer. ${RETRY_ADVICE}`;
      return { kind: "failed", failure: answerFault("upstream_error_in_stream", message) };
    }
    if (kind === "usage-only" && dropUsageEvent) return MORE;
    if (!this.#opened && kind === "preamble" && this.#heldBytes < PREAMBLE_BYTES_MAX) {
      this.#held.push(raw);
      this.#heldBytes += raw.length;
      return MORE;
    }
    this.#open();
    const room = sink.write(raw);
    const end = reader.cut();
    if (end !== null) return { kind: "cut", end };
    return room ? MORE : FULL;
  }

  #open(): void {
    if (this.#opened) return;
    this.#opened = true;
    this.#options.sink.open({ headers: this.#options.headers(), warnings: [] });
    for (const raw of this.#held) this.#options.sink.write(raw);
    this.#held = [];
  }
}
