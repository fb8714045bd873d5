// Puts a bound on every wait for a store, and stops asking one that does not answer (I7).
// Must never retry, and never guard a store inside this process: that one answers or throws at once.

import type { ConversationStore } from "../conversation/store-port.ts";

/** Longest wait for one answer on the path of a turn, in milliseconds. */
const ANSWER_MS_MAX = 50;
/** In how many parts a wait is measured, so that time in which this process was busy itself counts little. */
const WAIT_PARTS = 5;
/** Longest wait for a list, which no turn waits for, in milliseconds. */
const LIST_MS_MAX = 5_000;
/** Failures in a row after which the store is left alone. */
const FAILURES_BEFORE_OPEN = 3;
/** How long it is left alone before one call may try again, in milliseconds. */
const OPEN_MS = 1_000;

/** Kinds of stores that run in this process. */
const EMBEDDED: ReadonlySet<string> = new Set(["memory", "sqlite"]);

export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
}

export function guardStore(store: ConversationStore): ConversationStore {
  if (EMBEDDED.has(store.kind)) return store;
  const breaker = createBreaker();
  const fast = <Result>(call: () => Promise<Result>) => breaker.run(call, ANSWER_MS_MAX);
  const slow = <Result>(call: () => Promise<Result>) => breaker.run(call, LIST_MS_MAX);
  return {
    kind: store.kind,
    loadConversation: (key) => fast(() => store.loadConversation(key)),
    loadThread: (key, thread) => fast(() => store.loadThread(key, thread)),
    loadAnswer: (key) => fast(() => store.loadAnswer(key)),
    commit: (commit) => fast(() => store.commit(commit)),
    readReceipt: (tenant, requestId) => slow(() => store.readReceipt(tenant, requestId)),
    listReceipts: (query) => slow(() => store.listReceipts(query)),
    listConversations: (query) => slow(() => store.listConversations(query)),
    quarantine: (key, body, reason) => fast(() => store.quarantine(key, body, reason)),
    deleteConversation: (tenant, key) => slow(() => store.deleteConversation(tenant, key)),
    sweep: (now) => slow(() => store.sweep(now)),
    ping: () => slow(() => store.ping()),
    close: () => store.close(),
  };
}

interface Breaker {
  run<Result>(call: () => Promise<Result>, waitMs: number): Promise<Result>;
}

function createBreaker(): Breaker {
  let failuresInRow = 0;
  let openUntilMs = 0;
  return {
    async run(call, waitMs) {
      if (performance.now() < openUntilMs) {
        throw new StoreUnavailableError("the store is left alone after failures in a row");
      }
      try {
        const result = await within(call(), waitMs);
        failuresInRow = 0;
        return result;
      } catch (error) {
        // A wrong cursor is the caller's mistake, not the store's.
        if (error instanceof Error && error.name === "InvalidCursorError") throw error;
        failuresInRow += 1;
        if (failuresInRow >= FAILURES_BEFORE_OPEN) openUntilMs = performance.now() + OPEN_MS;
        throw error;
      }
    },
  };
}

/** A process that was busy for 60 ms has waited for nobody: an answer that lies there by then is not late. */
async function within<Result>(work: Promise<Result>, waitMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  let partsLeft = WAIT_PARTS;
  const late = new Promise<never>((_, reject) => {
    const giveUp = (): void => {
      reject(new StoreUnavailableError(`the store did not answer within ${waitMs} ms`));
    };
    const wait = (): void => {
      partsLeft -= 1;
      // Between a timer and an immediate, what has arrived meanwhile is read.
      if (partsLeft < 0) setImmediate(giveUp);
      else timer = setTimeout(wait, waitMs / WAIT_PARTS);
    };
    wait();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
