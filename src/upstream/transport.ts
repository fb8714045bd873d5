// One connection pool for each provider, with the guard that checks every address before it is connected to.
// Must never follow a redirect, reuse another provider's connections, or send one provider's key to another.

import { Pool, type Dispatcher } from "undici";
import { makeGuardedLookup } from "./address-guard.ts";
import type { UpstreamDialect } from "../turn/dialect.ts";
import type { KeyHeader } from "./key-header.ts";
import type { Access } from "./signing/access.ts";
import { createSigner } from "./signing/create-signer.ts";
import type { Signer } from "./signing/signer.ts";
import type { Platform } from "./vendors.ts";

/** Most connections to one provider; further turns wait for a free one. */
const CONNECTIONS_MAX = 1_024;
/** How long an idle connection is kept, in milliseconds: below the 60 s at which common servers close theirs. */
const KEEP_ALIVE_MS = 30_000;
/** Largest header block accepted from a provider, in bytes. */
const HEADER_BYTES_MAX = 64 * 1024;

/** What stands between base URL and call, where a platform has several APIs at one address. */
export type DialectPaths = Readonly<Partial<Record<UpstreamDialect, string>>>;

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
  /** Absent: its calls are at the base URL, whatever the dialect. */
  readonly paths?: DialectPaths;
  /** Absent: nobody's that has ways of its own. */
  readonly platform?: Platform | null;
  /** Secret. Absent: the key in its header is all. */
  readonly access?: Access | null;
}

export interface Route {
  readonly dispatcher: Dispatcher;
  /** Scheme, host and port. */
  readonly origin: string;
  /** Shows the provider who asks; null: the key in its header does. */
  readonly signer: Signer | null;
  /** Path prefix of the base URL, without a trailing slash. */
  readonly pathPrefix: string;
  readonly provider: Provider;
}

export interface Transport {
  route(provider: string): Route | null;
  close(): Promise<void>;
}

export interface TransportOptions {
  readonly connectMs: number;
  /** For signatures. Default: the machine's. */
  readonly clock?: { readonly now: () => number; readonly monotonicMs: () => number };
}

const MACHINE_CLOCK = { now: () => Date.now(), monotonicMs: () => performance.now() };

/** The path in front of a call in this dialect, without a slash at its end. */
export function basePathOf({ pathPrefix, provider }: Route, dialect: UpstreamDialect): string {
  return pathPrefix + (provider.paths?.[dialect] ?? "");
}

export function createTransport(
  providers: readonly Provider[],
  options: TransportOptions,
): Transport {
  const { connectMs, clock = MACHINE_CLOCK } = options;
  const routes = new Map<string, Route & { readonly pool: Pool }>();
  for (const provider of providers) {
    const url = new URL(provider.baseUrl);
    const pool = new Pool(url.origin, {
      connections: CONNECTIONS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      connect: { timeout: connectMs, lookup: makeGuardedLookup(provider) },
    });
    const pathPrefix = url.pathname.replace(/\/+$/, "");
    const signer = createSigner(provider, { connectMs, clock });
    const { origin } = url;
    routes.set(provider.id, { dispatcher: pool, pool, origin, pathPrefix, provider, signer });
  }
  return {
    route: (provider) => routes.get(provider) ?? null,
    async close() {
      const open = [...routes.values()];
      await Promise.all(open.map(({ pool }) => pool.destroy()));
      await Promise.all(open.map(({ signer }) => signer?.close() ?? Promise.resolve()));
    },
  };
}
