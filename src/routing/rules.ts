// What a request needs and which candidates cannot give it. Every exclusion carries its reason.
// Pure. Must never exclude in silence.

import type { Deployment } from "../turn/deployment.ts";
import type { UpstreamDialect } from "../turn/dialect.ts";

/** What the request asks of a model, found by cheap looks at it. */
export interface Needs {
  /** A model must be able to be asked in one of these. */
  readonly dialects: readonly UpstreamDialect[];
  readonly tools: boolean;
  readonly vision: boolean;
  readonly json: boolean;
  /** A lower bound on the tokens of the request: excludes only what surely does not fit. */
  readonly inputTokensMin: number;
}

export interface Exclusion {
  readonly deployment: string;
  readonly reason: string;
}

/** Why this deployment cannot serve the request; null when it can. */
export function missing(deployment: Deployment, needs: Needs): string | null {
  if (!deployment.dialects.some((dialect) => needs.dialects.includes(dialect))) {
    return "cannot be asked in the dialect of the request";
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
