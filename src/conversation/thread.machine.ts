// One thread of a conversation: is it going round in circles, what was done, and did that help.
// Must never detect loops or write corrections: verdicts come in, the turn to correct comes out.
//      ┌────────┐ suspected, or a loop that  ┌───────────┐
//  ──► │ steady │ may not be corrected ────► │ suspected │
//      └────────┘ ◄── clear, or an answer ── └───────────┘
//        ▲   │ firing                              │ firing
//        │   ▼                                     ▼
//        │ ┌───────────────────────────────────────────┐ ladder or allowance ┌───────────┐
//        │ │ correcting: level 1 … 3, a correction for │ used up ──────────► │ escalated │
//        │ │ each step, a cool-down after each         │      a turn or two  └───────────┘
//        │ └───────────────────────────────────────────┘  on a stronger model  │ ▲
//        └── progress or a final answer: recovered ◄─┴─────────────────────────┤ │ a person speaks
//                                        nothing helped, and ending is allowed ▼ │
//                                                                    ┌────────────┐
//                                                                    │   halted   │
//                                                                    └────────────┘
// A person may halt every state. Specification: docs/conversation-spec.md, "Thread".

import { assign, not, setup } from "xstate";
import { machineTypes, makeStep, readSnapshot } from "./step-machine.ts";
import {
  close,
  correct,
  correctLoop,
  end,
  escalate,
  hasRecovered,
  isCalm,
  isFiring,
  isPastHelp,
  isQuiet,
  isStrongerDue,
  isSuspicious,
  isUsedUp,
  latestAct,
  mayOnlyFollow,
  mayOnlyObserve,
  movesOn,
  observe,
  resume,
  stand,
  strengthen,
  type VerdictReached,
} from "./thread-ladder.ts";
import {
  NOTHING_KNOWN,
  threadSnapshotSchema,
  type ThreadContext,
  type ThreadSnapshot,
} from "./thread-snapshot.ts";

export type { ThreadContext, ThreadSnapshot, ThreadState } from "./thread-snapshot.ts";

export type ThreadEvent =
  | VerdictReached
  /** Question: a person said something that this thread has not heard before. */
  | { readonly type: "person.spoke"; readonly turn: number }
  /** Facts. `final`: the answer asked for no tool. `operator.corrected` names the next turn. */
  | { readonly type: "turn.answered"; readonly turn: number; readonly final: boolean }
  | { readonly type: "operator.corrected"; readonly turn: number }
  | { readonly type: "operator.halted" }
  | { readonly type: "operator.reset" }
  | { readonly type: "operator.dismissed" };

const machine = setup({
  types: machineTypes<ThreadContext, ThreadEvent>(NOTHING_KNOWN, { type: "operator.reset" }),
  guards: {
    /** Only an answer to a request that carried the latest step shows its effect. */
    isFinalAnswer: ({ context, event }) =>
      event.type === "turn.answered" &&
      event.final &&
      context.episode !== null &&
      event.turn >= Math.max(latestAct(context), context.episode.openedTurn),
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
      { guard: isPastHelp, target: ".halted", actions: assign(end) },
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
    "operator.halted": { target: ".halted", actions: assign({ endedTurn: null }) },
    "operator.reset": { target: ".steady", actions: assign(NOTHING_KNOWN) },
    "operator.dismissed": {
      target: ".steady",
      actions: assign({ level: 0, episode: null, outcome: null, endedTurn: null }),
    },
  },
  states: {
    steady: { on: { "verdict.reached": { guard: isSuspicious, target: "suspected" } } },
    suspected: {
      on: {
        "verdict.reached": { guard: isCalm, target: "steady", actions: "recover" },
        "turn.answered": { guard: "isFinalAnswer", target: "steady", actions: "recover" },
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
          {
            guard: isStrongerDue,
            actions: assign(({ context, event }) => strengthen(context, event.turn)),
          },
          { guard: isPastHelp, target: "halted", actions: assign(end) },
          { guard: not(movesOn) },
        ],
        "turn.answered": { guard: "isFinalAnswer", target: "steady", actions: "recover" },
      },
    },
    halted: {
      on: {
        "verdict.reached": {},
        "operator.corrected": {},
        // What a person halted, no words of a request open again.
        "person.spoke": {
          guard: ({ context }) => context.endedTurn !== null,
          target: "escalated",
          actions: assign(({ context, event }) => resume(context, event.turn)),
        },
      },
    },
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
