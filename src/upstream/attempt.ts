// One try of a turn at one deployment: sends the bytes, relays the answer, tells how it ended.
// Must never start an answer to the client before its first content, end a cut stream cleanly, or retry by itself.

import type { Dispatcher } from "undici";
import { answerFault, classifyFailure, classifyRefusal, type UpstreamFault } from "./classify.ts";
import { createDecoder } from "./decode-answer.ts";
import type { AnswerReader, AnswerSummary } from "./dialect.ts";
import {
  EventRelay,
  type AnswerSink,
  type StreamStep,
  type UpstreamHeaders,
} from "./event-relay.ts";

/** Most bytes of a JSON answer held in memory. */
const JSON_BYTES_MAX = 64 * 1024 * 1024;
/** Most bytes of an error body that are read. */
const ERROR_BYTES_MAX = 64 * 1024;
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

function pickRelay({ reader, sink, dropUsageEvent }: AttemptRequest) {
  return { reader, sink, dropUsageEvent };
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
  #clientGone = false;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  #decoder: ReturnType<typeof createDecoder> = null;
  readonly #relay: EventRelay;

  constructor(request: AttemptRequest, resolve: (result: AttemptResult) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#startedAt = request.clock.monotonicMs();
    this.#relay = new EventRelay({ ...pickRelay(request), headers: () => this.#headers });
    this.#totalTimer = setTimeout(() => {
      const late = new TotalTimeoutError("total time of the attempt is over");
      this.#fail(classifyFailure(late, this.#firstByteMs !== null));
      this.#abort(late);
    }, request.timeouts.totalMs);
    this.#stopListening = request.onClientGone(() => {
      this.#clientGone = true;
      this.#abort(new ClientGoneError("client closed the request"));
    });
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
      onError: (error) => this.#fail(classifyFailure(error, this.#relay.opened)),
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
      this.#step(this.#relay.push(chunk));
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

  /** Acts on what a piece of the stream led to. */
  #step(step: StreamStep): void {
    if (this.#settled) return;
    if (step.kind === "ended") {
      // What a server sends after its last event, and when it closes, is of no interest to the client.
      this.#settle({ kind: "completed", body: null, terminal: step.terminal });
    } else if (step.kind === "failed") {
      this.#fail(step.failure);
      this.#abort(new Error("the stream failed"));
    } else if (!step.room) {
      this.#waitForClient();
    }
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
    this.#settle({ kind: "completed", body, terminal: null });
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
    // Not sent yet: nothing will call back, so it ends here.
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
      started: this.#relay.opened,
      firstByteMs: this.#firstByteMs,
      totalMs: this.#request.clock.monotonicMs() - this.#startedAt,
      headers: this.#headers,
      status: this.#status,
    });
  }
}
