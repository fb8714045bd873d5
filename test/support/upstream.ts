// A scripted provider for tests: records what it is asked, answers what it is told, and notices who
// hangs up.
// Must never keep a test process alive after close(), nor hide that its own script threw.

import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface CapturedRequest {
  readonly method: string;
  /** With the query string, as it stood in the request line. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as it came, byte for byte. */
  readonly raw: Buffer;
  /** The body as JSON; undefined when it is none. */
  readonly body: unknown;
  /** Milliseconds since the epoch; null unless the peer hung up on an unfinished answer. */
  readonly abortedAt: number | null;
  /** Resolves when the peer hangs up before the answer is complete; stays pending otherwise. */
  readonly aborted: Promise<void>;
}

interface Head {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Streaming extends Head {
  /** Pause before each piece but the first, in milliseconds. */
  readonly delayMs?: number;
  /** Send so many pieces, then destroy the socket. */
  readonly cutAfter?: number;
  /** Send so many pieces, then end the body as if that were all. */
  readonly endAfter?: number;
  /** Send so many pieces, then stay silent until the peer leaves. */
  readonly holdAfter?: number;
}

export type Scripted =
  | (Head & { readonly json: unknown })
  /** Objects become `data: <JSON>`, strings `data: <string>`; "[DONE]" is not added by itself. */
  | (Streaming & { readonly events: readonly (string | object)[] })
  /** Bytes exactly as given, one write each. */
  | (Streaming & { readonly rawChunks: readonly (string | Buffer)[] })
  | { readonly hang: "before-headers" | "after-headers" }
  /** Hangs up without an answer. */
  | { readonly refuse: true };

/** `count` is 1 for the first request this upstream gets. */
type MaybeLater<Value> = Value | Promise<Value>;
export type UpstreamHandler = (request: CapturedRequest, count: number) => MaybeLater<Scripted>;

export interface Upstream {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** The same with `/v1`. */
  readonly baseUrl: string;
  /** Every request whose body came in whole, oldest first. */
  readonly requests: readonly CapturedRequest[];
  /** From now on, requests are answered by this handler. */
  respond(handler: UpstreamHandler): void;
  /** Ends every connection. Rejects with the first error a handler threw. May be called again. */
  close(): Promise<void>;
}

/** Without a handler it answers every request with a short text. */
export async function startUpstream(
  handler: UpstreamHandler = textAnswer("Hello from the scripted upstream."),
): Promise<Upstream> {
  const script: Script = { handler, requests: [], failures: [], isClosing: false };
  const server = createServer((request, response) => void serve(request, response, script));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : address}`;
  return {
    url,
    baseUrl: `${url}/v1`,
    requests: script.requests,
    respond: (next) => {
      script.handler = next;
    },
    close: async () => {
      script.isClosing = true;
      const closed = server.listening ? once(server, "close") : null;
      server.close();
      server.closeAllConnections();
      await closed;
      const [failure] = script.failures.splice(0);
      if (failure !== undefined) throw failure;
    },
  };
}

export interface ScriptedUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens?: number;
}

/** A text, streamed or whole as the request asks. */
export function textAnswer(text: string, usage: ScriptedUsage = DEFAULT_USAGE) {
  return (request: CapturedRequest): Scripted =>
    answerOf(request, {
      message: { role: "assistant", content: text },
      deltas: ["", ...piecesOf(text)].map((content) => ({ role: "assistant", content })),
      finishReason: "stop",
      usage,
    });
}

/** One call of a tool, streamed or whole as the request asks. A string is sent as it is. */
export function toolAnswer(name: string, args: string | object, usage = DEFAULT_USAGE) {
  return (request: CapturedRequest): Scripted => {
    const text = typeof args === "string" ? args : JSON.stringify(args);
    const call = (written: string) => ({
      id: `call_${request.raw.length}`,
      type: "function",
      function: { name, arguments: written },
    });
    return answerOf(request, {
      message: { role: "assistant", content: null, tool_calls: [call(text)] },
      deltas: [
        { role: "assistant", content: null, tool_calls: [{ index: 0, ...call("") }] },
        ...piecesOf(text).map((piece) => ({
          tool_calls: [{ index: 0, function: { arguments: piece } }],
        })),
      ],
      finishReason: "tool_calls",
      usage,
    });
  };
}

function piecesOf(text: string): readonly string[] {
  return text.match(/.{1,8}/gsu) ?? [];
}

const EVENT_STREAM = { "content-type": "text/event-stream" };
const DEFAULT_USAGE: ScriptedUsage = { promptTokens: 10, completionTokens: 5 };

interface ScriptedAnswer {
  readonly message: object;
  readonly deltas: readonly object[];
  readonly finishReason: string;
  readonly usage: ScriptedUsage;
}

/** The usage chunk comes only where `stream_options.include_usage` asks for it, as at OpenAI. */
function answerOf({ body }: CapturedRequest, answer: ScriptedAnswer): Scripted {
  const wanted = isRecord(body) ? body : {};
  const head = { id: "chatcmpl-scripted", created: 1_700_000_000, model: wanted["model"] };
  const usage = usageOf(answer.usage);
  if (wanted["stream"] !== true) {
    const choice = { index: 0, message: answer.message, finish_reason: answer.finishReason };
    return { json: { ...head, object: "chat.completion", choices: [choice], usage } };
  }
  const chunk = (delta: object, finishReason: string | null) => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  });
  const options = wanted["stream_options"];
  const countsUsage = isRecord(options) && options["include_usage"] === true;
  return {
    events: [
      ...answer.deltas.map((delta) => chunk(delta, null)),
      chunk({}, answer.finishReason),
      ...(countsUsage ? [{ ...head, object: "chat.completion.chunk", choices: [], usage }] : []),
      "[DONE]",
    ],
  };
}

function usageOf({ promptTokens, completionTokens, cachedTokens }: ScriptedUsage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens ?? 0 },
  };
}

interface Script {
  handler: UpstreamHandler;
  readonly requests: CapturedRequest[];
  readonly failures: unknown[];
  isClosing: boolean;
}

/** One request on its way; `left` tells that the connection is gone, whoever ended it. */
interface Exchange {
  readonly response: ServerResponse;
  readonly left: AbortSignal;
  /** Ends the connection on behalf of the script, so that it does not count as the peer's doing. */
  destroy(): void;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  script: Script,
): Promise<void> {
  const left = new AbortController();
  const aborted = Promise.withResolvers<void>();
  let abortedAt: number | null = null;
  let isScripted = false;
  response.on("close", () => {
    left.abort();
    if (isScripted || script.isClosing || response.writableFinished) return;
    abortedAt = Date.now();
    aborted.resolve();
  });
  const destroy = () => {
    isScripted = true;
    response.destroy();
  };
  const raw = await readAll(request);
  if (raw === null) return;
  const captured: CapturedRequest = {
    method: request.method ?? "",
    path: request.url ?? "",
    headers: request.headers,
    raw,
    body: parse(raw),
    get abortedAt() {
      return abortedAt;
    },
    aborted: aborted.promise,
  };
  try {
    const count = script.requests.push(captured);
    const scripted = await script.handler(captured, count);
    await play(scripted, { response, left: left.signal, destroy });
  } catch (error) {
    if (left.signal.aborted) return;
    script.failures.push(error);
    destroy();
  }
}

async function play(scripted: Scripted, exchange: Exchange): Promise<void> {
  const { response, destroy } = exchange;
  if ("refuse" in scripted) return destroy();
  if ("hang" in scripted) {
    if (scripted.hang === "after-headers") response.writeHead(200, EVENT_STREAM).flushHeaders();
    return;
  }
  if ("json" in scripted) {
    const headers = { "content-type": "application/json", ...scripted.headers };
    response.writeHead(scripted.status ?? 200, headers).end(JSON.stringify(scripted.json));
    return;
  }
  const pieces = "events" in scripted ? scripted.events.map(encode) : scripted.rawChunks;
  await stream(pieces, scripted, exchange);
}

async function stream(
  pieces: readonly (string | Buffer)[],
  how: Streaming,
  { response, left, destroy }: Exchange,
): Promise<void> {
  response.writeHead(how.status ?? 200, { ...EVENT_STREAM, ...how.headers });
  response.flushHeaders();
  const count = how.cutAfter ?? how.endAfter ?? how.holdAfter ?? pieces.length;
  for (const [index, piece] of pieces.slice(0, count).entries()) {
    if (index > 0 && how.delayMs !== undefined) await sleep(how.delayMs, null, { signal: left });
    // Each piece is on its way before the next step, so that a cut loses none of them.
    await new Promise<void>((resolve) => response.write(piece, () => resolve()));
    left.throwIfAborted();
  }
  if (how.cutAfter !== undefined) return destroy();
  if (how.holdAfter === undefined) response.end();
}

function encode(event: string | object): string {
  return `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`;
}

/** Null when the peer left before the body was complete. */
async function readAll(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(request, "close").catch(() => null);
  return request.readableEnded ? Buffer.concat(chunks) : null;
}

function parse(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString("utf8"));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
