// Finds where HTTP/1.1 messages begin and end in a stream of bytes, for stub and load generator.
// Must never do more than framing: it has to be far cheaper than what it helps to measure.

const HEAD_BYTES_MAX = 64 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");
const LINE_END = Buffer.from("\r\n");

export interface MessageHandler {
  /** Start line and headers as they came, without the blank line. */
  onHead(head: string): void;
  /** A piece of the body, chunked framing taken off. Valid only during the call. */
  onBody(piece: Buffer): void;
  onEnd(): void;
}

type Phase = "head" | "length" | "size-line" | "chunk" | "chunk-end" | "trailer";

interface State {
  phase: Phase;
  /** Bytes left of the body (phase length) or of the chunk (phase chunk). */
  remaining: number;
}

/**
 * Returns a function that takes the bytes of one connection as they arrive.
 * It throws an Error on bytes that are not HTTP/1.1 with a length or chunks.
 */
export function createMessageReader(handler: MessageHandler): (bytes: Buffer) => void {
  const state: State = { phase: "head", remaining: 0 };
  let pending: Buffer | null = null;

  return function push(bytes: Buffer): void {
    const data = pending === null ? bytes : Buffer.concat([pending, bytes]);
    pending = null;
    let offset = 0;
    while (offset < data.length) {
      const next = step(state, handler, { data, offset });
      if (next < 0) {
        if (data.length - offset > HEAD_BYTES_MAX) throw new Error("HTTP head is too long");
        // Copied, because the reader's caller may reuse its buffer.
        pending = Buffer.from(data.subarray(offset));
        return;
      }
      offset = next;
    }
  };
}

interface Cursor {
  readonly data: Buffer;
  readonly offset: number;
}

/** Consumes one element and returns the new offset, or -1 when more bytes are needed. */
function step(state: State, handler: MessageHandler, cursor: Cursor): number {
  switch (state.phase) {
    case "head":
      return readHead(state, handler, cursor);
    case "length":
    case "chunk":
      return readBody(state, handler, cursor);
    case "chunk-end":
      if (cursor.data.length - cursor.offset < LINE_END.length) return -1;
      state.phase = "size-line";
      return cursor.offset + LINE_END.length;
    case "size-line":
    case "trailer":
      return readLine(state, handler, cursor);
  }
}

function readHead(state: State, handler: MessageHandler, { data, offset }: Cursor): number {
  const end = data.indexOf(HEAD_END, offset);
  if (end < 0) return -1;
  const head = data.toString("latin1", offset, end);
  handler.onHead(head);
  const length = /\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    state.remaining = Number(length);
    state.phase = "length";
  } else if (/\ntransfer-encoding: *chunked/i.test(head)) {
    state.phase = "size-line";
    return end + HEAD_END.length;
  } else if (head.startsWith("HTTP/")) {
    throw new Error("HTTP answer without a length");
  } else {
    state.remaining = 0;
  }
  if (state.remaining === 0) finish(state, handler);
  return end + HEAD_END.length;
}

function readBody(state: State, handler: MessageHandler, { data, offset }: Cursor): number {
  const end = Math.min(offset + state.remaining, data.length);
  state.remaining -= end - offset;
  handler.onBody(data.subarray(offset, end));
  if (state.remaining > 0) return end;
  if (state.phase === "chunk") state.phase = "chunk-end";
  else finish(state, handler);
  return end;
}

function readLine(state: State, handler: MessageHandler, { data, offset }: Cursor): number {
  const end = data.indexOf(LINE_END, offset);
  if (end < 0) return -1;
  if (state.phase === "trailer") {
    if (end === offset) finish(state, handler);
    return end + LINE_END.length;
  }
  const size = Number.parseInt(data.toString("latin1", offset, end), 16);
  if (!Number.isInteger(size)) throw new Error("HTTP chunk without a size");
  state.remaining = size;
  state.phase = size === 0 ? "trailer" : "chunk";
  return end + LINE_END.length;
}

function finish(state: State, handler: MessageHandler): void {
  state.phase = "head";
  handler.onEnd();
}
