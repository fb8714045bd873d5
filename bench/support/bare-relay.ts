// The yardstick: node:http in, undici out, bytes passed on in both directions as they come.
// Must never do anything else: no parsing, no logging, no limits.
// Usage: node bare-relay.ts --port N --upstream http://127.0.0.1:M

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { UPSTREAM_CONNECTIONS, passedOnHeaders } from "./relay-headers.ts";

async function relay(
  pool: Pool,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = await pool.request({
    path: request.url ?? "/",
    method: request.method ?? "GET",
    headers: passedOnHeaders(request.headers),
    body: request.method === "GET" ? null : request,
  });
  response.writeHead(answer.statusCode, passedOnHeaders(answer.headers));
  answer.body.on("error", () => response.destroy());
  response.on("close", () => {
    if (!response.writableFinished) answer.body.destroy();
  });
  answer.body.pipe(response);
}

const { values } = parseArgs({
  options: { port: { type: "string" }, upstream: { type: "string" } },
});
if (values.upstream === undefined) throw new Error("--upstream is missing");
const pool = new Pool(values.upstream, { connections: UPSTREAM_CONNECTIONS });
const server = createServer((request, response) => {
  relay(pool, request, response).catch(() => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  });
});
server.listen(Number(values.port), "127.0.0.1");
