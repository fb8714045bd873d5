// The episodes of a conversation: every loop that fired, what was done about it, what it used, and how it ended.
// Pure. Must never decide anything: it writes down what the threads' machines have said.

import type { Usage } from "../turn/usage.ts";
import { BUDGET_PATTERN } from "./corrections.ts";
import { EPISODES_KEPT_MAX, type ConversationRecord, type EpisodeRecord } from "./record.ts";
import { OPERATOR_PATTERN } from "./thread-ladder.ts";
import type { Outcome, ThreadContext } from "./thread-snapshot.ts";

/** Characters of a thread's id in the id of its episodes. */
const THREAD_CHARACTERS = 40;

export interface EpisodeChange {
  readonly thread: string;
  /** Number of the turn in the conversation, and among those of its thread. */
  readonly turn: number;
  readonly threadTurn: number;
  readonly before: ThreadContext;
  readonly after: ThreadContext;
  /** Whether an episode that opens now may be corrected, and if not, why. */
  readonly arm: EpisodeRecord["arm"];
  /** The turn brought something new, or was answered. */
  readonly progress: boolean;
  /** What a person said of it; null for what the machine found itself. */
  readonly byPerson: "dismissed" | "reset" | null;
  readonly now: number;
}

/** The episode of this thread that is not over; null when there is none. */
export function openEpisode(record: ConversationRecord, thread: string): EpisodeRecord | null {
  return (
    record.episodes.find((known) => known.thread === thread && known.closedAt === null) ?? null
  );
}

/** Turns a step of a thread's machine into records: opened, closed, come back, escalated, ended. */
export function followEpisodes(
  record: ConversationRecord,
  change: EpisodeChange,
): ConversationRecord {
  const { before, after, byPerson } = change;
  if (before === after && byPerson === null) return record;
  const known = before.episode === null ? record : adopt(record, change);
  const stays = isSame(before.episode, after.episode);
  const left = stays ? known.episodes : closeOpen(known.episodes, change);
  const taken = isRelapse(change) ? takeBack(left, change) : left;
  const episodes = after.episode === null ? taken : updateOpen(taken, change);
  return withCorrectionOutcomes({ ...known, episodes: [...episodes] });
}

/** An operator's episode takes the name of the loop that goes on in it, and stays the same. */
function isSame(before: ThreadContext["episode"], after: ThreadContext["episode"]): boolean {
  if (before === null || after === null) return before === after;
  const named = before.key === after.key || before.key === OPERATOR_PATTERN;
  return named && before.openedTurn === after.openedTurn;
}

/** A thread may be in the middle of an episode that was never written down, or has been forgotten. */
function adopt(record: ConversationRecord, change: EpisodeChange): ConversationRecord {
  const { before, thread } = change;
  if (before.episode === null || openEpisode(record, thread) !== null) return record;
  const opened = makeEpisode(record.episodes, change, before);
  const adopted: EpisodeRecord = {
    ...opened,
    arm: before.level > 0 ? "corrected" : opened.arm,
    level: before.level,
    corrections: before.episode.correctedTurns.length,
  };
  const corrections = record.corrections.map((correction) =>
    correction.thread === thread &&
    correction.episode === null &&
    correction.outcome === null &&
    correction.pattern !== BUDGET_PATTERN
      ? { ...correction, episode: adopted.id }
      : correction,
  );
  return { ...record, episodes: withRoomFor(record.episodes, adopted), corrections };
}

function makeEpisode(
  episodes: readonly EpisodeRecord[],
  change: EpisodeChange,
  context: ThreadContext,
): EpisodeRecord {
  const { thread, turn, threadTurn, arm, now } = change;
  const { pattern, key, openedTurn } = context.episode ?? {
    pattern: OPERATOR_PATTERN,
    key: OPERATOR_PATTERN,
    openedTurn: threadTurn,
  };
  return {
    id: freshId(episodes, `${thread.slice(0, THREAD_CHARACTERS)}.${openedTurn}`),
    thread,
    pattern,
    key,
    arm,
    turn,
    openedTurn,
    openedAt: now,
    level: 0,
    corrections: 0,
    strongerTurns: 0,
    spent: { turns: 0, inputTokens: 0, outputTokens: 0, costNanoUsd: 0, unpricedTurns: 0 },
    outcome: null,
    closedAt: null,
  };
}

/** Two parallel turns of one number may each open an episode. */
function freshId(episodes: readonly EpisodeRecord[], base: string): string {
  const ids = new Set(episodes.map(({ id }) => id));
  for (let copy = 1; copy <= EPISODES_KEPT_MAX; copy += 1) {
    const id = copy === 1 ? base : `${base}.${copy}`;
    if (!ids.has(id)) return id;
  }
  return base;
}

/** The oldest one that is over makes room, else the oldest of all. */
function withRoomFor(episodes: readonly EpisodeRecord[], added: EpisodeRecord): EpisodeRecord[] {
  const kept = [...episodes];
  if (kept.length >= EPISODES_KEPT_MAX) {
    const oldest = kept.findIndex(({ closedAt }) => closedAt !== null);
    kept.splice(Math.max(0, oldest), 1);
  }
  return [...kept, added];
}

/** The outcome this step has told; null when it told none. */
function newlyTold({ before, after }: EpisodeChange): Outcome | null {
  const [was, is] = [before.outcome, after.outcome];
  const same = was?.kind === is?.kind && was?.turn === is?.turn && was?.key === is?.key;
  return same ? null : is;
}

/** Closes the open episode of the thread; without one, a person's word goes to the latest one. */
function closeOpen(
  episodes: readonly EpisodeRecord[],
  change: EpisodeChange,
): readonly EpisodeRecord[] {
  const { thread, before, threadTurn, now, byPerson, progress } = change;
  const told = newlyTold(change);
  const own = told !== null && told.key === before.episode?.key ? told.kind : null;
  const kind = byPerson ?? own ?? (progress ? "recovered" : "ignored");
  const open = episodes.findLast((known) => known.thread === thread && known.closedAt === null);
  return episodes.map((known) =>
    known === open
      ? { ...known, outcome: outcomeAt(known, kind, threadTurn), closedAt: now }
      : known,
  );
}

function outcomeAt(
  episode: EpisodeRecord,
  kind: NonNullable<EpisodeRecord["outcome"]>["kind"],
  threadTurn: number,
): EpisodeRecord["outcome"] {
  return { kind, turns: Math.max(0, threadTurn - episode.openedTurn), threadTurn };
}

/** The loop of a recovered episode is back: it comes with the old ladder, or its relapse is told. */
function isRelapse({ before, after }: EpisodeChange): boolean {
  const [gone, back] = [before.outcome, after.episode];
  if (gone?.kind !== "recovered" || back === null || back.key !== gone.key) return false;
  const continued = (back.correctedTurns[0] ?? back.openedTurn) < back.openedTurn;
  return continued || after.outcome?.kind === "relapsed";
}

function takeBack(
  episodes: readonly EpisodeRecord[],
  { thread, threadTurn, after }: EpisodeChange,
): readonly EpisodeRecord[] {
  const key = after.episode?.key;
  const earlier = episodes.findLast(
    (known) => known.thread === thread && known.key === key && known.closedAt !== null,
  );
  if (earlier?.outcome?.kind !== "recovered") return episodes;
  return episodes.map((known) =>
    known === earlier ? { ...known, outcome: outcomeAt(known, "relapsed", threadTurn) } : known,
  );
}

/** The open episode as the machine has it now; a new one where there was none. */
function updateOpen(
  episodes: readonly EpisodeRecord[],
  change: EpisodeChange,
): readonly EpisodeRecord[] {
  const { thread, before, after, threadTurn } = change;
  if (after.episode === null) return episodes;
  const open = episodes.findLast((known) => known.thread === thread && known.closedAt === null);
  const base = open ?? makeEpisode(episodes, change, after);
  const { pattern, key } = after.episode;
  const told = newlyTold(change);
  const step = told?.key === key && (told.kind === "escalated" || told.kind === "ended");
  const sent = Math.max(0, after.corrections - before.corrections);
  const updated: EpisodeRecord = {
    ...base,
    pattern,
    key,
    arm: sent > 0 ? "corrected" : base.arm,
    level: Math.max(base.level, after.level),
    corrections: base.corrections + sent,
    strongerTurns: base.strongerTurns + Math.max(0, after.strongerTurns - before.strongerTurns),
    outcome: step ? outcomeAt(base, told.kind, threadTurn) : base.outcome,
  };
  if (open === undefined) return withRoomFor(episodes, updated);
  return episodes.map((known) => (known === open ? updated : known));
}

/** A correction shares the outcome of its episode; its turns are counted from the correction itself. */
function withCorrectionOutcomes(record: ConversationRecord): ConversationRecord {
  const told = new Map(record.episodes.map(({ id, outcome }) => [id, outcome]));
  const corrections = record.corrections.map((correction) => {
    const outcome = correction.episode === null ? null : (told.get(correction.episode) ?? null);
    if (outcome === null || outcome.kind === correction.outcome?.kind) return correction;
    const turns = Math.max(0, outcome.threadTurn - correction.threadTurn);
    return { ...correction, outcome: { kind: outcome.kind, turns } };
  });
  return { ...record, corrections };
}

/** A person calls the latest episode of a thread a false alarm, whatever had been told of it. */
export function dismissLatest(record: ConversationRecord, thread: string): ConversationRecord {
  const latest = record.episodes.findLast((known) => known.thread === thread);
  if (latest === undefined || latest.outcome === null) return record;
  const { turns, threadTurn } = latest.outcome;
  const dismissed: EpisodeRecord = {
    ...latest,
    outcome: { kind: "dismissed", turns, threadTurn },
  };
  const episodes = record.episodes.map((known) => (known === latest ? dismissed : known));
  return withCorrectionOutcomes({ ...record, episodes });
}

export interface Spending {
  readonly episode: string | null;
  /** False for a resend: it costs, but it is no further turn. */
  readonly isNewTurn: boolean;
  readonly usage: Usage;
  /** Null: the price is not known. */
  readonly costNanoUsd: number | null;
}

/** Adds what a turn used to the episode it was sent in, even if that has been closed meanwhile. */
export function spendOnEpisode(record: ConversationRecord, spending: Spending): ConversationRecord {
  if (spending.episode === null) return record;
  const { usage, costNanoUsd } = spending;
  const episodes = record.episodes.map((known) => {
    if (known.id !== spending.episode) return known;
    const { spent } = known;
    return {
      ...known,
      spent: {
        turns: spent.turns + (spending.isNewTurn ? 1 : 0),
        inputTokens: spent.inputTokens + usage.inputTokens,
        outputTokens: spent.outputTokens + usage.outputTokens,
        costNanoUsd: spent.costNanoUsd + (costNanoUsd ?? 0),
        unpricedTurns: spent.unpricedTurns + (costNanoUsd === null ? 1 : 0),
      },
    };
  });
  return { ...record, episodes };
}
