// What stands around a variant while it is measured: the upstream stub and the load generator.
// Must never run on the variant's core, and never be restarted between variants: both stay warm.

import { once } from "node:events";
import { join } from "node:path";
import { bodyOfTurn, makeTranscript } from "./bodies.ts";
import { type LoadOrder, type LoadResult, loadResultSchema } from "./load-protocol.ts";
import {
  type Cores,
  type RunningProcess,
  chooseCores,
  findFreePort,
  startProcess,
  waitUntilReady,
} from "./processes.ts";

const READY_MS_MAX = 5_000;
const CHECK_MS_MAX = 5_000;
/** Beyond warm-up, window and drain: then the generator hangs and the bench gives up. */
const RESULT_SPARE_MS = 10_000;
const CHECK_TEXT_MAX = 300;

export interface Surroundings {
  readonly cores: Cores;
  readonly upstreamPort: number;
  readonly stubPid: number;
  load(order: LoadOrder): Promise<LoadResult>;
  stop(): Promise<void>;
}

export async function startSurroundings(): Promise<Surroundings> {
  const cores = chooseCores();
  const { stub, port: upstreamPort } = await startStub(cores.stub);
  const generator = await startProcess({
    command: process.execPath,
    args: [join(import.meta.dirname, "load-generator.ts")],
    core: cores.generator,
    channel: true,
  });
  return {
    cores,
    upstreamPort,
    stubPid: stub.pid,
    load: (order) => sendOrder(generator, order),
    stop: async () => {
      await generator.stop();
      await stub.stop();
    },
  };
}

/** Starts one more stub, for instance to measure the load generator against it. */
export async function startStub(
  core: number | null,
): Promise<{ readonly stub: RunningProcess; readonly port: number }> {
  const port = await findFreePort();
  const stub = await startProcess({
    command: process.execPath,
    args: [join(import.meta.dirname, "upstream-stub.ts"), "--port", String(port)],
    core,
  });
  await waitUntilReady(stub, `http://127.0.0.1:${port}/`, READY_MS_MAX);
  return { stub, port };
}

async function sendOrder(generator: RunningProcess, order: LoadOrder): Promise<LoadResult> {
  const timeoutMs = order.warmUpMs + order.measureMs + RESULT_SPARE_MS;
  const answer = once(generator.child, "message", { signal: AbortSignal.timeout(timeoutMs) });
  generator.child.send(order);
  const [result] = await answer.catch((error: unknown) => {
    throw new Error(`the load generator does not answer: ${generator.lastWords()}`, {
      cause: error,
    });
  });
  return loadResultSchema.parse(result);
}

/**
 * Sends one request of each kind and compares the answer with the stub's: a variant that answers
 * something else must not be measured. Rejects with what came instead.
 */
export async function checkAnswers(port: number): Promise<void> {
  await checkAnswer(port, { stream: false, expected: '"content":"All rows are there now' });
  await checkAnswer(port, { stream: true, expected: "data: [DONE]" });
}

async function checkAnswer(
  port: number,
  { stream, expected }: { readonly stream: boolean; readonly expected: string },
): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer bench" },
    body: new Uint8Array(bodyOfTurn(makeTranscript("small", stream), 0)),
    signal: AbortSignal.timeout(CHECK_MS_MAX),
  });
  const text = await answer.text();
  if (answer.status !== 200 || !text.includes(expected)) {
    const kind = stream ? "streamed" : "JSON";
    throw new Error(`wrong ${kind} answer: ${answer.status} ${text.slice(0, CHECK_TEXT_MAX)}`);
  }
}
