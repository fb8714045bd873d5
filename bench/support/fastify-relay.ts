// Two relays of the usual kind, on Fastify: one passes the body on as a stream; the other, with
// --reserialise, parses it, sets the model and writes it anew, as most gateways do.
// Must never do more than that.
// Usage: node fastify-relay.ts --port N --upstream URL [--reserialise]

import { parseArgs } from "node:util";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { Pool } from "undici";
import { UPSTREAM_CONNECTIONS, passedOnHeaders } from "./relay-headers.ts";

const BODY_BYTES_MAX = 16 * 1024 * 1024;

async function relay(pool: Pool, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const answer = await pool.request({
    path: request.url,
    method: request.raw.method ?? "GET",
    headers: passedOnHeaders(request.headers),
    body: request.method === "GET" ? null : request.raw,
  });
  reply.code(answer.statusCode).headers(passedOnHeaders(answer.headers));
  return reply.send(answer.body);
}

async function reserialise(
  pool: Pool,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { body } = request;
  const text = typeof body === "object" ? JSON.stringify({ ...body, model: "big-1" }) : "";
  const answer = await pool.request({
    path: request.url,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: text,
  });
  reply.code(answer.statusCode).headers(passedOnHeaders(answer.headers));
  return reply.send(answer.body);
}

async function start(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string" },
      upstream: { type: "string" },
      reserialise: { type: "boolean", default: false },
    },
  });
  if (values.upstream === undefined) throw new Error("--upstream is missing");
  const pool = new Pool(values.upstream, { connections: UPSTREAM_CONNECTIONS });
  const server = fastify({ logger: false, bodyLimit: BODY_BYTES_MAX });
  if (values.reserialise) {
    server.post("/*", (request, reply) => reserialise(pool, request, reply));
    server.get("/*", (request, reply) => relay(pool, request, reply));
  } else {
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", (_request, _payload, done) => done(null));
    server.all("/*", (request, reply) => relay(pool, request, reply));
  }
  await server.listen({ port: Number(values.port), host: "127.0.0.1" });
}

await start();
