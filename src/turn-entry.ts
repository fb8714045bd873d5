// The way in for turns, beside the framework: it reads a body and hands over, which is all a turn needs of a server.
// A framework's share of a turn would be a third of the gateway's own (docs/adr/0006). Everything else goes through it.
// Must never be looser than the framework's routes: same gate, same limits, same words.

import type {
  IncomingHttpHeaders,
  IncomingMessage,
  RequestListener,
  ServerResponse,
} from "node:http";
import { callerOf, refuseCaller } from "./caller.ts";
import { refusalHeaders } from "./api/answer-headers.ts";
import { createClientReply } from "./api/client-reply.ts";
import { faultHeaders } from "./api/fault-reply.ts";
import { wireOf } from "./api/turn-paths.ts";
import type { Wire } from "./api/wire.ts";
import { serveTurn } from "./flow.ts";
import type { Gate } from "./gate.ts";
import { newRequestId } from "./request-id.ts";
import type { RouteOptions } from "./route-options.ts";
import { faultOf } from "./server-faults.ts";
import { FaultError, makeFault, type Fault } from "./turn/fault.ts";

const JSON_TYPE = /^application\/(?:[^;,\s]+\+)?json\s*(?:;|$)/i;

/** Most bytes of bodies that may be on their way in at once, over all callers. */
const ARRIVING_BYTES_MAX = 512 * 1024 * 1024;

export interface TurnEntryOptions extends RouteOptions {
  /** Bytes of bodies that are on their way in. */
  readonly arriving: { bytes: number };
  readonly gate: Gate;
}

/** Takes the turns and leaves all other requests to `others`. */
export function createTurnEntry(
  options: TurnEntryOptions,
  others: RequestListener,
): RequestListener {
  return (request, response) => {
    const wire = request.method === "POST" ? wireOf(request.url) : null;
    if (wire === null) others(request, response);
    else take(options, { wire, request, response });
  };
}

interface Taken {
  readonly wire: Wire;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

function take(options: TurnEntryOptions, { wire, request, response }: Taken): void {
  const requestId = newRequestId();
  const { headers, url = "" } = request;
  const run = (body: Buffer, refusal: Fault | null): void => {
    void runTurn(options, { wire, requestId, headers, url, body, response, refusal });
  };
  // Whoever is not known here must not make us hold a body.
  const refusal =
    options.gate.check(request.headers) ??
    refuseCaller(options, request) ??
    refuseHead(options, request);
  if (refusal === null) readBody(options, request, run);
  else run(Buffer.alloc(0), refusal);
}

/** What the headers alone rule out: then the body is not even read. */
function refuseHead(options: TurnEntryOptions, request: IncomingMessage): Fault | null {
  const { bodyBytesMax } = options.stations.config.limits;
  if (!JSON_TYPE.test(request.headers["content-type"] ?? "")) {
    return makeFault(
      "unsupported_media_type",
      "Send the body as `Content-Type: application/json`.",
    );
  }
  return Number(request.headers["content-length"] ?? 0) > bodyBytesMax ? tooLarge() : null;
}

function readBody(
  options: TurnEntryOptions,
  request: IncomingMessage,
  run: (body: Buffer, refusal: Fault | null) => void,
): void {
  const { bodyBytesMax } = options.stations.config.limits;
  const { arriving } = options;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let over = false;
  const refuse = (fault: Fault): void => {
    over = true;
    chunks.length = 0;
    run(Buffer.alloc(0), fault);
  };
  request.on("data", (chunk: Buffer) => {
    if (over) return;
    bytes += chunk.length;
    arriving.bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > bodyBytesMax) refuse(tooLarge());
    else if (arriving.bytes > Math.max(ARRIVING_BYTES_MAX, bodyBytesMax)) refuse(tooMany());
  });
  request.once("close", () => {
    arriving.bytes -= bytes;
  });
  request.on("end", () => {
    const only = chunks.length === 1 ? chunks[0] : undefined;
    if (!over) run(only ?? Buffer.concat(chunks, bytes), null);
  });
}

function tooMany(): Fault {
  const message = "Too many large requests arrive at once. Send it again shortly.";
  return makeFault("queue_full", message, { retryAfterSeconds: 1 });
}

function tooLarge(): Fault {
  const message =
    "The request body is over the configured limit (limits.bodyBytesMax). Send less, or raise it.";
  return makeFault("body_too_large", message);
}

export interface TurnArrival {
  readonly wire: Wire;
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  /** Path with its query, as it was sent. */
  readonly url: string;
  readonly body: Buffer;
  readonly response: ServerResponse;
  /** Why it is not served at all; the caller's key is asked for first. */
  readonly refusal: Fault | null;
  /** Absent: it is a turn. */
  readonly serve?: typeof serveTurn;
}

/** Serves a turn whose body is there. Never rejects: every end is written to the client. */
export function runTurn(options: RouteOptions, arrival: TurnArrival): Promise<void> {
  const turn = serveArrival(options, arrival).finally(() => options.turns.delete(turn));
  options.turns.add(turn);
  return turn;
}

async function serveArrival(options: RouteOptions, arrival: TurnArrival): Promise<void> {
  const { stations } = options;
  const { wire, requestId, headers, url, body } = arrival;
  const reply = createClientReply(arrival.response, stations.config.timeouts.clientIdleMs);
  try {
    const caller = callerOf(options, arrival);
    if (arrival.refusal !== null) throw new FaultError(arrival.refusal);
    const at = stations.clock.now();
    const startedMs = stations.clock.monotonicMs();
    const offer = stations.offer();
    const serve = arrival.serve ?? serveTurn;
    await serve(stations, {
      wire,
      requestId,
      caller,
      headers,
      url,
      body,
      reply,
      offer,
      at,
      startedMs,
    });
  } catch (error) {
    const fault = faultOf(error);
    if (fault.code === "internal") {
      stations.log.error({ requestId, error: describe(error) }, "turn failed unexpectedly");
    }
    if (reply.begun()) {
      // A stream that has begun must not look complete (I6); a whole answer is past its end already.
      reply.write(wire.errorEvent(fault, requestId));
      reply.end();
      return;
    }
    const closing = arrival.refusal === null ? {} : { connection: "close" };
    const refusal = { ...refusalHeaders(requestId), ...faultHeaders(fault), ...closing };
    reply.send(fault.status, refusal, wire.errorBody(fault, requestId));
  }
}

/** For the log: name, message and stack of our own code; a cause may quote a request, so it stays out. */
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
