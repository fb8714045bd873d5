// One thread of a conversation: is it going round in circles, what was done, and did that help.
// Must never detect loops or write corrections: verdicts come in, the turn to correct comes out.
//      ┌────────┐ suspected, or a loop that  ┌───────────┐
//  ──► │ steady │ may not be corrected ────► │ suspected │
//      └────────┘ ◄───────── clear ───────── └───────────┘
//        ▲   │ firing                              │ firing
//        │   ▼                                     ▼
//        │ ┌───────────────────────────────────────────┐ ladder or allowance ┌───────────┐
//        │ │ correcting: level 1 … 3, a correction for │ used up ──────────► │ escalated │
//        │ │ each step, a cool-down after each         │                     └───────────┘
//        │ └───────────────────────────────────────────┘                           │
//        └── progress or a final answer: recovered ◄─┴─────────────────────────────┘
// A person may halt every state. Specification: docs/conversation-spec.md, "Thread".

import { assign, not, setup } from "xstate";
import { z } from "zod";
import { countUp, machineTypes, makeStep, readSnapshot, snapshotCount } from "./step-machine.ts";
import { snapshotText, type MachineSnapshot } from "./step-machine.ts";

/** Highest step of the ladder; a loop that outlives it is a person's business. */
export const LEVEL_MAX = 3;
/** Turns after the close of an episode in which the same loop counts as the old one, come back. */
export const RELAPSE_TURNS = 6;
/** Most corrected turns an episode remembers, from the first on; only a person can send more. */
export const CORRECTED_TURNS_MAX = 8;
/** Pattern and key of an episode that a person opened; the first loop to fire in it names it. */
export const OPERATOR_PATTERN = "operator";
const UNNAMED_PATTERN = "unnamed";

const episodeSchema = z.strictObject({
  pattern: snapshotText,
  key: snapshotText,
  openedTurn: snapshotCount,
  /** Ascending; empty while nothing was sent. */
  correctedTurns: z.array(snapshotCount).max(CORRECTED_TURNS_MAX).readonly(),
});

const outcomeSchema = z.strictObject({
  kind: z.enum(["recovered", "relapsed", "ignored", "escalated"]),
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
  /** Of the latest episode that was closed or escalated. */
  outcome: outcomeSchema.nullable(),
});

type Outcome = z.infer<typeof outcomeSchema>;
export type ThreadState = "steady" | "suspected" | "correcting" | "escalated" | "halted";
export type ThreadContext = Readonly<z.infer<typeof contextSchema>>;

/** Question: re-decided on the newest snapshot, only before bytes. */
interface VerdictReached {
  readonly type: "verdict.reached";
  readonly turn: number;
  readonly severity: "clear" | "suspected" | "firing";
  readonly pattern: string | null;
  readonly key: string | null;
  /** The newest evidence brought something that was not seen before. */
  readonly progress: boolean;
  /** False where loops are only observed, or the caller wants no corrections. */
  readonly mayCorrect: boolean;
  readonly coolDownTurns: number;
  readonly correctionsMax: number;
}

export type ThreadEvent =
  | VerdictReached
  /** Facts. `final`: the answer asked for no tool. `operator.corrected` names the next turn. */
  | { readonly type: "turn.answered"; readonly turn: number; readonly final: boolean }
  | { readonly type: "operator.corrected"; readonly turn: number }
  | { readonly type: "operator.halted" }
  | { readonly type: "operator.reset" }
  | { readonly type: "operator.dismissed" };

export type ThreadSnapshot = MachineSnapshot<ThreadState, ThreadContext>;

export const threadSnapshotSchema: z.ZodType<ThreadSnapshot> = z
  .strictObject({
    value: z.enum(["steady", "suspected", "correcting", "escalated", "halted"]),
    context: contextSchema,
  })
  .refine(isConsistent);

function isConsistent({ value, context }: ThreadSnapshot): boolean {
  const { level, episode, outcome } = context;
  const latest = context.correctionTurn ?? -1;
  const turns = episode?.correctedTurns ?? [];
  const ascending = turns.every((turn, index) => turn > (turns[index - 1] ?? -1));
  if (!ascending || (turns.at(-1) ?? -1) > latest) return false;
  if (level > 0 !== turns.length > 0) return false;
  if (outcome !== null && outcome.turns > outcome.turn) return false;
  if (outcome !== null && outcome.level > 0 && firstTurn(outcome) > latest) return false;
  if (value === "steady") return episode === null;
  if (value === "suspected") return level === 0;
  if (value === "correcting") return level > 0;
  return value === "halted" || (episode !== null && outcome?.kind === "escalated");
}

interface Judged {
  readonly context: ThreadContext;
  readonly event: VerdictReached;
}

/** What was seen before the model could read the latest correction says nothing about it. */
function says({ context, event }: Judged, severity: VerdictReached["severity"]): boolean {
  return event.severity === severity && event.turn > (context.correctionTurn ?? -1);
}

const isSuspicious = (judged: Judged) => says(judged, "suspected");
const isFiring = (judged: Judged) => says(judged, "firing");
const hasRecovered = (judged: Judged) => says(judged, "clear") && judged.event.progress;
const isCalm = (judged: Judged) =>
  hasRecovered(judged) || (says(judged, "clear") && judged.context.episode === null);
const mayOnlyObserve = (judged: Judged) => isFiring(judged) && !judged.event.mayCorrect;

const firstTurn = (outcome: Outcome) => outcome.turn - outcome.turns;
const loopKey = (event: VerdictReached) => event.key ?? event.pattern ?? UNNAMED_PATTERN;
const isOpenLoop = ({ context, event }: Judged) =>
  context.episode?.key === loopKey(event) || context.episode?.key === OPERATOR_PATTERN;
const mayOnlyFollow = (judged: Judged) => mayOnlyObserve(judged) && isOpenLoop(judged);
const movesOn = (judged: Judged) =>
  isFiring(judged) && judged.event.progress && !isOpenLoop(judged);

/** Writes down how the open episode went. The episode itself stays as it is. */
function tell(context: ThreadContext, kind: Outcome["kind"], turn: number): ThreadContext {
  const { episode, level } = context;
  if (episode === null) return context;
  const { pattern, key, openedTurn, correctedTurns } = episode;
  const turns = Math.max(0, turn - (correctedTurns[0] ?? openedTurn));
  return { ...context, outcome: { kind, turns, pattern, key, level, turn } };
}

function close(context: ThreadContext, kind: Outcome["kind"], turn: number): ThreadContext {
  // Nothing was sent and nobody was called: there is no effect of which an outcome could tell.
  const silent = context.level === 0 && context.outcome?.kind !== "escalated";
  const told = silent ? context : tell(context, kind, turn);
  return { ...told, level: 0, episode: null };
}

/** Where the loop that fires stands on the ladder, before anything is sent for it in this turn. */
function stand(judged: Judged): ThreadContext {
  const { turn, pattern, progress } = judged.event;
  const kind = progress ? "recovered" : "ignored";
  const context = isOpenLoop(judged) ? judged.context : close(judged.context, kind, turn);
  const open = context.episode ?? { openedTurn: turn, correctedTurns: [] };
  const episode = { ...open, pattern: pattern ?? UNNAMED_PATTERN, key: loopKey(judged.event) };
  const { level, outcome } = context;
  if (level > 0 || outcome === null || !hasComeBack(outcome, judged))
    return { ...context, episode };
  const correctedTurns = [firstTurn(outcome)];
  const back = { ...context, level: outcome.level, episode: { ...episode, correctedTurns } };
  return outcome.kind === "recovered" ? tell(back, "relapsed", turn) : back;
}

function hasComeBack(outcome: Outcome, judged: Judged): boolean {
  if (outcome.level === 0 || outcome.key !== loopKey(judged.event)) return false;
  return judged.event.turn <= outcome.turn + RELAPSE_TURNS || isCoolingDown(judged);
}

const isCoolingDown = ({ context: { correctionTurn }, event }: Judged) =>
  correctionTurn !== null && event.turn <= correctionTurn + event.coolDownTurns;
const isQuiet = (judged: Judged) =>
  isFiring(judged) && isCoolingDown(judged) && stand(judged).level > 0;
const isUsedUp = (judged: Judged) =>
  isFiring(judged) &&
  (stand(judged).level >= LEVEL_MAX || judged.context.corrections >= judged.event.correctionsMax);

/** The loop is known, but nothing was sent for it: no level, and no outcome when it ends. */
function observe(judged: Judged): ThreadContext {
  const { episode, ...context } = stand(judged);
  return { ...context, level: 0, episode: episode && { ...episode, correctedTurns: [] } };
}

/** One step up the ladder, for the open episode or for one that a person opens. */
function correct(context: ThreadContext, turn: number): ThreadContext {
  const byHand = { pattern: OPERATOR_PATTERN, key: OPERATOR_PATTERN };
  const episode = context.episode ?? { ...byHand, openedTurn: turn, correctedTurns: [] };
  const correctedTurns = [...episode.correctedTurns, turn].slice(0, CORRECTED_TURNS_MAX);
  return {
    ...context,
    level: Math.min(context.level + 1, LEVEL_MAX),
    episode: { ...episode, correctedTurns },
    correctionTurn: turn,
    corrections: countUp(context.corrections),
  };
}

const correctLoop = (judged: Judged) => correct(stand(judged), judged.event.turn);
const escalate = (judged: Judged) => tell(stand(judged), "escalated", judged.event.turn);

const NOTHING_KNOWN: ThreadContext = {
  level: 0,
  episode: null,
  correctionTurn: null,
  corrections: 0,
  outcome: null,
};

const machine = setup({
  types: machineTypes<ThreadContext, ThreadEvent>(NOTHING_KNOWN, { type: "operator.reset" }),
  guards: {
    /** Only an answer to a request that carried the latest correction shows its effect. */
    isFinalAnswer: ({ context, event }) =>
      event.type === "turn.answered" && event.final && event.turn >= (context.correctionTurn ?? 0),
  },
  actions: {
    recover: assign(({ context, event }) =>
      "turn" in event ? close(context, "recovered", event.turn) : context,
    ),
  },
}).createMachine({
  id: "thread",
  initial: "steady",
  context: NOTHING_KNOWN,
  // A state's own handlers come first; what they leave open is decided here.
  on: {
    "verdict.reached": [
      { guard: mayOnlyObserve, target: ".suspected", actions: assign(observe) },
      { guard: isQuiet, target: ".correcting", actions: assign(stand) },
      { guard: isUsedUp, target: ".escalated", actions: assign(escalate) },
      { guard: isFiring, target: ".correcting", actions: assign(correctLoop) },
    ],
    "operator.corrected": {
      target: ".correcting",
      // A turn that may have been sent already cannot carry it: then the next one does.
      actions: assign(({ context, event }) =>
        correct(context, Math.max(event.turn, (context.correctionTurn ?? -1) + 1)),
      ),
    },
    "operator.halted": ".halted",
    "operator.reset": { target: ".steady", actions: assign(NOTHING_KNOWN) },
    "operator.dismissed": {
      target: ".steady",
      actions: assign({ level: 0, episode: null, outcome: null }),
    },
  },
  states: {
    steady: { on: { "verdict.reached": { guard: isSuspicious, target: "suspected" } } },
    suspected: {
      on: {
        "verdict.reached": { guard: isCalm, target: "steady", actions: assign({ episode: null }) },
      },
    },
    correcting: {
      on: {
        "verdict.reached": [
          { guard: hasRecovered, target: "steady", actions: "recover" },
          // What was sent is followed to its end, even where nothing more may be sent.
          { guard: mayOnlyFollow, actions: assign(stand) },
        ],
        "turn.answered": { guard: "isFinalAnswer", target: "steady", actions: "recover" },
        // One is due in that turn already.
        "operator.corrected": {
          guard: ({ context, event }) => event.turn <= (context.correctionTurn ?? -1),
        },
      },
    },
    escalated: {
      on: {
        "verdict.reached": [
          { guard: hasRecovered, target: "steady", actions: "recover" },
          { guard: not(movesOn) },
        ],
        "turn.answered": { guard: "isFinalAnswer", target: "steady", actions: "recover" },
      },
    },
    halted: { on: { "verdict.reached": {}, "operator.corrected": {} } },
  },
});

const step = makeStep<ThreadSnapshot, ThreadEvent>("thread", machine, threadSnapshotSchema);

export function initialThread(): ThreadSnapshot {
  return { value: "steady", context: NOTHING_KNOWN };
}

/** Pure. Gives back the same object where nothing changes. */
export function nextThread(snapshot: ThreadSnapshot, event: ThreadEvent): ThreadSnapshot {
  return step(snapshot, event);
}

/** Throws SnapshotUnreadableError on anything that is not exactly a snapshot of this machine. */
export function restoreThread(stored: unknown): ThreadSnapshot {
  return readSnapshot("thread", threadSnapshotSchema, stored);
}
