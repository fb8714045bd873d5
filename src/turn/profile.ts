// A router profile as the stations see it, after the YAML has been read and checked.
// Must never be changed after start: a conversation stores the profile's name, not its values.

import type { QualityKind } from "./deployment.ts";

/** What a profile ranks candidates by, first one first. */
export type RankKey = "quality" | "cost" | "latency" | "throughput";

/** off: no evidence is judged. observe: verdicts are recorded. correct: corrections are sent. */
export type DivergenceMode = "off" | "observe" | "correct";

export interface DivergenceSettings {
  readonly mode: DivergenceMode;
  /** How often the same call must bring the same result before it counts as a loop. */
  readonly sameResultCount: number;
  /** How often the same call must bring the same error. */
  readonly sameErrorCount: number;
  /** How many laps a cycle of 2 to 4 calls must make. */
  readonly cycleLaps: number;
  /** Most corrections one conversation may receive. */
  readonly correctionsMax: number;
  /** Turns of a thread after a correction in which no further one is sent for the same loop. */
  readonly coolDownTurns: number;
}

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
