// GET /v1/providers: how this process finds its providers just now, their keys named by position.
// Must never show a key, an address or a header of the operator's.

import type { FaultCode } from "../turn/fault.ts";
import { keyNames, type KeyView } from "../upstream/health.ts";
import type { Stations } from "./stations.ts";

/** Every configured provider with its keys and deployments, as they are at this moment. */
export function listProviders(stations: Stations) {
  const { config, clock } = stations;
  const now = clock.now();
  const { deployments } = stations.offer().names;
  return {
    object: "list",
    data: config.providers.map((provider) => {
      const names = keyNames(provider);
      return {
        id: provider.id,
        object: "provider",
        vendor: provider.vendor,
        dialects: provider.dialects,
        region: provider.region,
        keys: names.map((name) => keyView(name, stations.health.viewKey(name, null, now))),
        deployments: deployments
          .filter((deployment) => deployment.provider === provider.id)
          .map(({ id, model }) => deploymentView(stations, { id, model, names, now })),
      };
    }),
  };
}

interface Shown {
  readonly id: string;
  readonly model: string;
  /** Of its provider's keys. */
  readonly names: readonly string[];
  readonly now: number;
}

function deploymentView({ health }: Stations, { id, model, names, now }: Shown) {
  const { coolUntil, failuresInRow, firstByteMs } = health.viewDeployment(id, now);
  const resting = names.flatMap((name) => {
    const view = health.viewKey(name, id, now);
    return view.rest === null ? [] : [keyView(name, view)];
  });
  const asks = health.restedKeys(names, id, now).length > 0;
  return {
    id,
    model,
    state: coolUntil !== null ? "cooling" : asks ? "ok" : "resting",
    until: coolUntil === null ? null : iso(coolUntil),
    failures_in_row: failuresInRow,
    first_byte_ms: firstByteMs === null ? null : Math.round(firstByteMs * 10) / 10,
    /** Keys that rest for this model alone. */
    resting_keys: resting,
  };
}

interface ShownKey {
  readonly key: string;
  /** quarantined: it is refused or unpaid, and asked again after `until` only to see. */
  readonly state: "ok" | "resting" | "quarantined";
  readonly reason: FaultCode | null;
  readonly until: string | null;
  readonly last_limited_at: string | null;
}

function keyView(name: string, { rest, limitedAt }: KeyView): ShownKey {
  const state = rest === null ? "ok" : rest.quarantine ? "quarantined" : "resting";
  return {
    key: name.slice(name.indexOf("#") + 1),
    state,
    reason: rest?.code ?? null,
    until: rest === null ? null : iso(rest.until),
    last_limited_at: limitedAt === null ? null : iso(limitedAt),
  };
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
