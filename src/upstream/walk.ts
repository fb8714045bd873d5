// Walks a plan: attempt after attempt, key after key, until one answers or nothing is left that could.
// Must never go on after the first byte has gone to the client, nor multiply an outage: attempts are few and bounded.

import type { Deployment } from "../turn/deployment.ts";
import { makeFault } from "../turn/fault.ts";
import { runAttempt, type AttemptRequest, type AttemptResult } from "./attempt.ts";
import { createChatReader } from "./chat-answer.ts";
import type { UpstreamFault } from "./classify.ts";
import type { Health, Tried } from "./health.ts";
import type { Route, Transport } from "./transport.ts";

/** Most tries of one turn, over all deployments and keys. */
const ATTEMPTS_MAX = 8;
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
}

export interface WalkOptions<Attempt> {
  readonly steps: readonly WalkStep<Attempt>[];
  /** Called before a step's first byte goes upstream; false: this step must not be taken. */
  readonly before: (planned: Attempt) => Promise<boolean>;
  /** The bytes for this deployment. `withNew` false: without the correction that is new in this turn. */
  readonly body: (deployment: Deployment, withNew: boolean) => Buffer;
  /** True when this turn carries a new correction, so that a refusal may be about it. */
  readonly carriesNew: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly attempt: Pick<
    AttemptRequest,
    "stream" | "dropUsageEvent" | "sink" | "timeouts" | "answerBytesMax" | "onClientGone" | "clock"
  >;
  readonly path: string;
  readonly random: () => number;
  /** 0 … 1: which of several equally good keys comes first. */
  readonly keyDraw: number;
}

export interface Walked<Attempt> {
  readonly result: AttemptResult;
  /** The step that ended the walk; null when none could be taken. */
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

class Walk<Attempt> {
  readonly #options: WalkOptions<Attempt>;
  readonly #transport: Transport;
  readonly #health: Health;
  readonly #attempts: AttemptRecord[] = [];
  readonly #tried: Tried[] = [];
  #withNew = true;
  #last: AttemptResult | null = null;
  #step: WalkStep<Attempt> | null = null;

  constructor(options: WalkOptions<Attempt>, transport: Transport, health: Health) {
    this.#options = options;
    this.#transport = transport;
    this.#health = health;
  }

  async run(): Promise<Walked<Attempt>> {
    for (const step of this.#options.steps) {
      if (this.#attempts.length >= ATTEMPTS_MAX) break;
      const route = this.#transport.route(step.deployment.provider);
      if (route === null || !(await this.#options.before(step.planned))) continue;
      this.#step = step;
      if (await this.#tryKeys(step, route)) return this.#end();
    }
    return this.#end();
  }

  /** Tries the keys of one deployment. True: the walk is over. */
  async #tryKeys(step: WalkStep<Attempt>, route: Route): Promise<boolean> {
    const { clock } = this.#options.attempt;
    const names = drawnFirst(
      route.provider.keys.map((_, index) => keyName(route, index)),
      this.#options.keyDraw,
    );
    const order = this.#health.orderKeys(
      names.length === 0 ? [keyName(route, 0)] : names,
      clock.now(),
    );
    let secondTry = this.#options.steps.length === 1;
    for (let position = 0; position < order.length;) {
      const name = order[position];
      if (name === undefined || this.#attempts.length >= ATTEMPTS_MAX) return false;
      const result = await this.#tryOnce(step, route, name);
      if (isOver(result)) return true;
      const failure = result.kind === "failed" ? result.failure : null;
      if (failure === null) return true;
      if (this.#mayTryWithoutNew(failure, step)) continue;
      if (failure.scope === "request") return true;
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
    const walk = this.#options;
    const { deployment } = step;
    this.#tried.push({ key, deployment: deployment.id });
    const answered = await runAttempt({
      ...walk.attempt,
      dispatcher: route.dispatcher,
      path: `${route.pathPrefix}${walk.path}`,
      headers: { ...walk.headers, ...authorization(route, key), ...route.provider.headers },
      body: walk.body(deployment, this.#withNew),
      reader: createChatReader(),
    });
    const result = withoutKey(answered, keyValue(route, key));
    this.#last = result;
    this.#note(result, deployment, key);
    return result;
  }

  #note(result: AttemptResult, deployment: Deployment, key: string): void {
    const now = this.#options.attempt.clock.now();
    const failure = result.kind === "failed" ? result.failure : null;
    this.#attempts.push({
      deployment: deployment.id,
      key: key.slice(key.indexOf("#") + 1),
      outcome: result.kind,
      code: failure?.fault.code ?? null,
      status: result.status,
      milliseconds: Math.round(result.totalMs * 10) / 10,
    });
    if (result.kind === "completed") {
      this.#health.succeeded(deployment.id, result.firstByteMs ?? result.totalMs);
    } else if (failure !== null && failure.scope === "deployment") {
      this.#health.failed(deployment.id, now);
    } else if (failure !== null && failure.scope === "key") {
      if (failure.quarantine) this.#health.quarantineKey(key, now);
      else this.#health.limitKey(key, now, failure.retryAfterMs);
    }
  }

  /** A 400 on a turn with a new correction is tried once without it, and remembered for the deployment. */
  #mayTryWithoutNew(failure: UpstreamFault, step: WalkStep<Attempt>): boolean {
    const { carriesNew } = this.#options;
    if (!carriesNew || !this.#withNew || failure.relay?.status !== 400) return false;
    this.#withNew = false;
    this.#health.noteRefusedCorrection(step.deployment.id);
    return true;
  }

  #end(): Walked<Attempt> {
    const { clock } = this.#options.attempt;
    return {
      result: this.#last ?? nothingTried(),
      step: this.#step,
      attempts: this.#attempts,
      correctionRefused: !this.#withNew,
      restMs: this.#health.restMs(this.#tried, clock.now()),
    };
  }
}

/** The same ring of names, begun at the drawn one. */
function drawnFirst(names: readonly string[], draw: number): readonly string[] {
  const first = Math.floor(draw * names.length) % Math.max(1, names.length);
  return [...names.slice(first), ...names.slice(0, first)];
}

function isOver(result: AttemptResult): boolean {
  return result.kind !== "failed" || result.started;
}

/** `provider#key 2`: what health and receipts call a key instead of its value. */
function keyName(route: Route, index: number): string {
  return `${route.provider.id}#key ${index + 1}`;
}

function keyValue(route: Route, name: string): string | null {
  const position = Number(name.slice(name.lastIndexOf(" ") + 1)) - 1;
  return route.provider.keys[position] ?? null;
}

function authorization(route: Route, name: string): Record<string, string> {
  const key = keyValue(route, name);
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

/** Some providers quote the key that they refuse: such an answer is told in our own words. */
function withoutKey(result: AttemptResult, key: string | null): AttemptResult {
  if (key === null || result.kind !== "failed" || result.failure.relay === null) return result;
  if (!result.failure.relay.body.includes(key)) return result;
  return { ...result, failure: { ...result.failure, relay: null } };
}

function nothingTried(): AttemptResult {
  const message = "No deployment could be tried for this turn. Try again shortly.";
  return {
    kind: "failed",
    failure: {
      fault: makeFault("upstream_unavailable", message, { retryAfterSeconds: 1 }),
      scope: "deployment",
      retryAfterMs: null,
      quarantine: false,
      relay: null,
    },
    summary: { usage: null, finish: null, toolCalls: [], pieces: 0 },
    started: false,
    firstByteMs: null,
    totalMs: 0,
    headers: {},
    status: null,
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
