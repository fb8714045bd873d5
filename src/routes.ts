// The gateway's paths: who may ask for what, and which function answers. Decides nothing itself.
// Must never serve a path but the two probes (/healthz, /readyz) without asking for the key first.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Caller } from "./admission/api-key.ts";
import { callerOf } from "./caller.ts";
import { nearestWire, TURN_PATHS } from "./api/turn-paths.ts";
import { act, readAction } from "./flow/act.ts";
import { countTokens } from "./flow/count-tokens.ts";
import {
  listConversations,
  listTurns,
  readOneConversation,
  readReceipt,
} from "./flow/read-back.ts";
import { readGauges } from "./flow/read-gauges.ts";
import { listProviders } from "./flow/read-providers.ts";
import { conversationKey } from "./flow/rows.ts";
import { addModelRoutes } from "./model-routes.ts";
import type { RouteOptions } from "./route-options.ts";
import { watchMethods } from "./served-methods.ts";
import { runTurn, type TurnArrival } from "./turn-entry.ts";
import { FaultError, makeFault, throwFault } from "./turn/fault.ts";

const CONVERSATIONS_PREFIX = "/v1/conversations/";
/** Paths at which the tokens of a turn are counted. */
const COUNT_PATHS = ["/v1/messages/count_tokens"];

export function addRoutes(server: FastifyInstance, options: RouteOptions): void {
  const methodsOf = watchMethods(server);
  server.get("/healthz", () => ({ status: "ok", version: options.version }));
  server.get("/readyz", async (_request, reply) => {
    const reason = await options.notReady();
    return reply.status(reason === null ? 200 : 503).send({ status: reason ?? "ready" });
  });
  // Turns come in beside the framework (turn-entry); what reaches these routes was spelled unusually.
  for (const path of TURN_PATHS) {
    const wire = nearestWire(path);
    server.post(path, (request, reply) => handOver(options, { wire, request, reply }));
  }
  for (const path of COUNT_PATHS) {
    const way = { wire: nearestWire(path), serve: countTokens };
    server.post(path, (request, reply) => handOver(options, { ...way, request, reply }));
  }
  // Some agents ask at their start whether anybody is there.
  server.route({
    method: ["GET", "HEAD"],
    url: "/api/hello",
    handler: (request) => {
      callerOf(options, request);
      return { message: "hello" };
    },
  });
  addModelRoutes(server, options);
  addReadingRoutes(server, options);
  server.setNotFoundHandler((request, reply) => {
    callerOf(options, request);
    refuseSocket(request);
    const methods = methodsOf(request.url.split("?")[0] ?? "");
    if (methods.length === 0) return unknownPath(request);
    reply.header("allow", methods.join(", "));
    const message = `This path takes ${methods.join(" and ")} only. docs/api.md lists what is served.`;
    return throwFault("method_not_allowed", message);
  });
}

interface Handed extends Pick<TurnArrival, "wire" | "serve"> {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Leaves a request to what serves turns, with all that is said of faults there. */
async function handOver(options: RouteOptions, { request, reply, ...how }: Handed): Promise<void> {
  reply.hijack();
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const { id: requestId, headers, url } = request;
  const arrival = { requestId, headers, url, body, response: reply.raw, refusal: null };
  await runTurn(options, { ...arrival, ...how });
}

/** Some agents ask for a socket first, and take this for an answer: then they stream. */
function refuseSocket({ headers }: FastifyRequest): void {
  if (!/websocket/i.test(headers.upgrade ?? "")) return;
  const message = "Nothing is served over WebSocket. Send a POST, and ask for a stream.";
  throwFault("upgrade_required", message);
}

function addReadingRoutes(server: FastifyInstance, options: RouteOptions): void {
  const { stations } = options;
  server.get("/v1/conversations", (request) =>
    listConversations(stations, callerOf(options, request).tenant, request.query),
  );
  // An id may hold slashes, so everything behind the prefix is the id but for the known endings; one that
  // ends like them itself is sent percent-encoded.
  server.get("/v1/conversations/*", (request) => {
    const { tenant } = callerOf(options, request);
    const id = idBefore(request, "/turns");
    if (id === null) return readOneConversation(stations, tenant, idOf(request));
    return listTurns(stations, tenant, { id, query: request.query });
  });
  server.post("/v1/conversations/*", async (request) => {
    const { tenant } = adminOf(options, request);
    const id = idBefore(request, "/actions") ?? unknownPath(request);
    await act(stations, { tenant, id, action: readAction(readJson(request.body)) });
    return readOneConversation(stations, tenant, id);
  });
  server.delete("/v1/conversations/*", async (request, reply) => {
    const { tenant } = adminOf(options, request);
    const id = idOf(request);
    const deleted = await stations.store.deleteConversation(tenant, conversationKey(tenant, id));
    stations.pinCache.forget(conversationKey(tenant, id));
    if (!deleted) throwFault("not_found", "There is no such conversation for this key.");
    return reply.status(204).send();
  });
  server.get("/v1/providers", (request) => {
    adminOf(options, request);
    return listProviders(stations);
  });
  // It counts the turns and the money of all tenants: no matter for the key of one.
  server.get("/metrics", async (request, reply) => {
    adminOf(options, request);
    const text = await stations.metrics.scrape(readGauges(stations));
    return reply.type(stations.metrics.contentType).send(text);
  });
  server.get("/v1/receipts/:id", (request) => {
    const { tenant } = callerOf(options, request);
    const { params } = request;
    const id = typeof params === "object" && params !== null && "id" in params ? params.id : "";
    return readReceipt(stations, tenant, String(id));
  });
}

function adminOf(options: RouteOptions, request: FastifyRequest): Caller {
  const caller = callerOf(options, request);
  if (caller.role === "admin") return caller;
  return throwFault("forbidden", "This needs an admin's key.");
}

/** The path behind the prefix as it was sent: what is percent-encoded in it belongs to the id. */
function encodedId(request: FastifyRequest): string {
  const path = request.url.split("?")[0] ?? "";
  return path.slice(CONVERSATIONS_PREFIX.length).replace(/\/$/, "");
}

function idOf(request: FastifyRequest): string {
  return decodeURIComponent(encodedId(request));
}

/** The id in front of this ending; null when the path ends otherwise. */
function idBefore(request: FastifyRequest, ending: string): string | null {
  const encoded = encodedId(request);
  return encoded.endsWith(ending) ? decodeURIComponent(encoded.slice(0, -ending.length)) : null;
}

function readJson(body: unknown): unknown {
  if (!Buffer.isBuffer(body)) return null;
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new FaultError(makeFault("invalid_json", "The body must be JSON."), error);
  }
}

function unknownPath(request: FastifyRequest): never {
  const path =
    request.url
      .split("?")[0]
      ?.replace(/[^\x20-\x7e]/g, "?")
      .slice(0, 120) ?? "";
  const message = `${request.method} ${path} is not served here. Chat completions are at POST /v1/chat/completions.`;
  return throwFault("not_found", message);
}
