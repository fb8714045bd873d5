// Sends a simulated answer, whole or as a stream, at the pace of its model and with its scripted
// fault.
// Must never go on writing or waiting once the client has left.

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { completionBody, completionChunks, completionTokens, usageChunk } from "./completion.ts";
import { refusalBody, refuse } from "./refusal.ts";
import type { Completion } from "./completion.ts";
import type { SimulatedFault, SimulatorModel } from "./models.ts";
import type { Pace } from "./pace.ts";

export interface Reply {
  readonly model: SimulatorModel;
  readonly completion: Completion;
  readonly fault: SimulatedFault | null;
  readonly pace: Pace;
  readonly includeUsage: boolean;
  /** Aborted when the client leaves or the simulator closes. */
  readonly signal: AbortSignal;
}

/** A request that is never answered is let go after this time. */
const HANG_MS_MAX = 600_000;
const RETRY_AFTER_SECONDS = "1";
const ERROR_IN_ANSWER = { message: "Simulated error.", param: null, code: "server_error" };

/** Faults that come before any answer; throws a Refusal, or never answers at all. */
export async function meetEarlyFault(response: ServerResponse, reply: Reply): Promise<void> {
  switch (reply.fault) {
    case "rate-limit":
      response.setHeader("retry-after", RETRY_AFTER_SECONDS);
      return refuse(429, {
        message: "Simulated rate limit: the next attempt of this request works.",
        param: null,
        code: "rate_limit_exceeded",
      });
    case "server-error":
      return refuse(500, {
        message: "Simulated server error: the next attempt of this request works.",
        param: null,
        code: null,
      });
    case "hang":
      await sleep(HANG_MS_MAX, undefined, { signal: reply.signal });
      response.destroy();
      return;
    default:
      return;
  }
}

export async function sendWhole(response: ServerResponse, reply: Reply): Promise<void> {
  const { model, completion, pace, signal } = reply;
  await pace.firstToken(model, signal);
  await pace.tokens(model, completionTokens(completion.answer), signal);
  if (reply.fault === "error-event") {
    // Status 200 with an error for a body: some providers do this when streaming is off.
    sendJson(response, 200, refusalBody(500, ERROR_IN_ANSWER));
    return;
  }
  if (reply.fault !== "cut") {
    sendJson(response, 200, completionBody(completion));
    return;
  }
  const text = Buffer.from(JSON.stringify(completionBody(completion)));
  response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
  await write(response, text.subarray(0, text.length / 2), signal);
  response.destroy();
}

export async function sendStream(response: ServerResponse, reply: Reply): Promise<void> {
  const { model, completion, pace, signal } = reply;
  const chunks = completionChunks(completion);
  const isCutShort = reply.fault === "cut" || reply.fault === "error-event";
  const sent = isCutShort ? chunks.slice(0, Math.ceil(chunks.length / 2)) : chunks;
  await pace.firstToken(model, signal);
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const chunk of sent) {
    await write(response, event(chunk), signal);
    await pace.tokens(model, 1, signal);
  }
  if (reply.fault === "cut") {
    response.destroy();
    return;
  }
  if (reply.fault === "error-event") {
    response.end(event(refusalBody(500, ERROR_IN_ANSWER)));
    return;
  }
  if (reply.includeUsage) await write(response, event(usageChunk(completion)), signal);
  response.end("data: [DONE]\n\n");
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": text.length,
  });
  response.end(text);
}

function event(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

async function write(
  response: ServerResponse,
  bytes: string | Buffer,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (!response.write(bytes)) await once(response, "drain", { signal });
}
