// One try of a turn at one deployment: sends the bytes, relays the answer, tells how it ended.
// Must never start an answer to the client before its first content, end a cut stream cleanly, or retry by itself.

import type { Dispatcher } from "undici";
import { answerFault, classifyFailure, classifyRefusal, type UpstreamFault } from "./classify.ts";
import { createDecoder } from "./decode-answer.ts";
import type { AnswerReader, AnswerSummary } from "./dialect.ts";
import { createSseSplitter } from "./sse.ts";

/** Most bytes of a JSON answer held in memory. */
const JSON_BYTES_MAX = 64 * 1024 * 1024;
/** Most bytes of an error body that are read. */
const ERROR_BYTES_MAX = 64 * 1024;
/** Most bytes of one event of a stream. */
const EVENT_BYTES_MAX = 16 * 1024 * 1024;
/** Most bytes of preamble held back while the first content is awaited. */
const PREAMBLE_BYTES_MAX = 256 * 1024;

export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Where a streamed answer goes. Opened once, at its first content. */
export interface AnswerSink {
  open(answer: { readonly headers: UpstreamHeaders }): void;
  /** False: the client is slower than the upstream; call `whenDrained` and wait. */
  write(bytes: Buffer): boolean;
  whenDrained(resume: () => void): void;
}

export interface AttemptRequest {
  readonly dispatcher: Dispatcher;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly stream: boolean;
  /** The extra usage event was asked for by us, not by the client: it is read and taken out again. */
  readonly dropUsageEvent: boolean;
  readonly reader: AnswerReader;
  readonly sink: AnswerSink;
  readonly timeouts: {
    readonly firstByteMs: number;
    readonly idleMs: number;
    readonly totalMs: number;
  };
  /** Tells when the client has gone away; returns a function that stops listening. */
  readonly onClientGone: (gone: () => void) => () => void;
  readonly clock: { readonly now: () => number; readonly monotonicMs: () => number };
}

export interface AttemptEnd {
  readonly summary: AnswerSummary;
  /** True when bytes of the answer have gone to the client. */
  readonly started: boolean;
  /** Milliseconds to the first byte of the answer's body; null when none came. */
  readonly firstByteMs: number | null;
  readonly totalMs: number;
  readonly headers: UpstreamHeaders;
  readonly status: number | null;
}

export type AttemptResult = AttemptEnd &
  (
    | {
        readonly kind: "completed";
        /** A complete JSON answer; null for a stream. */
        readonly body: Buffer | null;
        /** The held-back last event of a stream; null for JSON. */
        readonly terminal: Buffer | null;
      }
    | { readonly kind: "failed"; readonly failure: UpstreamFault }
    | { readonly kind: "aborted" }
  );

const DONE_EVENT = Buffer.from("data: [DONE]\n\n");

class TotalTimeoutError extends Error {
  readonly code = "FAIRLEAD_TOTAL_TIMEOUT";
}
class ClientGoneError extends Error {
  readonly code = "FAIRLEAD_CLIENT_GONE";
}

/** Runs the attempt. Never rejects: every end is a result. */
export function runAttempt(request: AttemptRequest): Promise<AttemptResult> {
  return new Promise((resolve) => {
    const attempt = new Attempt(request, resolve);
    const options: Dispatcher.DispatchOptions = {
      path: request.path,
      method: "POST",
      headers: request.headers,
      body: request.body,
      headersTimeout: request.timeouts.firstByteMs,
      bodyTimeout: request.timeouts.idleMs,
    };
    try {
      request.dispatcher.dispatch(options, attempt);
    } catch (error) {
      attempt.onResponseError(null, error instanceof Error ? error : new Error(String(error)));
    }
  });
}

/** The handler undici drives. Order is its state: start, data, then exactly one end. */
class Attempt implements Dispatcher.DispatchHandler {
  readonly #request: AttemptRequest;
  readonly #resolve: (result: AttemptResult) => void;
  readonly #startedAt: number;
  readonly #totalTimer: NodeJS.Timeout;
  readonly #stopListening: () => void;
  #controller: Dispatcher.DispatchController | null = null;
  #status: number | null = null;
  #headers: UpstreamHeaders = {};
  #firstByteMs: number | null = null;
  #settled = false;
  #opened = false;
  #clientGone = false;
  #terminal: Buffer | null = null;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  #decoder: ReturnType<typeof createDecoder> = null;
  readonly #splitter = createSseSplitter({ eventBytesMax: EVENT_BYTES_MAX });

  constructor(request: AttemptRequest, resolve: (result: AttemptResult) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#startedAt = request.clock.monotonicMs();
    this.#totalTimer = setTimeout(() => {
      this.#abort(new TotalTimeoutError("total time of the attempt is over"));
    }, request.timeouts.totalMs);
    this.#stopListening = request.onClientGone(() => {
      this.#clientGone = true;
      this.#abort(new ClientGoneError("client closed the request"));
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // The client may have gone while the request waited for a connection.
    if (this.#clientGone) controller.abort(new ClientGoneError("client closed the request"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: UpstreamHeaders,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    this.#decoder = createDecoder(headers["content-encoding"], {
      onData: (chunk) => this.#take(chunk),
      onEnd: () => this.#end(),
      onError: (error) => this.#fail(classifyFailure(error, this.#opened)),
    });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#firstByteMs ??= this.#request.clock.monotonicMs() - this.#startedAt;
    if (this.#decoder === null) this.#take(chunk);
    else this.#decoder.write(chunk);
  }

  onResponseEnd(): void {
    if (this.#decoder === null) this.#end();
    else this.#decoder.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#clientGone) this.#settle({ kind: "aborted" });
    else this.#fail(classifyFailure(error, this.#firstByteMs !== null));
  }

  #take(chunk: Buffer): void {
    if (this.#settled) return;
    if (this.#isStream()) {
      this.#takeEvents(chunk);
      return;
    }
    const limit = this.#isRefusal() ? ERROR_BYTES_MAX : JSON_BYTES_MAX;
    if (this.#chunkBytes + chunk.length > limit) {
      if (this.#isRefusal()) return;
      this.#fail(answerFault("upstream_invalid_answer", "The provider's answer is too large."));
      this.#abort(new Error("answer too large"));
      return;
    }
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  #takeEvents(chunk: Buffer): void {
    let room = true;
    for (const raw of this.#split(chunk)) {
      if (this.#settled) return;
      room = this.#takeEvent(raw) && room;
    }
    if (!room && !this.#settled) this.#waitForClient();
  }

  #split(chunk: Buffer): readonly Buffer[] {
    try {
      return this.#splitter.push(chunk);
    } catch (error) {
      this.#fail(classifyFailure(error instanceof Error ? error : new Error("bad stream"), true));
      this.#abort(new Error("event too large"));
      return [];
    }
  }

  /** True while the client takes more. */
  #takeEvent(raw: Buffer): boolean {
    const kind = this.#request.reader.readEvent(raw);
    if (kind === "terminal") {
      this.#terminal = raw;
      // What a server sends after its last event, and when it closes, is of no interest to the client.
      this.#complete(null);
      return true;
    }
    if (kind === "error") {
      const message = "The provider reported an error inside its answer. Send the turn again.";
      this.#fail(answerFault("upstream_error_in_stream", message));
      this.#abort(new Error("error event"));
      return true;
    }
    if (kind === "usage-only" && this.#request.dropUsageEvent) return true;
    if (!this.#opened && kind === "preamble" && this.#heldBytes < PREAMBLE_BYTES_MAX) {
      this.#held.push(raw);
      this.#heldBytes += raw.length;
      return true;
    }
    this.#open();
    return this.#request.sink.write(raw);
  }

  #open(): void {
    if (this.#opened) return;
    this.#opened = true;
    this.#request.sink.open({ headers: this.#headers });
    for (const raw of this.#held) this.#request.sink.write(raw);
    this.#held = [];
  }

  #waitForClient(): void {
    const controller = this.#controller;
    if (controller === null || controller.paused) return;
    controller.pause();
    this.#request.sink.whenDrained(() => {
      if (!this.#settled) controller.resume();
    });
  }

  #end(): void {
    if (this.#settled) return;
    if (this.#isRefusal()) this.#fail(this.#refusal());
    else if (this.#isStream()) this.#endStream();
    else this.#endJson();
  }

  #endStream(): void {
    const rest = this.#splitter.rest();
    // Some servers leave out the blank line after the very last event.
    if (rest.length > 0 && this.#terminal === null) {
      this.#takeEvent(Buffer.concat([rest, Buffer.from("\n\n")]));
    }
    if (this.#settled) return;
    if (this.#terminal === null && !this.#request.reader.finished()) {
      const message = "The provider's answer ended before it was complete. Send the turn again.";
      this.#fail(answerFault("upstream_stream_cut", message));
      return;
    }
    this.#complete(null);
  }

  #endJson(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    if (body === undefined || this.#request.stream || !this.#request.reader.readJson(body)) {
      const message = "The provider's answer is not one of its dialect. Try again.";
      this.#fail(answerFault("upstream_invalid_answer", message));
      return;
    }
    this.#complete(body);
  }

  #complete(body: Buffer | null): void {
    if (body !== null) {
      this.#settle({ kind: "completed", body, terminal: null });
      return;
    }
    this.#open();
    // A finish reason came but no terminal event: the answer is whole, and the client needs the event to end.
    this.#settle({ kind: "completed", body: null, terminal: this.#terminal ?? DONE_EVENT });
  }

  #refusal(): UpstreamFault {
    const header = (name: string): string | null => {
      const value = this.#headers[name];
      return typeof value === "string" ? value : null;
    };
    return classifyRefusal({
      status: this.#status ?? 500,
      header,
      body: Buffer.concat(this.#chunks),
      now: this.#request.clock.now(),
    });
  }

  #fail(failure: UpstreamFault): void {
    this.#settle({ kind: "failed", failure });
  }

  #abort(reason: Error): void {
    if (this.#controller !== null && !this.#controller.aborted) this.#controller.abort(reason);
    else if (this.#controller === null && this.#clientGone) this.#settle({ kind: "aborted" });
  }

  #isRefusal(): boolean {
    return this.#status !== 200;
  }

  #isStream(): boolean {
    const type = this.#headers["content-type"];
    if (this.#isRefusal() || !this.#request.stream) return false;
    return typeof type === "string" && type.startsWith("text/event-stream");
  }

  #settle(
    end:
      | { kind: "completed"; body: Buffer | null; terminal: Buffer | null }
      | { kind: "failed"; failure: UpstreamFault }
      | { kind: "aborted" },
  ): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#totalTimer);
    this.#stopListening();
    this.#resolve({
      ...end,
      summary: this.#request.reader.summary(),
      started: this.#opened,
      firstByteMs: this.#firstByteMs,
      totalMs: this.#request.clock.monotonicMs() - this.#startedAt,
      headers: this.#headers,
      status: this.#status,
    });
  }
}
