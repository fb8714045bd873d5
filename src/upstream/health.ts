// What this process has seen of its deployments and keys: who is cooling, how fast the first byte comes.
// Must never hold a key's value, nor remove a candidate for good: cooling ends by itself.

/** Failures in a row after which a deployment is left alone for a while. */
const FAILURES_BEFORE_COOLING = 2;
/** First cool-down of a failing deployment, in milliseconds; doubles with every further failure. */
const COOL_DEPLOYMENT_MS = 5_000;
const COOL_DEPLOYMENT_MS_MAX = 60_000;
/** Cool-down of a rate-limited key when the provider gives none, in milliseconds. */
const COOL_KEY_MS = 5_000;
/** Shortest cool-down of a limited key, in milliseconds: `retry-after: 0` is no invitation to a storm. */
const COOL_KEY_MS_MIN = 1_000;
/** Longest cool-down taken from a provider's header, in milliseconds: a wrong clock must not bench a key for days. */
const COOL_KEY_MS_MAX = 3_600_000;
/** How long a refused or unpaid key rests, in milliseconds. */
const QUARANTINE_KEY_MS = 600_000;
/** Weight of the newest measurement in the decaying mean. */
const NEWEST_WEIGHT = 0.2;
/** Most deployments remembered that are not configured: `provider/anything` names come from callers. */
const OPEN_DEPLOYMENTS_MAX = 4_096;

interface DeploymentHealth {
  failuresInRow: number;
  coolUntil: number;
  firstByteMs: number | null;
  /** The upstream refused a correction at its place; another place must be used. */
  refusesCorrections: boolean;
}

interface KeyHealth {
  readonly coolUntil: number;
  readonly limitedAt: number;
  readonly waitingHelps: boolean;
}

/** What is configured, and so must be remembered whatever callers ask for. */
export interface Configured {
  /** Ids of deployments. */
  readonly deployments: Iterable<string>;
  /** Only the number of keys is read. */
  readonly providers: Iterable<KeyHolder>;
}

export interface KeyHolder {
  readonly id: string;
  readonly keys: { readonly length: number };
}

/** A deployment with the key it was tried with. */
export interface Tried {
  readonly deployment: string;
  readonly key: string;
}

/** Why a key has to rest. */
export interface KeyFailure {
  readonly retryAfterMs: number | null;
  /** True for a key that is refused or unpaid. */
  readonly quarantine: boolean;
  /** False when the key will fail the same way after its rest, unless an operator acts. */
  readonly waitingHelps: boolean;
}

export interface KeyRest {
  readonly resting: boolean;
  /** False: it rests, but not for anything that passes by itself. */
  readonly waitingHelps: boolean;
}

export interface Health {
  /** `cooling`: it failed in a row, or every key of its provider rests. */
  measure(deployment: string, now: number): { firstByteMs: number | null; cooling: boolean };
  succeeded(deployment: string, firstByteMs: number): void;
  failed(deployment: string, now: number): void;
  restKey(key: string, now: number, failure: KeyFailure): void;
  /** Ends the rest of a key that has answered in the middle of it. */
  freeKey(key: string): void;
  /** The keys that do not rest: by when they were limited last, then as given. */
  restedKeys(keys: readonly string[], now: number): readonly string[];
  keyRest(key: string, now: number): KeyRest;
  /** Milliseconds until the first of these may be tried again, with its key and its deployment rested; at least 0. */
  restMs(tried: readonly Tried[], now: number): number;
  refusesCorrections(deployment: string): boolean;
  noteRefusedCorrection(deployment: string): void;
}

export function createHealth(configured: Configured): Health {
  return new ProcessHealth(configured);
}

/** `provider#key 2`: what health and receipts call a key instead of its value. A provider without keys has one. */
export function keyNames({ id, keys }: KeyHolder): readonly string[] {
  return Array.from({ length: Math.max(1, keys.length) }, (_, index) => `${id}#key ${index + 1}`);
}

class ProcessHealth implements Health {
  readonly #configured: ReadonlyMap<string, DeploymentHealth>;
  /** Deployments that a caller has named, the one used longest ago first. */
  readonly #open = new Map<string, DeploymentHealth>();
  readonly #keys = new Map<string, KeyHealth>();
  readonly #keysOf: ReadonlyMap<string, readonly string[]>;

  constructor({ deployments, providers }: Configured) {
    this.#configured = new Map([...deployments].map((id) => [id, unseen()]));
    this.#keysOf = new Map([...providers].map((holder) => [holder.id, keyNames(holder)]));
  }

  measure(id: string, now: number): { firstByteMs: number | null; cooling: boolean } {
    const known = this.#known(id);
    const keys = this.#keysOf.get(id.slice(0, Math.max(0, id.indexOf("/")))) ?? [];
    const noKey = keys.length > 0 && keys.every((key) => this.keyRest(key, now).resting);
    return {
      firstByteMs: known?.firstByteMs ?? null,
      cooling: noKey || (known?.coolUntil ?? 0) > now,
    };
  }

  succeeded(id: string, firstByteMs: number): void {
    const known = this.#remembered(id);
    known.failuresInRow = 0;
    known.coolUntil = 0;
    const before = known.firstByteMs ?? firstByteMs;
    known.firstByteMs = before + (firstByteMs - before) * NEWEST_WEIGHT;
  }

  failed(id: string, now: number): void {
    const known = this.#remembered(id);
    known.failuresInRow += 1;
    const beyond = known.failuresInRow - FAILURES_BEFORE_COOLING;
    if (beyond < 0) return;
    // 2 ** 10 is far beyond the maximum already: the exponent itself must stay bounded.
    const coolMs = COOL_DEPLOYMENT_MS * 2 ** Math.min(beyond, 10);
    known.coolUntil = now + Math.min(coolMs, COOL_DEPLOYMENT_MS_MAX);
  }

  restKey(key: string, now: number, { retryAfterMs, quarantine, waitingHelps }: KeyFailure): void {
    const toldMs = Math.max(COOL_KEY_MS_MIN, retryAfterMs ?? COOL_KEY_MS);
    const coolMs = quarantine ? QUARANTINE_KEY_MS : Math.min(toldMs, COOL_KEY_MS_MAX);
    this.#keys.set(key, { coolUntil: now + coolMs, limitedAt: now, waitingHelps });
  }

  freeKey(key: string): void {
    this.#keys.delete(key);
  }

  restedKeys(keys: readonly string[], now: number): readonly string[] {
    const limitedAt = (key: string) => this.#keys.get(key)?.limitedAt ?? 0;
    return keys
      .filter((key) => !this.keyRest(key, now).resting)
      .sort((left, right) => limitedAt(left) - limitedAt(right));
  }

  keyRest(key: string, now: number): KeyRest {
    const known = this.#keys.get(key);
    if (known === undefined || known.coolUntil <= now) return RESTED;
    return { resting: true, waitingHelps: known.waitingHelps };
  }

  restMs(tried: readonly Tried[], now: number): number {
    const ends = tried.map(({ key, deployment }) =>
      Math.max(this.#keys.get(key)?.coolUntil ?? 0, this.#known(deployment)?.coolUntil ?? 0),
    );
    return ends.length === 0 ? 0 : Math.max(0, Math.min(...ends) - now);
  }

  refusesCorrections(id: string): boolean {
    return this.#known(id)?.refusesCorrections ?? false;
  }

  noteRefusedCorrection(id: string): void {
    this.#remembered(id).refusesCorrections = true;
  }

  #known(id: string): DeploymentHealth | undefined {
    return this.#configured.get(id) ?? this.#open.get(id);
  }

  #remembered(id: string): DeploymentHealth {
    const configured = this.#configured.get(id);
    if (configured !== undefined) return configured;
    const known = this.#open.get(id) ?? unseen();
    // Behind all others again: what is used stays.
    this.#open.delete(id);
    this.#open.set(id, known);
    const oldest = this.#open.keys().next();
    if (this.#open.size > OPEN_DEPLOYMENTS_MAX && oldest.done !== true) {
      this.#open.delete(oldest.value);
    }
    return known;
  }
}

const RESTED: KeyRest = { resting: false, waitingHelps: true };

function unseen(): DeploymentHealth {
  return { failuresInRow: 0, coolUntil: 0, firstByteMs: null, refusesCorrections: false };
}
