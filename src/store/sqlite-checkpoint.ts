// Moves the write-ahead log back into the database file, in a thread of its own.
// Must leave the thread that serves turns at most the short rest: a checkpoint waits for the disk.
// This one file is both sides; the worker's side starts only in a worker that was given an order.

import { once } from "node:events";
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

/** Pause between two looks at the log. */
const CHECKPOINT_EVERY_MS = 1_000;
/** Beyond this size the writing thread is asked to let the log start anew. */
const WAL_BYTES_MAX = 64 * 1024 * 1024;
/** Passes before that is asked: each leaves only what was written during the one before it. */
const PASSES_BEFORE_ASKING = 3;
/** What the worker says then. */
const LOG_TOO_LONG = "fairlead: the log is too long";
/** How long the last checkpoint may wait for others, and hold their writers. */
const HOLD_WRITERS_MS = 100;
/** How long closing waits for the last checkpoint. */
const CLOSE_WAIT_MS = 5_000;
/** Memory of the worker: it holds one connection and no rows. */
const WORKER_HEAP_MB = 16;

interface CheckpointOrder {
  readonly task: "fairlead-checkpoint";
  readonly file: string;
}

export interface Checkpoints {
  /** One last checkpoint that empties the log, then the thread ends. */
  close(): Promise<void>;
}

export interface CheckpointOptions {
  /** Path of the database file, already in WAL mode. */
  readonly file: string;
  /** A checkpoint failed; the next one tries again. */
  readonly onError: (error: Error) => void;
  /** Under steady writing only a writer finds the gap in which the log can start anew. */
  readonly onLogTooLong: () => void;
  /** The thread is gone: somebody else has to checkpoint now. */
  readonly onLost: () => void;
}

function isCheckpointOrder(value: unknown): value is CheckpointOrder {
  return (
    typeof value === "object" &&
    value !== null &&
    "task" in value &&
    "file" in value &&
    value.task === "fairlead-checkpoint" &&
    typeof value.file === "string"
  );
}

/** A disk fault in what the thread caused must not end the process. */
function report({ onError }: CheckpointOptions, act: () => void): void {
  try {
    act();
  } catch (error) {
    onError(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Never keeps the process alive. */
export function startCheckpoints(options: CheckpointOptions): Checkpoints {
  const order: CheckpointOrder = { task: "fairlead-checkpoint", file: options.file };
  const worker = new Worker(new URL(import.meta.url), {
    workerData: order,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
  });
  let closing = false;
  worker.on("message", (message: unknown) => {
    if (message !== LOG_TOO_LONG) options.onError(new Error(String(message)));
    else if (!closing) report(options, options.onLogTooLong);
  });
  worker.on("error", (error: unknown) => {
    options.onError(error instanceof Error ? error : new Error(String(error)));
  });
  const ended = (): void => {
    if (!closing) report(options, options.onLost);
  };
  // Rejects on an error of the worker, which has been reported above and is followed by its end.
  const exited = once(worker, "exit").then(ended, ended);
  worker.unref();
  return {
    async close() {
      closing = true;
      worker.ref();
      worker.postMessage("close");
      const tooLong = setTimeout(() => void worker.terminate(), CLOSE_WAIT_MS);
      await exited;
      clearTimeout(tooLong);
    },
  };
}

function walBytes(file: string): number {
  return statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** True when the whole log is in the database file. */
function checkpoint(database: DatabaseSync, mode: "PASSIVE" | "TRUNCATE"): boolean {
  const row = database.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
  return row !== undefined && row["busy"] === 0 && row["log"] === row["checkpointed"];
}

function serveCheckpoints(order: CheckpointOrder, port: NonNullable<typeof parentPort>): void {
  const database = new DatabaseSync(order.file, { timeout: HOLD_WRITERS_MS });
  // Changes when another connection has committed: nothing new, nothing to do.
  const dataVersion = database.prepare("PRAGMA data_version");
  let doneVersion: unknown = null;

  function look(): void {
    try {
      const version = dataVersion.get()?.["data_version"];
      if (version === doneVersion) return;
      const complete = checkpoint(database, "PASSIVE");
      if (complete) doneVersion = version;
      if (walBytes(order.file) <= WAL_BYTES_MAX) return;
      for (let pass = 1; pass < PASSES_BEFORE_ASKING; pass += 1) checkpoint(database, "PASSIVE");
      port.postMessage(LOG_TOO_LONG);
    } catch (error) {
      port.postMessage(`checkpoint of the store failed: ${String(error)}`);
    }
  }

  const timer = setInterval(look, CHECKPOINT_EVERY_MS);
  port.once("message", () => {
    clearInterval(timer);
    try {
      checkpoint(database, "TRUNCATE");
    } catch (error) {
      port.postMessage(`last checkpoint of the store failed: ${String(error)}`);
    }
    database.close();
    port.close();
  });
}

if (!isMainThread && parentPort !== null && isCheckpointOrder(workerData)) {
  serveCheckpoints(workerData, parentPort);
}
