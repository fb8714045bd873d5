// One try of a turn at one deployment: sends the bytes, relays the answer, tells how it ended.
// Must never start an answer to the client before its first content, end a cut stream cleanly, or retry by itself.

import type { Dispatcher } from "undici";
import {
  answerFault,
  classifyFailure,
  classifyRefusal,
  RETRY_ADVICE,
  type UpstreamFault,
} from "./classify.ts";
import { createDecoder } from "./decode-answer.ts";
import type { AnswerReader, AnswerSummary, CutEnd } from "./dialect.ts";
import {
  EventRelay,
  type AnswerSink,
  type StreamStep,
  type UpstreamHeaders,
} from "./event-relay.ts";

/** Most bytes of an error body that are read. */
const ERROR_BYTES_MAX = 64 * 1024;
/** Most bytes a provider may send behind the end of an answer before its connection is given up. */
const LATE_BYTES_MAX = 64 * 1024;
/** How long its connection may stay open there, in milliseconds. */
const LATE_MS_MAX = 5_000;

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
  /** Most bytes of an answer that is not a stream. */
  readonly answerBytesMax: number;
  /** Tells when the client has gone away; returns a function that stops listening. */
  readonly onClientGone: (gone: () => void) => () => void;
  readonly clock: { readonly now: () => number; readonly monotonicMs: () => number };
}

export interface AttemptEnd {
  readonly summary: AnswerSummary;
  /** What of the request could not be carried, one sentence each. */
  readonly warnings: readonly string[];
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
        /** The held-back last event of a stream; null for JSON, and for an answer that was cut here. */
        readonly terminal: Buffer | null;
        /** How to end a stream that was cut here; null for all others. */
        readonly cut: CutEnd | null;
      }
    | { readonly kind: "failed"; readonly failure: UpstreamFault }
    | { readonly kind: "aborted" }
  );

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
    if (attempt.settled) return;
    try {
      request.dispatcher.dispatch(options, attempt);
    } catch (error) {
      attempt.onResponseError(null, error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function pickRelay({ reader, sink, dropUsageEvent }: AttemptRequest) {
  return { reader, sink, dropUsageEvent };
}

/** The handler undici drives. Order is its state: start, data, then exactly one end. */
class Attempt implements Dispatcher.DispatchHandler {
  readonly #request: AttemptRequest;
  readonly #resolve: (result: AttemptResult) => void;
  readonly #startedAt: number;
  readonly #totalTimer: NodeJS.Timeout;
  #stopListening: () => void = () => undefined;
  #controller: Dispatcher.DispatchController | null = null;
  #status: number | null = null;
  #headers: UpstreamHeaders = {};
  #firstByteMs: number | null = null;
  #settled = false;
  #clientGone = false;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  #lateBytes = 0;
  #lateTimer: NodeJS.Timeout | undefined;
  /** Paused for a client that does not read as fast as the provider sends. */
  #waiting = false;
  #waitingSinceMs = 0;
  #waitedMs = 0;
  #decoder: ReturnType<typeof createDecoder> = null;
  readonly #relay: EventRelay;

  constructor(request: AttemptRequest, resolve: (result: AttemptResult) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#startedAt = request.clock.monotonicMs();
    this.#relay = new EventRelay({ ...pickRelay(request), headers: () => this.#headers });
    this.#totalTimer = setTimeout(() => this.#runOut(), request.timeouts.totalMs);
    // Calls back at once when the client left between two attempts.
    const stopListening = request.onClientGone(() => {
      this.#clientGone = true;
      this.#abort(new ClientGoneError("client closed the request"));
    });
    if (this.#settled) stopListening();
    else this.#stopListening = stopListening;
  }

  get settled(): boolean {
    return this.#settled;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It may be over already: the client went, or time ran out, while the request waited for a connection.
    if (this.#settled) controller.abort(new ClientGoneError("the attempt is over"));
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
      onError: (error) => {
        const what = this.#relay.opened ? "upstream_stream_cut" : "upstream_invalid_answer";
        this.#fail(answerFault(what, `The provider's answer cannot be decoded. ${RETRY_ADVICE}`));
        this.#abort(error);
      },
    });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#firstByteMs ??= this.#request.clock.monotonicMs() - this.#startedAt;
    if (this.#settled) this.#passOver(chunk);
    else if (this.#decoder === null) this.#take(chunk);
    else this.#decoder.write(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#lateTimer);
    if (this.#settled) return;
    if (this.#decoder === null) this.#end();
    else this.#decoder.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    clearTimeout(this.#lateTimer);
    if (this.#clientGone) this.#settle({ kind: "aborted" });
    else this.#fail(classifyFailure(error, this.#firstByteMs !== null));
  }

  #take(chunk: Buffer): void {
    if (this.#settled) return;
    if (this.#isStream()) {
      this.#step(this.#relay.push(chunk));
      return;
    }
    const limit = this.#isRefusal() ? ERROR_BYTES_MAX : this.#request.answerBytesMax;
    if (this.#chunkBytes + chunk.length > limit) {
      const message = "The provider's answer is larger than limits.answerBytesMax allows.";
      const tooLarge = answerFault("upstream_invalid_answer", message);
      this.#fail(this.#isRefusal() ? this.#refusal(false) : tooLarge);
      this.#abort(new Error("answer too large"));
      return;
    }
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  /** Behind the end nothing matters to the client, but a connection must not be held for ever. */
  #passOver(chunk: Buffer): void {
    this.#lateBytes += chunk.length;
    if (this.#lateBytes > LATE_BYTES_MAX) this.#abort(new Error("bytes behind the end"));
  }

  /** Acts on what a piece of the stream led to. */
  #step(step: StreamStep): void {
    if (this.#settled) return;
    if (step.kind === "ended") {
      // What a server sends after its last event, and when it closes, is of no interest to the client.
      this.#settle({ kind: "completed", body: null, terminal: step.terminal, cut: null });
      this.#lateTimer = setTimeout(() => {
        this.#abort(new Error("the connection stays open behind the end"));
      }, LATE_MS_MAX).unref();
    } else if (step.kind === "cut") {
      this.#settle({ kind: "completed", body: null, terminal: null, cut: step.end });
      this.#abort(new Error("nothing more of the answer is wanted"));
    } else if (step.kind === "failed") {
      this.#fail(step.failure);
      this.#abort(new Error("the stream failed"));
    } else if (!step.room) {
      this.#waitForClient();
    }
  }

  /** The total time is over. A provider is not to blame for a client that does not read. */
  #runOut(): void {
    const late = new TotalTimeoutError("total time of the attempt is over");
    const forClient = this.#waiting || this.#waitedMs * 2 >= this.#request.timeouts.totalMs;
    if (forClient) this.#settle({ kind: "aborted" });
    else this.#fail(classifyFailure(late, this.#firstByteMs !== null));
    this.#abort(late);
  }

  #waitForClient(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#waitingSinceMs = this.#request.clock.monotonicMs();
    this.#controller?.pause();
    this.#decoder?.pause();
    this.#request.sink.whenDrained(() => {
      this.#waiting = false;
      this.#waitedMs += this.#request.clock.monotonicMs() - this.#waitingSinceMs;
      if (this.#settled) return;
      this.#decoder?.resume();
      this.#controller?.resume();
    });
  }

  #end(): void {
    if (this.#settled) return;
    if (this.#isRefusal()) this.#fail(this.#refusal(true));
    else if (this.#isStream()) this.#step(this.#relay.finish());
    else this.#endJson();
  }

  #endJson(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    if (body === undefined || this.#request.stream || !this.#request.reader.readJson(body)) {
      const message = "The provider's answer is not one of its dialect. Try again.";
      this.#fail(answerFault("upstream_invalid_answer", message));
      return;
    }
    this.#settle({ kind: "completed", body, terminal: null, cut: null });
  }

  #refusal(whole: boolean): UpstreamFault {
    const header = (name: string): string | null => {
      const value = this.#headers[name];
      return typeof value === "string" ? value : null;
    };
    return classifyRefusal({
      status: this.#status ?? 500,
      header,
      body: Buffer.concat(this.#chunks),
      whole,
      now: this.#request.clock.now(),
    });
  }

  #fail(failure: UpstreamFault): void {
    this.#settle({ kind: "failed", failure });
  }

  #abort(reason: Error): void {
    if (this.#controller !== null && !this.#controller.aborted) this.#controller.abort(reason);
    // Not sent yet: nothing will call back, so it ends here.
    else if (this.#controller === null && this.#clientGone) this.#settle({ kind: "aborted" });
  }

  #isRefusal(): boolean {
    return this.#status !== 200;
  }

  #isStream(): boolean {
    const type = this.#headers["content-type"];
    if (this.#isRefusal() || !this.#request.stream) return false;
    return typeof type === "string" && /^text\/event-stream\b/i.test(type);
  }

  #settle(
    end:
      | { kind: "completed"; body: Buffer | null; terminal: Buffer | null; cut: CutEnd | null }
      | { kind: "failed"; failure: UpstreamFault }
      | { kind: "aborted" },
  ): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#totalTimer);
    this.#stopListening();
    this.#decoder?.destroy();
    this.#resolve({
      ...end,
      summary: this.#request.reader.summary(),
      warnings: [],
      started: this.#relay.opened,
      firstByteMs: this.#firstByteMs,
      totalMs: this.#request.clock.monotonicMs() - this.#startedAt,
      headers: this.#headers,
      status: this.#status,
    });
  }
}
