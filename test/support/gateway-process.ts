// A gateway as an operator runs it, `fairlead start --config FILE`: for tests that kill it, or need more than one.
// Must never outlive its test, nor let a test about Redis pass where CI promised that Redis is there.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { readTree, type ConfigTree, type Json } from "./gateway.ts";
import { startOwnRedis, startRedis, type RedisServer } from "./redis-server.ts";

/** How long a gateway may take to say where it listens: Node, its modules and the store, on a busy machine. */
const START_WAIT_MS = 30_000;

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

/** What can be asked of a gateway, wherever it runs. */
export interface FrontDoor {
  readonly url: string;
  /** POST /v1/chat/completions with a JSON body. */
  chat(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** GET a path; asserts status 200 and returns the JSON. */
  read(path: string, headers?: Readonly<Record<string, string>>): Promise<Json>;
}

export interface GatewayProcess extends FrontDoor {
  /** Everything it has written so far, logs and errors. */
  readonly written: () => string;
  /** kill -9: nothing is said goodbye to. */
  kill(): Promise<void>;
  /** SIGTERM: running turns may end. */
  stop(): Promise<void>;
}

/** A folder that lives as long as the test: for the files of gateways that share or inherit them. */
export function workFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-process-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a gateway in `folder`: its configuration, its store if that is a file, and its journal lie there. */
export async function startGatewayProcess(
  t: TestContext,
  folder: string,
  tree: ConfigTree,
): Promise<GatewayProcess> {
  const { file } = readTree(folder, tree);
  assert.ok(file !== null);
  const child = spawn(process.execPath, [CLI, "start", "--config", file], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "" },
  });
  const exited = once(child, "exit");
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  t.after(() => end("SIGKILL"));
  const written: string[] = [];
  const url = await listening(child, written);
  return {
    ...frontDoor(url),
    written: () => written.join(""),
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
  };
}

function listening(child: ChildProcess, written: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`the gateway ${why}:\n${written.join("")}`));
    };
    const timer = setTimeout(() => fail("did not say where it listens"), START_WAIT_MS);
    child.once("exit", () => fail("ended before it listened"));
    const take = (chunk: Buffer): void => {
      written.push(chunk.toString());
      const found = /Fairlead listens on (\S+)/.exec(written.join(""))?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
  });
}

/** The two requests every test makes, for a gateway at `url`. */
export function frontDoor(url: string): FrontDoor {
  return {
    url,
    chat: (body, headers = {}) =>
      fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async read(path, headers = {}) {
      const response = await fetch(`${url}${path}`, { headers });
      const text = await response.text();
      assert.equal(response.status, 200, `${path}: ${text}`);
      return JSON.parse(text);
    },
  };
}

/** The Redis that tests may share. Null, with the test marked as skipped, where this machine has none. */
export async function sharedRedis(t: TestContext): Promise<RedisServer | null> {
  const server = await startRedis();
  if (server === null) t.skip("no redis-server on this machine");
  else t.after(() => server.stop());
  return server;
}

/** A Redis of this test alone, which it may halt. Null as with `sharedRedis`; rejects where `CI=true`. */
export async function ownRedis(t: TestContext): Promise<RedisServer | null> {
  const server = await startOwnRedis();
  if (server !== null) {
    t.after(() => server.stop());
    return server;
  }
  assert.notEqual(process.env["CI"], "true", "CI has no redis-server program");
  t.skip("no redis-server on this machine");
  return null;
}
