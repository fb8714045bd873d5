// The connection to Redis: its bounds, its scripts, and the writes that nobody waits for.
// Must never let a dead Redis hang a caller or crash the process, nor tell a password.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Redis } from "ioredis";
import { redisKeys, type RedisKeys } from "./redis-keys.ts";

/** How long one command may take before its caller is told that it failed. */
const COMMAND_TIMEOUT_MS = 1_000;
/** How long one TCP and TLS connect may take. */
const CONNECT_TIMEOUT_MS = 2_000;
/** How long opening the store may take in all. */
const OPEN_TIMEOUT_MS = 3_000;
/** Longest pause between two tries to reconnect; they start at a tenth of a second. */
const RECONNECT_PAUSE_MAX_MS = 2_000;
const RECONNECT_PAUSE_STEP_MS = 100;

interface Script {
  readonly lua: string;
  readonly sha1: string;
}

export interface RedisScripts {
  readonly commitTurn: Script;
  readonly deleteConversation: Script;
  readonly sweepConversation: Script;
}

export interface RedisConnection {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly scripts: RedisScripts;
  /** Runs a script by its digest, and sends its text where the server does not know it yet. */
  run(script: Script, keys: readonly string[], values: readonly string[]): Promise<unknown>;
  /** For writes that only speed up reading: a fault is reported and the caller goes on. */
  inBackground(work: Promise<unknown>): void;
  close(): Promise<void>;
}

export interface RedisConnectionOptions {
  /** `redis://…` or `rediss://…` */
  readonly url: string;
  readonly keyPrefix: string;
  /** Faults of the connection and of background writes. */
  readonly onBackgroundError: (error: Error) => void;
}

async function readScript(name: string): Promise<Script> {
  const lua = await readFile(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");
  return { lua, sha1: createHash("sha1").update(lua).digest("hex") };
}

function createClient(url: string): Redis {
  return new Redis(url, {
    lazyConnect: true,
    protocol: 2,
    disableClientInfo: true,
    connectionName: "fairlead",
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    // A command is refused at once while there is no connection: the caller has a plan for that.
    enableOfflineQueue: false,
    // A commit whose answer was lost may have happened: sending it again would report a conflict.
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(times * RECONNECT_PAUSE_STEP_MS, RECONNECT_PAUSE_MAX_MS),
    // After a fail-over the old address answers as a replica.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
}

/** Host and port only: the URL may hold a password. */
function address(redis: Redis): string {
  return `${redis.options.host ?? "localhost"}:${redis.options.port ?? 6379}`;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

async function connect(redis: Redis): Promise<void> {
  const tooLong = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => tooLong.reject(new Error(`no answer within ${OPEN_TIMEOUT_MS} ms`)),
    OPEN_TIMEOUT_MS,
  );
  try {
    await Promise.race([redis.connect(), tooLong.promise]);
  } catch (error) {
    redis.disconnect();
    const { message } = asError(error);
    throw new Error(`Redis at ${address(redis)} cannot be reached: ${message}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Rejects within OPEN_TIMEOUT_MS when Redis does not answer. */
export async function connectRedis(options: RedisConnectionOptions): Promise<RedisConnection> {
  const keys = redisKeys(options.keyPrefix);
  const [commitTurn, deleteConversation, sweepConversation] = await Promise.all([
    readScript("commit-turn"),
    readScript("delete-conversation"),
    readScript("sweep-conversation"),
  ]);
  const redis = createClient(options.url);
  // Without a listener, an unreachable Redis would end the process.
  let lastFault: Error | null = null;
  redis.on("error", (error: Error) => {
    lastFault = error;
    options.onBackgroundError(error);
  });
  try {
    await connect(redis);
  } catch (error) {
    // ioredis rejects with "Connection is closed."; the event before it told why.
    if (lastFault === null) throw error;
    throw new Error(`${asError(error).message} (${asError(lastFault).message})`, { cause: error });
  }
  const background = new Set<Promise<void>>();
  return {
    redis,
    keys,
    scripts: { commitTurn, deleteConversation, sweepConversation },
    async run(script, scriptKeys, values) {
      try {
        return await redis.evalsha(script.sha1, scriptKeys.length, ...scriptKeys, ...values);
      } catch (error) {
        if (!asError(error).message.startsWith("NOSCRIPT")) throw error;
        return await redis.eval(script.lua, scriptKeys.length, ...scriptKeys, ...values);
      }
    },
    inBackground(work) {
      const tracked: Promise<void> = work
        .then(
          () => undefined,
          (error: unknown) => options.onBackgroundError(asError(error)),
        )
        .finally(() => background.delete(tracked));
      background.add(tracked);
    },
    async close() {
      await Promise.all(background);
      try {
        await redis.quit();
      } catch (error) {
        options.onBackgroundError(asError(error));
        redis.disconnect();
      }
    },
  };
}
