// Refusals that come before any route: malformed HTTP, too many headers, too slow a request, a
// gateway that is stopping.
// Must never write into an answer that has begun, nor repeat anything of the request that was
// refused.

import type { Socket } from "node:net";
import { STATUS_CODES, type ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { refusalHeaders } from "./api/answer-headers.ts";
import { chatErrorBody, faultHeaders } from "./api/fault-reply.ts";
import { nearestWire } from "./api/turn-paths.ts";
import { makeFault, type Fault } from "./turn/fault.ts";

/** Answers a request that a route or the framework refused, in the error body that its client knows. */
export function refuse(request: FastifyRequest, reply: FastifyReply, fault: Fault): FastifyReply {
  const headers = { ...refusalHeaders(request.id), ...faultHeaders(fault) };
  const body = nearestWire(request.url).errorBody(fault, request.id);
  return reply.status(fault.status).headers(headers).send(body);
}

/** Answers what Node could not read as a request, and ends its connection. */
export function refuseMalformed(
  error: Error,
  socket: Socket,
  options: { readonly requestId: string; readonly requestMs: number },
): void {
  const code = "code" in error ? String(error.code) : "";
  if (socket.writable && code !== "ECONNRESET" && !isAnswering(socket)) {
    const fault = malformedFault(code, options.requestMs);
    const body = chatErrorBody(fault, options.requestId);
    const headers = {
      ...refusalHeaders(options.requestId),
      ...faultHeaders(fault),
      "content-length": String(Buffer.byteLength(body)),
      connection: "close",
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const reason = STATUS_CODES[fault.status] ?? "";
    socket.write(`HTTP/1.1 ${fault.status} ${reason}\r\n${lines.join("")}\r\n${body}`);
  }
  socket.destroy(error);
}

/** Node keeps the answer that a connection is busy with here; bytes of ours would end up in its middle. */
function isAnswering(socket: Socket & { readonly _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.headersSent === true;
}

function malformedFault(code: string, requestMs: number): Fault {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    const message = `The request did not arrive completely within ${requestMs} ms (timeouts.requestMs). Send it again.`;
    return makeFault("request_timeout", message);
  }
  if (code === "HPE_HEADER_OVERFLOW") {
    const message =
      "The request's headers are over the configured limit (limits.headerBytesMax). Send fewer or shorter ones.";
    return makeFault("headers_too_large", message);
  }
  const message =
    "This is not a valid HTTP request: a header holds a line break or a control character, " +
    "or the body is not as long as it says. Send it as HTTP/1.1 asks.";
  return makeFault("invalid_request", message);
}
