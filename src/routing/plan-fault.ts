// Why there is no plan, in words that tell the caller or the operator what to change.
// Pure. Must never name a provider's key or address.

import type { Deployment } from "../turn/deployment.ts";
import { makeFault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import { AUTO_MODEL, type Resolution } from "./candidates.ts";
import type { PlanInput, PlanResult } from "./plan.ts";
import { rateQuality } from "./rating.ts";
import type { Exclusion } from "./rules.ts";

/** Most names or reasons quoted in one message. */
const QUOTED_MAX = 8;
/** Longest piece of a caller's name that is repeated, in characters. */
const QUOTED_LENGTH_MAX = 100;

export function unknownModel(input: PlanInput): PlanResult {
  const known = [
    AUTO_MODEL,
    ...input.names.logicalModels.keys(),
    ...input.names.deployments.map((deployment) => deployment.id),
  ];
  const shown = known.slice(0, QUOTED_MAX).join(", ");
  const more = known.length > QUOTED_MAX ? ", … (GET /v1/models lists all)" : "";
  const name = input.requested.slice(0, QUOTED_LENGTH_MAX);
  const message = `No model is named "${name}". Use one of: ${shown}${more}.`;
  return {
    ok: false,
    fault: makeFault("model_not_found", message, { param: "model" }),
    exclusions: [],
  };
}

export function noAttempt(
  resolution: Resolution,
  input: PlanInput,
  exclusions: readonly Exclusion[],
): PlanResult {
  const { profile, pin } = input;
  const why = exclusions
    .slice(0, QUOTED_MAX)
    .map((exclusion) => `${exclusion.deployment}: ${exclusion.reason}`)
    .join("; ");
  const model = pin?.substitute?.model ?? pin?.home.model ?? "";
  if (input.names.deployments.some((deployment) => deployment.model === model)) {
    // It is there, but not for this: waiting would not help, and the lock allows no other model.
    const message = `This conversation is pinned to ${model}, which cannot serve this request. ${why}`;
    return { ok: false, fault: makeFault("no_capable_model", message), exclusions };
  }
  if (pin !== null) {
    const message =
      `This conversation is pinned to ${pin.home.model}, which no configured deployment can serve ` +
      `for this request. Configure it again, or release the pin. ${why}`;
    return {
      ok: false,
      fault: makeFault("pinned_model_unavailable", message.trim(), { retryAfterSeconds: 30 }),
      exclusions,
    };
  }
  if (resolution.candidates.length === 0) {
    return {
      ok: false,
      fault: makeFault(
        "no_deployment",
        "No model is configured. Add a provider to the configuration; `fairlead check` shows what is there.",
      ),
      exclusions,
    };
  }
  const floored = exclusions.find((exclusion) => exclusion.reason.includes("floor"));
  if (floored !== undefined) {
    const kind = profile.qualityKind;
    const best = bestOf(resolution, profile);
    const message =
      `No model meets the floor of profile ${profile.name} (${profile.floor?.toFixed(2)} for ${kind}). ` +
      `Rate one in fairlead.yaml, for example ratings: { "${best}": { ${kind}: ${profile.floor} } }, ` +
      `name a model explicitly, or choose another profile. ${why}`;
    return { ok: false, fault: makeFault("floor_unmet", message), exclusions };
  }
  return {
    ok: false,
    fault: makeFault("no_capable_model", `No configured model can serve this request. ${why}`, {
      param: "model",
    }),
    exclusions,
  };
}

/** The model an operator would rate first: the best rated of the candidates, else the first. */
function bestOf(resolution: Resolution, profile: Profile): string {
  const rating = (deployment: Deployment): number =>
    rateQuality(deployment.quality, profile.qualityKind)?.value ?? -1;
  const [best] = [...resolution.candidates].sort((left, right) => rating(right) - rating(left));
  return best?.model ?? "model-name";
}
