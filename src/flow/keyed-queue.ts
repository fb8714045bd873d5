// One queue for each key: work on the same conversation runs one after another within this process.
// Must never hold a key whose work is done, nor let one failure stop what waits behind it.

export interface KeyedQueue {
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result>;
}

export function createKeyedQueue(): KeyedQueue {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run(key, work) {
      const before = tails.get(key);
      // Nothing waits: start at once, without a detour through a settled promise.
      const result = before === undefined ? work() : before.then(work, work);
      tails.set(key, result);
      const clear = () => {
        if (tails.get(key) === result) tails.delete(key);
      };
      result.then(clear, clear);
      return result;
    },
  };
}
