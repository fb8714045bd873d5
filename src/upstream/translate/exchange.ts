// One request of a provider's package and its answer, as the Response that the package reads.
// Must never buffer a stream without bound, nor leave a connection open when nobody reads it any more.

import type { Dispatcher } from "undici";
import { createDecoder } from "../decode-answer.ts";
import type { UpstreamHeaders } from "../event-relay.ts";

/** Most bytes of an error body that are read. */
const ERROR_BYTES_MAX = 64 * 1024;
/** Most bytes of one event of a stream. */
const EVENT_BYTES_MAX = 16 * 1024 * 1024;
/** Most bytes of a whole stream. */
const STREAM_BYTES_MAX = 256 * 1024 * 1024;
/** Chunks of a stream that may wait to be read before the provider is made to wait. */
const CHUNKS_WAITING_MAX = 16;

const STREAM_TYPE = /^(?:text\/event-stream|application\/vnd\.amazon\.eventstream)\b/i;
const TEXT_STREAM_TYPE = /^text\/event-stream\b/i;
const LF = 0x0a;
const CR = 0x0d;
/** A Response must not have a body with these. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

export interface ExchangeLimits {
  /** Most bytes of an answer that is not a stream. */
  readonly answerBytesMax: number;
}

export interface ExchangeOptions extends ExchangeLimits {
  readonly stream: boolean;
  /** When the attempt began. */
  readonly startedMs: number;
  readonly monotonicMs: () => number;
}

/** What the transport saw, whatever the package made of it. */
export interface ExchangeNotes {
  readonly status: number | null;
  readonly headers: UpstreamHeaders;
  /** Milliseconds from the start to the first byte of the answer's body. */
  readonly firstByteMs: number | null;
  /** The body of an answer that is not a success. */
  readonly refusal: { readonly body: Buffer; readonly whole: boolean } | null;
  /** What broke below HTTP, or a bound that was passed. */
  readonly failure: Error | null;
}

/** An answer beyond its bound. */
export class AnswerTooLargeError extends Error {
  override readonly name = "AnswerTooLargeError";
}

type StreamController = ReadableStreamDefaultController<Uint8Array>;

/** The handler undici drives. Order is its state: start, data, then exactly one end. */
export class ProviderExchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #answered = Promise.withResolvers<Response>();
  #controller: Dispatcher.DispatchController | null = null;
  readonly #notes: { -readonly [Name in keyof ExchangeNotes]: ExchangeNotes[Name] } = {
    status: null,
    headers: {},
    firstByteMs: null,
    refusal: null,
    failure: null,
  };
  #stream: StreamController | null = null;
  #decoder: ReturnType<typeof createDecoder> = null;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #eventBytes = 0;
  /** The last chunk ended with a line. */
  #lineEnded = false;
  #over = false;
  #abortedBy: Error | null = null;
  #stopListening: () => void = () => undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Live: it tells what is known by now. */
  get notes(): ExchangeNotes {
    return this.#notes;
  }

  /** Sends the request; resolves when a stream begins, or another answer has come in whole. */
  run(
    dispatcher: Dispatcher,
    options: Dispatcher.DispatchOptions,
    signal: AbortSignal | null,
  ): Promise<Response> {
    const abort = (): void => {
      this.#abort(new Error("the attempt is over"));
    };
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    this.#stopListening = () => signal?.removeEventListener("abort", abort);
    if (!this.#over) dispatcher.dispatch(options, this);
    return this.#answered.promise;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(this.#abortedBy ?? new Error("the attempt is over"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: UpstreamHeaders,
  ): void {
    if (status < 200) return;
    this.#notes.status = status;
    this.#notes.headers = headers;
    this.#decoder = createDecoder(headers["content-encoding"], {
      onData: (chunk) => this.#take(chunk),
      onEnd: () => this.#end(),
      onError: (error) => this.#fail(error),
    });
    if (this.#isStream()) this.#beginStream();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#notes.firstByteMs ??= this.#options.monotonicMs() - this.#options.startedMs;
    if (this.#decoder === null) this.#take(chunk);
    else this.#decoder.write(chunk);
  }

  onResponseEnd(): void {
    if (this.#decoder === null) this.#end();
    else this.#decoder.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#fail(this.#abortedBy ?? error);
  }

  #take(chunk: Buffer): void {
    // Behind a pause the parser may go on with nothing: taken for a chunk, it would lead to the next pause at once.
    if (this.#over || chunk.length === 0) return;
    this.#bytes += chunk.length;
    if (this.#stream !== null) this.#takeStreamed(chunk, this.#stream);
    else if (this.#notes.status !== 200 && this.#bytes > ERROR_BYTES_MAX) {
      this.#answer(false);
      this.#abort(new Error("the error body is too large"));
    } else if (this.#bytes > this.#options.answerBytesMax) {
      this.#fail(new AnswerTooLargeError("the answer is too large"));
    } else this.#chunks.push(chunk);
  }

  #takeStreamed(chunk: Buffer, stream: StreamController): void {
    this.#countEvent(chunk);
    if (this.#bytes > STREAM_BYTES_MAX || this.#eventBytes > EVENT_BYTES_MAX) {
      this.#fail(new AnswerTooLargeError("the stream is too large"));
      return;
    }
    stream.enqueue(chunk);
    if ((stream.desiredSize ?? 0) > 0) return;
    this.#controller?.pause();
    this.#decoder?.pause();
  }

  /** A package holds an event until it is complete: one that never ends must not fill the memory. */
  #countEvent(chunk: Buffer): void {
    if (!TEXT_STREAM_TYPE.test(this.#contentType())) return;
    const end = Math.max(chunk.lastIndexOf("\n\n"), chunk.lastIndexOf("\r\n\r\n"));
    // Some servers send the blank line by itself.
    const isEnd = this.#lineEnded && (chunk[0] === LF || (chunk[0] === CR && chunk[1] === LF));
    const before = isEnd ? 0 : this.#eventBytes;
    this.#eventBytes = end === -1 ? before + chunk.length : chunk.length - end;
    this.#lineEnded = chunk.at(-1) === LF;
  }

  #beginStream(): void {
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#stream = controller;
        },
        pull: () => {
          this.#decoder?.resume();
          if (this.#controller?.paused === true) this.#controller.resume();
        },
        cancel: () => {
          this.#abort(new Error("nobody reads the answer"));
        },
      },
      { highWaterMark: CHUNKS_WAITING_MAX },
    );
    this.#answered.resolve(this.#response(body));
  }

  #end(): void {
    if (this.#over) return;
    if (this.#stream === null) this.#answer(true);
    else this.#stream.close();
    this.#finish();
  }

  /** An answer that is not a stream, now that all that is wanted of it is here. */
  #answer(whole: boolean): void {
    const body = Buffer.concat(this.#chunks);
    if (this.#notes.status !== 200) this.#notes.refusal = { body, whole };
    this.#answered.resolve(this.#response(body));
  }

  #response(body: ReadableStream<Uint8Array> | Buffer): Response {
    const status = this.#notes.status ?? 500;
    // A package asks only whether it succeeded; what else it means is for our own classifier.
    const shown = status > 599 ? 500 : status;
    const init = { status: shown, headers: { "content-type": this.#contentType() } };
    return new Response(BODILESS.has(shown) ? null : toBody(body), init);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#notes.failure = error;
    this.#abort(error);
  }

  #abort(reason: Error): void {
    const first = !this.#over;
    this.#abortedBy ??= reason;
    this.#finish();
    if (first) {
      this.#answered.reject(reason);
      this.#stream?.error(reason);
    }
    if (this.#controller !== null && !this.#controller.aborted) this.#controller.abort(reason);
  }

  #finish(): void {
    this.#over = true;
    this.#decoder?.destroy();
    this.#stopListening();
  }

  #contentType(): string {
    const type = this.#notes.headers["content-type"];
    return typeof type === "string" ? type : "application/octet-stream";
  }

  #isStream(): boolean {
    return (
      this.#options.stream && this.#notes.status === 200 && STREAM_TYPE.test(this.#contentType())
    );
  }
}

/** Bytes that nobody else holds: a Buffer may be a piece of a shared pool. */
function toBody(
  body: ReadableStream<Uint8Array> | Buffer,
): ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> {
  return body instanceof ReadableStream ? body : new Uint8Array(body);
}
