// What a conversation learns when a turn has ended: facts only. The second half of a turn.
// Pure. Must never re-plan, remove a sent correction, or refuse a fact: it is applied to whatever row is newest (I3).

import type { ToolRules } from "../turn/profile.ts";
import type { ToolCall } from "../turn/transcript.ts";
import type { Usage } from "../turn/usage.ts";
import { absorb, type Seen } from "./absorb.ts";
import { isCalm } from "./calm-life.ts";
import { nextLife } from "./conversation.machine.ts";
import { isDue, retireCorrection } from "./corrections.ts";
import { followEpisodes, spendOnEpisode } from "./episodes.ts";
import type { Evidence } from "./evidence.ts";
import { noteAnswer } from "./gather-steps.ts";
import { nextPin, pinnedModel } from "./pin.machine.ts";
import { noteRepetition } from "./divergence/answer-finding.ts";
import type { Repetition } from "./divergence/stream-repetition.ts";
import type { ConversationRecord, ThreadRecord, TurnOutcome } from "./record.ts";
import { nextThread } from "./thread.machine.ts";
import { leavePins, pinOf, withPin } from "./pins.ts";

export interface TurnFacts {
  readonly requestId: string;
  readonly seen: Seen;
  /** Number the turn was given when it was asked. */
  readonly turn: number;
  /** Number of the turn among those of its thread. */
  readonly threadTurn: number;
  /** True when the pending commit has counted this turn already. */
  readonly counted: boolean;
  readonly resend: boolean;
  readonly idempotency: string | null;
  readonly outcome: TurnOutcome;
  /** What the answer asked for and said, where the next request may go on without repeating it. */
  readonly said?: { readonly calls: readonly ToolCall[]; readonly text: string } | null;
  /** Rules of the profile for single tools. */
  readonly rules?: ToolRules;
  /** The answer asked for no tool: the thread came to an answer of its own. */
  readonly answered: boolean;
  /** What was found in the text of the answer: judged when the next turn is asked. */
  readonly repetition: Repetition | null;
  readonly usage: Usage;
  /** Null: the price is not known. */
  readonly costNanoUsd: number | null;
  readonly spentNanoUsd: number;
  /** Requested model name and what served it; null when nothing did. */
  readonly served: {
    readonly requested: string;
    readonly deployment: string;
    readonly model: string;
    /** Served outside the pin on purpose, for this one turn. */
    readonly exception: boolean;
  } | null;
  /** Id of the episode that was open when the turn was sent. */
  readonly episode: string | null;
  readonly pinMoved: boolean;
  /** `X-Conversation-Final: true`. */
  readonly final: boolean;
  /** Ids of corrections the upstream refused, with the reason. */
  readonly refusedCorrections: readonly string[];
  readonly now: number;
}

export interface TurnSettled {
  readonly record: ConversationRecord;
  readonly thread: ThreadRecord;
  /** Number of the turn in the books: exact even when parallel turns were given the same one. */
  readonly turn: number;
}

/** Applies the facts of one turn to the newest rows. */
export function settleTurn(
  record: ConversationRecord,
  thread: ThreadRecord,
  facts: TurnFacts,
): TurnSettled {
  // What a commit before the bytes has taken in is not new any more, even where it looks like the next request.
  const pending = thread.lastTurn?.requestId === facts.requestId;
  const absorbed = absorb(record, thread, pending ? { ...facts.seen, steps: [] } : facts.seen);
  const side = facts.seen.kind === "side";
  const adds = !facts.counted && !facts.resend && !side;
  const turn = adds ? record.turns + 1 : facts.turn;
  const settledThread = settleThread(absorbed.thread, { ...facts, turn }, record);
  const amounts = { spentNanoUsd: facts.spentNanoUsd, budgetNanoUsd: record.budgetNanoUsd };
  const life =
    !facts.final && isCalm(record.life, amounts)
      ? record.life
      : nextLife(record.life, { type: "turn.ended", turn, ...amounts, final: facts.final });
  const counted: ConversationRecord = {
    ...absorbed.record,
    life,
    turns: adds ? record.turns + 1 : record.turns,
    sideTurns: record.sideTurns + (side ? 1 : 0),
    threads: absorbed.record.threads.map((entry) =>
      entry.id === facts.seen.threadId
        ? {
            ...entry,
            state: settledThread.machine.value,
            turns: entry.turns + (facts.resend || facts.counted ? 0 : 1),
          }
        : entry,
    ),
    totals: addTotals(record.totals, facts),
    updatedAt: facts.now,
  };
  const spent = spendOnEpisode(counted, { ...facts, isNewTurn: !facts.resend });
  const withOutcome = followEpisodes(spent, {
    thread: facts.seen.threadId,
    turn,
    threadTurn: facts.threadTurn,
    before: thread.machine.context,
    after: settledThread.machine.context,
    // A turn that ends opens nothing: only a verdict does. And it closes what it has answered.
    arm: "shadow",
    progress: true,
    byPerson: null,
    now: facts.now,
  });
  const withoutRefused = facts.refusedCorrections.reduce(
    (next, id) => retireCorrection(next, id, "refused by upstream"),
    withOutcome,
  );
  return { record: settlePin(withoutRefused, facts), thread: settledThread, turn };
}

function settleThread(
  thread: ThreadRecord,
  facts: TurnFacts,
  record: ConversationRecord,
): ThreadRecord {
  // Nothing to tell a calm machine: no transition is run for it.
  // Nor is a correction that no turn has carried yet to be thanked for an answer.
  const at = { record, threadId: facts.seen.threadId, turn: Number.MAX_SAFE_INTEGER };
  const listening =
    thread.machine.value !== "steady" &&
    facts.outcome === "completed" &&
    !isDue(thread.machine, at);
  const machine = listening
    ? nextThread(thread.machine, {
        type: "turn.answered",
        turn: facts.threadTurn,
        final: facts.answered,
      })
    : thread.machine;
  const previous = thread.lastTurn;
  const before = previous?.resends ?? 0;
  // A turn that was stored as pending has been counted as a resend by that already.
  const resends = previous?.requestId === facts.requestId ? before : facts.resend ? before + 1 : 0;
  return {
    ...noteRepetition(thread, facts),
    evidence: noteSaid(thread, facts),
    machine,
    lastTurn: {
      requestId: facts.requestId,
      number: facts.turn,
      outcome: facts.outcome,
      idempotency: facts.idempotency,
      resends,
    },
  };
}

function noteSaid({ evidence }: ThreadRecord, { said, rules = {} }: TurnFacts): Evidence {
  return said === null || said === undefined ? evidence : noteAnswer(evidence, { ...said, rules });
}

/** What a turn that ended means for its pin: it waits no more, and an answer of the pinned model binds. */
export function settlePin(
  before: ConversationRecord,
  facts: Pick<TurnFacts, "requestId" | "served" | "now">,
): ConversationRecord {
  const record = leavePins(before, facts.requestId);
  if (facts.served === null) return record;
  const { requested, deployment, model, exception } = facts.served;
  const pin = pinOf(record, requested);
  if (pin === null) return record;
  const unchanged =
    pin.snapshot.value === "home" && pin.snapshot.context.home?.deployment === deployment;
  const snapshot = unchanged
    ? pin.snapshot
    : nextPin(pin.snapshot, { type: "turn.served", deployment, model, exception });
  // Only an answer of the pinned model makes the pin binding.
  const served = pin.served || pinnedModel(snapshot)?.model === model;
  const waiting = served ? [] : pin.waiting;
  return withPin(record, { requested, snapshot, served, waiting, usedAt: facts.now });
}

/** The totals with one more turn in them. */
export function addTotals(
  totals: ConversationRecord["totals"],
  facts: Pick<TurnFacts, "usage" | "costNanoUsd" | "outcome" | "pinMoved">,
): ConversationRecord["totals"] {
  const failed = facts.outcome !== "completed" && facts.outcome !== "ended";
  return {
    inputTokens: totals.inputTokens + facts.usage.inputTokens,
    outputTokens: totals.outputTokens + facts.usage.outputTokens,
    cachedTokens: totals.cachedTokens + facts.usage.cacheReadTokens,
    unpricedTurns: totals.unpricedTurns + (facts.costNanoUsd === null ? 1 : 0),
    failedTurns: totals.failedTurns + (failed ? 1 : 0),
    pinMoves: totals.pinMoves + (facts.pinMoved ? 1 : 0),
  };
}
