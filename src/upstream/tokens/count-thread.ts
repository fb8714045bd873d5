// Counts tokens in a thread of its own: loading the vocabulary takes a quarter of a second and 80 MB, and a long
// history as long again. Must never run in the main thread, keep the process alive, or take a text as a command.

import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { chunksOf } from "./chunks.ts";

/** Names this thread's order among those of other threads. */
const TASK = "fairlead-count-tokens";
/** Most heap of the thread, in MB; the vocabulary itself lies outside of it. */
const WORKER_HEAP_MB = 128;
/** The newest public vocabulary. */
const VOCABULARY = "o200k_base";

interface Order {
  readonly id: number;
  readonly texts: readonly string[];
}

export interface CountThread {
  /** Tokens of each text, special ones counted as plain text. Rejects when the thread is gone. */
  count(texts: readonly string[]): Promise<readonly number[]>;
  close(): Promise<void>;
}

export function startCountThread(): CountThread {
  const worker = new Worker(new URL(import.meta.url), {
    workerData: TASK,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
  });
  const waiting = new Map<number, PromiseWithResolvers<readonly number[]>>();
  let lastId = 0;
  let lost: Error | null = null;
  const lose = (error: unknown): void => {
    lost ??= error instanceof Error ? error : new Error(String(error));
    for (const { reject } of waiting.values()) reject(lost);
    waiting.clear();
  };
  worker.on("message", ({ id, counts }: { id: number; counts: readonly number[] }) => {
    waiting.get(id)?.resolve(counts);
    waiting.delete(id);
  });
  worker.on("error", lose);
  const exited = once(worker, "exit").then(
    () => lose(new Error("the counting thread ended")),
    lose,
  );
  worker.unref();
  return {
    count(texts) {
      if (lost !== null) return Promise.reject(lost);
      lastId += 1;
      const answer = Promise.withResolvers<readonly number[]>();
      waiting.set(lastId, answer);
      worker.postMessage({ id: lastId, texts } satisfies Order);
      return answer.promise;
    },
    async close() {
      await worker.terminate();
      await exited;
    },
  };
}

async function serveCounts(port: NonNullable<typeof parentPort>): Promise<void> {
  // Only here: the main thread gets by without its 20 MB.
  const { get_encoding } = await import("tiktoken");
  const encoding = get_encoding(VOCABULARY);
  const countOf = (text: string): number => {
    const { pieces, hardCuts } = chunksOf(text);
    const sum = pieces.reduce((total, piece) => total + encoding.encode_ordinary(piece).length, 0);
    // Each such cut may have made two tokens of one, and a count must never be too high.
    return sum - hardCuts;
  };
  port.on("message", ({ id, texts }: Order) => {
    port.postMessage({ id, counts: texts.map(countOf) });
  });
}

if (!isMainThread && parentPort !== null && workerData === TASK) await serveCounts(parentPort);
