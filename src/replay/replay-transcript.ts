// Runs a recorded conversation through the very functions the gateway decides with, request by request.
// Pure. Must never change what was recorded: after a would-be correction the transcript goes on as it is.

import {
  askTurn,
  pendingTurn,
  placeCorrection,
  seenBy,
  type TurnAsked,
  type TurnQuestion,
} from "../conversation/ask-turn.ts";
import { asksForRepetition } from "../conversation/divergence/asked-repetition.ts";
import { repetitionIn, type Repetition } from "../conversation/divergence/stream-repetition.ts";
import type { Verdict } from "../conversation/divergence/verdict.ts";
import {
  newConversation,
  newThread,
  type ConversationRecord,
  type ThreadRecord,
} from "../conversation/record.ts";
import { settleTurn } from "../conversation/settle-turn.ts";
import type { ThreadState } from "../conversation/thread.machine.ts";
import { matchThread } from "../conversation/threads.ts";
import type { Profile } from "../turn/profile.ts";
import type { Message, Transcript } from "../turn/transcript.ts";
import { NO_USAGE } from "../turn/usage.ts";

/** Time between two requests, in milliseconds. Nothing is decided by it; rows want one that rises. */
const STEP_MS = 1_000;

export interface ReplayedCorrection {
  readonly level: number;
  readonly pattern: string;
  readonly text: string;
}

/** What the gateway would have made of the request that holds everything up to a turn's results. */
export interface ReplayedTurn {
  /** Assistant messages the request holds; 0 for the first request of all. */
  readonly turn: number;
  /** Null where nothing is judged: divergence is off, or the conversation is over. */
  readonly verdict: Verdict | null;
  readonly state: ThreadState;
  /** The correction that would have been placed behind this turn. */
  readonly correction: ReplayedCorrection | null;
  /** The gateway would have looked for a stronger model for the next answer. */
  readonly stronger: boolean;
  /** The gateway would have ended the conversation here instead of asking a model. */
  readonly ended: boolean;
}

interface Rows {
  readonly record: ConversationRecord;
  readonly threads: ReadonlyMap<string, ThreadRecord>;
}

/**
 * The turns of a transcript, oldest first: one for each request an agent has sent, which is cut right
 * before the next assistant message, and a last one that holds the whole transcript. Budget and pins play no
 * part: a transcript does not tell what was spent. Lazy: who looks for the first correction may stop there.
 */
export function* replayTurns(transcript: Transcript, profile: Profile): Generator<ReplayedTurn> {
  let rows: Rows = { record: startRecord(profile), threads: new Map() };
  for (const [turn, count] of requestLengths(transcript).entries()) {
    const question = makeQuestion(rows.record, cut(transcript, count), { profile, turn });
    const thread = rows.threads.get(question.threadId) ?? newThread();
    const asked = askTurn(rows.record, thread, question);
    yield {
      turn,
      verdict: asked.verdict,
      state: asked.thread.machine.value,
      correction: asked.correction,
      stronger: asked.stronger,
      ended: asked.ending !== null,
    };
    const answer = count < transcript.count ? transcript.read(count) : null;
    rows = settle(rows, { asked, question, answer });
  }
}

/** How many messages each request held: all before an assistant message, and in the end all there are. */
function requestLengths(transcript: Transcript): number[] {
  const lengths: number[] = [];
  for (let index = 0; index < transcript.count; index += 1) {
    if (transcript.read(index).role === "assistant") lengths.push(index);
  }
  return [...lengths, transcript.count];
}

function cut(transcript: Transcript, count: number): Transcript {
  return {
    count,
    read(index) {
      if (index >= count) throw new RangeError(`no message ${index} of ${count}`);
      return transcript.read(index);
    },
  };
}

function startRecord(profile: Profile): ConversationRecord {
  return newConversation({
    tenant: "replay",
    displayId: "replay",
    identity: "replay",
    profile: profile.name,
    budgetNanoUsd: null,
    now: 0,
  });
}

function makeQuestion(
  record: ConversationRecord,
  transcript: Transcript,
  request: { readonly profile: Profile; readonly turn: number },
): TurnQuestion {
  // A transcript does not list its tools: it is watched like an agent's that has some.
  const hints = { agent: null, hasTools: true, agentClient: false };
  const match = matchThread(record, transcript, hints);
  return {
    requestId: `replay-${request.turn}`,
    transcript,
    match,
    threadId: match.entry?.id ?? `thr_${request.turn}`,
    profile: request.profile,
    divergence: request.profile.divergence.mode,
    watchedOnly: false,
    correctionsWanted: true,
    hints: { agent: null },
    idempotency: null,
    spentNanoUsd: 0,
    now: request.turn * STEP_MS,
  };
}

interface Answered {
  readonly asked: TurnAsked;
  readonly question: TurnQuestion;
  /** The message the model answered with; null at the end of the transcript. */
  readonly answer: Message | null;
}

/** Books the turn as the gateway does: what was decided before the bytes, then the facts. */
function settle(rows: Rows, { asked, question, answer }: Answered): Rows {
  const placed = placeCorrection(asked, { place: "user-after-tool", model: "replay" });
  const counted = asked.decided && asked.kind !== "side" && !asked.resend;
  const stored = asked.decided ? pendingTurn(placed, question) : placed;
  const settled = settleTurn(stored.record, stored.thread, {
    requestId: question.requestId,
    seen: seenBy(asked, question),
    turn: asked.turn,
    threadTurn: asked.threadTurn,
    counted,
    resend: asked.resend,
    idempotency: null,
    outcome: asked.ending === null ? "completed" : "ended",
    answered: answer !== null && answer.calls.length === 0,
    repetition: answer === null ? null : repetitionOf(answer, question),
    usage: NO_USAGE,
    costNanoUsd: 0,
    spentNanoUsd: 0,
    served: null,
    episode: asked.episode,
    pinMoved: false,
    final: false,
    refusedCorrections: [],
    now: question.now,
  });
  const threads = new Map(rows.threads).set(asked.threadId, settled.thread);
  return { record: settled.record, threads };
}

/** What the watcher of a streaming answer would have found, where a turn has one. */
function repetitionOf(answer: Message, question: TurnQuestion): Repetition | null {
  const watched = question.divergence !== "off" && question.match.kind !== "side";
  const found = watched ? repetitionIn(answer.text) : null;
  return found === null || asksForRepetition(question.transcript) ? null : found;
}
