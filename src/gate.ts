// What is refused before a path is looked for: calls while the gateway stops, and foreign callers of one without keys.
// Must never look at more than the headers, nor let a web page reach a gateway that everybody here may call.

import type { IncomingHttpHeaders } from "node:http";
import { isLoopback } from "./config-references.ts";
import { makeFault, type Fault } from "./turn/fault.ts";

export interface Gate {
  /** Null: come in. */
  check(headers: IncomingHttpHeaders): Fault | null;
  /** From now on, requests on connections that are still open are sent away. */
  stop(): void;
}

const STOPPING = makeFault(
  "shutting_down",
  "This gateway is stopping. Send the request again: another one may answer.",
  { retryAfterSeconds: 1 },
);

/**
 * Without keys everybody on this machine may call, but no web page may: a page the operator happens to visit could
 * otherwise reach the gateway through the browser, directly or by rebinding a name to this address.
 */
const FOREIGN = makeFault(
  "forbidden",
  "Without configured keys this gateway answers only to this machine. Configure keys to call it by another name.",
);

export function createGate(options: { readonly localOnly: boolean }): Gate {
  let stopping = false;
  return {
    check(headers) {
      if (stopping) return STOPPING;
      return options.localOnly && isForeign(headers) ? FOREIGN : null;
    },
    stop() {
      stopping = true;
    },
  };
}

function isForeign({ host, origin }: IncomingHttpHeaders): boolean {
  if (origin !== undefined && !isLocal(origin.replace(/^\w+:\/\//, ""))) return true;
  return !isLocal(host ?? "");
}

/** The usual spellings first: the full check builds address lists, which is too dear for every request. */
const USUAL_LOCAL_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i;

function isLocal(host: string): boolean {
  return USUAL_LOCAL_HOST.test(host) || isLoopback(hostName(host));
}

/** The name in a Host header or an origin, without port and brackets. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(host);
  return bracketed?.[1] ?? host.replace(/:\d+$/, "");
}
