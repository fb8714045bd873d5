// What a dialect must know to be played by a script: judge a request, and put a step on its wire.
// Must never decide what is answered: that is the script's part.

import type { CapturedRequest, Scripted } from "../upstream.ts";
import type { Json, RequestValidator } from "./judge.ts";
import type { ErrorName, Reply, ScriptedCall } from "./step.ts";

/** A request for an answer: what the wire needs to know of it. */
export interface Asked {
  readonly request: CapturedRequest;
  readonly model: string;
  /** 1 for the first request for an answer. */
  readonly turn: number;
}

/** The part of a stream that a script can cut: one entry is one write. */
export type Pieces = readonly (string | Buffer)[];

export interface WireError {
  readonly status: number;
  readonly json: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ErrorOptions {
  readonly retryAfterSeconds: number | null;
}

export interface ScriptedDialect {
  readonly name: string;
  /** What follows the root of the server in the base URL of clients: `/v1`. */
  readonly basePath: string;
  readonly validate: RequestValidator;
  readonly streamType: string;
  isStream(request: CapturedRequest): boolean;
  modelOf(request: CapturedRequest): string;
  answer(reply: Reply, asked: Asked): object;
  stream(reply: Reply, asked: Asked): Pieces;
  error(error: ErrorName, options: ErrorOptions): WireError;
  /** The error event of a stream of which so many pieces were sent. */
  errorPiece(error: ErrorName, asked: Asked, afterPieces: number): string | Buffer;
  /** Answers what needs no script (counting, embedding); null: this is a request for an answer. */
  aside(request: CapturedRequest): Scripted | null;
}

/** A call with the id it has on this turn: equal calls of two turns have two ids. */
export function withIds(
  calls: readonly ScriptedCall[],
  prefix: string,
  turn: number,
): readonly Required<ScriptedCall>[] {
  return calls.map((call, index) => ({ id: `${prefix}${turn}_${index}`, ...call }));
}

export type WireEvent = Json & { readonly type: string };

/** One server-sent event with its name, as Anthropic and the Responses API write it. */
export function namedEvent(event: WireEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

export function dataEvent(event: string | object): string {
  return `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`;
}

export const SSE = "text/event-stream; charset=utf-8";
