// An upstream whose answers a test writes by hand, while they are on their way: for what a script
// cannot say beforehand.
// Must never outlive its test.

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { TestContext } from "node:test";

export interface Asked {
  readonly request: IncomingMessage;
  readonly body: Buffer;
  readonly response: ServerResponse;
}

export interface LiveUpstream {
  readonly baseUrl: string;
  /** The requests that have come, oldest first. */
  readonly asked: readonly Asked[];
}

export async function startLive(
  t: TestContext,
  answer: (asked: Asked) => void,
): Promise<LiveUpstream> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => {
      const one = { request, response, body: Buffer.concat(chunks) };
      asked.push(one);
      answer(one);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : address;
  return { baseUrl: `http://127.0.0.1:${port}/v1`, asked };
}

/** Begins an event stream; the test writes its events. */
export function beginEvents(response: ServerResponse, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "content-type": "text/event-stream", ...headers });
  response.flushHeaders();
}

export function eventOf(value: object | string): string {
  return `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
}

export const delta = (content: string) => ({ choices: [{ index: 0, delta: { content } }] });
export const FINISH = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
