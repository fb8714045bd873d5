// What routing needs to know of a request and of its conversation, as plain values. Decides nothing.

import { headerValue } from "../api/headers.ts";
import { pinnedModel } from "../conversation/pin.machine.ts";
import type { PinEntry } from "../conversation/record.ts";
import type { PinView, PlanInput } from "../routing/plan.ts";
import type { Profile } from "../turn/profile.ts";
import { reachableFrom } from "../upstream/outbound.ts";
import type { Call, Stations } from "./stations.ts";

export function planInput(
  stations: Stations,
  call: Call,
  turn: { readonly profile: Profile; readonly pin: PinEntry | null },
): PlanInput {
  const { request } = call;
  const now = stations.clock.now();
  return {
    requested: request.model,
    names: stations.names,
    needs: {
      dialects: reachableFrom(request.dialect),
      tools: request.hasTools,
      vision: request.hasImages,
      json: request.wantsJson,
      inputTokensMin: request.inputTokensMin,
    },
    profile: turn.profile,
    pin: turn.profile.pin.mode === "none" ? null : pinView(turn.pin),
    measure: (deployment) => stations.health.measure(deployment, now),
    split: {
      affinity: call.identity.kind === "none" ? null : `${call.caller.tenant}\n${call.identity.id}`,
      header: (name) => headerValue(call.headers, name),
      random: stations.random(),
    },
  };
}

function pinView(pin: PinEntry | null): PinView | null {
  const home = pin?.snapshot.context.home ?? null;
  if (pin === null || home === null) return null;
  const held = pinnedModel(pin.snapshot);
  const isSubstitute = held !== null && held.model !== home.model;
  return {
    home,
    served: pin.served,
    away: pin.snapshot.context.away,
    substitute: isSubstitute ? held : null,
  };
}
