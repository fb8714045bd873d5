// Walks the plan of a turn and hands the answer to the client as it comes.
// Must never take a step that changes the model before that change is stored (I2).

import type { Repetition } from "../conversation/divergence/stream-repetition.ts";
import type { PlannedAttempt } from "../routing/plan.ts";
import { unitHash } from "../routing/unit-hash.ts";
import { makeFault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import type { OpenedAnswer } from "../upstream/event-relay.ts";
import type { Walked } from "../upstream/walk.ts";
import { watchAnswer } from "./answer-watch.ts";
import { openStream, type AnswerHead } from "./answer.ts";
import { decideHop, type Decision } from "./decide.ts";
import { sendAttempt } from "./send-attempt.ts";
import type { Call, Stations } from "./stations.ts";

/** First pause between two walks of a patient profile, in milliseconds; it doubles up to the longest. */
const WAIT_MS_MIN = 250;
const WAIT_MS_MAX = 30_000;
/** Most tries of one turn that its receipt tells, and how many of them are the first ones. */
const RECORDED_MAX = 32;
const RECORDED_FIRST = 8;

/** Hops that must be stored before bytes go upstream (I2). */
const CHANGES_MODEL: ReadonlySet<PlannedAttempt["hop"]> = new Set(["move", "substitute", "return"]);

export interface Sending {
  readonly call: Call;
  readonly decision: Decision | null;
  readonly profile: Profile;
  readonly plan: NonNullable<AnswerHead["plan"]>;
}

export interface Sent {
  readonly walked: Walked<PlannedAttempt>;
  /** The decision, with the rows that a change of model has stored. */
  readonly decision: Decision | null;
  readonly overheadMs: number;
  /** What the watch found in the answer; null: nothing, or nobody watched. */
  readonly repetition: Repetition | null;
  /** Tries that are not among `walked.attempts`, because there were too many. */
  readonly leftOut: number;
}

/** Sends the turn. A patient profile (BATCH) walks its plan again while a provider is busy. */
export async function sendTurn(stations: Stations, sending: Sending): Promise<Sent> {
  const first = await walkOnce(stations, sending);
  const { underLoad } = sending.profile;
  if (underLoad.strategy !== "wait") return first;
  return waitAndWalk(stations, sending, first);
}

async function waitAndWalk(stations: Stations, sending: Sending, first: Sent): Promise<Sent> {
  const { clock, counters } = stations;
  const { waitMsMax, queueMax } = sending.profile.underLoad;
  const deadline = clock.monotonicMs() + waitMsMax;
  let sent = first;
  let grownMs = WAIT_MS_MIN;
  while (isBusy(sent.walked) && !sending.call.reply.gone()) {
    const { restMs } = sent.walked;
    const pauseMs = Math.max(grownMs, restMs);
    grownMs = Math.min(WAIT_MS_MAX, grownMs * 2);
    // What cannot be tried again in time is told at once: waiting would not help.
    if (clock.monotonicMs() + pauseMs > deadline) return sent;
    if (counters.waiting >= queueMax) return queueFull(sent);
    counters.waiting += 1;
    try {
      await pause(pauseMs, sending.call);
    } finally {
      counters.waiting -= 1;
    }
    const next = await walkOnce(stations, { ...sending, decision: sent.decision });
    sent = joined(sent, next);
  }
  return sent;
}

/** Two walks of one turn as one. */
function joined(sent: Sent, next: Sent): Sent {
  const { attempts, dropped } = joinAttempts(sent.walked.attempts, next.walked.attempts);
  return {
    ...next,
    overheadMs: sent.overheadMs,
    walked: { ...next.walked, attempts },
    leftOut: sent.leftOut + dropped,
  };
}

/** The first tries and the last ones, in order, and how many between them had to go. Pure. */
export function joinAttempts<Attempt>(before: readonly Attempt[], next: readonly Attempt[]) {
  const all = [...before, ...next];
  const dropped = Math.max(0, all.length - RECORDED_MAX);
  const attempts = [...all.slice(0, RECORDED_FIRST), ...all.slice(RECORDED_FIRST + dropped)];
  return { attempts, dropped };
}

/** Busy: nothing has gone to the client, and waiting may help. */
function isBusy(walked: Walked<PlannedAttempt>): boolean {
  const { result } = walked;
  return result.kind === "failed" && !result.started && result.failure.fault.retryable;
}

function queueFull(sent: Sent): Sent {
  const { result } = sent.walked;
  if (result.kind !== "failed") return sent;
  const message = "Too many turns wait for a busy provider already. Try again later.";
  const fault = makeFault("queue_full", message, { retryAfterSeconds: 30 });
  return {
    ...sent,
    walked: { ...sent.walked, result: { ...result, failure: { ...result.failure, fault } } },
  };
}

function pause(milliseconds: number, call: Call): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    const stop = call.reply.onGone(done);
    function done(): void {
      clearTimeout(timer);
      stop();
      resolve();
    }
  });
}

async function walkOnce(stations: Stations, sending: Sending): Promise<Sent> {
  const { call, plan } = sending;
  let decision = sending.decision;
  let current: PlannedAttempt | null = null;
  let overheadMs = 0;
  const before = async (planned: PlannedAttempt): Promise<boolean> => {
    if (decision !== null && CHANGES_MODEL.has(planned.hop)) {
      const hop = await decideHop(stations, decision, planned);
      if (!hop.ok) return false;
      decision = hop.decision;
    }
    current = planned;
    if (overheadMs === 0) overheadMs = stations.clock.monotonicMs() - call.startedMs;
    return true;
  };
  const sink = {
    open: ({ headers, warnings }: OpenedAnswer) => {
      openStream({ ...headOf(sending, decision, current), warnings }, headers);
    },
    write: (bytes: Buffer) => call.reply.write(bytes),
    whenDrained: (resume: () => void) => {
      call.reply.whenDrained(resume);
    },
  };
  const watch = watchAnswer(sending);
  const walked = await stations.walker.walk({
    steps: plan.attempts.map((planned) => ({
      planned,
      deployment: planned.deployment,
      isExtra: planned.hop === "exception",
    })),
    before,
    send: (target) => sendAttempt(stations, { call, decision, target, sink, watch }),
    carriesNew: decision !== null && decision.asked.correction !== null,
    random: stations.random,
    keyDraw: keyDraw(stations, sending),
    clock: stations.clock,
  });
  return { walked, decision, overheadMs, repetition: watch?.found() ?? null, leftOut: 0 };
}

/** A conversation stays with one key of a provider, where its prompt cache is warm; all else is spread. */
function keyDraw(stations: Stations, { decision, profile }: Sending): number {
  const spread = decision === null || profile.pin.mode === "none";
  return spread ? stations.random() : unitHash(decision.key);
}

export function headOf(
  sending: Sending,
  decision: Decision | null,
  planned: PlannedAttempt | null,
): AnswerHead {
  return {
    call: sending.call,
    decision,
    profile: sending.profile.name,
    plan: sending.plan,
    planned,
    state: null,
    warnings: [],
  };
}
