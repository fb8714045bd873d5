// The store for several hosts: Redis 7 or newer, without modules.
// Must never wait for a dead Redis beyond the bounds of its connection.

import type { ConversationStore } from "../conversation/store-port.ts";
import { checkCommit } from "./commit-check.ts";
import { commitToRedis } from "./redis-commit.ts";
import { connectRedis, type RedisConnection } from "./redis-connection.ts";
import {
  deleteConversation,
  listConversations,
  listReceipts,
  quarantine,
  readReceipt,
  sweep,
} from "./redis-queries.ts";

/** What the keys in Redis begin with, unless the options say otherwise. */
export const REDIS_KEY_PREFIX = "fl:";

export interface RedisStoreOptions {
  /** `redis://[user:password@]host[:port][/db]`, or `rediss://…` for TLS. */
  readonly url: string;
  readonly keyPrefix: string;
  /** Faults of the connection and of index writes that no caller waits for. */
  readonly onBackgroundError: (error: Error) => void;
}

function createStore(connection: RedisConnection): ConversationStore {
  const { redis, keys } = connection;
  const commits = new Set<Promise<unknown>>();
  let closing: Promise<void> | null = null;
  async function close(): Promise<void> {
    await Promise.allSettled(commits);
    await connection.close();
  }
  return {
    kind: "redis",
    async loadConversation(key) {
      const row = await redis.hmget(keys.row(key), "version", "body", "spentNanoUsd");
      const [version = null, body = null, spentNanoUsd = null] = row;
      if (version === null || body === null) return null;
      return { version: Number(version), body, spentNanoUsd: Number(spentNanoUsd) };
    },
    async loadThread(key, thread) {
      const fields = [`version:${thread}`, `body:${thread}`];
      const [version = null, body = null] = await redis.hmget(keys.threads(key), ...fields);
      return version === null || body === null ? null : { version: Number(version), body };
    },
    loadAnswer: (key) => redis.get(keys.answer(key)),
    async commit(commit) {
      checkCommit(commit);
      if (closing !== null) throw new Error("The Redis store is closed.");
      const outcome = commitToRedis(connection, commit);
      commits.add(outcome);
      try {
        return await outcome;
      } finally {
        commits.delete(outcome);
      }
    },
    readReceipt: (tenant, requestId) => readReceipt(connection, tenant, requestId),
    listReceipts: (query) => listReceipts(connection, query),
    listConversations: (query) => listConversations(connection, query),
    quarantine: (key, body, reason) => quarantine(connection, { key, body, reason }),
    deleteConversation: (tenant, key) => deleteConversation(connection, tenant, key),
    sweep: (now) => sweep(connection, now),
    async ping() {
      await redis.ping();
    },
    close: () => (closing ??= close()),
  };
}

/** Rejects within seconds when Redis cannot be reached; later on it reconnects by itself. */
export async function openRedisStore(options: RedisStoreOptions): Promise<ConversationStore> {
  return createStore(await connectRedis(options));
}
