// The life of a conversation: what its budget still allows, and whether it has been closed.
// Must never read a clock or keep money: the amounts come in with the events.
//
//               from 80 %           from 100 %            final turn or
//      ┌──────┐ ───────► ┌────────┐ ───────► ┌───────────┐  operator   ┌────────┐
//  ──► │ open │          │ warned │          │ exhausted │ ──────────► │ closed │
//      └──────┘ ◄─────── └────────┘ ◄─────── └───────────┘             └────────┘
//         ▲      turn.asked under a raised budget                          │
//         └── turn.asked: a new generation, judged by the same amounts ────┘
//
// Every state may close; open may skip warned. Specification: docs/conversation-spec.md, "Life".

import { assign, setup } from "xstate";
import { z } from "zod";
import {
  countUp,
  machineTypes,
  makeStep,
  readSnapshot,
  snapshotCount,
  type MachineSnapshot,
} from "./step-machine.ts";

/** Share of the budget from which the model is told to wrap up, in percent. */
export const BUDGET_WARNED_PERCENT = 80;

/** Share of the budget from which a turn gets the kind ending, in percent. */
export const BUDGET_EXHAUSTED_PERCENT = 100;

export type LifeState = "open" | "warned" | "exhausted" | "closed";

export interface LifeContext {
  /** Which life this is: 1 at first, one more for each turn that is asked after closed. */
  readonly generation: number;
  /** Number of the turn that carries the warning. Null in every state but warned. */
  readonly warnedAt: number | null;
}

interface TurnAmounts {
  readonly turn: number;
  readonly spentNanoUsd: number;
  /** Null: no budget. */
  readonly budgetNanoUsd: number | null;
}

export type LifeEvent =
  /** Question: re-decided on the newest snapshot, only before bytes. */
  | (TurnAmounts & { readonly type: "turn.asked" })
  /** Fact. `final`: the client said that this was its last turn. */
  | (TurnAmounts & { readonly type: "turn.ended"; readonly final: boolean })
  /** Facts: what a person did. */
  | { readonly type: "operator.closed" }
  | { readonly type: "operator.reset" };

const FIRST_LIFE: LifeContext = { generation: 1, warnedAt: null };

export type LifeSnapshot = MachineSnapshot<LifeState, LifeContext>;

export const lifeSnapshotSchema: z.ZodType<LifeSnapshot> = z
  .strictObject({
    value: z.enum(["open", "warned", "exhausted", "closed"]),
    context: z.strictObject({
      generation: snapshotCount.min(1),
      warnedAt: snapshotCount.nullable(),
    }),
  })
  .refine(({ value, context }) => (value === "warned") === (context.warnedAt !== null));

function isFinal({ event }: { event: { readonly final: boolean } }): boolean {
  return event.final;
}

function isExhausted({ event }: { event: TurnAmounts }): boolean {
  return reachesPercent(event, BUDGET_EXHAUSTED_PERCENT);
}

function isWarned({ event }: { event: TurnAmounts }): boolean {
  return reachesPercent(event, BUDGET_WARNED_PERCENT);
}

/** Whole numbers on both sides, so that the limit itself counts as reached. */
function reachesPercent(event: TurnAmounts, percent: number): boolean {
  if (event.budgetNanoUsd === null) return false;
  return event.spentNanoUsd * 100 >= event.budgetNanoUsd * percent;
}

const machine = setup({
  types: machineTypes<LifeContext, LifeEvent>(FIRST_LIFE, { type: "operator.reset" }),
  actions: {
    dropWarning: assign({ warnedAt: null }),
    beginGeneration: assign({ generation: ({ context }) => countUp(context.generation) }),
  },
}).createMachine({
  id: "life",
  initial: "open",
  context: FIRST_LIFE,
  on: {
    "turn.asked": [
      { guard: isExhausted, target: ".exhausted", actions: "dropWarning" },
      {
        guard: isWarned,
        target: ".warned",
        actions: assign({ warnedAt: ({ context, event }) => context.warnedAt ?? event.turn }),
      },
      { target: ".open", actions: "dropWarning" },
    ],
    // A fact may raise the state, but not to warned: a warning puts words into a request that is
    // still to be sent, so it is a decision, and decisions belong to questions.
    "turn.ended": [
      { guard: isFinal, target: ".closed", actions: "dropWarning" },
      { guard: isExhausted, target: ".exhausted", actions: "dropWarning" },
    ],
    "operator.closed": { target: ".closed", actions: "dropWarning" },
    "operator.reset": { target: ".open", actions: "dropWarning" },
  },
  states: {
    open: {},
    warned: {},
    exhausted: {},
    closed: {
      on: {
        "turn.asked": [
          { guard: isExhausted, target: "exhausted", actions: "beginGeneration" },
          {
            guard: isWarned,
            target: "warned",
            actions: ["beginGeneration", assign({ warnedAt: ({ event }) => event.turn })],
          },
          { target: "open", actions: "beginGeneration" },
        ],
        // A turn that outlived the conversation does not open it again.
        "turn.ended": {},
      },
    },
  },
});

const step = makeStep<LifeSnapshot, LifeEvent>("life", machine, lifeSnapshotSchema);

export function initialLife(): LifeSnapshot {
  return { value: "open", context: FIRST_LIFE };
}

/** Pure. Gives back the same object where nothing changes. */
export function nextLife(snapshot: LifeSnapshot, event: LifeEvent): LifeSnapshot {
  return step(snapshot, event);
}

/** Throws SnapshotUnreadableError on anything that is not exactly a snapshot of this machine. */
export function restoreLife(stored: unknown): LifeSnapshot {
  return readSnapshot("life", lifeSnapshotSchema, stored);
}
