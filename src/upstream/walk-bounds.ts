// What a request was found not to fit during a walk, and so where it may still be tried. Pure.
// Must never take a context for larger that is not known.

import type { Deployment } from "../turn/deployment.ts";
import type { FaultScope } from "./refusal-rules.ts";

export interface WalkBounds {
  /** From here on only what may still hold the request is allowed, if anything may. */
  narrow(scope: FaultScope, refusedBy: Deployment): void;
  allows(deployment: Deployment): boolean;
}

/**
 * What is too long for one model may fit one with a larger context, and what is too large for one provider another
 * one. What is wrong for another reason is wrong everywhere.
 */
export function createWalkBounds(): WalkBounds {
  const tests: ((deployment: Deployment) => boolean)[] = [];
  return {
    narrow(scope, { provider, contextTokens: room }) {
      if (scope === "size") tests.push((other) => other.provider !== provider);
      else if (scope !== "context") tests.push(() => false);
      else
        tests.push(
          ({ contextTokens }) => contextTokens !== null && room !== null && contextTokens > room,
        );
    },
    allows: (deployment) => tests.every((fits) => fits(deployment)),
  };
}
