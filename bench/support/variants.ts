// The table of what is compared, and how each of it is started.
// Must never give one variant what another does not get: same cores, same stub, same requests.

import { join } from "node:path";
import { prepareFairlead } from "./fairlead.ts";
import type { LoadOrder } from "./load-protocol.ts";
import { prepareNginx } from "./nginx.ts";
import {
  type RunningProcess,
  type StartOptions,
  findFreePort,
  makeTemporaryFolder,
  startProcess,
  waitUntilReady,
} from "./processes.ts";

const READY_MS_MAX = 15_000;

/** The yardstick of every ratio. */
export const BARE = "bare";

export interface VariantPlace {
  /** Folder of its own, deleted afterwards. */
  readonly folder: string;
  readonly port: number;
  readonly upstreamPort: number;
  readonly core: number | null;
  readonly fairleadCli: string | null;
}

export interface Variant {
  readonly name: string;
  readonly title: string;
  readonly conversation: LoadOrder["conversation"];
  /** Left out of quick runs. */
  readonly fullOnly: boolean;
  /** Throws an Error that says why it cannot be started here. */
  prepare(place: VariantPlace): StartOptions;
}

function relay(file: string, ...flags: readonly string[]): Variant["prepare"] {
  return ({ port, upstreamPort, core }) => ({
    command: process.execPath,
    args: [
      join(import.meta.dirname, file),
      "--port",
      String(port),
      "--upstream",
      `http://127.0.0.1:${upstreamPort}`,
      ...flags,
    ],
    core,
  });
}

const fairlead: Variant["prepare"] = (place) =>
  prepareFairlead({ ...place, cli: place.fairleadCli });

const stateless = { conversation: "none", fullOnly: false } as const;

export const VARIANTS: readonly Variant[] = [
  {
    ...stateless,
    name: BARE,
    title: "bare relay (node:http + undici)",
    prepare: relay("bare-relay.ts"),
  },
  { ...stateless, name: "nginx", title: "nginx proxy_pass", prepare: prepareNginx },
  { ...stateless, name: "fastify", title: "Fastify relay", prepare: relay("fastify-relay.ts") },
  {
    ...stateless,
    name: "fastify-parse",
    title: "Fastify, parse + write anew",
    fullOnly: true,
    prepare: relay("fastify-relay.ts", "--reserialise"),
  },
  { ...stateless, name: "fairlead", title: "Fairlead stateless", prepare: fairlead },
  {
    name: "fairlead-conversation",
    title: "Fairlead conversation (SQLite)",
    conversation: "growing",
    fullOnly: false,
    prepare: fairlead,
  },
  {
    name: "fairlead-same-body",
    title: "Fairlead conversation, same body",
    conversation: "same",
    fullOnly: true,
    prepare: fairlead,
  },
];

export interface StartedVariant {
  readonly port: number;
  readonly pid: number;
  readonly process: RunningProcess;
  /** Ends the process and deletes its folder. */
  stop(): Promise<void>;
}

export interface StartVariantOptions {
  readonly upstreamPort: number;
  readonly core: number | null;
  readonly fairleadCli: string | null;
}

/** Starts a variant in a fresh process and folder. Rejects with the reason if it does not come up. */
export async function startVariant(
  variant: Variant,
  options: StartVariantOptions,
): Promise<StartedVariant> {
  const folder = makeTemporaryFolder();
  let started: RunningProcess | null = null;
  const stop = async (): Promise<void> => {
    await started?.stop();
    folder.remove();
  };
  try {
    const port = await findFreePort();
    started = await startProcess(variant.prepare({ ...options, folder: folder.path, port }));
    await waitUntilReady(started, `http://127.0.0.1:${port}/readyz`, READY_MS_MAX);
    return { port, pid: started.pid, process: started, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
