// What routing needs to know of a request and of its conversation, as plain values. Decides nothing.

import { headerValue } from "../api/headers.ts";
import { pinnedModel } from "../conversation/pin.machine.ts";
import type { PinEntry } from "../conversation/record.ts";
import type { CountedTokens } from "../routing/context-room.ts";
import type { PinView, PlanInput } from "../routing/plan.ts";
import type { Deployment } from "../turn/deployment.ts";
import type { Profile } from "../turn/profile.ts";
import { reachableFrom } from "../upstream/outbound.ts";
import { tokensAtLeast } from "../upstream/tokens/vocabulary.ts";
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
    names: call.offer.names,
    needs: {
      dialects: reachableFrom(request.dialect, {
        translates: call.wire.codec !== null && request.needsOwnDialect !== true,
      }),
      provider: call.goesOnFrom === null ? null : { id: call.goesOnFrom.provider },
      region: call.own.region,
      tools: request.hasTools,
      vision: request.hasImages,
      json: request.wantsJson,
      inputTokensMin: request.inputTokensMin,
      tokens: tokensOf(call),
    },
    profile: turn.profile,
    pin: turn.profile.pin.mode === "none" ? null : pinView(turn.pin),
    oneModel: call.wire.stateless?.oneModel ?? false,
    measure: (deployment) => stations.health.measure(deployment, now),
    split: {
      affinity: call.identity.kind === "none" ? null : `${call.caller.tenant}\n${call.identity.id}`,
      header: (name) => headerValue(call.headers, name),
      random: stations.random(),
    },
  };
}

function tokensOf({ inputTokens, request }: Call): CountedTokens | null {
  if (inputTokens === null) return null;
  const inputOf = ({ model }: Deployment): number => tokensAtLeast(inputTokens, model);
  return { inputOf, answer: request.answerTokens ?? 0 };
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
