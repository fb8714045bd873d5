// What can answer: a model at a provider. Plain data, made once from the configuration at start.
// Must never hold a provider's key: keys live in upstream/keys only.

import type { UpstreamDialect } from "./dialect.ts";

export type QualityKind = "chat" | "agent" | "coding";

/** USD per million tokens. A price that is not known is null, never 0. */
export interface Price {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
}

export type Capability = "tools" | "vision" | "json";

/** Where a correction may stand in the request for this model (DESIGN: corrections). */
export type CorrectionPlace = "late-system" | "user-after-tool" | "tool-result-tail";

export interface Deployment {
  /** How callers address it: `provider/id`. Unique. */
  readonly id: string;
  readonly provider: string;
  /** Id of the model at this provider in the configuration (`big` of `lab/big`). */
  readonly localId: string;
  /** Name sent upstream; equal `model` at another provider means the same model. */
  readonly model: string;
  readonly region: string | null;
  /** In which it can be asked, the preferred one first. */
  readonly dialects: readonly UpstreamDialect[];
  readonly contextTokens: number | null;
  readonly maxOutputTokens: number | null;
  readonly capabilities: readonly Capability[];
  readonly price: Price | null;
  /** Rating per kind in 0..1; a kind that is not rated is absent. */
  readonly quality: Readonly<Partial<Record<QualityKind, number>>>;
  readonly correctionPlace: CorrectionPlace;
}
