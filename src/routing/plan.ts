// The plan of a turn: ordered attempts, with the reason for each and for everything that was left out.
// Pure: no I/O, no clock. Must never plan a model below the floor, nor another model for a locked conversation.

import type { Deployment } from "../turn/deployment.ts";
import type { Fault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import { resolveModel, type ModelNames, type Resolution } from "./candidates.ts";
import { withRoom } from "./context-room.ts";
import { rankDeployments, type Measure } from "./rank.ts";
import { belowFloor } from "./floor.ts";
import { pinnedAttempts } from "./pinned-attempts.ts";
import { noAttempt, unknownModel } from "./plan-fault.ts";
import { missing, sift, type Exclusion, type Needs } from "./rules.ts";
import type { SplitInput } from "./split.ts";

/** Most deployments one turn may be tried at. */
export const PLAN_ATTEMPTS_MAX = 8;

/** What the conversation is held to, as routing needs to know it. */
export interface PinView {
  /** The model and deployment of the pin. */
  readonly home: {
    readonly deployment: string;
    readonly model: string;
    readonly rating: number | null;
  };
  /** False while no turn has been answered under this pin. */
  readonly served: boolean;
  /** Where the home model was served last, if not at home. */
  readonly away: string | null;
  /** The model that stands in for the home model, if one does. */
  readonly substitute: { readonly deployment: string; readonly model: string } | null;
}

export interface PlanInput {
  readonly requested: string;
  readonly names: ModelNames;
  readonly needs: Needs;
  readonly profile: Profile;
  readonly pin: PinView | null;
  /** Whether answers of two models do not fit together, so that only the first one's deployments may serve. */
  readonly oneModel?: boolean;
  readonly measure: (deployment: string) => Measure;
  readonly split: SplitInput;
}

export interface PlannedAttempt {
  readonly deployment: Deployment;
  readonly reason: string;
  /**
   * What this attempt does to the pin. `substitute`, `return` and `move` change the model and must be stored before
   * bytes (I2); `same-model` is a hop that goes into the final commit; an `exception` is served outside the
   * pin for one turn and leaves it as it is.
   */
  readonly hop: "none" | "same-model" | "substitute" | "return" | "move" | "exception";
}

export interface Plan {
  readonly strategy: string;
  readonly reason: string;
  readonly candidatesEvaluated: number;
  readonly attempts: readonly PlannedAttempt[];
  readonly exclusions: readonly Exclusion[];
}

export type PlanResult =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly fault: Fault; readonly exclusions: readonly Exclusion[] };

/** Makes the plan, or says in plain words why there is none. */
export function makePlan(input: PlanInput): PlanResult {
  const resolution = resolveModel(input.requested, input.names, input.split);
  if (resolution === null) return unknownModel(input);
  const capable = sift(resolution.candidates, (deployment) => missing(deployment, input.needs));
  const routed =
    input.pin === null
      ? unpinned(capable.kept, resolution, input)
      : pinned(capable.kept, { ...input, policy: resolution.policy }, input.pin);
  const exclusions = [...capable.exclusions, ...routed.exclusions];
  if (routed.attempts.length === 0) return noAttempt(resolution, input, exclusions);
  return {
    ok: true,
    plan: {
      strategy: strategyOf(resolution, input.profile, input.pin !== null),
      reason: routed.attempts[0]?.reason ?? "",
      candidatesEvaluated: resolution.candidates.length,
      attempts: routed.attempts.slice(0, PLAN_ATTEMPTS_MAX),
      exclusions,
    },
  };
}

export interface Routed {
  readonly attempts: readonly PlannedAttempt[];
  readonly exclusions: readonly Exclusion[];
}

/** Only another deployment of the same model stands for one without room: the pin decides about models. */
function pinned(
  candidates: readonly Deployment[],
  input: PlanInput & { readonly policy: boolean },
  pin: PinView,
): Routed {
  const roomy = withRoom(candidates, input.needs.tokens, ({ model }) => model);
  const { attempts, exclusions } = pinnedAttempts(roomy.kept, input, pin);
  return { attempts, exclusions: [...roomy.exclusions, ...exclusions] };
}

function unpinned(
  candidates: readonly Deployment[],
  resolution: Resolution,
  input: PlanInput,
): Routed {
  // The floor binds what the router chooses, not what the caller names.
  const chooses = resolution.kind === "auto" || resolution.kind === "logical";
  const floored = chooses
    ? sift(candidates, (deployment) => belowFloor(deployment, input.profile))
    : { kept: candidates, exclusions: [] };
  const only = input.oneModel === true ? bestModel(floored.kept, resolution, input) : null;
  const comparable = sift(floored.kept, ({ model }) =>
    only === null || model === only ? null : "another model, whose answers do not fit together",
  );
  const roomy = withRoom(comparable.kept, input.needs.tokens, () => "");
  const ordered = orderOf(roomy.kept, resolution, input);
  const first = ordered[0];
  const attempts = ordered.map((deployment, position): PlannedAttempt => {
    const reason =
      position === 0 ? firstReason(resolution, input.profile) : "next candidate after a failure";
    return { deployment, reason, hop: hopFrom(first, deployment, input.profile) };
  });
  const exclusions = [...floored.exclusions, ...comparable.exclusions, ...roomy.exclusions];
  return { attempts, exclusions };
}

/** The best model whatever its health is, and without a draw: the same one on every request. */
function bestModel(
  candidates: readonly Deployment[],
  resolution: Resolution,
  input: PlanInput,
): string | null {
  const measure = (): Measure => ({ firstByteMs: null, cooling: false });
  const split = { ...input.split, affinity: null, random: 0 };
  return orderOf(candidates, resolution, { ...input, measure, split })[0]?.model ?? null;
}

function hopFrom(
  first: Deployment | undefined,
  deployment: Deployment,
  profile: Profile,
): PlannedAttempt["hop"] {
  if (first === undefined || deployment === first || profile.pin.mode === "none") return "none";
  return deployment.model === first.model ? "same-model" : "move";
}

function orderOf(
  candidates: readonly Deployment[],
  resolution: Resolution,
  input: PlanInput,
): readonly Deployment[] {
  const affinity =
    input.profile.pin.mode === "none"
      ? String(input.split.random)
      : (input.split.affinity ?? String(input.split.random));
  const rank = { profile: input.profile, measure: input.measure, affinity };
  // The order of a logical name's targets is the operator's word: rank only within equal models.
  if (resolution.kind !== "logical") return rankDeployments(candidates, rank);
  const models = [...new Set(candidates.map((deployment) => deployment.model))];
  return models.flatMap((model) =>
    rankDeployments(
      candidates.filter((deployment) => deployment.model === model),
      rank,
    ),
  );
}

function strategyOf(resolution: Resolution, profile: Profile, isPinned: boolean): string {
  if (isPinned) return "pinned";
  if (resolution.kind === "deployment" || resolution.kind === "model") return "explicit";
  const first = profile.rankBy[0] ?? "cost";
  return `${resolution.kind === "logical" ? "logical" : first}_optimized`;
}

function firstReason(resolution: Resolution, profile: Profile): string {
  if (resolution.kind === "deployment") return "named by the caller";
  if (resolution.kind === "model")
    return `model named by the caller, best by ${profile.rankBy.join(" then ")}`;
  if (resolution.kind === "logical")
    return `logical name leads to ${resolution.arm ?? "this target"}`;
  return `best by ${profile.rankBy.join(" then ")} among those that meet ${profile.name}`;
}
