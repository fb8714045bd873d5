// What the relays written for comparison have in common, so that they differ only in what they are.
// Must never be used by the gateway itself.

import type { IncomingHttpHeaders } from "node:http";

/** As many as the load generator opens at most: no relay ever waits for a free connection. */
export const UPSTREAM_CONNECTIONS = 64;

const HOP_BY_HOP = new Set([
  "connection",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Headers that a relay may pass on: all but those that belong to one connection. */
export function passedOnHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const passedOn: Record<string, string | string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !HOP_BY_HOP.has(name)) passedOn[name] = value;
  }
  return passedOn;
}
