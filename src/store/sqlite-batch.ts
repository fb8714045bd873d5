// Group commit: all writes that wait in one round of the event loop share one SQLite transaction.
// Must never hold the event loop while another process holds the write lock: it tries again later.

import type { DatabaseSync } from "node:sqlite";

/** Most writes in one transaction, so that one round stays a few milliseconds short. */
const BATCH_WRITES_MAX = 64;
/**
 * Pause before a transaction while others come in, in milliseconds. A commit costs about as much as ten writes in it,
 * so under load a moment of waiting pays; a single writer never waits.
 */
const GATHER_MS = 1;
/** From this many writes in the last transaction on, the next one gathers. */
const GATHER_FROM_WRITES = 2;
/** How long a write may wait for the lock of another process, before it is refused. */
const LOCK_WAIT_MS = 5_000;
/** Pause between two tries for that lock; the event loop runs meanwhile. */
const LOCK_RETRY_MS = 10;
/** SQLITE_BUSY. The upper bits of an extended code tell only which kind of busy. */
const SQLITE_BUSY = 5;

export interface WriteBatch {
  /**
   * Runs `work` inside a transaction and resolves with its result once that is committed.
   * `work` must be synchronous. If it throws, all writes of its transaction are undone and reject.
   */
  run<Result>(work: () => Result): Promise<Result>;
  /** Refuses further writes and resolves when all that wait are settled. */
  close(): Promise<void>;
}

/** Executes the work; the function it returns tells the caller, once the commit is through. */
interface Waiter {
  readonly execute: () => () => void;
  readonly refuse: (reason: unknown) => void;
}

export function isBusy(error: unknown): boolean {
  if (!(error instanceof Error) || !("errcode" in error)) return false;
  return typeof error.errcode === "number" && (error.errcode & 0xff) === SQLITE_BUSY;
}

function rollBack(database: DatabaseSync, cause: unknown): unknown {
  try {
    if (database.isTransaction) database.exec("ROLLBACK");
    return cause;
  } catch (error) {
    return new AggregateError([cause, error], "a transaction failed, and so did undoing it");
  }
}

function runTransaction(
  database: DatabaseSync,
  batch: readonly Waiter[],
  commit: () => void,
): void {
  try {
    const settled = batch.map((waiter) => waiter.execute());
    commit();
    for (const settle of settled) settle();
  } catch (error) {
    const reason = rollBack(database, error);
    for (const waiter of batch) waiter.refuse(reason);
  }
}

/** Prepares its statements on `database`, which must stay open until `close` has resolved. */
export function createWriteBatch(database: DatabaseSync): WriteBatch {
  const begin = database.prepare("BEGIN IMMEDIATE");
  const commit = database.prepare("COMMIT");
  const waiting: Waiter[] = [];
  let scheduled = false;
  let lastBatchWrites = 0;
  let closed = false;
  let lockWaitedSinceMs: number | null = null;
  let drained: (() => void) | null = null;

  function next(): void {
    if (waiting.length === 0) return drained?.();
    scheduled = true;
    const gathers = lastBatchWrites >= GATHER_FROM_WRITES && waiting.length < BATCH_WRITES_MAX;
    if (gathers && !closed) setTimeout(flush, GATHER_MS);
    else setImmediate(flush);
  }

  /** True when this round must be tried again later. */
  function beginOrRefuse(): boolean {
    try {
      begin.run();
      lockWaitedSinceMs = null;
      return true;
    } catch (error) {
      lockWaitedSinceMs ??= performance.now();
      if (isBusy(error) && performance.now() - lockWaitedSinceMs < LOCK_WAIT_MS) {
        scheduled = true;
        setTimeout(flush, LOCK_RETRY_MS);
        return false;
      }
      lockWaitedSinceMs = null;
      for (const waiter of waiting.splice(0)) waiter.refuse(error);
      next();
      return false;
    }
  }

  function flush(): void {
    scheduled = false;
    if (!beginOrRefuse()) return;
    const batch = waiting.splice(0, BATCH_WRITES_MAX);
    lastBatchWrites = batch.length;
    runTransaction(database, batch, () => commit.run());
    next();
  }

  return {
    run<Result>(work: () => Result): Promise<Result> {
      if (closed) return Promise.reject(new Error("The SQLite store is closed."));
      return new Promise((resolve, reject) => {
        const execute = (): (() => void) => {
          const result = work();
          return () => resolve(result);
        };
        waiting.push({ execute, refuse: reject });
        if (!scheduled) next();
      });
    },
    close(): Promise<void> {
      closed = true;
      return new Promise((resolve) => {
        drained = resolve;
        if (!scheduled) next();
      });
    },
  };
}
