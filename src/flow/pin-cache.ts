// The pins this process has seen last, for the time the store cannot be reached (I7).
// Must never be asked while the store answers: there the stored pin wins.

import type { PinEntry } from "../conversation/record.ts";

/** Most conversations remembered. */
const CONVERSATIONS_MAX = 10_000;

export interface PinCache {
  remember(key: string, pins: readonly PinEntry[]): void;
  recall(key: string): readonly PinEntry[] | null;
}

export function createPinCache(): PinCache {
  const known = new Map<string, readonly PinEntry[]>();
  return {
    remember(key, pins) {
      known.delete(key);
      known.set(key, pins);
      if (known.size <= CONVERSATIONS_MAX) return;
      const oldest = known.keys().next();
      if (oldest.done !== true) known.delete(oldest.value);
    },
    recall: (key) => known.get(key) ?? null,
  };
}
