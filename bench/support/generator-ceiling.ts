// What the load generator and the stub can do without a variant between them: if that is not far
// more than the bare relay does, the bench measures itself.
// Must never be left out of a throughput run: the machine decides it, not the code.

import type { LoadOrder } from "./load-protocol.ts";
import { type Surroundings, startStub } from "./surroundings.ts";

const WARM_UP_MS = 400;
const MEASURE_MS = 300;
const CONNECTIONS = 64;

export interface Ceiling {
  /** Requests per second of the generator with the stub on another core. */
  readonly generatorRate: number;
  /** Requests per second with the stub where it is during the measurement. */
  readonly generatorAndStubRate: number;
}

export async function measureCeiling(surroundings: Surroundings): Promise<Ceiling> {
  const { stub, port } = await startStub(surroundings.cores.variant);
  try {
    const generatorRate = await measureRate(surroundings, port);
    const generatorAndStubRate = await measureRate(surroundings, surroundings.upstreamPort);
    return { generatorRate, generatorAndStubRate };
  } finally {
    await stub.stop();
  }
}

async function measureRate(surroundings: Surroundings, port: number): Promise<number> {
  const order: LoadOrder = {
    port,
    size: "small",
    stream: false,
    conversation: "none",
    label: "ceiling",
    connections: CONNECTIONS,
    warmUpMs: WARM_UP_MS,
    measureMs: MEASURE_MS,
    watchPid: null,
    watchCore: null,
  };
  const { requests, elapsedMs } = await surroundings.load(order);
  return (requests / elapsedMs) * 1000;
}
