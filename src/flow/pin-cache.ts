// The pins this process has seen last, for the time the store cannot be reached (I7).
// Must never be asked while the store answers with a row: there the stored pin wins.

import type { ConversationRecord, PinEntry } from "../conversation/record.ts";

/** Most conversations remembered. */
const CONVERSATIONS_MAX = 10_000;

export interface KnownPins {
  readonly pins: readonly PinEntry[];
  /** Name of the profile the conversation was promised. */
  readonly profile: string;
  /** False: the conversation began while the store was down, so that no row holds them yet. */
  readonly stored: boolean;
}

type Remembered = Pick<ConversationRecord, "pins" | "profile">;

export interface PinCache {
  /** Remembers what a row holds. */
  remember(key: string, record: Remembered): void;
  /** Remembers what was decided without the store. */
  rememberUnstored(key: string, record: Remembered): void;
  recall(key: string): KnownPins | null;
  forget(key: string): void;
}

export function createPinCache(): PinCache {
  const known = new Map<string, KnownPins>();
  const put = (key: string, { pins, profile }: Remembered, stored: boolean): void => {
    known.delete(key);
    known.set(key, { pins, profile, stored });
    if (known.size <= CONVERSATIONS_MAX) return;
    const oldest = known.keys().next();
    if (oldest.done !== true) known.delete(oldest.value);
  };
  return {
    remember(key, record) {
      put(key, record, true);
    },
    rememberUnstored(key, record) {
      put(key, record, known.get(key)?.stored ?? false);
    },
    recall: (key) => known.get(key) ?? null,
    forget(key) {
      known.delete(key);
    },
  };
}
