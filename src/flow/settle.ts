// Writes an ended turn into the books: rows and receipt in one transaction, on whatever rows are newest (I1, I3, I4).
// Must never lose a fact: what the store cannot take is spilled to the journal, and counted.

import { seenBy } from "../conversation/ask-turn.ts";
import { settlePin, settleTurn, type TurnFacts } from "../conversation/settle-turn.ts";
import type { ConversationRecord } from "../conversation/record.ts";
import type { ReceiptWrite } from "../conversation/store-port.ts";
import type { Receipt } from "../receipts/receipt.ts";
import { linksOf, type LinkedThread } from "./answer-links.ts";
import type { Decision } from "./decide.ts";
import { costOf, isException, pinWord, receiptOf, usageOf, type EndedTurn } from "./ended-turn.ts";
import { storeLateTurn, type LateTurn } from "./late-turn.ts";
import { reloadTurn } from "./load-turn.ts";
import { commitRows, type ConversationRow, type ThreadRow } from "./rows.ts";
import type { Stations } from "./stations.ts";

/** Most rounds of compare-and-set. Each lost one means that another turn of the conversation was stored. */
const SETTLE_ROUNDS_MAX = 256;
/** How long the last event of an answer may wait for the commit, in milliseconds (I1). */
export const SETTLE_WAIT_MS = 50;
const DAY_MS = 86_400_000;

export interface Settled {
  /** False: the answer is delivered, but the books do not hold the turn yet. */
  readonly saved: boolean;
  readonly receipt: Receipt;
  /** Value of `x-conversation-state`; null on the stateless path. */
  readonly state: string | null;
}

/** Settles the turn, and counts it once the books are kept; never rejects. */
export async function settle(stations: Stations, turn: EndedTurn): Promise<Settled> {
  const settled = await keepBooks(stations, turn);
  stations.metrics.countTurn({ receipt: settled.receipt, dialect: turn.call.request.dialect });
  return settled;
}

async function keepBooks(stations: Stations, turn: EndedTurn): Promise<Settled> {
  try {
    return await (turn.decision === null || turn.decision.degraded
      ? settleReceipt(stations, turn)
      : settleRows(stations, turn, turn.decision));
  } catch (error) {
    return spillTurn(stations, turn, error);
  }
}

/** Waits at most as long as a last event may be held back; the books are finished behind it. */
export async function settleWithin(
  stations: Stations,
  turn: EndedTurn,
  waitMs: number,
): Promise<Settled> {
  const settled = settle(stations, turn);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), waitMs);
  });
  const first = await Promise.race([settled, late]);
  clearTimeout(timer);
  if (first !== null) return first;
  return { saved: false, receipt: receiptOf(stations, turn, null), state: stateWhenUnsaved(turn) };
}

function stateWhenUnsaved(turn: EndedTurn): string | null {
  if (turn.decision === null) return null;
  return turn.decision.degraded ? "degraded" : "unsaved";
}

/** A turn without rows: stateless, or served while the store was down. */
async function settleReceipt(stations: Stations, turn: EndedTurn): Promise<Settled> {
  const receipt = receiptOf(stations, turn, null);
  if (turn.decision !== null) rememberServed(stations, turn, turn.decision);
  await storeLateTurn(stations, lateTurn(stations, turn, receipt));
  return { saved: true, receipt, state: turn.decision === null ? null : "degraded" };
}

/** While the rows cannot be written, this process at least knows whether the pinned model has answered. */
function rememberServed(stations: Stations, turn: EndedTurn, decision: Decision): void {
  const known = stations.pinCache.recall(decision.key);
  // What was stored once and is known no more has been deleted since, or pushed out: it is not brought back.
  if (known === null && !decision.degraded) return;
  const { record } = decision.conversation;
  // Turns beside this one may have told the cache more than this one has seen.
  const { pins, profile } = known ?? record;
  const newest = { ...record, pins: [...pins], profile };
  const now = stations.clock.now();
  const facts = { requestId: turn.call.requestId, served: servedUnderPin(turn, decision), now };
  stations.pinCache.rememberUnstored(decision.key, settlePin(newest, facts));
}

function settleRows(stations: Stations, turn: EndedTurn, decision: Decision): Promise<Settled> {
  return stations.queue.run(decision.key, async () => {
    let rows: Rows = { conversation: decision.conversation, thread: decision.thread, decision };
    for (let round = 0; round < SETTLE_ROUNDS_MAX; round += 1) {
      const settled = await settleOnce(stations, turn, rows);
      if (settled !== null) return settled;
      stations.counters.conflicts += 1;
      rows = await reload(stations, rows);
    }
    throw new Error("the conversation changed too often to settle the turn");
  });
}

interface Rows {
  readonly conversation: ConversationRow;
  readonly thread: ThreadRow;
  readonly decision: Decision;
}

/** Null: another turn was stored in between. */
async function settleOnce(
  stations: Stations,
  turn: EndedTurn,
  rows: Rows,
): Promise<Settled | null> {
  const { conversation, thread, decision } = rows;
  const { before, stored } = decision;
  const cost = costOf(turn);
  const facts = factsOf(stations, turn, rows);
  const settled = settleTurn(conversation.record, thread.record, facts);
  const state = settled.thread.machine.value;
  const receipt = receiptOf(stations, turn, {
    steps: [
      ...(stored === null ? [] : [{ before, after: stored }]),
      { before: conversation.record, after: settled.record },
    ],
    turn: settled.turn,
    state,
  });
  const outcome = await commitRows(stations, {
    tenant: turn.call.caller.tenant,
    profile: decision.profile,
    conversation: { ...conversation, record: settled.record },
    thread: { ...thread, record: settled.thread },
    addSpentNanoUsd: cost ?? 0,
    receipts: [receiptWrite(stations, receipt, turn)],
    answers: linksOf(stations, turn, linkedThread(turn, settled.record, thread.id)),
    now: facts.now,
  });
  if (outcome === "conflict") return null;
  return { saved: true, receipt, state };
}

/** Where a request that names this answer goes on. */
function linkedThread(turn: EndedTurn, record: ConversationRecord, thread: string): LinkedThread {
  const turns = record.threads.find(({ id }) => id === thread)?.turns ?? 0;
  return { conversation: turn.call.identity.id, thread, turns };
}

async function reload(stations: Stations, rows: Rows): Promise<Rows> {
  const { decision } = rows;
  const loaded = await reloadTurn(stations, decision.call, decision);
  if (loaded.degraded) throw new Error("the store went away while a turn was settled");
  return { conversation: loaded.conversation, thread: loaded.thread, decision };
}

function factsOf(stations: Stations, turn: EndedTurn, rows: Rows): TurnFacts {
  const { decision, conversation } = rows;
  const { asked, question, call } = decision;
  const seen = seenBy(asked, question);
  const refused = turn.correctionRefused && asked.correction !== null ? [asked.correction.id] : [];
  const served = turn.outcome === "failed" || turn.outcome === "ended" ? null : turn.served;
  const moved = ["moved", "returned", "substituted"].includes(pinWord(decision, served));
  const cost = costOf(turn);
  return {
    requestId: call.requestId,
    seen: { ...seen, threadId: rows.thread.id },
    turn: asked.turn,
    threadTurn: asked.threadTurn,
    counted: decision.counted,
    resend: asked.resend,
    idempotency: question.idempotency,
    outcome: turn.outcome,
    said: call.request.keepsState === true ? (turn.summary.said ?? null) : null,
    rules: question.profile.divergence.loop,
    // An answer that goes round in circles is none that a thread has come to.
    answered:
      turn.outcome === "completed" &&
      turn.summary.toolCalls.length === 0 &&
      turn.repetition === null,
    repetition: turn.repetition,
    usage: usageOf(turn).usage,
    costNanoUsd: cost,
    spentNanoUsd: conversation.spentNanoUsd + (cost ?? 0),
    served: servedUnderPin(turn, decision),
    episode: asked.episode,
    pinMoved: moved,
    final: call.own.final,
    refusedCorrections: refused,
    now: stations.clock.now(),
  };
}

/** What the pin has to know of the answer; null when there was none, or when nothing is pinned. */
function servedUnderPin(turn: EndedTurn, decision: Decision): TurnFacts["served"] {
  const { served, outcome } = turn;
  const none = served === null || outcome === "failed" || outcome === "ended";
  if (none || decision.profile.pin.mode === "none") return null;
  return {
    requested: turn.call.request.model,
    deployment: served.id,
    model: served.model,
    exception: isException(decision, served),
  };
}

function receiptWrite(stations: Stations, receipt: Receipt, turn: EndedTurn): ReceiptWrite {
  return {
    requestId: turn.call.requestId,
    at: turn.call.at,
    expiresAt: turn.call.at + stations.config.receipts.retentionDays * DAY_MS,
    body: JSON.stringify(receipt),
  };
}

/** The same without newest rows: of a thread that goes on nothing is counted. */
function linkedBefore({ call, decision }: EndedTurn): LinkedThread | null {
  if (decision === null) return null;
  const { threadId, threadTurn } = decision.asked;
  return { conversation: call.identity.id, thread: threadId, turns: threadTurn };
}

/** All that has to be added to the books, for as long as they cannot be opened. */
function lateTurn(stations: Stations, turn: EndedTurn, receipt: Receipt): LateTurn {
  const { decision, outcome } = turn;
  const counts =
    decision !== null &&
    !decision.counted &&
    !decision.asked.resend &&
    decision.asked.kind !== "side";
  return {
    tenant: turn.call.caller.tenant,
    receipt: receiptWrite(stations, receipt, turn),
    answers: [...linksOf(stations, turn, linkedBefore(turn))],
    conversation:
      decision === null
        ? null
        : {
            key: decision.key,
            counts,
            thread: decision.asked.threadId,
            unsent: decision.degraded,
            begun: begunIn(stations, decision),
            outcome,
            costNanoUsd: costOf(turn),
            usage: usageOf(turn).usage,
            served: servedUnderPin(turn, decision),
          },
  };
}

/** What its conversation is made of, if it has none yet; null: it is stored, or was. */
function begunIn(stations: Stations, decision: Decision) {
  const { conversation, degraded, key } = decision;
  const known = stations.pinCache.recall(key)?.stored === true;
  if (!degraded || known || conversation.version > 0) return null;
  const { displayId, identity, profile, budgetNanoUsd, createdAt, pins } = conversation.record;
  return { displayId, identity, profile, budgetNanoUsd, createdAt, pins };
}

/** The store cannot take the turn: its receipt goes to the journal, from where it is stored later. */
async function spillTurn(stations: Stations, turn: EndedTurn, error: unknown): Promise<Settled> {
  const { call, decision } = turn;
  stations.counters.unsaved += 1;
  if (decision !== null) rememberServed(stations, turn, decision);
  const receipt = receiptOf(stations, turn, null);
  const reason = error instanceof Error ? error.message : "unknown";
  const line = JSON.stringify(lateTurn(stations, turn, receipt));
  const kept = await stations.spill(line).catch(() => false);
  stations.log.error({ requestId: call.requestId, reason, kept }, "turn could not be stored");
  return { saved: false, receipt, state: stateWhenUnsaved(turn) };
}
