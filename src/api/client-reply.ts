// The client's end of a turn: one answer, begun once and ended once, and the news that the client has gone.
// Must never write after the end, nor buffer without bound for a slow client.

import type { ServerResponse } from "node:http";

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

export function createClientReply(response: ServerResponse): ClientReply {
  const alive = () => !response.destroyed && !response.writableEnded;
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
    write: (bytes) => (alive() ? response.write(bytes) : true),
    whenDrained(resume) {
      if (!alive()) return resume();
      const once = () => {
        response.off("drain", once);
        response.off("close", once);
        resume();
      };
      response.on("drain", once);
      response.on("close", once);
    },
    end() {
      if (alive()) response.end();
    },
    send(status, headers, body) {
      if (!alive() || response.headersSent) return;
      response.writeHead(status, { ...headers, "content-length": String(Buffer.byteLength(body)) });
      response.end(body);
    },
  };
}
