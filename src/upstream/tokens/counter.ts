// Counts the tokens of requests, each piece of a conversation once: what it has counted it knows again by its bytes.
// Must never block, wait without bound, or hold a text: a hash and a number are all that is kept.

import { hash } from "node:crypto";
import { startCountThread, type CountThread } from "./count-thread.ts";

/** Most pieces whose count is remembered; about 4 MB. */
const KNOWN_MAX = 32_768;
/** Most text of one request that is counted, and of all that wait, in UTF-16 code units. */
const REQUEST_LENGTH_MAX = 4_000_000;
const WAITING_LENGTH_MAX = 16_000_000;
/** How long a turn waits for a count, in milliseconds. What comes later serves the next turn. */
const WAIT_MS_MAX = 2_000;
/** How often a thread that was lost is started anew. */
const STARTS_MAX = 3;

/** A part of a request that stays the same from turn to turn: a message, or the tools. */
export interface CountedPiece {
  /** As it stands in the body: equal bytes, equal count. */
  readonly bytes: Buffer;
  /** What a model reads of it. Asked for only when it was not counted before. */
  texts(): readonly string[];
}

export interface TokenCounter {
  /** Tokens of all pieces together; null when they could not be counted in time, or within bounds. Never rejects. */
  count(pieces: readonly CountedPiece[]): Promise<number | null>;
  close(): Promise<void>;
}

/** Starts nothing before there is something to count. `onError` is told when counting fails. */
export function createTokenCounter(options: {
  readonly onError: (error: Error) => void;
  readonly startThread?: () => CountThread;
  /** How long a turn waits for a count, in milliseconds. Default: WAIT_MS_MAX. */
  readonly waitMs?: number;
}): TokenCounter {
  return new MemoCounter({ startThread: startCountThread, waitMs: WAIT_MS_MAX, ...options });
}

interface Settings {
  readonly onError: (error: Error) => void;
  readonly startThread: () => CountThread;
  readonly waitMs: number;
}

interface Unknown {
  readonly name: string;
  readonly texts: readonly string[];
}

class MemoCounter implements TokenCounter {
  readonly #settings: Settings;
  /** By hash, the one used longest ago first. */
  readonly #known = new Map<string, number>();
  #thread: CountThread | null = null;
  #starts = 0;
  #waitingLength = 0;
  #closed = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async count(pieces: readonly CountedPiece[]): Promise<number | null> {
    let sum = 0;
    let length = 0;
    const unknown: Unknown[] = [];
    for (const piece of pieces) {
      const name = hash("sha256", piece.bytes, "base64url");
      const known = this.#recall(name);
      if (known !== null) {
        sum += known;
        continue;
      }
      const texts = piece.texts();
      length += texts.reduce((total, text) => total + text.length, 0);
      if (length > REQUEST_LENGTH_MAX) return null;
      unknown.push({ name, texts });
    }
    if (unknown.length === 0) return sum;
    const counted = await within(this.#settings.waitMs, this.#ask(unknown, length));
    return counted === null ? null : sum + counted;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.close();
  }

  /** Never rejects, and ends in its own time: what it finds is remembered even when nobody waits any more. */
  async #ask(unknown: readonly Unknown[], length: number): Promise<number | null> {
    const thread = this.#running();
    if (thread === null || this.#waitingLength + length > WAITING_LENGTH_MAX) return null;
    this.#waitingLength += length;
    try {
      const counts = await thread.count(unknown.flatMap(({ texts }) => texts));
      return this.#learn(unknown, counts);
    } catch (error) {
      if (this.#thread === thread) this.#thread = null;
      const reason = error instanceof Error ? error : new Error(String(error));
      if (!this.#closed) this.#settings.onError(reason);
      return null;
    } finally {
      this.#waitingLength -= length;
    }
  }

  #learn(unknown: readonly Unknown[], counts: readonly number[]): number {
    let sum = 0;
    let next = 0;
    for (const { name, texts } of unknown) {
      const tokens = counts.slice(next, next + texts.length).reduce((total, one) => total + one, 0);
      next += texts.length;
      sum += tokens;
      this.#known.set(name, tokens);
    }
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KNOWN_MAX) break;
      this.#known.delete(oldest);
    }
    return sum;
  }

  #recall(name: string): number | null {
    const known = this.#known.get(name);
    if (known === undefined) return null;
    // Behind all others again: what is used stays.
    this.#known.delete(name);
    this.#known.set(name, known);
    return known;
  }

  #running(): CountThread | null {
    if (this.#thread === null && !this.#closed && this.#starts < STARTS_MAX) {
      this.#starts += 1;
      this.#thread = this.#settings.startThread();
    }
    return this.#thread;
  }
}

/** Null when it takes too long. */
function within(waitMs: number, counted: Promise<number | null>): Promise<number | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), waitMs);
  return Promise.race([counted, late.promise]).finally(() => clearTimeout(timer));
}
