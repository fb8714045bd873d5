// GET /metrics: the one place where a receipt becomes samples. What has no receipt is read when somebody asks.
// Must never hold a conversation's id, a tenant or a key, nor let a caller's words become label values without end.

import { collectDefaultMetrics, type Counter, type Histogram, Registry } from "prom-client";
import { EMBEDDINGS, type ClientDialect } from "../turn/dialect.ts";
import { defineMetrics, PROCESS_METRICS_LEFT_OUT, type TurnMetrics } from "./metric-names.ts";
import type { Receipt } from "./receipt.ts";

/** Most values of one label, but for models; what comes later is `other`. */
const LABEL_VALUES_MAX = 128;
/** For everything beyond the bounds: models that are not configured, and values too many. */
const OTHER = "other";
/** Where there is nothing to name: no model answered, no pattern was told. */
const NONE = "none";

const MS_PER_SECOND = 1_000;
const TOKENS = ["input", "output"] as const;

/** A turn that is in the books, or that is known not to be. */
export interface CountedTurn {
  readonly receipt: Receipt;
  /** What its client spoke. */
  readonly dialect: ClientDialect;
}

/** What was told of loops: by a turn, or by a person, of whose word there is no receipt. */
export type ToldOutcomes = Pick<Receipt, "episodes" | "outcomes">;

export interface StateCount {
  readonly provider: string;
  readonly state: string;
  readonly count: number;
}

/** What this process knows beside its receipts, at the moment of a scrape. */
export interface Readings {
  /** Counted since start, but for `waiting`: the turns that wait just now. */
  readonly counters: Readonly<
    Record<"unsaved" | "degraded" | "quarantined" | "conflicts" | "waiting", number>
  >;
  readonly keys: readonly StateCount[];
  readonly deployments: readonly StateCount[];
}

export interface Metrics {
  readonly contentType: string;
  /** Takes note of the turn; it is counted behind the answer. Never throws. Once for each turn that is settled. */
  countTurn(turn: CountedTurn): void;
  countOutcomes(told: ToldOutcomes): void;
  /** The text of a scrape, with every turn that was noted before. */
  scrape(readings: Readings): Promise<string>;
  /** All metrics: for what compares them with their documentation. */
  readonly registry: Registry;
}

/** Whether the deployment of this id is configured: no other one becomes a label. */
type IsConfigured = (deployment: string) => boolean;

export function createMetrics(isConfigured: IsConfigured): Metrics {
  return new ProcessMetrics(isConfigured);
}

class ProcessMetrics implements Metrics {
  readonly registry = new Registry();
  readonly contentType = this.registry.contentType;
  readonly #metrics: TurnMetrics = defineMetrics(this.registry);
  readonly #labels: Labels;
  /** Turns that ended since the event loop came round last. */
  #noted: CountedTurn[] = [];
  #watchesProcess = false;

  constructor(isConfigured: IsConfigured) {
    this.#labels = new Labels(isConfigured);
  }

  countTurn(turn: CountedTurn): void {
    // The caller still holds the end of its answer: it must not wait for a dozen samples.
    if (this.#noted.length === 0) setImmediate(() => this.#countNoted());
    this.#noted.push(turn);
  }

  countOutcomes(told: ToldOutcomes): void {
    countOutcomes(this.#metrics, this.#labels, told);
  }

  async scrape(readings: Readings): Promise<string> {
    this.#countNoted();
    this.#watchProcess();
    show(this.#metrics, readings);
    return this.registry.metrics();
  }

  #countNoted(): void {
    const noted = this.#noted;
    this.#noted = [];
    for (const turn of noted) {
      countService(this.#metrics, this.#labels, turn);
      countConversation(this.#metrics, this.#labels, turn.receipt);
    }
  }

  /** From the first scrape on: measuring the event loop wakes it up, which is in vain where nobody reads it. */
  #watchProcess(): void {
    if (this.#watchesProcess) return;
    this.#watchesProcess = true;
    collectDefaultMetrics({ register: this.registry });
    for (const name of PROCESS_METRICS_LEFT_OUT) this.registry.removeSingleMetric(name);
  }
}

/** Keeps the number of series finite, whatever callers and upstreams say. */
class Labels {
  readonly #isConfigured: IsConfigured;
  readonly #seen = new Map<string, Set<string>>();

  constructor(isConfigured: IsConfigured) {
    this.#isConfigured = isConfigured;
  }

  /** `provider/model` as configured. */
  model(deployment: string | null): string {
    if (deployment === null) return NONE;
    return this.#isConfigured(deployment) ? deployment : OTHER;
  }

  bounded(label: string, given: string | number | null): string {
    const value = given === null ? NONE : String(given);
    const seen = this.#seen.get(label) ?? new Set();
    if (seen.has(value)) return value;
    if (seen.size >= LABEL_VALUES_MAX) return OTHER;
    this.#seen.set(label, seen.add(value));
    return value;
  }
}

/** What the turn was, what it took, and what it cost. */
function countService(metrics: TurnMetrics, labels: Labels, { receipt, dialect }: CountedTurn) {
  const { tokens } = receipt.execution;
  const model = labels.model(receipt.routing.winner);
  const profile = labels.bounded("profile", receipt.profile);
  const outcome = labels.bounded("outcome", receipt.outcome);
  add(metrics.turns, { profile, dialect, model, outcome });
  const used = {
    input: tokens.prompt,
    output: tokens.completion,
    cached: tokens.cached,
    cache_written: tokens.cache_written,
    reasoning: tokens.reasoning,
  };
  for (const [kind, count] of Object.entries(used)) add(metrics.tokens, { model, kind }, count);
  const cost = receipt.cost.total_usd;
  if (cost === null) add(metrics.unpricedTurns, { model });
  else add(metrics.cost, { model, profile }, cost);
  countAttempts(metrics, labels, receipt);
  observeTimes(metrics, labels, { receipt, dialect });
}

function countAttempts(metrics: TurnMetrics, labels: Labels, { fallback }: Receipt): void {
  for (const [index, attempt] of fallback.attempts.entries()) {
    const outcome = labels.bounded("attempt", attempt.outcome);
    add(metrics.attempts, { model: labels.model(attempt.deployment), outcome });
    const before = fallback.attempts[index - 1];
    if (before === undefined) continue;
    const moved = before.deployment !== attempt.deployment;
    const to = moved ? "model" : before.key === attempt.key ? "same" : "key";
    add(metrics.failovers, { model: labels.model(before.deployment), to });
  }
}

/** Turns for which no model was asked take no time: they would only hide how long the others take. */
function observeTimes(metrics: TurnMetrics, labels: Labels, { receipt, dialect }: CountedTurn) {
  const { execution, routing, fallback, error } = receipt;
  if (fallback.attempts.length === 0) return;
  observe(metrics.overhead, {}, execution.routing_overhead_ms / MS_PER_SECOND);
  const model = labels.model(routing.winner);
  const known = model !== NONE && model !== OTHER;
  const spoken = {
    gen_ai_operation_name: dialect === EMBEDDINGS ? "embeddings" : "chat",
    gen_ai_provider_name: known ? (execution.provider ?? NONE) : model,
    gen_ai_request_model: known ? (execution.model ?? NONE) : model,
    model,
  };
  // An empty label is none to Prometheus: what went well has no kind of error.
  const error_type = error === null ? "" : labels.bounded("error_type", error.code);
  observe(metrics.duration, { ...spoken, error_type }, execution.latency_ms / MS_PER_SECOND);
  if (receipt.stream && execution.first_byte_ms !== null) {
    observe(metrics.firstChunk, spoken, execution.first_byte_ms / MS_PER_SECOND);
  }
}

/** What the conversation has learned by the turn. */
function countConversation(metrics: TurnMetrics, labels: Labels, receipt: Receipt): void {
  const { pin, verdict, correction } = receipt;
  if (pin !== null) {
    const profile = labels.bounded("profile", receipt.profile);
    add(metrics.pinEvents, { profile, event: labels.bounded("event", pin.event) });
  }
  if (verdict !== null) {
    const severity = labels.bounded("severity", verdict.severity);
    add(metrics.verdicts, { pattern: labels.bounded("pattern", verdict.pattern), severity });
  }
  if (correction !== null) {
    const pattern = labels.bounded("pattern", correction.pattern);
    const level = labels.bounded("level", correction.level);
    add(metrics.corrections, { pattern, level, refused: correction.refused ? "yes" : "no" });
  }
  countOutcomes(metrics, labels, receipt);
}

function countOutcomes(metrics: TurnMetrics, labels: Labels, told: ToldOutcomes): void {
  for (const { kind } of told.outcomes) {
    add(metrics.correctionOutcomes, { outcome: labels.bounded("episode", kind) });
  }
  for (const episode of told.episodes) {
    const of = {
      pattern: labels.bounded("pattern", episode.pattern),
      outcome: labels.bounded("episode", episode.outcome),
      arm: labels.bounded("arm", episode.arm),
    };
    add(metrics.episodes, of);
    observe(metrics.episodeTurns, of, episode.turns);
    for (const kind of TOKENS) add(metrics.episodeTokens, { ...of, kind }, episode.tokens[kind]);
    add(metrics.episodeCost, of, episode.cost_usd);
    add(metrics.episodeUnpricedTurns, of, episode.unpriced_turns);
  }
}

function show(metrics: TurnMetrics, { counters, keys, deployments }: Readings): void {
  const since: readonly (readonly [Counter, number])[] = [
    [metrics.unsavedTurns, counters.unsaved],
    [metrics.degradedTurns, counters.degraded],
    [metrics.quarantinedRows, counters.quarantined],
    [metrics.storeConflicts, counters.conflicts],
  ];
  for (const [counter, total] of since) {
    counter.reset();
    counter.inc(total);
  }
  metrics.waitingTurns.set(counters.waiting);
  for (const { count, ...of } of keys) metrics.keys.set(of, count);
  for (const { count, ...of } of deployments) metrics.deployments.set(of, count);
}

/** Numbers come from upstreams too: one that cannot be added up is left out, it must not stop the gateway. */
function add<Label extends string>(
  counter: Counter<Label>,
  labels: Readonly<Record<Label, string>>,
  value = 1,
): void {
  if (Number.isFinite(value) && value > 0) counter.inc(labels, value);
}

function observe<Label extends string>(
  histogram: Histogram<Label>,
  labels: Readonly<Record<Label, string>>,
  value: number,
): void {
  if (Number.isFinite(value) && value >= 0) histogram.observe(labels, value);
}
