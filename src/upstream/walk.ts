// Walks a plan: attempt after attempt, key after key, until one answers or nothing is left that could.
// Must never go on after the first byte has gone to the client, nor multiply an outage: attempts are few and bounded.

import type { Deployment } from "../turn/deployment.ts";
import type { AttemptResult } from "./attempt.ts";
import { isOfRequest, type UpstreamFault } from "./classify.ts";
import { keyNames, type Health, type Tried } from "./health.ts";
import type { Route, Transport } from "./transport.ts";
import { createWalkBounds, type WalkBounds } from "./walk-bounds.ts";
import { bestFailure, notTried, NOTHING_TRIED, rateLimited, type Failed } from "./walk-end.ts";
import { drawnFirst, keyValue, pairName } from "./walk-keys.ts";
import { withoutSecrets } from "./without-secrets.ts";

/** Most tries of one turn, over all deployments and keys. */
const ATTEMPTS_MAX = 8;
/**
 * Fewest and most tries at one deployment while others wait behind it: a second key is always asked,
 * a long row of limited keys is not.
 */
const TRIES_MIN = 2;
const TRIES_MAX = 4;
/** Pause before the only candidate is tried a second time, in milliseconds, plus up to as much at random. */
const SECOND_TRY_MS = 150;

/** What became of one try, for the receipt. Never holds a key: keys are named by their position. */
export interface AttemptRecord {
  readonly deployment: string;
  readonly key: string;
  readonly outcome: AttemptResult["kind"];
  readonly code: string | null;
  readonly status: number | null;
  readonly milliseconds: number;
}

export interface WalkStep<Attempt> {
  readonly planned: Attempt;
  readonly deployment: Deployment;
  /** Tried on top of what would serve the turn anyway: whatever it answers, only success ends the walk. */
  readonly isExtra: boolean;
}

export interface WalkOptions<Attempt> {
  readonly steps: readonly WalkStep<Attempt>[];
  /** Called before a step's first byte goes upstream; false: this step must not be taken. */
  readonly before: (planned: Attempt) => Promise<boolean>;
  /** Sends the turn once, and never rejects. */
  readonly send: (target: Target) => Promise<AttemptResult>;
  /** True when this turn carries a new correction, so that a refusal may be about it. */
  readonly carriesNew: boolean;
  /**
   * True for what is no turn (a count of tokens): it goes by the health of keys and deployments, but how it ends says
   * nothing of how they serve turns, and it is not worth a second try. Default: false.
   */
  readonly isAside?: boolean;
  readonly random: () => number;
  /** 0 … 1: which of several equally good keys comes first. */
  readonly keyDraw: number;
  readonly clock: { readonly now: () => number };
}

/** Whom one attempt asks. */
export interface Target {
  readonly deployment: Deployment;
  readonly route: Route;
  /** The key itself; null where the provider asks for none. */
  readonly key: string | null;
  /** False: without the correction that is new in this turn. */
  readonly withNew: boolean;
}

export interface Walked<Attempt> {
  /** What answered; when nothing did, the failure that is the most useful to the caller. */
  readonly result: AttemptResult;
  /** The step of the result; null when none could be taken. */
  readonly step: WalkStep<Attempt> | null;
  readonly attempts: readonly AttemptRecord[];
  /** The upstream refused the new correction, and the turn went without it. */
  readonly correctionRefused: boolean;
  /** Milliseconds until something of this plan may be tried again. */
  readonly restMs: number;
}

export interface Walker {
  walk<Attempt>(options: WalkOptions<Attempt>): Promise<Walked<Attempt>>;
}

export function createWalker(transport: Transport, health: Health): Walker {
  return { walk: (options) => new Walk(options, transport, health).run() };
}

interface Pair<Attempt> {
  readonly step: WalkStep<Attempt>;
  readonly key: string;
}

/** What one deployment gets of a walk. */
interface Share {
  readonly keys: readonly string[];
  readonly tries: number;
  /** True when there is nothing else to go to. */
  readonly alone: boolean;
}

class Walk<Attempt> {
  readonly #options: WalkOptions<Attempt>;
  readonly #transport: Transport;
  readonly #health: Health;
  readonly #attempts: AttemptRecord[] = [];
  readonly #failures: Failed<WalkStep<Attempt>>[] = [];
  readonly #refused = new Set<WalkStep<Attempt>>();
  /** Deployments and keys by their names, a blank between them. */
  readonly #tried = new Set<string>();
  readonly #bounds: WalkBounds = createWalkBounds();
  #withNew = true;
  #triedWithout: string | null = null;
  #last: AttemptResult | null = null;
  #step: WalkStep<Attempt> | null = null;

  constructor(options: WalkOptions<Attempt>, transport: Transport, health: Health) {
    this.#options = options;
    this.#transport = transport;
    this.#health = health;
  }

  async run(): Promise<Walked<Attempt>> {
    const { steps } = this.#options;
    for (const [position, step] of steps.entries()) {
      const left = ATTEMPTS_MAX - this.#attempts.length;
      const keys = this.#restedKeys(step);
      if (left <= 0 || keys.length === 0) continue;
      const later = steps.slice(position + 1).filter((next) => this.#restedKeys(next).length > 0);
      const alone = this.#attempts.length === 0 && later.length === 0;
      const tries = shareOf(left, later.length);
      if ((await this.#take(step, { keys, tries, alone })) === "over") return this.#end();
    }
    await this.#tryResting();
    return this.#end();
  }

  /**
   * Whatever does not rest has failed, or there was nothing: one resting key is asked nevertheless, the one
   * whose rest ends first. A provider may be back before it said, and the alternative is to fail the turn.
   */
  async #tryResting(): Promise<void> {
    const now = this.#options.clock.now();
    const all = this.#lastResort();
    const helps = (pair: Pair<Attempt>) => this.#health.keyRest(triedOf(pair), now).waitingHelps;
    const first = all.find(helps) ?? all[0];
    if (first === undefined) return;
    const { model } = first.step.deployment;
    // A change of model is not worth a try that will most likely fail.
    const soonest = all
      .filter((pair) => pair.step.deployment.model === model && helps(pair) === helps(first))
      .sort((left, right) => this.#restMs([left]) - this.#restMs([right]));
    const alone = this.#options.steps.length === 1;
    for (const { step, key } of soonest) {
      if (this.#refused.has(step)) continue;
      const taken = await this.#take(step, { keys: [key], tries: ATTEMPTS_MAX, alone });
      if (taken === "refused") continue;
      const isAnswer = this.#last?.kind === "completed" && this.#options.isAside !== true;
      if (isAnswer) this.#health.freeKey(triedOf({ step, key }));
      return;
    }
  }

  #lastResort(): readonly Pair<Attempt>[] {
    const last = this.#step;
    if (last === null) return this.#pairs();
    if (this.#attempts.length >= ATTEMPTS_MAX) return [];
    const { steps, clock } = this.#options;
    const now = clock.now();
    const down = this.#failures.filter(({ failure }) => failure.scope === "deployment");
    return this.#pairs().filter((pair) => {
      const { step } = pair;
      const { resting, waitingHelps } = this.#health.keyRest(triedOf(pair), now);
      // A change of model may be stored already: it is not walked back (I2).
      const ahead = steps.indexOf(step) > steps.indexOf(last);
      const onward = ahead || step.deployment.model === last.deployment.model;
      const asked = this.#tried.has(pairName(triedOf(pair)));
      const open = !asked && !down.some((failed) => failed.step === step);
      return resting && waitingHelps && onward && open;
    });
  }

  async #take(step: WalkStep<Attempt>, share: Share): Promise<"refused" | "failed" | "over"> {
    const route = this.#transport.route(step.deployment.provider);
    if (route === null || !(await this.#options.before(step.planned))) {
      this.#refused.add(step);
      return "refused";
    }
    this.#step = step;
    return (await this.#tryKeys(step, route, share)) ? "over" : "failed";
  }

  /** Tries the keys of one deployment. True: the walk is over. */
  async #tryKeys(step: WalkStep<Attempt>, route: Route, share: Share): Promise<boolean> {
    const attemptsMax = Math.min(ATTEMPTS_MAX, this.#attempts.length + share.tries);
    let secondTry = share.alone && this.#options.isAside !== true;
    for (let position = 0; position < share.keys.length;) {
      const name = share.keys[position];
      if (name === undefined || this.#attempts.length >= attemptsMax) return false;
      const result = await this.#tryOnce(step, route, name);
      if (isOver(result)) return true;
      const failure = result.kind === "failed" ? result.failure : null;
      if (failure === null) return true;
      if (this.#mayTryWithoutNew(failure, step)) continue;
      if (isOfRequest(failure.scope) && (step.isExtra || !this.#fitsElsewhere(failure, step))) {
        return !step.isExtra;
      }
      this.#failures.push({ result, failure, step, key: name });
      if (isOfRequest(failure.scope)) return false;
      if (failure.scope === "deployment") {
        // The one candidate there is gets a second chance after a pause; a time-out has waited long enough.
        if (!secondTry || failure.fault.code === "upstream_timeout") return false;
        secondTry = false;
        await pause(SECOND_TRY_MS * (1 + this.#options.random()));
        continue;
      }
      position += 1;
    }
    return false;
  }

  async #tryOnce(step: WalkStep<Attempt>, route: Route, key: string): Promise<AttemptResult> {
    const { deployment } = step;
    this.#tried.add(pairName({ deployment: deployment.id, key }));
    const target = { deployment, route, key: keyValue(route, key), withNew: this.#withNew };
    const answered = await this.#options.send(target);
    const result = withoutSecrets(answered, route);
    this.#last = result;
    this.#note(result, deployment, key);
    return result;
  }

  #note(result: AttemptResult, deployment: Deployment, key: string): void {
    const now = this.#options.clock.now();
    const failure = result.kind === "failed" ? result.failure : null;
    this.#attempts.push({
      deployment: deployment.id,
      key: key.slice(key.indexOf("#") + 1),
      outcome: result.kind,
      code: failure?.fault.code ?? null,
      status: result.status,
      milliseconds: Math.round(result.totalMs * 10) / 10,
    });
    if (this.#options.isAside === true) return;
    if (result.kind === "completed") {
      this.#health.succeeded(deployment.id, result.firstByteMs ?? result.totalMs);
    } else if (failure !== null && failure.scope === "deployment") {
      this.#health.failed(deployment.id, now);
    } else if (failure !== null && (failure.scope === "key" || failure.scope === "key-model")) {
      const { retryAfterMs, quarantine, fault, scope } = failure;
      const { code, retryable: waitingHelps } = fault;
      const within = scope === "key" ? "provider" : "deployment";
      const why = { code, retryAfterMs, quarantine, waitingHelps, within } as const;
      this.#health.restKey({ deployment: deployment.id, key }, now, why);
    }
  }

  /** False: there is no step that could still hold the request. */
  #fitsElsewhere({ scope }: UpstreamFault, step: WalkStep<Attempt>): boolean {
    this.#bounds.narrow(scope, step.deployment);
    return this.#options.steps.some((other) => this.#isOpen(other));
  }

  #isOpen(step: WalkStep<Attempt>): boolean {
    return !this.#refused.has(step) && this.#bounds.allows(step.deployment);
  }

  /** A 400 on a turn with a new correction is tried once without it, and remembered for the deployment. */
  #mayTryWithoutNew(failure: UpstreamFault, step: WalkStep<Attempt>): boolean {
    const { carriesNew } = this.#options;
    if (!carriesNew || !this.#withNew || failure.relay?.status !== 400) return false;
    if (failure.scope === "context") return false;
    this.#withNew = false;
    this.#triedWithout = step.deployment.id;
    return true;
  }

  /** It was about the correction only if the turn was taken without it; else the request itself is at fault. */
  #correctionRefused(): boolean {
    if (this.#withNew || this.#last?.kind !== "completed") return false;
    if (this.#triedWithout !== null) this.#health.noteRefusedCorrection(this.#triedWithout);
    return true;
  }

  #end(): Walked<Attempt> {
    const last = this.#last;
    const kept = { attempts: this.#attempts, correctionRefused: this.#correctionRefused() };
    // The usual end needs no look at what might have been.
    if (last?.kind === "completed") return { ...kept, restMs: 0, result: last, step: this.#step };
    const hopes = this.#hopes();
    const restMs = this.#restMs(hopes.length > 0 ? hopes : this.#failures);
    const base = { ...kept, restMs };
    const recorded = this.#failures.some(({ result }) => result === last);
    const final = last !== null && (isOver(last) || (isRefusedRequest(last) && !recorded));
    if (final) return { ...base, result: last, step: this.#step };
    const best = bestFailure(this.#failures, (failed) => this.#restMs([failed]));
    if (best?.failure.fault.retryable === true) return { ...base, ...pick(best) };
    // What was not asked because it rests will serve the same request later.
    const now = this.#options.clock.now();
    const waits = hopes.some((pair) => this.#health.keyRest(triedOf(pair), now).resting);
    if (waits) return { ...base, result: notTried(rateLimited(restMs)), step: this.#step };
    if (best !== null) return { ...base, ...pick(best) };
    return { ...base, result: notTried(NOTHING_TRIED), step: this.#step };
  }

  /** What may serve this request later, if nothing but time passes. */
  #hopes(): readonly Pair<Attempt>[] {
    const now = this.#options.clock.now();
    const lost = this.#failures.filter(({ failure }) => !failure.fault.retryable);
    return this.#pairs().filter(
      ({ step, key }) =>
        this.#health.keyRest(triedOf({ step, key }), now).waitingHelps &&
        !lost.some(({ failure: { scope }, ...failed }) => {
          if (scope === "key") return failed.key === key;
          return failed.step === step && (scope !== "key-model" || failed.key === key);
        }),
    );
  }

  /** Every step that may be taken, with each of its keys. */
  #pairs(): readonly Pair<Attempt>[] {
    return this.#options.steps
      .filter((step) => this.#isOpen(step))
      .flatMap((step) => this.#keysOf(step).map((key) => ({ step, key })));
  }

  #restMs(pairs: readonly Pair<Attempt>[]): number {
    return this.#health.restMs(pairs.map(triedOf), this.#options.clock.now());
  }

  #keysOf(step: WalkStep<Attempt>): readonly string[] {
    const route = this.#transport.route(step.deployment.provider);
    return route === null ? [] : drawnFirst(keyNames(route.provider), this.#options.keyDraw);
  }

  /** None for a step that must not be taken any more. */
  #restedKeys(step: WalkStep<Attempt>): readonly string[] {
    if (!this.#isOpen(step)) return [];
    const { id } = step.deployment;
    return this.#health.restedKeys(this.#keysOf(step), id, this.#options.clock.now());
  }
}

function shareOf(left: number, laterSteps: number): number {
  if (laterSteps === 0) return left;
  return Math.max(TRIES_MIN, Math.min(TRIES_MAX, left - laterSteps));
}

function pick<Step>({ result, step }: Failed<Step>) {
  return { result, step };
}

function triedOf<Attempt>({ step, key }: Pair<Attempt>): Tried {
  return { deployment: step.deployment.id, key };
}

function isRefusedRequest(result: AttemptResult): boolean {
  return result.kind === "failed" && isOfRequest(result.failure.scope);
}

function isOver(result: AttemptResult): boolean {
  return result.kind !== "failed" || result.started;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
