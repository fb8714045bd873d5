// Which candidates have room for the request, as far as its tokens were counted.
// Pure. Must never leave nobody: a count is not the model's own, and who refuses a request must be its provider.

import type { Deployment } from "../turn/deployment.ts";
import { sift, type Sifted } from "./rules.ts";

/** What a request takes of a model's context. */
export interface CountedTokens {
  /** The fewest tokens this model can find in the request. */
  readonly inputOf: (deployment: Deployment) => number;
  /** Most tokens of an answer that the request asks for; 0: it does not say. */
  readonly answer: number;
}

/**
 * Leaves out what has too little room, where something that stands for it has enough. `standsFor`: candidates
 * of equal names stand for each other.
 */
export function withRoom(
  candidates: readonly Deployment[],
  tokens: CountedTokens | null,
  standsFor: (deployment: Deployment) => string,
): Sifted {
  if (tokens === null) return { kept: candidates, exclusions: [] };
  const roomy = new Set(
    candidates.filter((deployment) => lacking(deployment, tokens) === null).map(standsFor),
  );
  return sift(candidates, (deployment) =>
    roomy.has(standsFor(deployment)) ? lacking(deployment, tokens) : null,
  );
}

/** Why the request does not fit; null where it may. */
function lacking(deployment: Deployment, { inputOf, answer }: CountedTokens): string | null {
  const room = deployment.contextTokens;
  if (room === null) return null;
  const input = inputOf(deployment);
  if (input > room) return `context of ${room} tokens is too small for ${input} counted`;
  if (input + answer <= room) return null;
  return `context of ${room} tokens is too small for ${input} counted and ${answer} for the answer`;
}
