// Opens the store that the configuration names. Loads only the driver that is asked for.
// Must never repeat a store URL in a message: it may hold a password.

import type { ConversationStore } from "../conversation/store-port.ts";
import { createMemoryStore } from "./memory.ts";

export interface OpenStoreOptions {
  /** `memory:`, `sqlite:./path/to/file.db`, `redis://host:6379`, `rediss://host:6380`. */
  readonly url: string;
  /** `strict` makes SQLite flush before it acknowledges; it changes nothing for the others. */
  readonly durability: "normal" | "strict";
  /** What keys in Redis begin with; for tests, and for several gateways on one Redis. */
  readonly keyPrefix?: string;
  /** Faults of background work that no caller waits for; they are dropped without it. */
  readonly onBackgroundError?: (error: Error) => void;
}

const NOT_YET: ReadonlySet<string> = new Set(["redis-sentinel", "redis-cluster"]);

/** The path in `sqlite:path`; `sqlite:///path` and `sqlite://./path` are understood too. */
function sqliteFile(url: string): string {
  const path = url.slice("sqlite:".length);
  return path.startsWith("//") ? path.slice(2) : path;
}

/** Rejects with an Error that says what is wrong when the store is unknown or cannot be opened. */
export async function openStore(options: OpenStoreOptions): Promise<ConversationStore> {
  const { url, durability } = options;
  const onBackgroundError = options.onBackgroundError ?? ((): void => {});
  const scheme = url.slice(0, Math.max(0, url.indexOf(":"))).toLowerCase();
  if (scheme === "memory") return createMemoryStore();
  if (scheme === "sqlite") {
    const { openSqliteStore } = await import("./sqlite.ts");
    return await openSqliteStore({ file: sqliteFile(url), durability, onBackgroundError });
  }
  if (scheme === "redis" || scheme === "rediss") {
    const { openRedisStore, REDIS_KEY_PREFIX } = await import("./redis.ts");
    const keyPrefix = options.keyPrefix ?? REDIS_KEY_PREFIX;
    return await openRedisStore({ url, keyPrefix, onBackgroundError });
  }
  if (NOT_YET.has(scheme)) {
    throw new Error(`A ${scheme}:// store is not yet supported; use redis:// or rediss://.`);
  }
  throw new Error("The store must be memory:, sqlite:./file.db, redis://host or rediss://host.");
}
