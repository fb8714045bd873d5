// The client's end of a turn: one answer, begun once and ended once, and the news that the client has gone.
// Must never write after the end, nor buffer without bound for a slow client.

import type { ServerResponse } from "node:http";

/** From this many bytes that still wait for the client on, its reading is watched. */
const WATCHED_BYTES_MIN = 64 * 1024;

export interface ClientReply {
  readonly begun: () => boolean;
  readonly gone: () => boolean;
  /** Calls `listener` once if the client goes away before the end; returns how to stop listening. */
  onGone(listener: () => void): () => void;
  /** Begins a stream. */
  open(status: number, headers: Readonly<Record<string, string>>): void;
  /** False: wait for `whenDrained`. */
  write(bytes: Buffer | string): boolean;
  whenDrained(resume: () => void): void;
  end(): void;
  /** A whole answer at once. */
  send(status: number, headers: Readonly<Record<string, string>>, body: Buffer | string): void;
}

/**
 * `stalledMs`: how long a client may leave bytes that wait for it untouched; then its connection is cut,
 * and the turn counts as left by the client.
 */
export function createClientReply(response: ServerResponse, stalledMs: number): ClientReply {
  const alive = () => !response.destroyed && !response.writableEnded;
  let watching = false;
  /** Node's own timer of the connection knows of partial writes; ours would not. */
  const watch = (waitMs: number): void => {
    if (!watching) response.on("timeout", () => response.destroy());
    watching = true;
    response.socket?.setTimeout(waitMs);
  };
  /** What a kernel buffers takes care of itself. */
  const watchRest = (): void => {
    if (response.writableLength > WATCHED_BYTES_MIN) watch(stalledMs);
  };
  return {
    begun: () => response.headersSent,
    gone: () => response.destroyed && !response.writableFinished,
    onGone(listener) {
      if (response.destroyed) {
        listener();
        return () => undefined;
      }
      const closed = () => {
        if (!response.writableFinished) listener();
      };
      response.once("close", closed);
      return () => {
        response.off("close", closed);
      };
    },
    open(status, headers) {
      if (!alive() || response.headersSent) return;
      response.writeHead(status, headers);
      // The client waits for these: they say which model answers before the first token.
      response.flushHeaders();
    },
    write(bytes) {
      if (!alive()) return true;
      const room = response.write(bytes);
      if (!room) watch(stalledMs);
      return room;
    },
    whenDrained(resume) {
      if (!alive()) return resume();
      const once = () => {
        response.off("drain", once);
        response.off("close", once);
        watch(0);
        resume();
      };
      response.on("drain", once);
      response.on("close", once);
    },
    end() {
      if (!alive()) return;
      response.end();
      watchRest();
    },
    send(status, headers, body) {
      if (!alive() || response.headersSent) return;
      response.writeHead(status, { ...headers, "content-length": String(Buffer.byteLength(body)) });
      response.end(body);
      watchRest();
    },
  };
}
