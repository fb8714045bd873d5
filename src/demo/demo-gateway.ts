// Starts a whole gateway for the demo: on a free port, in memory, and the simulator alone behind it.
// Must never read the user's configuration file or environment.

import { loadConfig } from "../config.ts";
import type { Config } from "../config.ts";
import { createGateway } from "../gateway.ts";

export interface DemoGateway {
  /** Without a path. */
  readonly url: string;
  close(): Promise<void>;
}

/** Slow enough to watch the turns come in. */
const SIMULATOR_SPEED = 3;

/** Rejects when the gateway cannot start. */
export async function startDemoGateway(): Promise<DemoGateway> {
  const loaded = loadConfig({
    file: null,
    environment: {},
    flags: { host: "127.0.0.1", port: 0, store: "memory:", ledger: "memory:" },
    workingDirectory: import.meta.dirname,
  });
  if (!loaded.ok) throw new Error(loaded.faults.map((fault) => fault.message).join("; "));
  const config: Config = { ...loaded.config, log: { level: "silent" } };
  return createGateway({ config, simulatorSpeed: SIMULATOR_SPEED });
}
