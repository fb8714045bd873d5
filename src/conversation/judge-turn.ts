// What the detector's verdict makes of a turn: a step of the thread's machine, its episode, a correction that is due.
// Pure. Must never send anything: a correction gets its place when the deployment is known (ask-turn).

import { correctionText } from "./correction.ts";
import { anchorOf, BUDGET_PATTERN, isDue } from "./corrections.ts";
import { withFinding } from "./divergence/answer-finding.ts";
import { judge } from "./divergence/judge.ts";
import { STREAM_REPETITION } from "./divergence/stream-repetition.ts";
import type { Verdict } from "./divergence/verdict.ts";
import { followEpisodes, openEpisode, type EpisodeChange } from "./episodes.ts";
import { appendEvidence } from "./evidence.ts";
import {
  recordVerdict,
  VERDICTS_KEPT_MAX,
  type CorrectionRecord,
  type ThreadRecord,
} from "./record.ts";
import { specificsOf } from "./specifics.ts";
import { OPERATOR_PATTERN } from "./thread-ladder.ts";
import { nextThread, type ThreadEvent } from "./thread.machine.ts";
import type { ThreadSnapshot } from "./thread-snapshot.ts";
import type { TurnAsked, TurnQuestion } from "./turn-question.ts";

/** Runs the detector and, only where the verdict matters to it, the thread machine. */
export function judgeTurn(asked: TurnAsked, question: TurnQuestion): TurnAsked {
  const evidence = appendEvidence(asked.thread.evidence, asked.steps);
  const settings = question.profile.divergence;
  const seen = judge(evidence, { fresh: asked.steps.length, settings });
  const verdict = withFinding(seen, asked.thread.finding);
  const before = asked.thread.machine;
  const calm = before.value === "steady" && verdict.severity === "clear";
  if (calm) return { ...asked, verdict };
  // What a person asked for goes out whatever the detector thinks: it is judged again after that.
  const asPerson = isDue(before, dueAt(asked));
  const event = verdictEvent(asked, question, verdict);
  const machine = asPerson ? before : nextThread(before, event);
  const thread: ThreadRecord = {
    ...asked.thread,
    machine,
    finding: null,
    // What was found in an answer was recorded with the turn of that answer.
    verdicts:
      verdict.severity === "clear" || verdict.pattern === STREAM_REPETITION
        ? asked.thread.verdicts
        : [...asked.thread.verdicts, recordVerdict(verdict, asked.turn)].slice(-VERDICTS_KEPT_MAX),
  };
  const judged = withMachine({ ...asked, thread, verdict, decided: true }, question, {
    before,
    progress: verdict.progress,
  });
  if (!isDue(machine, dueAt(judged))) return judged;
  const level = machine.context.level;
  const specifics = specificsOf(evidence, verdict);
  return withCorrection(judged, question, {
    text: correctionText(verdict, { level, specifics }),
    pattern: asPerson ? OPERATOR_PATTERN : (verdict.pattern ?? OPERATOR_PATTERN),
    level,
  });
}

/** What a step of the machine means for the turn itself: its episode, a stronger model, an end. */
export function withMachine(
  asked: TurnAsked,
  question: TurnQuestion,
  step: { readonly before: ThreadSnapshot; readonly progress: boolean },
): TurnAsked {
  const { machine } = asked.thread;
  const record = followEpisodes(asked.record, {
    thread: asked.threadId,
    turn: asked.turn,
    threadTurn: asked.threadTurn,
    before: step.before.context,
    after: machine.context,
    arm: armOf(question),
    progress: step.progress,
    byPerson: null,
    now: question.now,
  });
  return {
    ...asked,
    record,
    stronger: isStrongerTurn(machine, asked.threadTurn),
    episode: openEpisode(record, asked.threadId)?.id ?? null,
    ending: haltOf(machine, question),
  };
}

/** Whether the machine gave this turn of its thread to a stronger model. */
export function isStrongerTurn(machine: ThreadSnapshot, threadTurn: number): boolean {
  return machine.value === "escalated" && machine.context.strongerTurn === threadTurn;
}

/** Why no model is asked. An end of the ladder's holds only as long as the profile asks for ends. */
export function haltOf(
  machine: ThreadSnapshot,
  { divergence, profile }: TurnQuestion,
): "halted" | "loop" | null {
  if (machine.value !== "halted") return null;
  if (machine.context.endedTurn === null) return "halted";
  const wanted = profile.divergence.ending === "kind" && divergence === "correct";
  return wanted ? "loop" : null;
}

/** Whether loops of this turn may be corrected; a share of conversations is only watched. */
export function armOf(question: TurnQuestion): EpisodeChange["arm"] {
  if (question.divergence !== "correct" || !question.correctionsWanted) return "shadow";
  return question.watchedOnly ? "observed" : "corrected";
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
    mayCorrect: armOf(question) === "corrected",
    coolDownTurns: settings.coolDownTurns,
    correctionsMax: Math.max(0, settings.correctionsMax - sentToOthers(asked)),
    strongerTurnsMax: Math.max(0, settings.strongerTurnsMax - strongerForOthers(asked)),
    mayEnd: settings.ending === "kind",
  };
}

/** The allowance is the conversation's: what other threads were sent is used up for this one too. */
function sentToOthers(asked: TurnAsked): number {
  return asked.record.corrections.filter(
    ({ thread, pattern }) => thread !== asked.threadId && pattern !== BUDGET_PATTERN,
  ).length;
}

function strongerForOthers(asked: TurnAsked): number {
  return asked.record.episodes
    .filter(({ thread }) => thread !== asked.threadId)
    .reduce((sum, { strongerTurns }) => sum + strongerTurns, 0);
}

/** Adds a correction behind the newest message. Its place is fixed later, when the deployment is known. */
export function withCorrection(
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
    episode: note.pattern === BUDGET_PATTERN ? null : asked.episode,
  };
  return { ...asked, correction, decided: true };
}
