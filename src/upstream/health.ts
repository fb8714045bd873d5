// What this process has seen of its deployments and keys: who is cooling, how fast the first byte comes.
// Must never hold a key's value, nor remove a candidate for good: cooling ends by itself.

import type { FaultCode } from "../turn/fault.ts";

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
  /** Keys that rest for this deployment alone, by name; null while there was none. */
  keys: Map<string, KeyHealth> | null;
}

interface KeyHealth {
  readonly coolUntil: number;
  readonly limitedAt: number;
  readonly waitingHelps: boolean;
  readonly quarantine: boolean;
  readonly code: FaultCode;
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
  readonly code: FaultCode;
  readonly retryAfterMs: number | null;
  /** True for a key that is refused or unpaid. */
  readonly quarantine: boolean;
  /** False when the key will fail the same way after its rest, unless an operator acts. */
  readonly waitingHelps: boolean;
  /** deployment: the key may go on with other models. */
  readonly within: "provider" | "deployment";
}

export interface KeyRest {
  readonly resting: boolean;
  /** False: it rests, but not for anything that passes by itself. */
  readonly waitingHelps: boolean;
}

/** A rest as an operator sees it. Times are milliseconds since the epoch. */
export interface RestView {
  readonly quarantine: boolean;
  readonly code: FaultCode;
  readonly until: number;
}

export interface KeyView {
  /** Null: it does not rest. */
  readonly rest: RestView | null;
  /** When it was limited or refused last; null: never. */
  readonly limitedAt: number | null;
}

export interface DeploymentView {
  readonly failuresInRow: number;
  /** Null: it is not cooling. */
  readonly coolUntil: number | null;
  /** Decaying mean; null: it has not answered yet. */
  readonly firstByteMs: number | null;
}

export interface Health {
  /** `cooling`: it failed in a row, or every key of its provider rests for it. */
  measure(deployment: string, now: number): { firstByteMs: number | null; cooling: boolean };
  succeeded(deployment: string, firstByteMs: number): void;
  failed(deployment: string, now: number): void;
  restKey(tried: Tried, now: number, failure: KeyFailure): void;
  /** Ends the rest of a key that has answered in the middle of it. */
  freeKey(tried: Tried): void;
  /** The keys that do not rest for this deployment: by when they were limited last, then as given. */
  restedKeys(keys: readonly string[], deployment: string, now: number): readonly string[];
  keyRest(tried: Tried, now: number): KeyRest;
  /** Milliseconds until the first of these may be tried again, with its key and its deployment rested; at least 0. */
  restMs(tried: readonly Tried[], now: number): number;
  refusesCorrections(deployment: string): boolean;
  noteRefusedCorrection(deployment: string): void;
  /** The key for all models, or for one. */
  viewKey(key: string, deployment: string | null, now: number): KeyView;
  viewDeployment(deployment: string, now: number): DeploymentView;
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
    const rests = (key: string): boolean => this.keyRest({ key, deployment: id }, now).resting;
    const noKey = keys.length > 0 && keys.every(rests);
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

  restKey({ key, deployment }: Tried, now: number, failure: KeyFailure): void {
    const { retryAfterMs, within, ...known } = failure;
    const toldMs = Math.max(COOL_KEY_MS_MIN, retryAfterMs ?? COOL_KEY_MS);
    const coolMs = known.quarantine ? QUARANTINE_KEY_MS : Math.min(toldMs, COOL_KEY_MS_MAX);
    const rest = { ...known, coolUntil: now + coolMs, limitedAt: now };
    if (within === "provider") {
      this.#keys.set(key, rest);
      return;
    }
    const of = this.#remembered(deployment);
    of.keys ??= new Map();
    of.keys.set(key, rest);
  }

  freeKey({ key, deployment }: Tried): void {
    this.#keys.delete(key);
    this.#known(deployment)?.keys?.delete(key);
  }

  restedKeys(keys: readonly string[], deployment: string, now: number): readonly string[] {
    const limitedAt = (key: string): number =>
      Math.max(0, ...this.#restsOf({ key, deployment }).map((rest) => rest.limitedAt));
    return keys
      .filter((key) => !this.keyRest({ key, deployment }, now).resting)
      .sort((left, right) => limitedAt(left) - limitedAt(right));
  }

  keyRest(tried: Tried, now: number): KeyRest {
    const rests = this.#restsOf(tried).filter(({ coolUntil }) => coolUntil > now);
    if (rests.length === 0) return RESTED;
    return { resting: true, waitingHelps: rests.every(({ waitingHelps }) => waitingHelps) };
  }

  restMs(tried: readonly Tried[], now: number): number {
    const ends = tried.map((pair) => {
      const rests = this.#restsOf(pair).map(({ coolUntil }) => coolUntil);
      return Math.max(0, ...rests, this.#known(pair.deployment)?.coolUntil ?? 0);
    });
    return ends.length === 0 ? 0 : Math.max(0, Math.min(...ends) - now);
  }

  viewKey(key: string, deployment: string | null, now: number): KeyView {
    const known =
      deployment === null ? this.#keys.get(key) : this.#known(deployment)?.keys?.get(key);
    if (known === undefined) return { rest: null, limitedAt: null };
    const { coolUntil: until, quarantine, code, limitedAt } = known;
    return { rest: until > now ? { quarantine, code, until } : null, limitedAt };
  }

  viewDeployment(deployment: string, now: number): DeploymentView {
    const { failuresInRow, coolUntil, firstByteMs } = this.#known(deployment) ?? unseen();
    return { failuresInRow, coolUntil: coolUntil > now ? coolUntil : null, firstByteMs };
  }

  refusesCorrections(id: string): boolean {
    return this.#known(id)?.refusesCorrections ?? false;
  }

  noteRefusedCorrection(id: string): void {
    this.#remembered(id).refusesCorrections = true;
  }

  /** The rests of a key, over or not: for all models, and for this one. */
  #restsOf({ key, deployment }: Tried): readonly KeyHealth[] {
    const everywhere = this.#keys.get(key);
    const here = this.#known(deployment)?.keys?.get(key);
    if (everywhere === undefined) return here === undefined ? NO_RESTS : [here];
    return here === undefined ? [everywhere] : [everywhere, here];
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
const NO_RESTS: readonly KeyHealth[] = [];

function unseen(): DeploymentHealth {
  return {
    failuresInRow: 0,
    coolUntil: 0,
    firstByteMs: null,
    refusesCorrections: false,
    keys: null,
  };
}
