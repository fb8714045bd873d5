// The HTTP server: time-outs, limits, what is refused before a route is looked for, and the graceful stop.
// Must never parse a body: the flow reads bytes. Must never allow another origin to call a gateway without keys.

import { readFileSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import fastify, {
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyRequest,
  type FastifyServerOptions,
} from "fastify";
import { refuseCaller } from "./caller.ts";
import { createGate } from "./gate.ts";
import { newRequestId } from "./request-id.ts";
import { refuse, refuseMalformed } from "./refusals.ts";
import type { RouteOptions } from "./route-options.ts";
import { addRoutes } from "./routes.ts";
import { faultOf } from "./server-faults.ts";
import { createTurnEntry, type TurnEntryOptions } from "./turn-entry.ts";
import type { Fault } from "./turn/fault.ts";

/** How long an idle connection of a client is kept, in milliseconds. */
const KEEP_ALIVE_MS = 75_000;
/** How long a client may take to send its headers, in milliseconds; less where the whole request gets less. */
const HEADERS_MS = 15_000;
/** How often requests that take too long to arrive are looked for, in milliseconds; oftener for shorter limits. */
const SLOW_CHECK_MS_MAX = 5_000;
/** How often connections that have become idle are closed during the graceful stop, in milliseconds. */
const IDLE_CHECK_MS = 25;
/** How long turns that were cut at the end of the stop may take to be recorded, in milliseconds. */
const SETTLE_MS_MAX = 2_000;

export interface Server {
  listen(): Promise<string>;
  close(): Promise<void>;
}

export function makeServer(given: Omit<RouteOptions, "turns">): Server {
  const options: RouteOptions = { ...given, turns: new Set() };
  const { config, log } = options.stations;
  const server: FastifyInstance = fastify(serverOptions(options));
  server.server.headersTimeout = Math.min(HEADERS_MS, config.timeouts.requestMs);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    /^application\/(.+\+)?json/,
    { parseAs: "buffer" },
    (_request, body, done) => {
      done(null, body);
    },
  );
  server.setErrorHandler((error, request, reply) => {
    const fault = faultOf(error);
    if (fault.code === "internal") log.error({ reason: String(error) }, "request failed");
    return refuse(request, reply, fault);
  });
  server.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    done();
  });
  const gate = createGate({ localOnly: config.keys.length === 0 });
  server.addHook("onRequest", (request, reply, done) => {
    const fault = gate.check(request.headers) ?? refuseUnknown(options, request);
    if (fault === null) done();
    else refuse(request, reply, fault);
  });
  const untouched = watchUntouched(server);
  addRoutes(server, options);
  enterBeside(server, { ...options, gate, arriving: { bytes: 0 } });
  return {
    async listen() {
      await server.listen({ host: config.listen.host, port: config.listen.port });
      return urlOf(server, config.listen.tls !== null);
    },
    async close() {
      gate.stop();
      untouched.close();
      await closeServer(server, config.timeouts.shutdownMs);
      // Their connections are gone, but not yet their entries in the books.
      await Promise.race([
        Promise.allSettled(options.turns),
        pause(SETTLE_MS_MAX, null, { ref: false }),
      ]);
    },
  };
}

function serverOptions(options: RouteOptions): FastifyServerOptions {
  const { config } = options.stations;
  const { tls } = config.listen;
  const { requestMs } = config.timeouts;
  const parsing = {
    maxHeaderSize: config.limits.headerBytesMax,
    connectionsCheckingInterval: Math.min(SLOW_CHECK_MS_MAX, requestMs),
  };
  const common: FastifyHttpOptions<HttpServer> = {
    logger: false,
    bodyLimit: config.limits.bodyBytesMax,
    requestTimeout: requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: "idle",
    // Our own hook answers during the stop, in the words of the dialect.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: true },
    genReqId: newRequestId,
    clientErrorHandler: (error, socket) => {
      refuseMalformed(error, socket, { requestId: newRequestId(), requestMs });
    },
    frameworkErrors: (error, request, reply) => {
      refuse(request, reply, faultOf(error));
    },
    http: parsing,
  };
  if (tls === null) return common;
  const https = {
    cert: readFileSync(tls.cert),
    key: readFileSync(tls.key),
    minVersion: "TLSv1.3" as const,
    ...parsing,
  };
  return { ...common, https } as FastifyServerOptions;
}

/** Paths that a balancer or a supervisor asks, without a key. */
const PROBES: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

/** Before the body is read: whoever is not known here must not make us hold one. */
function refuseUnknown(options: RouteOptions, request: FastifyRequest): Fault | null {
  return PROBES.has(request.url) ? null : refuseCaller(options, request);
}

/** Puts the turns' own way in before the framework's. The framework's listener is kept for everything else. */
function enterBeside(server: FastifyInstance, options: TurnEntryOptions): void {
  const http = server.server;
  const framework = http.listeners("request");
  http.removeAllListeners("request");
  http.on(
    "request",
    createTurnEntry(options, (request, response) => {
      for (const listener of framework) listener.call(http, request, response);
    }),
  );
}

function urlOf(server: FastifyInstance, isTls: boolean): string {
  const address: AddressInfo | string | null = server.server.address();
  if (address === null || typeof address === "string") return "";
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `${isTls ? "https" : "http"}://${host}:${address.port}`;
}

/**
 * Clients open connections in advance. One on which nothing has come yet counts as busy for Node, and
 * would hold up the stop until the last.
 */
function watchUntouched(server: FastifyInstance): { close(): void } {
  const sockets = new Set<Socket>();
  server.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return {
    close() {
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    },
  };
}

/** Running turns get their time; after it the connections are cut, and their turns are recorded as aborted. */
async function closeServer(server: FastifyInstance, shutdownMs: number): Promise<void> {
  const timer = setTimeout(() => {
    server.server.closeAllConnections();
  }, shutdownMs);
  // A connection whose turn ends during the stop stays open for the client's next request, which must not hold us up.
  const sweep = setInterval(() => {
    server.server.closeIdleConnections();
  }, IDLE_CHECK_MS);
  try {
    await server.close();
  } finally {
    clearTimeout(timer);
    clearInterval(sweep);
  }
}
