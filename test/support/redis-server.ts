// A Redis for tests: the one the environment names, or one of our own that keeps nothing.
// Must never let a test pass by skipping where CI promised that Redis is there.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";

/** How long a server of our own may take to answer. */
const START_WAIT_MS = 10_000;
const START_RETRY_MS = 20;

export interface RedisServer {
  readonly url: string;
  /** Of our own server; null for one that the environment names. */
  readonly port: number | null;
  /** The process, where it is our own: for tests that halt or kill it. */
  readonly process: ChildProcess | null;
  readonly stop: () => Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

async function answers(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  // The rejected connect below tells all there is to know.
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    return (await redis.ping()) === "PONG";
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

/** A server of our own, also where the environment names another. Null without the program. */
export async function startOwnRedis(ownPort?: number): Promise<RedisServer | null> {
  const port = ownPort ?? (await freePort());
  const settings = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", tmpdir()];
  const child = spawn("redis-server", ["--port", String(port), ...settings], { stdio: "ignore" });
  const killNow = (): boolean => child.kill("SIGKILL");
  process.once("exit", killNow);
  let ended = false;
  child.once("error", () => (ended = true));
  child.once("exit", () => (ended = true));
  const url = `redis://127.0.0.1:${port}`;
  const giveUpAtMs = performance.now() + START_WAIT_MS;
  while (!ended && performance.now() < giveUpAtMs) {
    if (await answers(url)) {
      const stop = async (): Promise<void> => {
        process.off("exit", killNow);
        if (ended) return;
        child.kill("SIGKILL");
        await once(child, "exit");
      };
      return { url, port, process: child, stop };
    }
    await pause(START_RETRY_MS);
  }
  if (!ended) child.kill("SIGKILL");
  return null;
}

/** Null when this machine has no Redis; rejects instead where `CI=true`. */
export async function startRedis(): Promise<RedisServer | null> {
  const url = process.env["FAIRLEAD_TEST_REDIS_URL"];
  if (url !== undefined && url !== "") {
    return { url, port: null, process: null, stop: async () => {} };
  }
  const server = await startOwnRedis();
  if (server === null && process.env["CI"] === "true") {
    throw new Error("CI has no Redis: install redis-server or set FAIRLEAD_TEST_REDIS_URL.");
  }
  return server;
}
