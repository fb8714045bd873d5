// What can answer: a model at a provider. Plain data, made once from the configuration at start.
// Must never hold a provider's key: keys live in upstream/keys only.

import type { UpstreamDialect } from "./dialect.ts";

export type QualityKind = "chat" | "agent" | "coding";

/** USD per million tokens. A price that is not known is null, never 0. */
interface Rates {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  /** Writing to a prompt cache that is kept for an hour; not told: `cacheWrite`. */
  readonly cacheWriteHour?: number | null;
}

/** What all tokens of a request cost whose input is above `above` tokens. */
export interface PriceTier extends Rates {
  readonly above: number;
}

export interface Price extends Rates {
  /** Ascending by `above`; not told: one price for every length. */
  readonly tiers?: readonly PriceTier[];
}

/** `embeddings` stands alone: such a model answers with vectors, and with nothing else. */
export type Capability = "tools" | "vision" | "json" | "embeddings";

/** Where a correction may stand in the request for this model (DESIGN: corrections). */
export type CorrectionPlace = "late-system" | "user-after-tool" | "tool-result-tail";

export interface Deployment {
  /** How callers address it: `provider/id`, or `provider:region/id` where it has several regions. Unique. */
  readonly id: string;
  readonly provider: string;
  /** Id of the model at this provider in the configuration (`big` of `lab/big`). */
  readonly localId: string;
  /** Equal `model` at another provider means the same model. */
  readonly model: string;
  /** Name sent upstream: some platforms have names of their own for it. */
  readonly upstreamModel: string;
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

/** Stands between a provider's id and its region where it has several: `bedrock:eu`. No id holds it. */
export const REGION_MARK = ":";

/** The id of a provider without the region. */
export function withoutRegion(provider: string): string {
  const end = provider.indexOf(REGION_MARK);
  return end === -1 ? provider : provider.slice(0, end);
}
