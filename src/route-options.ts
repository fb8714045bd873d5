// What every way into the gateway is given: the stations, who may call, and which turns are under way.

import type { Keyring } from "./admission/api-key.ts";
import type { Stations } from "./flow/stations.ts";

export interface RouteOptions {
  readonly stations: Stations;
  readonly keyring: Keyring;
  /** Says why the gateway is not ready; null when it is. */
  readonly notReady: () => Promise<string | null>;
  readonly startedAt: number;
  readonly version: string;
  /** The turns that are under way: what stops the gateway waits for them. */
  readonly turns: Set<Promise<void>>;
}
