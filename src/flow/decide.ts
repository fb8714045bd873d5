// Load, ask, plan, and store what was decided before any byte goes upstream (I2, I3).
// Must never decide on an old row: a lost race means that everything is asked again on the newest one.

import { askTurn, pendingTurn, placeCorrection } from "../conversation/ask-turn.ts";
import { pinnedModel, type PinTarget } from "../conversation/pin.machine.ts";
import { decidePin, joinPin, leavePins, othersWait, pinOf } from "../conversation/pins.ts";
import type { ConversationRecord, PinEntry } from "../conversation/record.ts";
import type { TurnAsked } from "../conversation/turn-question.ts";
import type { Plan, PlannedAttempt, PlanResult } from "../routing/plan.ts";
import { rateQuality } from "../routing/rating.ts";
import { planStronger, type StrongerTurn } from "../routing/stronger.ts";
import type { Deployment } from "../turn/deployment.ts";
import { FaultError, makeFault, throwFault, type Fault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import { loadTurn, reloadTurn, type LoadedTurn } from "./load-turn.ts";
import { planTurn } from "./anchored.ts";
import { countForPlan } from "./context-fit.ts";
import { planInput } from "./plan-input.ts";
import { conversationKey, commitRows } from "./rows.ts";
import type { Call, Stations } from "./stations.ts";
import { withoutException } from "./stronger-turn.ts";

/** Most rounds of load, decide and compare-and-set: every lost round means that another turn went forward. */
const DECIDE_ROUNDS_MAX = 64;

/** All that is known of a turn when it is sent. */
export interface Decision extends LoadedTurn {
  readonly call: Call;
  readonly asked: TurnAsked;
  readonly plan: Plan | null;
  /** The conversation as it was before this turn. */
  readonly before: ConversationRecord;
  /** What the commit before the bytes has made of that; null: there was none. */
  readonly stored: ConversationRecord | null;
  /** Why there is no plan, when there is none. */
  readonly fault: Fault | null;
  readonly exclusions: Plan["exclusions"];
  /** The pin as it was before this turn; null when there was none. */
  readonly pinBefore: PinEntry | null;
  /** What came of a turn that was given to a stronger model; null for all others. */
  readonly stronger: StrongerTurn | null;
  /** This turn was counted by the commit before bytes. */
  readonly counted: boolean;
}

/** Decides a turn of a conversation. Throws a FaultError only where the turn may not be served at all. */
export function decide(stations: Stations, call: Call): Promise<Decision> {
  const key = conversationKey(call.caller.tenant, call.identity.id);
  return stations.queue.run(key, async () => {
    for (let round = 0; round < DECIDE_ROUNDS_MAX; round += 1) {
      const decision = await decideOnce(stations, call, key);
      if (decision !== null) return decision;
      stations.counters.conflicts += 1;
    }
    const message = "The conversation changed too often to be decided. Try again.";
    return throwFault("state_unavailable", message, { retryAfterSeconds: 1 });
  });
}

/** Null: another turn was faster. */
async function decideOnce(stations: Stations, call: Call, key: string): Promise<Decision | null> {
  const loaded = await loadTurn(stations, call, key);
  const first = evaluate(stations, call, loaded);
  const counted = await countForPlan(stations, call, first.plan);
  const decision = counted === null ? first : evaluate(stations, counted, loaded);
  if (loaded.degraded) return serveDegraded(stations, decision);
  if (!decision.asked.decided) return decision;
  try {
    return await storeDecision(stations, decision);
  } catch (error) {
    return serveUnstored(stations, decision, error);
  }
}

/** The store went away between reading and writing: serve on, marked, where the operator allows it (I7). */
function serveUnstored(stations: Stations, decision: Decision, error: unknown): Decision {
  stations.counters.degraded += 1;
  const reason = error instanceof Error ? error.message : "unknown";
  stations.log.warn({ requestId: decision.call.requestId, reason }, "decision could not be stored");
  if (stations.config.onStoreFailure === "strict") {
    const message = "The conversation's state cannot be stored just now. Try again shortly.";
    throw new FaultError(makeFault("state_unavailable", message, { retryAfterSeconds: 2 }), error);
  }
  return serveDegraded(stations, decision);
}

/** Only this process knows what was decided; a correction that no row would remember is not sent (I2). */
function serveDegraded(stations: Stations, decision: Decision): Decision {
  const { asked, conversation } = decision;
  stations.pinCache.rememberUnstored(decision.key, asked.record);
  const sent = asked.insertions.filter(({ correction }) => correction !== asked.correction?.id);
  return {
    ...withoutException(decision),
    asked: { ...asked, insertions: sent, correction: null },
    conversation: { ...conversation, record: asked.record },
    degraded: true,
  };
}

/** Everything pure: the conversation's answer, the plan, the pin, the correction's place. */
function evaluate(stations: Stations, call: Call, loaded: LoadedTurn): Decision {
  const { conversation, thread, question, profile } = loaded;
  const asked = askTurn(conversation.record, thread.record, question);
  const pinBefore = pinOf(asked.record, call.request.model);
  const counts = { counted: false, before: conversation.record, stored: null };
  const base = { ...loaded, call, pinBefore, ...counts, stronger: null };
  if (asked.ending !== null) {
    return { ...base, asked, plan: null, fault: null, exclusions: [] };
  }
  const input = planInput(stations, call, { profile, pin: pinBefore });
  const planned = planTurn(call, input);
  const first = firstDeployment(planned);
  if (first === null || !planned.ok) {
    const fault = planned.ok ? null : planned.fault;
    // A correction that cannot be sent is not decided: the next turn judges again.
    const undecided = { ...asked, correction: null, decided: false };
    const exclusions = planned.ok ? [] : planned.exclusions;
    return { ...base, asked: undecided, plan: null, fault, exclusions };
  }
  const placed = placeCorrection(asked, placeFor(stations, first));
  const pinned = pinFirst(placed, { call, profile, first, pinBefore });
  const { exclusions } = planned.plan;
  const turn = { ...base, asked: pinned, plan: planned.plan, fault: null, exclusions };
  // The pin is decided by the plan without the exception, so that the exception cannot become one.
  return asked.stronger ? { ...turn, ...planStronger(planned.plan, input) } : turn;
}

function firstDeployment(planned: PlanResult): Deployment | null {
  return planned.ok ? (planned.plan.attempts[0]?.deployment ?? null) : null;
}

function placeFor(stations: Stations, deployment: Deployment) {
  const refused = stations.health.refusesCorrections(deployment.id);
  const place = refused ? ("tool-result-tail" as const) : deployment.correctionPlace;
  return { place, model: deployment.model };
}

/** A first turn pins before it sends. Side requests use and hold a pin that is there, and set none. */
function pinFirst(
  asked: TurnAsked,
  turn: {
    readonly call: Call;
    readonly profile: Profile;
    readonly first: Deployment;
    readonly pinBefore: PinEntry | null;
  },
): TurnAsked {
  const { call, profile, pinBefore } = turn;
  const requested = call.request.model;
  const unpinned = pinBefore === null || pinBefore.snapshot.value === "unpinned";
  if (profile.pin.mode === "none" || (unpinned && asked.kind === "side")) return asked;
  const target = pinTarget(call, turn.first, profile);
  const record = unpinned
    ? decidePin(asked.record, { requested, kind: "pin.chosen", target, now: call.at })
    : asked.record;
  // Until the locked model has answered once, it is known who may still be answered by it.
  const locked = profile.pin.mode === "lock" && (unpinned || !pinBefore.served);
  const joined = locked
    ? joinPin(record, { requested, requestId: call.requestId, now: call.at })
    : record;
  return joined === asked.record ? asked : { ...asked, record: joined, decided: true };
}

function pinTarget(call: Call, deployment: Deployment, profile: Profile): PinTarget {
  return {
    deployment: deployment.id,
    model: deployment.model,
    rating: rateQuality(deployment.quality, profile.qualityKind)?.value ?? null,
    catalogVersion: call.offer.catalogVersion,
  };
}

/** Null: lost the race. */
async function storeDecision(stations: Stations, decision: Decision): Promise<Decision | null> {
  const { call, question, profile, conversation, thread } = decision;
  const pending = pendingTurn(decision.asked, question);
  const outcome = await commitRows(stations, {
    tenant: call.caller.tenant,
    profile,
    conversation: { ...conversation, record: pending.record },
    thread: { ...thread, record: pending.thread },
    addSpentNanoUsd: 0,
    receipts: [],
    now: call.at,
  });
  if (outcome === "conflict") return null;
  return {
    ...decision,
    asked: pending,
    stored: pending.record,
    conversation: {
      ...conversation,
      version: conversation.version + 1,
      record: pending.record,
    },
    thread: { ...thread, version: thread.version + 1, record: pending.thread },
    counted: pending.kind !== "side" && !pending.resend,
  };
}

/** What a step of the plan may do: go on with the newest rows, or not be taken. */
export type HopResult = { readonly ok: true; readonly decision: Decision } | { readonly ok: false };

/**
 * Stores a change of model before its first byte goes upstream (I2). Where another turn has changed it meanwhile, this
 * one follows or stays away; while another turn may still be answered by the model, a locked pin does not move.
 */
export function decideHop(
  stations: Stations,
  decision: Decision,
  planned: PlannedAttempt,
): Promise<HopResult> {
  return stations.queue.run(decision.key, async () => {
    try {
      for (let round = 0; round < DECIDE_ROUNDS_MAX; round += 1) {
        const loaded = await reloadTurn(stations, decision.call, decision);
        if (loaded.degraded) return hopUnstored(stations, decision, planned);
        const result = await hopOnce(stations, { decision, loaded, planned });
        if (result !== null) return result;
        stations.counters.conflicts += 1;
      }
      return { ok: false };
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown";
      stations.log.warn({ requestId: decision.call.requestId, reason }, "hop could not be stored");
      return hopUnstored(stations, decision, planned);
    }
  });
}

/** Without the store a conversation is served on, but a locked pin that is stored stays where it is (I7). */
function hopUnstored(stations: Stations, decision: Decision, planned: PlannedAttempt): HopResult {
  const bound = decision.profile.pin.mode === "lock" && !decision.degraded;
  if (stations.config.onStoreFailure === "strict" || bound) return { ok: false };
  const { ok, record } = hopRecord(stations, { decision, loaded: decision, planned });
  if (!ok) return { ok };
  stations.pinCache.rememberUnstored(decision.key, record);
  return { ok, decision: { ...decision, conversation: { ...decision.conversation, record } } };
}

interface Hop {
  readonly decision: Decision;
  readonly loaded: LoadedTurn;
  readonly planned: PlannedAttempt;
}

/** Null: lost the race. */
async function hopOnce(stations: Stations, hop: Hop): Promise<HopResult | null> {
  const { decision, loaded } = hop;
  const before = loaded.conversation.record;
  const { ok, record } = hopRecord(stations, hop);
  const conversation = { ...loaded.conversation, record };
  if (record === before) {
    return ok ? { ok, decision: { ...decision, conversation, thread: loaded.thread } } : { ok };
  }
  const outcome = await commitRows(stations, {
    tenant: decision.call.caller.tenant,
    profile: decision.profile,
    conversation,
    thread: loaded.thread,
    addSpentNanoUsd: 0,
    receipts: [],
    now: stations.clock.now(),
  });
  if (outcome === "conflict") return null;
  if (!ok) return { ok };
  return {
    ok,
    decision: {
      ...decision,
      conversation: { ...conversation, version: conversation.version + 1 },
      thread: { ...loaded.thread, version: loaded.thread.version + 1 },
    },
  };
}

/** The record after the hop; where it may not be taken, the record in which this turn waits no more. */
function hopRecord(
  stations: Stations,
  { decision, loaded, planned }: Hop,
): { readonly ok: boolean; readonly record: ConversationRecord } {
  const { call, profile } = decision;
  const { record } = loaded.conversation;
  const requested = call.request.model;
  const now = stations.clock.now();
  const pin = pinOf(record, requested);
  const held = pin === null ? null : pinnedModel(pin.snapshot);
  // A side request sets no pin, so there is none that its hop could change.
  if (pin === null || held === null) return { ok: decision.asked.kind === "side", record };
  if (held.model === planned.deployment.model) return { ok: true, record };
  if (profile.pin.mode === "lock") {
    const known = pinOf(decision.conversation.record, requested);
    const changed = known !== null && pinnedModel(known.snapshot)?.model !== held.model;
    const moves = planned.hop === "move";
    const bound = moves && (pin.served || othersWait(pin, { requestId: call.requestId }));
    if (changed || bound) return { ok: false, record: leavePins(record, call.requestId) };
  }
  const kind = kindOf(planned.hop);
  const target = pinTarget(call, planned.deployment, profile);
  const moved = decidePin(record, { requested, kind, target, now });
  // The machine has the last word: a substitute below the pin is refused there too.
  const taken = pinOf(moved, requested);
  const leads = taken === null ? null : pinnedModel(taken.snapshot);
  // Going back leads to the home model wherever it is served just now: its home stays where it is.
  const agreed =
    kind === "pin.returned"
      ? leads?.model === target.model
      : leads?.deployment === target.deployment;
  return agreed ? { ok: true, record: moved } : { ok: false, record };
}

function kindOf(hop: PlannedAttempt["hop"]): "pin.substituted" | "pin.returned" | "pin.moved" {
  if (hop === "substitute") return "pin.substituted";
  return hop === "return" ? "pin.returned" : "pin.moved";
}
