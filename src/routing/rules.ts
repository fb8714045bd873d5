// What a request needs and which candidates cannot give it. Every exclusion carries its reason.
// Pure. Must never exclude in silence.

import type { Deployment } from "../turn/deployment.ts";
import { EMBEDDINGS, type UpstreamDialect } from "../turn/dialect.ts";
import { liesWithin } from "./region.ts";
import type { CountedTokens } from "./context-room.ts";

/** What the request asks of a model, found by cheap looks at it. */
export interface Needs {
  /** A model must be able to be asked in one of these. */
  readonly dialects: readonly UpstreamDialect[];
  /** The only one that can serve it, because it keeps what the request goes on from; its id null: nobody does. */
  readonly provider?: { readonly id: string | null } | null;
  /** The geography or region it must stay in; absent or null: any. */
  readonly region?: string | null;
  readonly tools: boolean;
  readonly vision: boolean;
  readonly json: boolean;
  /** A lower bound on the tokens of the request: excludes only what surely does not fit. */
  readonly inputTokensMin: number;
  /** Null: not counted, because it did not matter or could not be. */
  readonly tokens: CountedTokens | null;
}

export interface Exclusion {
  readonly deployment: string;
  readonly reason: string;
}

/** Why this deployment cannot serve the request; null when it can. */
export function missing(deployment: Deployment, needs: Needs): string | null {
  if (!deployment.dialects.some((dialect) => needs.dialects.includes(dialect))) {
    return unspoken(deployment, needs);
  }
  const { provider = null, region = null } = needs;
  if (region !== null && !liesWithin(deployment.region, region)) {
    return deployment.region === null
      ? `does not say that it is in region ${region}`
      : `is in region ${deployment.region}, not ${region}`;
  }
  if (provider !== null && deployment.provider !== provider.id) {
    return "does not keep the answer that the request goes on from";
  }
  for (const capability of ["tools", "vision", "json"] as const) {
    if (needs[capability] && !deployment.capabilities.includes(capability)) {
      return `has no ${capability}`;
    }
  }
  const room = deployment.contextTokens;
  if (room !== null && needs.inputTokensMin > room) {
    return `context of ${room} tokens is too small for at least ${needs.inputTokensMin}`;
  }
  return null;
}

function unspoken({ dialects }: Deployment, needs: Needs): string {
  if (needs.dialects.includes(EMBEDDINGS)) return "serves no embeddings";
  if (dialects.every((dialect) => dialect === EMBEDDINGS)) return "serves embeddings only";
  return "cannot be asked in the dialect of the request";
}

export interface Sifted {
  readonly kept: readonly Deployment[];
  readonly exclusions: readonly Exclusion[];
}

/** Splits candidates into those that `reasonAgainst` lets pass and the others with their reason. */
export function sift(
  candidates: readonly Deployment[],
  reasonAgainst: (deployment: Deployment) => string | null,
): Sifted {
  const kept: Deployment[] = [];
  const exclusions: Exclusion[] = [];
  for (const deployment of candidates) {
    const reason = reasonAgainst(deployment);
    if (reason === null) kept.push(deployment);
    else exclusions.push({ deployment: deployment.id, reason });
  }
  return { kept, exclusions };
}
