// One connection pool for each provider, with the guard that checks every address before it is connected to.
// Must never follow a redirect, reuse another provider's connections, or send one provider's key to another.

import { Pool, type Dispatcher } from "undici";
import { makeGuardedLookup } from "./address-guard.ts";
import type { KeyHeader } from "./key-header.ts";

/** Most connections to one provider; further turns wait for a free one. */
const CONNECTIONS_MAX = 1_024;
/** How long an idle connection is kept, in milliseconds: below the 60 s at which common servers close theirs. */
const KEEP_ALIVE_MS = 30_000;
/** Largest header block accepted from a provider, in bytes. */
const HEADER_BYTES_MAX = 64 * 1024;

export interface Provider {
  readonly id: string;
  /** Base URL with its path, without a trailing slash: `https://host/v1`. */
  readonly baseUrl: string;
  /** Secrets. They leave this station only in `keyHeader` to this provider. */
  readonly keys: readonly string[];
  readonly keyHeader: KeyHeader;
  /** Headers the operator adds to every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** False: its host must not resolve to a private or loopback address. */
  readonly allowPrivateAddress: boolean;
}

export interface Route {
  readonly dispatcher: Dispatcher;
  /** Path prefix of the base URL, without a trailing slash. */
  readonly pathPrefix: string;
  readonly provider: Provider;
}

export interface Transport {
  route(provider: string): Route | null;
  close(): Promise<void>;
}

export function createTransport(
  providers: readonly Provider[],
  options: { readonly connectMs: number },
): Transport {
  const routes = new Map<string, Route & { readonly pool: Pool }>();
  for (const provider of providers) {
    const url = new URL(provider.baseUrl);
    const pool = new Pool(url.origin, {
      connections: CONNECTIONS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      connect: { timeout: options.connectMs, lookup: makeGuardedLookup(provider) },
    });
    const pathPrefix = url.pathname.replace(/\/+$/, "");
    routes.set(provider.id, { dispatcher: pool, pool, pathPrefix, provider });
  }
  return {
    route: (provider) => routes.get(provider) ?? null,
    async close() {
      await Promise.all([...routes.values()].map(({ pool }) => pool.destroy()));
    },
  };
}
