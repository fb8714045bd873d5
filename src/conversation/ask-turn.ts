// What a conversation decides when a turn is asked: resend, verdict, correction, budget. The first half of a turn.
// Pure: no I/O, no clock, no randomness. Must never decide anything after bytes went upstream (that is settle-turn).

import type { DivergenceMode, Profile } from "../turn/profile.ts";
import type { Transcript } from "../turn/transcript.ts";
import { BUDGET_WARNED_PERCENT, nextLife } from "./conversation.machine.ts";
import { isCalm } from "./calm-life.ts";
import { budgetNote, correctionText } from "./correction.ts";
import {
  addCorrection,
  anchorOf,
  BUDGET_PATTERN,
  isDue,
  settleOutcome,
  standingCorrections,
} from "./corrections.ts";
import type { Insertion } from "./corrections.ts";
import { judge } from "./divergence/judge.ts";
import type { Verdict } from "./divergence/verdict.ts";
import { absorb, type Seen } from "./absorb.ts";
import { appendEvidence, gatherSteps, type Step } from "./evidence.ts";
import {
  recordVerdict,
  VERDICTS_KEPT_MAX,
  type ConversationRecord,
  type CorrectionRecord,
  type ThreadEntry,
  type ThreadRecord,
} from "./record.ts";
import { nextThread, OPERATOR_PATTERN, type ThreadEvent } from "./thread.machine.ts";
import type { ThreadMatch } from "./threads.ts";

export interface TurnQuestion {
  readonly requestId: string;
  readonly transcript: Transcript;
  readonly match: ThreadMatch;
  readonly threadId: string;
  readonly profile: Profile;
  /** The strictest of the global, the key's and the profile's setting. */
  readonly divergence: DivergenceMode;
  /** False when the caller sent `X-Router-Corrections: off`. */
  readonly correctionsWanted: boolean;
  readonly hints: { readonly agent: string | null };
  readonly idempotency: string | null;
  readonly spentNanoUsd: number;
  readonly now: number;
}

/** The conversation after the question, not yet stored. */
export interface TurnAsked {
  readonly record: ConversationRecord;
  readonly thread: ThreadRecord;
  readonly threadId: string;
  readonly kind: ThreadEntry["kind"];
  /** Number of this turn in the conversation; for a resend, the number of the turn it repeats. */
  readonly turn: number;
  /** Number of this turn among those of its thread: what cool-down and recovery are counted in. */
  readonly threadTurn: number;
  readonly resend: boolean;
  /** Steps this request brought, for settle-turn. */
  readonly steps: readonly Step[];
  readonly verdict: Verdict | null;
  readonly insertions: readonly Insertion[];
  /** The correction decided in this very turn, if there is one. */
  readonly correction: CorrectionRecord | null;
  /** Something was decided that must be stored before any byte goes upstream (I2). */
  readonly decided: boolean;
  /** The conversation is over: answer with a kind ending instead of calling a model. */
  readonly ending: "budget" | "halted" | null;
}

/** Answers the question. The pin is decided beside this, by routing and the pin machine. */
export function askTurn(
  record: ConversationRecord,
  thread: ThreadRecord,
  question: TurnQuestion,
): TurnAsked {
  const resend = isResend(thread, question);
  const side = question.match.kind === "side";
  const turn = turnNumber(record, thread, { resend, side });
  const standing = standingCorrections(record, question.threadId, question.transcript);
  const steps =
    resend || side ? [] : gatherSteps(question.transcript, { from: question.match.from, turn });
  const amounts = { spentNanoUsd: question.spentNanoUsd, budgetNanoUsd: record.budgetNanoUsd };
  const life = isCalm(record.life, amounts)
    ? record.life
    : nextLife(record.life, { type: "turn.asked", turn, ...amounts });
  // The warning puts a note into a request: a turn that cannot carry one leaves it to the next.
  const carries = !resend && !side && question.correctionsWanted;
  const warned = life.value === "warned" && record.life.value !== "warned";
  const held = warned && !carries ? record.life : life;
  const base: TurnAsked = {
    record: { ...standing.record, life: held },
    thread,
    threadId: question.threadId,
    kind: question.match.kind,
    turn,
    threadTurn: (question.match.entry?.turns ?? 0) + 1,
    resend,
    steps,
    verdict: null,
    insertions: standing.insertions,
    correction: null,
    decided: held !== record.life || standing.record !== record,
    ending: endingOf(life.value, thread),
  };
  if (base.ending !== null || resend || side) return base;
  const judged =
    question.divergence === "off" && !isCorrecting(thread) ? base : judgeTurn(base, question);
  if (!warned || !carries) return judged;
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

/** A person may correct a thread whose profile does not watch for loops. */
function isCorrecting(thread: ThreadRecord): boolean {
  return thread.machine.value === "correcting";
}

function endingOf(life: string, thread: ThreadRecord): TurnAsked["ending"] {
  if (life === "exhausted") return "budget";
  return thread.machine.value === "halted" ? "halted" : null;
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

/** Runs the detector and, only where the verdict matters to it, the thread machine. */
function judgeTurn(asked: TurnAsked, question: TurnQuestion): TurnAsked {
  const evidence = appendEvidence(asked.thread.evidence, asked.steps);
  const settings = question.profile.divergence;
  const verdict = judge(evidence, { fresh: asked.steps.length, settings });
  const before = asked.thread.machine;
  const calm = before.value === "steady" && verdict.severity === "clear";
  if (calm) return { ...asked, verdict };
  // What a person asked for goes out whatever the detector thinks: it is judged again after that.
  const asPerson = isDue(before, dueAt(asked));
  const machine = asPerson ? before : nextThread(before, verdictEvent(asked, question, verdict));
  const thread: ThreadRecord = {
    ...asked.thread,
    machine,
    verdicts:
      verdict.severity === "clear"
        ? asked.thread.verdicts
        : [...asked.thread.verdicts, recordVerdict(verdict, asked.turn)].slice(-VERDICTS_KEPT_MAX),
  };
  const change = { before: before.context, after: machine.context };
  const record = settleOutcome(asked.record, asked.threadId, change);
  const judged: TurnAsked = { ...asked, record, thread, verdict, decided: true };
  const due = isDue(machine, dueAt({ ...asked, record }));
  if (!due) return judged;
  const level = machine.context.level;
  return withCorrection(judged, question, {
    text: correctionText(verdict, { level }),
    pattern: asPerson ? OPERATOR_PATTERN : (verdict.pattern ?? OPERATOR_PATTERN),
    level,
  });
}

function dueAt(asked: TurnAsked): Parameters<typeof isDue>[1] {
  return { record: asked.record, threadId: asked.threadId, turn: asked.threadTurn };
}

function verdictEvent(asked: TurnAsked, question: TurnQuestion, verdict: Verdict): ThreadEvent {
  const settings = question.profile.divergence;
  return {
    type: "verdict.reached",
    turn: asked.threadTurn,
    severity: verdict.severity,
    pattern: verdict.pattern,
    key: verdict.key,
    progress: verdict.progress,
    mayCorrect: question.divergence === "correct" && question.correctionsWanted,
    coolDownTurns: settings.coolDownTurns,
    correctionsMax: Math.max(0, settings.correctionsMax - sentToOthers(asked)),
  };
}

/** The allowance is the conversation's: what other threads were sent is used up for this one too. */
function sentToOthers(asked: TurnAsked): number {
  return asked.record.corrections.filter(
    ({ thread, pattern }) => thread !== asked.threadId && pattern !== BUDGET_PATTERN,
  ).length;
}

/** Adds a correction behind the newest message. Its place is fixed later, when the deployment is known. */
function withCorrection(
  asked: TurnAsked,
  question: TurnQuestion,
  note: { readonly text: string; readonly pattern: string; readonly level: number },
): TurnAsked {
  const correction: CorrectionRecord = {
    id: `${question.requestId}.${note.level}`,
    thread: asked.threadId,
    turn: asked.turn,
    threadTurn: asked.threadTurn,
    level: note.level,
    pattern: note.pattern,
    text: note.text,
    place: "user-after-tool",
    anchor: anchorOf(question.transcript),
    model: "",
    sentAt: question.now,
    retired: null,
    outcome: null,
  };
  return { ...asked, correction, decided: true };
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
