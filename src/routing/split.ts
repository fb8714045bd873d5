// Orders the targets of a logical name: a matching condition first, else a weighted draw that a conversation keeps.
// Pure. Must never draw anew for the same conversation: the draw is a hash of it.

import { unitHash } from "./unit-hash.ts";

export interface LogicalTarget {
  /** A deployment id, or a model name. */
  readonly to: string;
  readonly weight: number;
  /** Header names in lower case with the value they must have; null: always eligible for the draw. */
  readonly when: { readonly header: Readonly<Record<string, string>> } | null;
}

export interface SplitInput {
  /** What the draw is tied to: the conversation, else the user; null: `random` decides. */
  readonly affinity: string | null;
  readonly header: (name: string) => string | null;
  /** 0 … 1, used only without an affinity. */
  readonly random: number;
}

/**
 * All targets in the order in which they are tried. A target whose condition matches comes first; one whose
 * condition does not match is left out; the others follow, the drawn one in front.
 */
export function splitTargets(
  targets: readonly LogicalTarget[],
  input: SplitInput,
): readonly LogicalTarget[] {
  const conditional = targets.filter((target) => target.when !== null);
  const matching = conditional.filter((target) => matches(target, input));
  // A matched condition is a policy (residency, say): nothing outside it may serve the request.
  if (matching.length > 0) return matching;
  const open = targets.filter((target) => target.when === null && target.weight > 0);
  const total = open.reduce((sum, target) => sum + target.weight, 0);
  if (open.length === 0 || total <= 0) return open;
  const point = (input.affinity === null ? input.random : unitHash(input.affinity)) * total;
  let reached = 0;
  const drawn = open.find((target) => {
    reached += target.weight;
    return point < reached;
  });
  const first = drawn ?? open[0];
  if (first === undefined) return open;
  return [first, ...open.filter((target) => target !== first)];
}

function matches(target: LogicalTarget, input: SplitInput): boolean {
  const wanted = Object.entries(target.when?.header ?? {});
  return wanted.every(([name, value]) => input.header(name) === value);
}
