// What is stored of a thread's machine: its states, its context, and what may stand together.
// Must never fill in, drop or guess a field of a stored snapshot, but for those a whole earlier version lacks.

import { z } from "zod";
import { snapshotCount, snapshotText, type MachineSnapshot } from "./step-machine.ts";

/** Highest step of the ladder of corrections. */
export const LEVEL_MAX = 3;
/** Most corrected turns an episode remembers, from the first on; only a person can send more. */
export const CORRECTED_TURNS_MAX = 8;

const episodeSchema = z.strictObject({
  pattern: snapshotText,
  key: snapshotText,
  openedTurn: snapshotCount,
  /** Ascending; empty while nothing was sent. */
  correctedTurns: z.array(snapshotCount).max(CORRECTED_TURNS_MAX).readonly(),
});

const outcomeSchema = z.strictObject({
  kind: z.enum(["recovered", "relapsed", "ignored", "escalated", "ended"]),
  /** From the first correction (if none was sent: from the opening) to `turn`. */
  turns: snapshotCount,
  pattern: snapshotText,
  key: snapshotText,
  /** Where the ladder stood: the same loop, come back, goes on from there. */
  level: z.int().min(0).max(LEVEL_MAX),
  turn: snapshotCount,
});

const contextSchema = z.strictObject({
  /** Step of the ladder on which the open episode stands; 0 while nothing was sent for it. */
  level: z.int().min(0).max(LEVEL_MAX),
  episode: episodeSchema.nullable(),
  /** Turn in which the latest correction is due or was sent. */
  correctionTurn: snapshotCount.nullable(),
  /** Corrections sent, since the latest operator.reset if there was one. */
  corrections: snapshotCount,
  /** Of the latest episode that was closed, escalated or ended. */
  outcome: outcomeSchema.nullable(),
  /** The latest turn that was given to a stronger model. */
  strongerTurn: snapshotCount.nullable(),
  /** Turns given to a stronger model, since the latest operator.reset if there was one. */
  strongerTurns: snapshotCount,
  /** Turn in which the ladder ended the thread; null in every other state, and where a person halted it. */
  endedTurn: snapshotCount.nullable(),
  /** Turn in which a person's words last lifted such an end. */
  resumedTurn: snapshotCount.nullable(),
});

type ContextFields = z.infer<typeof contextSchema>;

/** Fields that snapshots of schema version 1 do not have, as they are at rest. */
const SINCE_VERSION_2 = {
  strongerTurn: null,
  strongerTurns: 0,
  endedTurn: null,
  resumedTurn: null,
} as const satisfies Partial<ContextFields>;

export const NOTHING_KNOWN: ThreadContext = {
  level: 0,
  episode: null,
  correctionTurn: null,
  corrections: 0,
  outcome: null,
  ...SINCE_VERSION_2,
};

export type Outcome = z.infer<typeof outcomeSchema>;
export type ThreadState = "steady" | "suspected" | "correcting" | "escalated" | "halted";
export type ThreadContext = Readonly<ContextFields>;
export type ThreadSnapshot = MachineSnapshot<ThreadState, ThreadContext>;

const currentSchema = z
  .strictObject({
    value: z.enum(["steady", "suspected", "correcting", "escalated", "halted"]),
    context: contextSchema,
  })
  .refine(isConsistent);

export const threadSnapshotSchema: z.ZodType<ThreadSnapshot> = z.preprocess(upgrade, currentSchema);

/** A snapshot of version 1 has none of the newer fields; one that has some of them is damaged. */
function upgrade(stored: unknown): unknown {
  if (!isObject(stored) || !isObject(stored["context"])) return stored;
  const { context } = stored;
  const isOlder = Object.keys(SINCE_VERSION_2).every((field) => !Object.hasOwn(context, field));
  return isOlder ? { ...stored, context: { ...context, ...SINCE_VERSION_2 } } : stored;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The first turn an outcome is counted from. */
export function firstTurn(outcome: Outcome): number {
  return outcome.turn - outcome.turns;
}

function isConsistent({ value, context }: ThreadSnapshot): boolean {
  const { level, episode, outcome } = context;
  const latest = context.correctionTurn ?? -1;
  const turns = episode?.correctedTurns ?? [];
  const ascending = turns.every((turn, index) => turn > (turns[index - 1] ?? -1));
  if (!ascending || (turns.at(-1) ?? -1) > latest) return false;
  if (level > 0 !== turns.length > 0) return false;
  if (context.strongerTurns > 0 !== (context.strongerTurn !== null)) return false;
  if (outcome !== null && outcome.turns > outcome.turn) return false;
  if (outcome !== null && outcome.level > 0 && firstTurn(outcome) > latest) return false;
  const ended = episode !== null && outcome?.kind === "ended";
  if (context.endedTurn !== null && !(value === "halted" && ended)) return false;
  if (value === "steady") return episode === null;
  if (value === "suspected") return level === 0;
  if (value === "correcting") return level > 0;
  return value === "halted" || (episode !== null && outcome?.kind === "escalated");
}
