// The models the simulator offers, as data: what the catalog shows of them, and how each one
// behaves.
// Must never be ranked by accident: the faulty models are dear, slow and weak, so that no profile
// chooses one by itself.

import type { Capability, Price, QualityKind } from "../../turn/deployment.ts";

/**
 * rate-limit: 429 with Retry-After. server-error: 500. cut: the socket dies in mid-answer.
 * error-event: an error inside an answer that began with status 200. hang: never answered.
 */
export type SimulatedFault = "rate-limit" | "server-error" | "cut" | "error-event" | "hang";

export interface SimulatorModel {
  /** Addressed through the gateway as `sim/<id>`. */
  readonly id: string;
  /** Name the simulator itself answers to. */
  readonly model: string;
  readonly contextTokens: number;
  readonly maxOutputTokens: number;
  readonly capabilities: readonly Capability[];
  readonly price: Price;
  readonly quality: Readonly<Record<QualityKind, number>>;
  readonly latency: {
    readonly firstTokenMs: number;
    readonly perTokenMs: number;
  };
  /** Repeats one tool call until a correction stands in the request. */
  readonly stubborn: boolean;
  /** What the first attempt of a distinct request meets; the request itself chooses which. */
  readonly faults: readonly SimulatedFault[];
}

const LARGE: SimulatorModel = {
  id: "large",
  model: "large",
  contextTokens: 200_000,
  maxOutputTokens: 8_192,
  capabilities: ["tools", "json"],
  price: { input: 3, output: 15, cacheRead: 0.3, cacheWrite: null },
  quality: { chat: 0.86, agent: 0.85, coding: 0.84 },
  latency: { firstTokenMs: 600, perTokenMs: 20 },
  stubborn: false,
  faults: [],
};

const MEDIUM: SimulatorModel = {
  ...LARGE,
  id: "medium",
  model: "medium",
  contextTokens: 128_000,
  price: { input: 0.8, output: 4, cacheRead: 0.08, cacheWrite: null },
  quality: { chat: 0.72, agent: 0.7, coding: 0.69 },
  latency: { firstTokenMs: 300, perTokenMs: 10 },
};

const SMALL: SimulatorModel = {
  ...LARGE,
  id: "small",
  model: "small",
  contextTokens: 32_000,
  maxOutputTokens: 4_096,
  price: { input: 0.1, output: 0.4, cacheRead: 0.01, cacheWrite: null },
  quality: { chat: 0.4, agent: 0.3, coding: 0.28 },
  latency: { firstTokenMs: 80, perTokenMs: 3 },
};

const STUBBORN: SimulatorModel = {
  ...LARGE,
  id: "stubborn",
  model: "stubborn",
  contextTokens: 128_000,
  price: { input: 1.2, output: 6, cacheRead: 0.12, cacheWrite: null },
  quality: { chat: 0.67, agent: 0.65, coding: 0.64 },
  latency: { firstTokenMs: 250, perTokenMs: 8 },
  stubborn: true,
};

function flaky(id: string, faults: readonly SimulatedFault[]): SimulatorModel {
  return {
    ...LARGE,
    id,
    model: id,
    contextTokens: 32_000,
    maxOutputTokens: 4_096,
    price: { input: 5, output: 25, cacheRead: 0.5, cacheWrite: null },
    quality: { chat: 0.2, agent: 0.2, coding: 0.2 },
    latency: { firstTokenMs: 900, perTokenMs: 30 },
    faults,
  };
}

/** `flaky` leaves `hang` out: that one is only for a caller who asks for it by name. */
export const SIMULATOR_MODELS: readonly SimulatorModel[] = [
  LARGE,
  MEDIUM,
  SMALL,
  STUBBORN,
  flaky("flaky", ["rate-limit", "server-error", "cut", "error-event"]),
  flaky("flaky-429", ["rate-limit"]),
  flaky("flaky-500", ["server-error"]),
  flaky("flaky-cut", ["cut"]),
  flaky("flaky-error-event", ["error-event"]),
  flaky("flaky-hang", ["hang"]),
];

/** Undefined when the simulator has no model of that name. */
export function findSimulatorModel(model: string): SimulatorModel | undefined {
  return SIMULATOR_MODELS.find((candidate) => candidate.model === model);
}
