// Waiting, the way a model makes its caller wait: before the first token and between tokens.
// Must never outlive the request: every wait ends early when its signal is aborted.

import { setTimeout as sleep } from "node:timers/promises";

import type { SimulatorModel } from "./models.ts";

export interface Pace {
  firstToken(model: SimulatorModel, signal: AbortSignal): Promise<void>;
  tokens(model: SimulatorModel, count: number, signal: AbortSignal): Promise<void>;
}

interface PaceOptions {
  /** 1: the latency of the model table; 10: ten times as fast; 0: no waiting at all. */
  readonly speed: number;
  /** 0 … 1, for the spread of the first token. */
  readonly random: () => number;
}

/** The first token comes within this share of the model's time, sooner or later. */
const SPREAD = 0.1;

/** Waits reject with an AbortError when the signal is aborted. */
export function makePace({ speed, random }: PaceOptions): Pace {
  const wait = async (milliseconds: number, signal: AbortSignal): Promise<void> => {
    if (speed > 0) await sleep(milliseconds / speed, undefined, { signal });
  };
  return {
    firstToken: (model, signal) =>
      wait(model.latency.firstTokenMs * (1 - SPREAD + 2 * SPREAD * random()), signal),
    tokens: (model, count, signal) => wait(model.latency.perTokenMs * count, signal),
  };
}
