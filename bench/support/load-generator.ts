// A process that loads one port with chat requests over raw sockets and reports what it saw.
// Must never be the bottleneck: prepared bytes, no HTTP client, no allocation per byte.
// Orders and results travel over the process's IPC channel (load-protocol.ts).

import { connect, type Socket } from "node:net";
import {
  type Transcript,
  bodyOfTurn,
  makeTranscript,
  messagesOfTurn,
  middleTurn,
} from "./bodies.ts";
import { coreBusyNs, processTreeCpuNs } from "./cpu.ts";
import { createMessageReader } from "./http-framing.ts";
import {
  type LoadOrder,
  type LoadResult,
  type Percentiles,
  loadOrderSchema,
} from "./load-protocol.ts";

const SAMPLES_MAX = 1_000_000;
const FAILURES_MAX = 50;
const FAILURE_TEXT_MAX = 300;
const RECEIVE_BUFFER_BYTES = 64 * 1024;
const DRAIN_MS_MAX = 3_000;
const NS_PER_MS = 1_000_000;

/** Everything one order counts. Replaced when the warm-up is over. */
interface Tally {
  requests: number;
  failures: number;
  firstFailure: string | null;
  readonly firstByteMs: number[];
  readonly endMs: number[];
}

interface Run {
  readonly order: LoadOrder;
  readonly makeRequest: RequestMaker;
  /** Number of the next request of each connection. */
  readonly positions: number[];
  tally: Tally;
  stopping: boolean;
  /** Connections that still wait for an answer. */
  inFlight: number;
}

/** Next request of each connection by label: conversations go on where the last order ended. */
const positions = new Map<string, number[]>();

/** Bytes of the n-th request of a connection: one string when small, pieces when large. */
type RequestMaker = (connection: number, sequence: number) => string | readonly Uint8Array[];

function newTally(): Tally {
  return { requests: 0, failures: 0, firstFailure: null, firstByteMs: [], endMs: [] };
}

function makeHead(order: LoadOrder, bodyBytes: number): string {
  return (
    `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${order.port}\r\n` +
    "accept: */*\r\nuser-agent: fairlead-bench\r\nauthorization: Bearer bench\r\n" +
    `content-type: application/json\r\ncontent-length: ${bodyBytes}\r\n`
  );
}

function createRequestMaker(order: LoadOrder): RequestMaker {
  const transcript = makeTranscript(order.size, order.stream);
  const turns = transcript.turnEnds.length;
  const prepared = transcript.turnEnds.map((_end, turn) => prepareTurn(order, transcript, turn));
  return (connection, sequence) => {
    // Staggered, so that the conversations do not all begin in the same moment.
    const position = sequence + Math.floor((connection * turns) / order.connections);
    const same = order.conversation === "same";
    const turn = prepared[same ? middleTurn(transcript) : position % turns];
    if (turn === undefined) throw new RangeError(`no turn at position ${position}`);
    const generation = same ? 0 : Math.floor(position / turns);
    const head = turn.head + conversationHeaders(order, `${connection}-${generation}`);
    if (turn.text !== null) return `${head}\r\n${turn.text}`;
    return [Buffer.from(`${head}\r\n`, "latin1"), turn.messages, transcript.tail];
  };
}

interface PreparedTurn {
  readonly head: string;
  /** The body of a small turn; null when it is sent as pieces. */
  readonly text: string | null;
  readonly messages: Buffer;
}

function prepareTurn(order: LoadOrder, transcript: Transcript, turn: number): PreparedTurn {
  const body = bodyOfTurn(transcript, turn);
  return {
    head: makeHead(order, body.length),
    text: order.size === "small" ? body.toString("latin1") : null,
    messages: messagesOfTurn(transcript, turn),
  };
}

function conversationHeaders(order: LoadOrder, id: string): string {
  if (order.conversation === "none") return "";
  return `x-conversation-id: bench-${order.label}-${id}\r\nx-router-profile: AGENT\r\n`;
}

function fail(run: Run, text: string): void {
  run.tally.failures += 1;
  run.tally.firstFailure ??= text.slice(0, FAILURE_TEXT_MAX);
  if (run.tally.failures >= FAILURES_MAX) run.stopping = true;
}

/** One connection that asks, waits for the whole answer and asks again until the run stops. */
function openConnection(run: Run, connection: number): Socket {
  let startedMs = 0;
  let firstByteMs = 0;
  let failure: string | null = null;
  let waiting = false;

  const read = createMessageReader({
    onHead: (head) => {
      failure = head.startsWith("HTTP/1.1 200") ? null : `${head.slice(0, head.indexOf("\r"))} `;
    },
    onBody: (piece) => {
      if (firstByteMs === 0) firstByteMs = performance.now();
      if (failure !== null && failure.length < FAILURE_TEXT_MAX) failure += piece.toString();
    },
    onEnd: () => {
      const { tally } = run;
      waiting = false;
      run.inFlight -= 1;
      if (failure !== null) fail(run, failure);
      tally.requests += 1;
      if (tally.endMs.length < SAMPLES_MAX) {
        tally.firstByteMs.push(firstByteMs - startedMs);
        tally.endMs.push(performance.now() - startedMs);
      }
      ask();
    },
  });
  const buffer = Buffer.alloc(RECEIVE_BUFFER_BYTES);
  const socket = connect({
    port: run.order.port,
    host: "127.0.0.1",
    noDelay: true,
    onread: {
      buffer,
      callback: (bytes) => {
        read(buffer.subarray(0, bytes));
        return true;
      },
    },
  });

  function ask(): void {
    if (run.stopping) return;
    const sequence = run.positions[connection] ?? 0;
    run.positions[connection] = sequence + 1;
    const request = run.makeRequest(connection, sequence);
    firstByteMs = 0;
    waiting = true;
    run.inFlight += 1;
    startedMs = performance.now();
    if (typeof request === "string") {
      socket.write(request, "latin1");
      return;
    }
    socket.cork();
    for (const piece of request) socket.write(piece);
    socket.uncork();
  }

  socket.once("connect", ask);
  socket.once("error", (error) => fail(run, `connection: ${error.message}`));
  socket.once("close", () => {
    if (waiting) {
      run.inFlight -= 1;
      fail(run, "the connection was closed before the answer was complete");
    } else if (!run.stopping) {
      fail(run, "the connection was closed between two requests");
    }
  });
  return socket;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function carryOut(order: LoadOrder): Promise<LoadResult> {
  const ownPositions = positions.get(order.label) ?? [];
  positions.set(order.label, ownPositions);
  const run: Run = {
    order,
    positions: ownPositions,
    makeRequest: createRequestMaker(order),
    tally: newTally(),
    stopping: false,
    inFlight: 0,
  };
  const sockets = Array.from({ length: order.connections }, (_, index) =>
    openConnection(run, index),
  );
  await sleep(order.warmUpMs);
  const warmUp = run.tally;
  run.tally = newTally();
  const before = readClocks(order);
  await sleep(order.measureMs);
  const after = readClocks(order);
  const { tally } = run;
  run.tally = newTally();
  run.stopping = true;
  await drain(run);
  for (const socket of sockets) socket.destroy();

  const cpuNs = subtract(after.watchedNs, before.watchedNs);
  const busyNs = subtract(after.coreNs, before.coreNs);
  const elapsedMs = after.nowMs - before.nowMs;
  return {
    requests: tally.requests,
    failures: warmUp.failures + tally.failures,
    firstFailure: warmUp.firstFailure ?? tally.firstFailure,
    elapsedMs,
    cpuNs,
    generatorCpuNs: subtract(after.ownNs, before.ownNs),
    foreignShare:
      cpuNs === null || busyNs === null
        ? null
        : Math.max(0, (busyNs - cpuNs) / (elapsedMs * NS_PER_MS)),
    firstByteMicros: percentiles(tally.firstByteMs),
    endMicros: percentiles(tally.endMs),
  };
}

async function drain(run: Run): Promise<void> {
  const deadlineMs = performance.now() + DRAIN_MS_MAX;
  while (run.inFlight > 0 && performance.now() < deadlineMs) await sleep(5);
}

interface Clocks {
  readonly nowMs: number;
  readonly watchedNs: number | null;
  readonly ownNs: number | null;
  readonly coreNs: number | null;
}

function readClocks({ watchPid, watchCore }: LoadOrder): Clocks {
  return {
    nowMs: performance.now(),
    watchedNs: watchPid === null ? null : processTreeCpuNs(watchPid),
    ownNs: processTreeCpuNs(process.pid),
    coreNs: watchCore === null ? null : coreBusyNs(watchCore),
  };
}

function subtract(after: number | null, before: number | null): number | null {
  return after === null || before === null ? null : after - before;
}

function percentiles(samplesMs: readonly number[]): Percentiles {
  const sorted = Float64Array.from(samplesMs).sort();
  const at = (share: number): number =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 1000;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

process.on("message", (message) => {
  carryOut(loadOrderSchema.parse(message))
    .then((result) => process.send?.(result))
    .catch((error: unknown) => {
      process.stderr.write(`load generator: ${String(error)}\n`);
      process.exit(1);
    });
});
process.on("disconnect", () => process.exit(0));
