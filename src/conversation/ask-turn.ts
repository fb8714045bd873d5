// What a conversation decides when a turn is asked: resend, verdict, correction, budget. The first half of a turn.
// Pure: no I/O, no clock, no randomness. Must never decide anything after bytes went upstream (that is settle-turn).

import { BUDGET_WARNED_PERCENT, nextLife } from "./conversation.machine.ts";
import { isCalm } from "./calm-life.ts";
import { budgetNote } from "./correction.ts";
import { addCorrection, BUDGET_PATTERN, standingCorrections } from "./corrections.ts";
import { absorb, type Seen } from "./absorb.ts";
import { openEpisode } from "./episodes.ts";
import { gatherSteps, type GatherOptions } from "./gather-steps.ts";
import { haltOf, isStrongerTurn, judgeTurn, withCorrection, withMachine } from "./judge-turn.ts";
import { personSpoke } from "./person-spoke.ts";
import type { ConversationRecord, CorrectionRecord, ThreadRecord } from "./record.ts";
import { nextThread } from "./thread.machine.ts";
import type { TurnAsked, TurnQuestion } from "./turn-question.ts";

export type { TurnAsked, TurnQuestion } from "./turn-question.ts";

/** Answers the question. The pin is decided beside this, by routing and the pin machine. */
export function askTurn(
  record: ConversationRecord,
  thread: ThreadRecord,
  question: TurnQuestion,
): TurnAsked {
  const resend = isResend(thread, question);
  const side = question.match.kind === "side";
  const turn = turnNumber(record, thread, { resend, side });
  const { by, equal } = question.match;
  // What went out before is kept by the provider, as all that came before it.
  const isKept = by === "answer" && !equal;
  const standing = isKept
    ? { record, insertions: [] }
    : standingCorrections(record, question.threadId, question.transcript);
  const steps =
    resend || side ? [] : gatherSteps(question.transcript, gathering(thread, question, turn));
  const amounts = { spentNanoUsd: question.spentNanoUsd, budgetNanoUsd: record.budgetNanoUsd };
  const life = isCalm(record.life, amounts)
    ? record.life
    : nextLife(record.life, { type: "turn.asked", turn, ...amounts });
  // The warning puts a note into a request: a turn that cannot carry one leaves it to the next.
  const carries = !resend && !side && question.correctionsWanted;
  const warned = life.value === "warned" && record.life.value !== "warned";
  const held = warned && !carries ? record.life : life;
  const threadTurn = threadTurnNumber(question, resend);
  const opened: TurnAsked = {
    record: { ...standing.record, life: held },
    thread,
    threadId: question.threadId,
    kind: question.match.kind,
    turn,
    threadTurn,
    resend,
    steps,
    verdict: null,
    insertions: standing.insertions,
    correction: null,
    stronger: !side && isStrongerTurn(thread.machine, threadTurn),
    episode: side ? null : (openEpisode(standing.record, question.threadId)?.id ?? null),
    decided: held !== record.life || standing.record !== record,
    ending: life.value === "exhausted" ? "budget" : haltOf(thread.machine, question),
  };
  const base = resend || side ? opened : resume(opened, question);
  if (base.ending !== null || resend || side) return base;
  const judged =
    question.divergence === "off" && !isCorrecting(thread) ? base : judgeTurn(base, question);
  if (!warned || !carries || judged.ending !== null) return judged;
  // One note a turn: a loop is the more urgent one, and the warning is given next time.
  if (judged.correction !== null) {
    return { ...judged, record: { ...judged.record, life: record.life } };
  }
  return withCorrection(judged, question, {
    text: budgetNote(BUDGET_WARNED_PERCENT),
    pattern: BUDGET_PATTERN,
    level: 0,
  });
}

/** What is new of the transcript, and what helps to read it. */
function gathering(thread: ThreadRecord, question: TurnQuestion, turn: number): GatherOptions {
  const { match, profile } = question;
  return {
    from: match.from,
    turn,
    rules: profile.divergence.loop,
    pending: thread.evidence.pending,
    condensed: match.by === "summary",
  };
}

/** A person may correct a thread whose profile does not watch for loops. */
function isCorrecting(thread: ThreadRecord): boolean {
  return thread.machine.value === "correcting";
}

/** What the ladder ended, a person opens again by saying something new; what a person halted stays halted. */
function resume(asked: TurnAsked, question: TurnQuestion): TurnAsked {
  if (asked.ending !== "loop" || !personSpoke(question.transcript, question.match.from)) {
    return asked;
  }
  const before = asked.thread.machine;
  const machine = nextThread(before, { type: "person.spoke", turn: asked.threadTurn });
  const resumed = { ...asked, thread: { ...asked.thread, machine }, decided: true };
  return withMachine(resumed, question, { before, progress: false });
}

function isResend(thread: ThreadRecord, question: TurnQuestion): boolean {
  const last = thread.lastTurn;
  if (last === null || !question.match.equal) return false;
  if (question.idempotency !== null && question.idempotency === last.idempotency) return true;
  return last.outcome !== "completed" && last.outcome !== "ended";
}

function turnNumber(
  record: ConversationRecord,
  thread: ThreadRecord,
  turn: { readonly resend: boolean; readonly side: boolean },
): number {
  if (turn.resend && thread.lastTurn !== null) return thread.lastTurn.number;
  return turn.side ? record.turns : record.turns + 1;
}

/** A resend is the turn it repeats; one that was never counted is the first. */
function threadTurnNumber(question: TurnQuestion, resend: boolean): number {
  const turns = question.match.entry?.turns ?? 0;
  return resend ? Math.max(1, turns) : turns + 1;
}

/** Fixes place and model of the new correction and adds it to the record and the insertions. */
export function placeCorrection(
  asked: TurnAsked,
  target: { readonly place: CorrectionRecord["place"]; readonly model: string },
): TurnAsked {
  if (asked.correction === null) return asked;
  const correction = { ...asked.correction, ...target };
  return {
    ...asked,
    correction,
    record: addCorrection(asked.record, correction),
    insertions: [
      ...asked.insertions,
      {
        correction: correction.id,
        index: correction.anchor.index,
        text: correction.text,
        place: correction.place,
        model: correction.model,
      },
    ],
  };
}

/**
 * The rows to store before bytes go upstream: everything decided, the evidence included, the turn marked
 * as pending. Settling the same turn later adds nothing twice, because the checkpoint has moved on.
 */
export function pendingTurn(asked: TurnAsked, question: TurnQuestion): TurnAsked {
  const absorbed = absorb(asked.record, asked.thread, seenBy(asked, question));
  const counts = asked.kind !== "side" && !asked.resend;
  // Counted now, in the conversation and in its thread: a crash must not give the next turn the same number.
  const threads = absorbed.record.threads.map((entry) =>
    entry.id === asked.threadId ? { ...entry, turns: entry.turns + 1 } : entry,
  );
  const record = counts ? { ...absorbed.record, turns: asked.turn, threads } : absorbed.record;
  const thread: ThreadRecord = {
    ...absorbed.thread,
    lastTurn: {
      requestId: question.requestId,
      number: asked.turn,
      outcome: "pending",
      idempotency: question.idempotency,
      resends: asked.resend ? (asked.thread.lastTurn?.resends ?? 0) + 1 : 0,
    },
  };
  return { ...asked, record, thread };
}

/** What this request shows of its thread, for `absorb` now and again when the turn is settled. */
export function seenBy(asked: TurnAsked, question: TurnQuestion): Seen {
  const entry = question.match.entry;
  return {
    threadId: asked.threadId,
    kind: asked.kind,
    agent: question.hints.agent,
    transcript: question.transcript,
    steps: asked.steps,
    continues: question.match.prefix,
    base: entry === null ? null : { count: entry.count, newest: entry.tail.at(-1) ?? "" },
    now: question.now,
  };
}
