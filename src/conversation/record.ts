// The two rows of a conversation as they are stored: one for the conversation, one for each of its threads.
// Must never be read without being checked: an unreadable row is quarantined, not trusted (I8).

import { z } from "zod";
import { initialLife, lifeSnapshotSchema, type LifeState } from "./conversation.machine.ts";
import type { Verdict } from "./divergence/verdict.ts";
import { emptyEvidence, readEvidence, type Evidence } from "./evidence.ts";
import { pinSnapshotSchema } from "./pin.machine.ts";
import { initialThread } from "./thread.machine.ts";
import { threadSnapshotSchema } from "./thread-snapshot.ts";

/** Raised when the shape of a row changes; a newer one than this is refused and quarantined. */
export const RECORD_SCHEMA = 1;
/** Most pins one conversation keeps, one per requested model name; the least recently used goes first. */
export const PINS_MAX = 16;
/** Most entries in the list of turns that wait for a pin's first answer; the last stands for all without room. */
export const WAITING_MAX = 64;
/** Most threads one conversation keeps; the least recently active goes first. */
export const THREADS_MAX = 16;
/** Most corrections one conversation remembers, the retired ones included. */
export const CORRECTIONS_KEPT_MAX = 16;
/** Most episodes one conversation remembers, of all its threads. */
export const EPISODES_KEPT_MAX = 16;
/** Most verdicts one thread remembers. */
export const VERDICTS_KEPT_MAX = 16;
/** How many of the newest message fingerprints a checkpoint holds. */
export const CHECKPOINT_TAIL = 8;

const shortText = z.string().max(512);
const count = z.number().int().nonnegative();

export const pinEntrySchema = z.object({
  /** The model name the caller asked for: `auto`, a logical name or an explicit one. */
  requested: shortText,
  snapshot: pinSnapshotSchema,
  /** False while no turn has been answered under this pin: until then it binds nobody. */
  served: z.boolean(),
  /** Turns on their way under a pin that has answered none yet. `since` only informs: no clock ends a wait. */
  waiting: z
    .array(z.object({ request: z.string().max(64), since: z.number() }))
    .max(WAITING_MAX)
    .default([]),
  usedAt: z.number(),
});

const threadEntrySchema = z.object({
  id: z.string().max(64),
  kind: z.enum(["main", "agent", "side"]),
  /** Hash of the client's own agent id, if it sends one. */
  agent: z.string().max(64).nullable(),
  /** How many messages the newest request of this thread held. */
  count,
  /** Fingerprints of the last messages before `count`, oldest first. */
  tail: z.array(z.string().max(16)).max(CHECKPOINT_TAIL),
  /** Loose fingerprint of the system prompt. */
  system: z.string().max(16),
  state: z.string().max(32),
  turns: count,
  activeAt: z.number(),
});

const correctionSchema = z.object({
  id: z.string().max(64),
  thread: z.string().max(64),
  /** Number of the conversation's turn that carried it first. */
  turn: count,
  /** The same in turns of its thread. */
  threadTurn: count.default(0),
  level: count,
  pattern: shortText,
  /** Exact text as it was sent: re-insertions must be byte-identical for the provider's prompt cache. */
  text: z.string().max(2000),
  place: z.enum(["late-system", "user-after-tool", "tool-result-tail"]),
  /** The client message it follows: where it stood, and the fingerprint that proves it is still there. */
  anchor: z.object({ index: count, fingerprint: z.string().max(16) }),
  model: shortText,
  sentAt: z.number(),
  /** Why it is no longer inserted; null while it is. */
  retired: z.string().max(64).nullable(),
  /** Turns of the thread from this correction to the outcome. */
  outcome: z.object({ kind: z.string().max(32), turns: count }).nullable(),
  /** Id of the episode it belongs to; null for a note about the budget, and in rows before episodes. */
  episode: shortText.nullable().default(null),
});

const episodeSchema = z.object({
  id: shortText,
  thread: z.string().max(64),
  pattern: shortText,
  key: shortText,
  /**
   * corrected: it may be corrected, or was. observed: its conversation is of the share that is only watched.
   * shadow: the settings or the caller allowed no correction.
   */
  arm: z.enum(["corrected", "observed", "shadow"]),
  /** Number of the conversation's turn in which it was first seen, and of its thread's. */
  turn: count,
  openedTurn: count,
  openedAt: z.number(),
  /** Highest step of the ladder. */
  level: count,
  corrections: count,
  strongerTurns: count,
  /** All that the turns used which were sent while it was open. */
  spent: z.object({
    turns: count,
    inputTokens: count,
    outputTokens: count,
    costNanoUsd: z.number(),
    unpricedTurns: count,
  }),
  /** What was last told of it: `escalated` and `ended` while it is open, the others when it is over. */
  outcome: z
    .object({
      kind: z.enum([
        "recovered",
        "relapsed",
        "ignored",
        "escalated",
        "ended",
        "dismissed",
        "reset",
      ]),
      /** Turns of the thread from the onset to the outcome, and the turn in which it was told. */
      turns: count,
      threadTurn: count,
    })
    .nullable(),
  closedAt: z.number().nullable(),
});

const recordSchema = z.object({
  schema: z.literal(RECORD_SCHEMA),
  tenant: z.string().max(256),
  displayId: z.string().max(256),
  identity: z.string().max(64),
  profile: z.string().max(64),
  life: lifeSnapshotSchema,
  budgetNanoUsd: z.number().nullable(),
  turns: count,
  sideTurns: count,
  pins: z.array(pinEntrySchema).max(PINS_MAX),
  threads: z.array(threadEntrySchema).max(THREADS_MAX),
  corrections: z.array(correctionSchema).max(CORRECTIONS_KEPT_MAX),
  /** Oldest first. Rows from before there were episodes have none. */
  episodes: z.array(episodeSchema).max(EPISODES_KEPT_MAX).default([]),
  totals: z.object({
    inputTokens: count,
    outputTokens: count,
    cachedTokens: count,
    /** Turns whose price is not known: their cost is missing from the total, never counted as 0. */
    unpricedTurns: count,
    failedTurns: count,
    pinMoves: count,
  }),
  createdAt: z.number(),
  updatedAt: z.number(),
});

export type PinEntry = z.infer<typeof pinEntrySchema>;
export type ThreadEntry = z.infer<typeof threadEntrySchema>;
export type CorrectionRecord = z.infer<typeof correctionSchema>;
export type EpisodeRecord = z.infer<typeof episodeSchema>;
export type ConversationRecord = z.infer<typeof recordSchema>;

export type TurnOutcome = "pending" | "completed" | "failed" | "aborted" | "cut" | "ended";

const lastTurnSchema = z.object({
  requestId: z.string().max(64),
  number: count,
  outcome: z.enum(["pending", "completed", "failed", "aborted", "cut", "ended"]),
  /** Hash of the caller's Idempotency-Key, if there was one. */
  idempotency: z.string().max(64).nullable(),
  resends: count,
});

const verdictRecordSchema = z.object({
  turn: count,
  severity: z.string().max(16),
  pattern: shortText.nullable(),
  key: shortText.nullable(),
  count: z.number(),
  tools: z.array(z.string().max(64)).max(16),
});

const threadRecordSchema = z.object({
  schema: z.literal(RECORD_SCHEMA),
  machine: threadSnapshotSchema,
  lastTurn: lastTurnSchema.nullable(),
  verdicts: z.array(verdictRecordSchema).max(VERDICTS_KEPT_MAX),
  /** What was found in the latest answer and waits for the next turn; null: nothing. */
  finding: z.object({ turn: count, count }).nullable().default(null),
});

export type VerdictRecord = z.infer<typeof verdictRecordSchema>;
export type ThreadRecord = z.infer<typeof threadRecordSchema> & { readonly evidence: Evidence };

/** Parses a stored conversation row. Throws on anything that is not exactly this schema. */
export function readConversation(body: string): ConversationRecord {
  return recordSchema.parse(JSON.parse(body));
}

/** Parses a stored thread row. Throws on anything that is not exactly this schema. */
export function readThread(body: string): ThreadRecord {
  const raw: unknown = JSON.parse(body);
  const known = threadRecordSchema.parse(raw);
  // The evidence is checked by hand: it is the largest part and zod would cost more than the detector.
  const evidence =
    typeof raw === "object" && raw !== null && "evidence" in raw ? raw.evidence : null;
  return { ...known, evidence: readEvidence(evidence) };
}

interface NewConversation {
  readonly tenant: string;
  readonly displayId: string;
  readonly identity: string;
  readonly profile: string;
  readonly budgetNanoUsd: number | null;
  readonly now: number;
}

export function newConversation(options: NewConversation): ConversationRecord {
  const { now, ...known } = options;
  return {
    schema: RECORD_SCHEMA,
    ...known,
    life: initialLife(),
    turns: 0,
    sideTurns: 0,
    pins: [],
    threads: [],
    corrections: [],
    episodes: [],
    totals: {
      inputTokens: 0,
      outputTokens: 0,
      cachedTokens: 0,
      unpricedTurns: 0,
      failedTurns: 0,
      pinMoves: 0,
    },
    createdAt: now,
    updatedAt: now,
  };
}

export function newThread(): ThreadRecord {
  return {
    schema: RECORD_SCHEMA,
    machine: initialThread(),
    lastTurn: null,
    verdicts: [],
    finding: null,
    evidence: emptyEvidence(),
  };
}

/** What a verdict leaves behind in the row: the counts and names, not the quoted evidence. */
export function recordVerdict(verdict: Verdict, turn: number): VerdictRecord {
  return {
    turn,
    severity: verdict.severity,
    pattern: verdict.pattern,
    key: verdict.key,
    count: verdict.count,
    tools: verdict.tools.slice(0, 16),
  };
}

/** The worst state of all threads, then the life: what a list shows of the conversation. */
export function summaryState(record: ConversationRecord): string {
  const order = ["halted", "escalated", "correcting", "suspected"];
  const worst = order.find((state) => record.threads.some((thread) => thread.state === state));
  const life: LifeState = record.life.value;
  return worst ?? (life === "closed" ? "closed" : "steady");
}
