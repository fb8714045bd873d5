// Which deployments a requested model name can mean, before anything is ruled out.
// Pure. Must never fall back to a different name: an unknown name is the caller's fault, said with what exists.

import { withoutRegion, type Deployment } from "../turn/deployment.ts";
import { splitTargets, type LogicalTarget, type SplitInput } from "./split.ts";

/** The name that leaves the choice to the router. */
export const AUTO_MODEL = "auto";

export interface ModelNames {
  readonly deployments: readonly Deployment[];
  readonly logicalModels: ReadonlyMap<string, readonly LogicalTarget[]>;
  /**
   * A deployment for a name that only its provider knows (`provider/anything`), unrated and unpriced;
   * null when no provider takes unlisted names.
   */
  readonly openDeployment: (name: string) => Deployment | null;
}

/** How the name was meant. `chosen` tells whether the router chooses, so that a floor binds. */
export interface Resolution {
  readonly kind: "auto" | "logical" | "deployment" | "model";
  readonly candidates: readonly Deployment[];
  /** For a logical name: the arm that was chosen, and why. */
  readonly arm: string | null;
  /** True when a condition of the operator's led here: then nothing outside the candidates may serve. */
  readonly policy: boolean;
}

/** Resolves the name; null when nothing bears it. */
export function resolveModel(
  requested: string,
  names: ModelNames,
  split: SplitInput,
): Resolution | null {
  if (requested === AUTO_MODEL) {
    return { kind: "auto", candidates: names.deployments, arm: null, policy: false };
  }
  const exact = byId(requested, names.deployments);
  if (exact.length > 0) return { kind: "deployment", candidates: exact, arm: null, policy: false };
  const targets = names.logicalModels.get(requested);
  if (targets !== undefined) return resolveLogical(targets, names, split);
  const sameModel = byModelName(requested, names.deployments);
  if (sameModel.length > 0)
    return { kind: "model", candidates: sameModel, arm: null, policy: false };
  const open = names.openDeployment(requested);
  return open === null
    ? null
    : { kind: "deployment", candidates: [open], arm: null, policy: false };
}

function resolveLogical(
  targets: readonly LogicalTarget[],
  names: ModelNames,
  split: SplitInput,
): Resolution {
  const ordered = splitTargets(targets, split);
  const candidates: Deployment[] = [];
  for (const target of ordered) {
    for (const deployment of targetDeployments(target.to, names)) {
      if (!candidates.includes(deployment)) candidates.push(deployment);
    }
  }
  const first = ordered[0];
  return {
    kind: "logical",
    candidates,
    arm: first?.to ?? null,
    policy: first !== undefined && first.when !== null,
  };
}

function targetDeployments(to: string, names: ModelNames): readonly Deployment[] {
  const exact = byId(to, names.deployments);
  if (exact.length > 0) return exact;
  const open = names.openDeployment(to);
  return open === null ? byModelName(to, names.deployments) : [open];
}

/** Without a region, all regions of the provider are meant. */
function byId(name: string, deployments: readonly Deployment[]): readonly Deployment[] {
  const slash = name.indexOf("/");
  const [provider, localId] = [name.slice(0, Math.max(0, slash)), name.slice(slash + 1)];
  return deployments.filter(
    (deployment) =>
      deployment.id === name ||
      (deployment.localId === localId && withoutRegion(deployment.provider) === provider),
  );
}

function byModelName(name: string, deployments: readonly Deployment[]): readonly Deployment[] {
  return deployments.filter(
    ({ model, localId, upstreamModel }) =>
      model === name || localId === name || upstreamModel === name,
  );
}
