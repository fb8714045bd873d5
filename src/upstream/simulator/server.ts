// The built-in simulator: a small provider over a real socket, for a first start without keys,
// demos and tests.
// Must never listen beyond loopback, call anything else, or keep what callers send.

import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";

import { decideAnswer } from "./answer.ts";
import { readChatRequest } from "./chat-request.ts";
import { limitAnswer } from "./completion.ts";
import { EMBEDDINGS_MODEL, embeddingsAnswer } from "./embeddings.ts";
import { FaultScript } from "./fault-script.ts";
import { findSimulatorModel, SIMULATOR_MODELS } from "./models.ts";
import { makePace } from "./pace.ts";
import { PromptMeter } from "./prompt-meter.ts";
import { Refusal, refusalBody, refuse } from "./refusal.ts";
import { meetEarlyFault, sendJson, sendStream, sendWhole } from "./reply.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { SimulatorModel } from "./models.ts";
import type { Pace } from "./pace.ts";
import type { Reply } from "./reply.ts";

export interface SimulatorOptions {
  /** 0 … 1; for ids and the spread of latency. Answers do not depend on it. */
  readonly random?: () => number;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** 1: the latency of the model table; 10: ten times as fast; 0: no waiting at all. */
  readonly speed?: number;
}

export interface Simulator {
  /** Ends in `/v1`. */
  readonly baseUrl: string;
  /** Stops listening and ends every open connection. May be called again. */
  close(): Promise<void>;
}

/** Largest request body the simulator reads. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
const HOST = "127.0.0.1";

interface Simulation {
  readonly random: () => number;
  readonly pace: Pace;
  readonly meter: PromptMeter;
  readonly faults: FaultScript;
}

/** Rejects when the port is taken. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const random = options.random ?? Math.random;
  const simulation: Simulation = {
    random,
    pace: makePace({ speed: options.speed ?? 1, random }),
    meter: new PromptMeter(),
    faults: new FaultScript(),
  };
  const server = createServer((request, response) => void serve(request, response, simulation));
  server.listen(options.port ?? 0, HOST);
  await once(server, "listening");
  return { baseUrl: `http://${HOST}:${portOf(server)}/v1`, close: () => closeServer(server) };
}

/** Never rejects: whatever goes wrong becomes an answer or the end of the connection. */
async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  simulation: Simulation,
): Promise<void> {
  const left = new AbortController();
  response.on("close", () => left.abort());
  try {
    await route(request, response, { simulation, signal: left.signal });
  } catch (error) {
    if (left.signal.aborted) return;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // What is left of a refused body is not read, so the connection cannot be used again.
    if (!request.complete) response.setHeader("connection", "close");
    const refusal = error instanceof Refusal ? error : internalError();
    sendJson(response, refusal.status, refusalBody(refusal.status, refusal.detail));
  }
}

interface Visit {
  readonly simulation: Simulation;
  readonly signal: AbortSignal;
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  visit: Visit,
): Promise<void> {
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  const endpoint = `${request.method ?? ""} ${path}`;
  if (endpoint === "GET /v1/models") return sendJson(response, 200, modelList());
  if (endpoint === "POST /v1/embeddings") {
    return sendJson(response, 200, embeddingsAnswer(await readBody(request)));
  }
  if (endpoint !== "POST /v1/chat/completions") {
    return refuse(404, {
      message: `The simulator has no ${endpoint}; it serves chat completions, embeddings and models only.`,
      param: null,
      code: "unknown_url",
    });
  }
  const chat = readChatRequest(await readBody(request));
  const reply = prepare(chat, findModel(chat), visit);
  await meetEarlyFault(response, reply);
  return chat.stream === true ? sendStream(response, reply) : sendWhole(response, reply);
}

function prepare(chat: ChatRequest, model: SimulatorModel, { simulation, signal }: Visit): Reply {
  const maxTokens = chat.max_completion_tokens ?? chat.max_tokens ?? model.maxOutputTokens;
  const fault = simulation.faults.next(model, chat);
  return {
    model,
    fault,
    pace: simulation.pace,
    includeUsage: chat.stream_options?.include_usage === true,
    signal,
    completion: {
      id: makeId("chatcmpl-sim-", simulation.random),
      created: Math.floor(Date.now() / 1000),
      model: model.model,
      callId: makeId("call_", simulation.random),
      prompt: simulation.meter.measure(chat),
      ...limitAnswer(
        decideAnswer(chat, model.stubborn),
        Math.min(maxTokens, model.maxOutputTokens),
      ),
    },
  };
}

function findModel(chat: ChatRequest): SimulatorModel {
  const model = findSimulatorModel(chat.model);
  if (model === undefined) {
    const names = SIMULATOR_MODELS.map((known) => known.model).join(", ");
    return refuse(404, {
      message: `The model '${chat.model}' does not exist. The simulator has: ${names}.`,
      param: "model",
      code: "model_not_found",
    });
  }
  const tokens = PromptMeter.count(chat);
  if (tokens <= model.contextTokens) return model;
  return refuse(400, {
    message:
      `This model's maximum context length is ${model.contextTokens} tokens. ` +
      `Your messages came to about ${tokens} tokens.`,
    param: "messages",
    code: "context_length_exceeded",
  });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    refuse(415, { message: "The simulator reads plain bodies only.", param: null, code: null });
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Destroying the request would destroy the socket, and the refusal could not be sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      refuse(413, {
        message: `The request body is larger than ${BODY_BYTES_MAX} bytes.`,
        param: null,
        code: "request_too_large",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function modelList(): object {
  const data = [...SIMULATOR_MODELS, EMBEDDINGS_MODEL].map(({ model }) => ({
    id: model,
    object: "model",
    created: 0,
    owned_by: "fairlead-simulator",
  }));
  return { object: "list", data };
}

function internalError(): Refusal {
  return new Refusal(500, { message: "The simulator failed.", param: null, code: "internal" });
}

function makeId(prefix: string, random: () => number): string {
  const digits = Array.from({ length: 24 }, () => Math.floor(random() * 16).toString(16));
  return prefix + digits.join("");
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
