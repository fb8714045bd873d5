// The one request that exchanges a signature for a token: to one address, checked as every provider's is.
// Must never follow a redirect, read without a bound, or wait without one.

import { Pool } from "undici";
import { makeGuardedLookup } from "../address-guard.ts";

/** Longest wait for a token, in milliseconds: a turn waits with it. */
const TOTAL_MS_MAX = 10_000;
/** Most bytes of an answer that are read. */
const ANSWER_BYTES_MAX = 64 * 1024;

export interface FormAnswer {
  readonly status: number;
  readonly body: string;
}

export interface PostForm {
  /** Sends the fields; null: there was no whole answer. Never rejects. */
  (fields: Readonly<Record<string, string>>): Promise<FormAnswer | null>;
  close(): Promise<void>;
}

export interface ExchangeAddress {
  readonly url: string;
  /** False: its host must not resolve to a private or loopback address. */
  readonly allowPrivateAddress: boolean;
  readonly connectMs: number;
}

export function createPostForm(address: ExchangeAddress): PostForm {
  const { origin, pathname } = new URL(address.url);
  const pool = new Pool(origin, {
    connections: 1,
    connect: { timeout: address.connectMs, lookup: makeGuardedLookup(address) },
  });
  const post = async (fields: Readonly<Record<string, string>>): Promise<FormAnswer | null> => {
    try {
      const { statusCode, body } = await pool.request({
        path: pathname,
        method: "POST",
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          accept: "application/json",
          "accept-encoding": "identity",
        },
        body: new URLSearchParams(fields).toString(),
        signal: AbortSignal.timeout(TOTAL_MS_MAX),
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of body) {
        const piece = Buffer.from(chunk);
        bytes += piece.length;
        if (bytes > ANSWER_BYTES_MAX) return null;
        chunks.push(piece);
      }
      return { status: statusCode, body: Buffer.concat(chunks).toString("utf8") };
    } catch {
      // Refused, reset, too late: all the same to whoever needs a token.
      return null;
    }
  };
  return Object.assign(post, { close: () => pool.destroy() });
}
