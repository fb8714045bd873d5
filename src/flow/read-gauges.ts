// What /metrics shows beside the receipts: what this process has counted, and how its providers are just now.
// Must never ask a store or an upstream: a scrape comes every few seconds, and most of all in times of trouble.

import type { Readings, StateCount } from "../receipts/metrics.ts";
import { listProviders } from "./read-providers.ts";
import type { Stations } from "./stations.ts";

const KEY_STATES = ["ok", "resting", "quarantined"] as const;
const DEPLOYMENT_STATES = ["ok", "cooling", "resting"] as const;

/** The counters, and for every configured provider how many of its keys and models are in each state, 0 included. */
export function readGauges(stations: Stations): Readings {
  const providers = listProviders(stations).data;
  return {
    counters: stations.counters,
    keys: providers.flatMap(({ id, keys }) => countStates(id, KEY_STATES, keys)),
    deployments: providers.flatMap(({ id, deployments }) =>
      countStates(id, DEPLOYMENT_STATES, deployments),
    ),
  };
}

function countStates(
  provider: string,
  states: readonly string[],
  found: readonly { readonly state: string }[],
): readonly StateCount[] {
  return states.map((state) => ({
    provider,
    state,
    count: found.filter((one) => one.state === state).length,
  }));
}
