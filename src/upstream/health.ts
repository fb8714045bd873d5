// What this process has seen of its deployments and keys: who is cooling, how fast the first byte comes.
// Must never remove a candidate for good: cooling ends by itself, and the last candidate is always tried.

/** Failures in a row after which a deployment is left alone for a while. */
const FAILURES_BEFORE_COOLING = 2;
/** First cool-down of a failing deployment, in milliseconds; doubles with every further failure. */
const COOL_DEPLOYMENT_MS = 5_000;
const COOL_DEPLOYMENT_MS_MAX = 60_000;
/** Cool-down of a rate-limited key when the provider gives none, in milliseconds. */
const COOL_KEY_MS = 5_000;
/** Longest cool-down taken from a provider's header, in milliseconds: a wrong clock must not bench a key for days. */
const COOL_KEY_MS_MAX = 3_600_000;
/** How long a refused or unpaid key rests, in milliseconds. */
const QUARANTINE_KEY_MS = 600_000;
/** Weight of the newest measurement in the decaying mean. */
const NEWEST_WEIGHT = 0.2;
/** Most deployments and keys remembered: `provider/anything` names come from callers. */
const ENTRIES_MAX = 4_096;

interface DeploymentHealth {
  failuresInRow: number;
  coolUntil: number;
  firstByteMs: number | null;
  /** The upstream refused a correction at its place; another place must be used. */
  refusesCorrections: boolean;
}

interface KeyHealth {
  coolUntil: number;
  limitedAt: number;
}

/** A deployment with the key it was tried with. */
export interface Tried {
  readonly deployment: string;
  readonly key: string;
}

export interface Health {
  measure(deployment: string, now: number): { firstByteMs: number | null; cooling: boolean };
  succeeded(deployment: string, firstByteMs: number): void;
  failed(deployment: string, now: number): void;
  limitKey(key: string, now: number, retryAfterMs: number | null): void;
  quarantineKey(key: string, now: number): void;
  /** Keys in the order to try: those that rest last, then by when they were limited last, then as given. */
  orderKeys(keys: readonly string[], now: number): readonly string[];
  keyCoolUntil(key: string): number;
  /** Milliseconds until the first of these may be tried again, with its key and its deployment rested; at least 0. */
  restMs(tried: readonly Tried[], now: number): number;
  refusesCorrections(deployment: string): boolean;
  noteRefusedCorrection(deployment: string): void;
}

export function createHealth(): Health {
  const deployments = new Map<string, DeploymentHealth>();
  const keys = new Map<string, KeyHealth>();
  const deployment = (id: string): DeploymentHealth =>
    remember(deployments, id, () => ({
      failuresInRow: 0,
      coolUntil: 0,
      firstByteMs: null,
      refusesCorrections: false,
    }));
  const key = (id: string): KeyHealth => remember(keys, id, () => ({ coolUntil: 0, limitedAt: 0 }));

  return {
    measure(id, now) {
      const known = deployments.get(id);
      if (known === undefined) return { firstByteMs: null, cooling: false };
      return { firstByteMs: known.firstByteMs, cooling: known.coolUntil > now };
    },
    succeeded(id, firstByteMs) {
      const known = deployment(id);
      known.failuresInRow = 0;
      known.coolUntil = 0;
      const before = known.firstByteMs ?? firstByteMs;
      known.firstByteMs = before + (firstByteMs - before) * NEWEST_WEIGHT;
    },
    failed(id, now) {
      const known = deployment(id);
      known.failuresInRow += 1;
      const beyond = known.failuresInRow - FAILURES_BEFORE_COOLING;
      if (beyond < 0) return;
      // 2 ** 10 is far beyond the maximum already: the exponent itself must stay bounded.
      const coolMs = COOL_DEPLOYMENT_MS * 2 ** Math.min(beyond, 10);
      known.coolUntil = now + Math.min(coolMs, COOL_DEPLOYMENT_MS_MAX);
    },
    limitKey(id, now, retryAfterMs) {
      const known = key(id);
      known.limitedAt = now;
      known.coolUntil = now + Math.min(retryAfterMs ?? COOL_KEY_MS, COOL_KEY_MS_MAX);
    },
    quarantineKey(id, now) {
      const known = key(id);
      known.limitedAt = now;
      known.coolUntil = now + QUARANTINE_KEY_MS;
    },
    orderKeys(ids, now) {
      if (ids.length < 2) return ids;
      const resting = (id: string) => ((keys.get(id)?.coolUntil ?? 0) > now ? 1 : 0);
      const limitedAt = (id: string) => keys.get(id)?.limitedAt ?? 0;
      return [...ids].sort(
        (left, right) => resting(left) - resting(right) || limitedAt(left) - limitedAt(right),
      );
    },
    keyCoolUntil: (id) => keys.get(id)?.coolUntil ?? 0,
    restMs(tried, now) {
      const ends = tried.map((one) =>
        Math.max(
          keys.get(one.key)?.coolUntil ?? 0,
          deployments.get(one.deployment)?.coolUntil ?? 0,
        ),
      );
      return Math.max(0, Math.min(...ends, Number.MAX_SAFE_INTEGER) - now);
    },
    refusesCorrections: (id) => deployments.get(id)?.refusesCorrections ?? false,
    noteRefusedCorrection(id) {
      deployment(id).refusesCorrections = true;
    },
  };
}

function remember<Value>(map: Map<string, Value>, id: string, make: () => Value): Value {
  const known = map.get(id);
  if (known !== undefined) return known;
  if (map.size >= ENTRIES_MAX) {
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
  const made = make();
  map.set(id, made);
  return made;
}
