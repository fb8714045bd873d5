// Requests as bytes on a socket, for what no HTTP client sends, and answers as bytes, for what a
// parser would smooth over.
// Must never retry, follow, decode or repair anything.

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface WireAnswer {
  readonly status: number;
  /** By lower-case name; of a repeated header the last one. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface ChatHead {
  readonly headers?: readonly string[];
  readonly body?: string | Buffer;
  /** Leaves out the wish that the connection be closed behind the answer. */
  readonly keepAlive?: boolean;
}

/** A connection to the gateway. The caller destroys it. */
export async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  // A server that refuses a request may reset the connection; the tests look at what came before.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** The bytes of a chat request; unless told otherwise it asks for its connection to be closed behind the answer. */
export function chatBytes(about: ChatHead): Buffer {
  const body = Buffer.from(about.body ?? "");
  const lines = ["POST /v1/chat/completions HTTP/1.1", "Host: 127.0.0.1"];
  if (about.keepAlive !== true) lines.push("Connection: close");
  const given = about.headers ?? [];
  const named = (name: string) => given.some((line) => line.toLowerCase().startsWith(name));
  if (!named("content-type")) lines.push("Content-Type: application/json");
  if (!named("content-length") && !named("transfer-encoding")) {
    lines.push(`Content-Length: ${body.length}`);
  }
  return Buffer.concat([Buffer.from(`${[...lines, ...given].join("\r\n")}\r\n\r\n`), body]);
}

/** Sends bytes and reads until the gateway closes the connection. */
export async function exchange(url: string, bytes: Buffer | string): Promise<WireAnswer> {
  const socket = await dial(url);
  const closed = once(socket, "close");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => void chunks.push(chunk));
  socket.write(bytes);
  await closed;
  return parseAnswer(Buffer.concat(chunks));
}

/** An answer with a Content-Length, or one that ended with its connection. */
export function parseAnswer(bytes: Buffer): WireAnswer {
  const text = bytes.toString("utf8");
  const split = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, split).split("\r\n");
  const pairs = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0);
  return { status, headers: new Map(pairs), body: text.slice(split + 4) };
}
