// Starts the processes of a bench, pinned to a core where the system can, and ends each by its id.
// Must never leave a process behind, nor touch one that it did not start.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

const READY_POLL_MS = 15;
const PROBE_MS_MAX = 1_000;
const STOP_MS_MAX = 2_000;
const STDERR_KEPT_CHARS = 2_000;

/** Cores by role; null where processes cannot be pinned. */
export interface Cores {
  readonly variant: number | null;
  readonly stub: number | null;
  readonly generator: number | null;
}

/** The variant has a core of its own; stub and generator share one if there are only two. */
export function chooseCores(): Cores {
  const canPin = spawnSync("taskset", ["-c", "0", process.execPath, "-e", "0"]).status === 0;
  const cores = availableParallelism();
  if (!canPin || cores < 2) return { variant: null, stub: null, generator: null };
  return { variant: 0, stub: 1, generator: cores > 2 ? 2 : 1 };
}

export interface StartOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly core: number | null;
  readonly cwd?: string;
  /** Opens an IPC channel. */
  readonly channel?: boolean;
}

export interface RunningProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** The last of what it wrote to stderr. */
  lastWords(): string;
  /** Resolves when the process is gone. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
const folders = new Set<string>();

function cleanUp(): void {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

function exitInterrupted(): void {
  process.exit(130);
}

function cleanUpAtExit(): void {
  if (process.listeners("exit").includes(cleanUp)) return;
  process.once("exit", cleanUp);
  process.once("SIGINT", exitInterrupted);
  process.once("SIGTERM", exitInterrupted);
}

export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

/** A new empty folder, deleted by `remove` or at the latest when this process ends. */
export function makeTemporaryFolder(): TemporaryFolder {
  cleanUpAtExit();
  const path = mkdtempSync(join(tmpdir(), "fairlead-bench-"));
  folders.add(path);
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
      folders.delete(path);
    },
  };
}

/** Starts a process. Rejects when the command cannot be run at all. */
export async function startProcess(options: StartOptions): Promise<RunningProcess> {
  const pin = options.core === null ? [] : ["taskset", "-c", String(options.core)];
  const [command = options.command, ...args] = [...pin, options.command, ...options.args];
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, NODE_ENV: "production" },
    stdio: ["ignore", "ignore", "pipe", options.channel === true ? "ipc" : "ignore"],
  });
  cleanUpAtExit();
  running.add(child);
  let stderr = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    stderr = (stderr + bytes.toString()).slice(-STDERR_KEPT_CHARS);
  });
  child.once("exit", () => running.delete(child));
  await once(child, "spawn");
  return {
    pid: child.pid ?? 0,
    child,
    lastWords: () => stderr.trim(),
    stop: () => stopProcess(child),
  };
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await gone;
  clearTimeout(timer);
}

/**
 * Waits until `GET url` answers 200. Rejects when the process ends first or `timeoutMs` passes,
 * with the last words of the process in the message.
 */
export async function waitUntilReady(
  started: RunningProcess,
  url: string,
  timeoutMs: number,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    if (started.child.exitCode !== null) {
      throw new Error(`it ended with code ${started.child.exitCode}: ${started.lastWords()}`);
    }
    const state = await probe(url);
    if (state === "200") return;
    if (performance.now() > deadlineMs) {
      throw new Error(
        `GET ${url} was not 200 in ${timeoutMs} ms (${state}) ${started.lastWords()}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
}

async function probe(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS_MAX) });
    await answer.arrayBuffer();
    return String(answer.status);
  } catch (error) {
    return String(error);
  }
}

/** A port on the loopback that was free a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
