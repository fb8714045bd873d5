// A router profile as the stations see it, after the YAML has been read and checked.
// Must never be changed after start: a conversation stores the profile's name, not its values.

import type { QualityKind } from "./deployment.ts";

/** What a profile ranks candidates by, first one first. */
export type RankKey = "quality" | "cost" | "latency" | "throughput";

/** off: no evidence is judged. observe: verdicts are recorded. correct: corrections are sent. */
export type DivergenceMode = "off" | "observe" | "correct";

/** What is said of one tool, or of all whose names fit a glob. */
export interface ToolRule {
  /** True: its calls are neither work nor a repeat. */
  readonly exempt?: boolean | undefined;
  /** The only fields of its arguments that tell calls apart. */
  readonly key?: readonly string[] | undefined;
  /** Whether it is expected to be asked again until something changes. */
  readonly poll?: boolean | undefined;
  /** Whether a second equal call changes something once more. */
  readonly mutating?: boolean | undefined;
}

/** By tool name or glob (`*` is any text). */
export type ToolRules = Readonly<Record<string, ToolRule>>;

export interface DivergenceSettings {
  readonly mode: DivergenceMode;
  /** How often the same call must bring the same result before it counts as a loop. */
  readonly sameResultCount: number;
  /** How often the same call must bring the same error. */
  readonly sameErrorCount: number;
  /** How often the same side effect (a payment, a message) must be repeated. */
  readonly sideEffectCount: number;
  /** How often nearly the same arguments must fail alike. */
  readonly nearErrorCount: number;
  /** How often other arguments must fail alike. */
  readonly variedErrorCount: number;
  /** How often nearly the same arguments must read the same result. */
  readonly nearResultCount: number;
  /** How many laps a cycle of 2 to 8 calls must make. */
  readonly cycleLaps: number;
  /** How many calls in a row must bring nothing new. */
  readonly noProgressCalls: number;
  /** How many calls must be malformed or name unknown tools. */
  readonly malformedCount: number;
  /** How often a plan must be written without any change of status. */
  readonly planChurnCount: number;
  /** How often finished items of a plan must be taken up again. */
  readonly planSetBackCount: number;
  /** How often a call must be tried again while the service is down. */
  readonly retryStormCount: number;
  /** How often a text must be repeated word by word. */
  readonly exactTextCount: number;
  /** How often a text must be repeated nearly word by word. */
  readonly nearTextCount: number;
  /** How often a text must be repeated in other words. */
  readonly rewordedTextCount: number;
  /** How often a question must be asked although it was answered. */
  readonly reaskedCount: number;
  /** How often something must be announced without being done. */
  readonly announcedCount: number;
  /** How often the same work must begin again after the history was condensed. */
  readonly compactionCount: number;
  /** Most corrections one conversation may receive. */
  readonly correctionsMax: number;
  /** Turns of a thread after a correction in which no further one is sent for the same loop. */
  readonly coolDownTurns: number;
  /** Turns of a conversation that may go to a stronger model, one at a time; the pin stays. */
  readonly strongerTurnsMax: number;
  /** kind: a loop that no correction helped ends with an answer the agent can read. */
  readonly ending: "never" | "kind";
  /** Share of conversations, by a hash of their id, that are only watched. In percent. */
  readonly observeSharePercent: number;
  /** Whether a streamed answer that repeats itself to no end is cut. */
  readonly cutRepetition: boolean;
  /** What is known of single tools. */
  readonly loop: ToolRules;
}

/** The thresholds of a profile that names none; the reasons are in docs/divergence.md. */
export const DIVERGENCE_DEFAULTS: DivergenceSettings = {
  mode: "off",
  sameResultCount: 4,
  sameErrorCount: 3,
  sideEffectCount: 3,
  nearErrorCount: 4,
  variedErrorCount: 6,
  nearResultCount: 5,
  cycleLaps: 3,
  noProgressCalls: 10,
  malformedCount: 3,
  planChurnCount: 5,
  planSetBackCount: 2,
  retryStormCount: 6,
  exactTextCount: 3,
  nearTextCount: 4,
  rewordedTextCount: 5,
  reaskedCount: 3,
  announcedCount: 5,
  compactionCount: 2,
  correctionsMax: 4,
  coolDownTurns: 3,
  strongerTurnsMax: 0,
  ending: "never",
  observeSharePercent: 0,
  cutRepetition: false,
  loop: {},
};

export interface Profile {
  readonly name: string;
  readonly description: string;
  readonly pin: {
    /** lock: the model for the life of the conversation. hold: until it fails. none: every turn anew. */
    readonly mode: "lock" | "hold" | "none";
    /** Whether a locked conversation may go to another model at or above floor and pinned quality. */
    readonly substitute: "never" | "at-or-above";
  };
  /** Lowest rating in 0..1 the router may choose; null: no floor. */
  readonly floor: number | null;
  /** Which rating the floor and the ranking by quality look at. */
  readonly qualityKind: QualityKind;
  readonly divergence: DivergenceSettings;
  readonly rankBy: readonly RankKey[];
  readonly underLoad: {
    /** move: next candidate. heal: same model elsewhere, then 503. wait: patient retries. cheaper: next cheapest. */
    readonly strategy: "move" | "heal" | "wait" | "cheaper";
    /** Longest time one turn may wait for a busy provider, in milliseconds (strategy wait). */
    readonly waitMsMax: number;
    /** Most turns that may wait at once, per process (strategy wait). */
    readonly queueMax: number;
  };
  /** Hard budget of a conversation in USD; null: none. */
  readonly budgetUsd: number | null;
  /** How long an untouched conversation is kept, in milliseconds. */
  readonly idleMs: number;
}
