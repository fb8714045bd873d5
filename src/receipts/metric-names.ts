// Every metric with its name, meaning and labels. Names follow Prometheus' rules, and OpenTelemetry's words where it
// has them. Must never be changed lightly: dashboards and alerts of others hang on each name.

import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Of the library's own metrics: total in name but not in kind, or no number at all before the first sample. */
export const PROCESS_METRICS_LEFT_OUT: readonly string[] = [
  "nodejs_active_handles",
  "nodejs_active_handles_total",
  "nodejs_active_requests",
  "nodejs_active_requests_total",
  "nodejs_active_resources",
  "nodejs_active_resources_total",
  "nodejs_eventloop_lag_mean_seconds",
  "nodejs_eventloop_lag_min_seconds",
  "nodejs_eventloop_lag_stddev_seconds",
];

/** Upper bounds in seconds: those of the OpenTelemetry convention, and two more for the long turns of agents. */
const DURATION_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84,
  327.68,
];
/** Upper bounds in seconds, those of the OpenTelemetry convention. */
const FIRST_CHUNK_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
/** Upper bounds in seconds. A turn that waits in the queue is far above all of them but the last. */
const OVERHEAD_SECONDS = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25, 1, 10];
/** Upper bounds in turns from the onset of a loop to its outcome. */
const EPISODE_TURNS = [1, 2, 3, 5, 8, 13, 21, 34];

export type TurnMetrics = ReturnType<typeof defineMetrics>;

/** Makes every metric in this registry, and in no other. */
export function defineMetrics(registry: Registry) {
  return { ...defineService(registry), ...defineLoops(registry), ...defineState(registry) };
}

function defineService(registry: Registry) {
  const { counter, histogram } = makers(registry);
  const spoken = [
    "gen_ai_operation_name",
    "gen_ai_provider_name",
    "gen_ai_request_model",
    "model",
  ] as const;
  return {
    turns: counter("fairlead_turns_total", "Turns that ended.", [
      "profile",
      "dialect",
      "model",
      "outcome",
    ]),
    attempts: counter("fairlead_attempts_total", "Tries of turns at a model.", [
      "model",
      "outcome",
    ]),
    failovers: counter(
      "fairlead_failovers_total",
      "Tries after a failed one, by the model that failed and where the turn went on.",
      ["model", "to"],
    ),
    tokens: counter("fairlead_tokens_total", "Tokens that turns used.", ["model", "kind"]),
    cost: counter("fairlead_cost_usd_total", "What turns cost, in USD, where prices are known.", [
      "model",
      "profile",
    ]),
    unpricedTurns: counter(
      "fairlead_unpriced_turns_total",
      "Turns that used tokens whose price is not known.",
      ["model"],
    ),
    duration: histogram("gen_ai_server_request_duration_seconds", {
      help: "From a request to the end of its answer, where a model was asked.",
      labelNames: [...spoken, "error_type"],
      buckets: DURATION_SECONDS,
    }),
    firstChunk: histogram("gen_ai_client_operation_time_to_first_chunk_seconds", {
      help: "From the request upstream to the first byte of its stream.",
      labelNames: spoken,
      buckets: FIRST_CHUNK_SECONDS,
    }),
    overhead: histogram("fairlead_overhead_seconds", {
      help: "From a request to the same one upstream, waiting in the queue included.",
      labelNames: [],
      buckets: OVERHEAD_SECONDS,
    }),
  };
}

function defineLoops(registry: Registry) {
  const { counter, histogram } = makers(registry);
  const episode = ["pattern", "outcome", "arm"] as const;
  return {
    pinEvents: counter("fairlead_pin_events_total", "What became of the pin in a turn.", [
      "profile",
      "event",
    ]),
    verdicts: counter("fairlead_verdicts_total", "Turns in which a loop was seen.", [
      "pattern",
      "severity",
    ]),
    corrections: counter("fairlead_corrections_total", "Turns to which a correction was added.", [
      "pattern",
      "level",
      "refused",
    ]),
    correctionOutcomes: counter(
      "fairlead_correction_outcomes_total",
      "Outcomes that were told of corrections.",
      ["outcome"],
    ),
    episodes: counter("fairlead_episodes_total", "Outcomes that were told of loops.", episode),
    episodeTurns: histogram("fairlead_episode_turns", {
      help: "Turns from the onset of a loop to its outcome.",
      labelNames: episode,
      buckets: EPISODE_TURNS,
    }),
    episodeTokens: counter(
      "fairlead_episode_tokens_total",
      "Tokens that loops used from their onset to the outcome.",
      [...episode, "kind"],
    ),
    episodeCost: counter(
      "fairlead_episode_cost_usd_total",
      "What loops cost from their onset to the outcome, in USD, where prices are known.",
      episode,
    ),
    episodeUnpricedTurns: counter(
      "fairlead_episode_unpriced_turns_total",
      "Turns of loops whose price is not known.",
      episode,
    ),
  };
}

function defineState(registry: Registry) {
  const { counter, gauge } = makers(registry);
  return {
    unsavedTurns: counter(
      "fairlead_unsaved_turns_total",
      "Turns that the store could not take when they ended.",
      [],
    ),
    degradedTurns: counter(
      "fairlead_degraded_turns_total",
      "Turns for which the store could not be read or written before a model was asked.",
      [],
    ),
    quarantinedRows: counter(
      "fairlead_quarantined_rows_total",
      "Rows of the store that could not be read.",
      [],
    ),
    storeConflicts: counter(
      "fairlead_store_conflicts_total",
      "Writes that were done again because another one came first.",
      [],
    ),
    waitingTurns: gauge("fairlead_waiting_turns", "Turns that wait for a provider.", []),
    keys: gauge("fairlead_keys", "Keys of a provider in a state.", ["provider", "state"]),
    deployments: gauge("fairlead_deployments", "Configured models of a provider in a state.", [
      "provider",
      "state",
    ]),
  };
}

interface HistogramAbout<Label extends string> {
  readonly help: string;
  readonly labelNames: readonly Label[];
  readonly buckets: readonly number[];
}

function makers(registry: Registry) {
  const registers = [registry];
  return {
    counter: <const Label extends string>(
      name: string,
      help: string,
      labelNames: readonly Label[],
    ) => new Counter<Label>({ name, help, labelNames: [...labelNames], registers }),
    gauge: <const Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
      new Gauge<Label>({ name, help, labelNames: [...labelNames], registers }),
    histogram: <const Label extends string>(name: string, about: HistogramAbout<Label>) => {
      const { help, labelNames, buckets } = about;
      const own = { labelNames: [...labelNames], buckets: [...buckets], registers };
      return new Histogram<Label>({ name, help, ...own });
    },
  };
}
