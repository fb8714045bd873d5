// The pin of a conversation: which model it is held to, and where that model is served just now.
// Must never choose: routing decides; it keeps what was decided and refuses the forbidden.
//
//                      served elsewhere
//      ┌──────────┐ chosen ┌──────┐ ───────────────► ┌──────┐
//  ──► │ unpinned │ ─────► │ home │                  │ away │
//      └──────────┘        └──────┘ ◄─────────────── └──────┘
//           ▲               │    ▲    served at home    │
//           │   substituted │    │ home model served    │ substituted
//           │               ▼    │ (elsewhere: away),   │
//           │               │    │ or returned          │
//           │            ┌─────────────┐                │
//           │            │ substituted │ ◄──────────────┘
//           │            └─────────────┘
//           └── released, from every state          moved: from every pinned state to a new home
//
// Specification: docs/conversation-spec.md, "Pin".

import { assign, setup } from "xstate";
import { z } from "zod";
import {
  machineTypes,
  makeStep,
  readSnapshot,
  snapshotText,
  type MachineSnapshot,
} from "./step-machine.ts";

export type PinState = "unpinned" | "home" | "away" | "substituted";

export interface PinTarget {
  readonly deployment: string;
  readonly model: string;
  /** 0 … 1 as of `catalogVersion`; null: not rated. */
  readonly rating: number | null;
  readonly catalogVersion: string;
}

export interface PinContext {
  /** The yardstick: what "never below" is measured by. Null only while unpinned. */
  readonly home: PinTarget | null;
  /** Deployment that serves the home model in place of the home deployment. Only in away. */
  readonly away: string | null;
  /** The other model that stands in for the home model. Only in substituted. */
  readonly substitute: PinTarget | null;
}

export type PinEvent =
  /** Questions: decided by routing on the newest snapshot, only before bytes. */
  | { readonly type: "pin.chosen"; readonly target: PinTarget }
  | { readonly type: "pin.moved"; readonly target: PinTarget }
  | { readonly type: "pin.substituted"; readonly target: PinTarget }
  /** Back from a substitute; the target only tells where the home model is asked. */
  | { readonly type: "pin.returned"; readonly target: PinTarget }
  /** Fact, after bytes. `exception`: this one turn was served outside the pin on purpose. */
  | {
      readonly type: "turn.served";
      readonly deployment: string;
      readonly model: string;
      readonly exception: boolean;
    }
  /** Fact: the pin was given up by a person or with its conversation. */
  | { readonly type: "pin.released" };

export type PinSnapshot = MachineSnapshot<PinState, PinContext>;

const NO_PIN: PinContext = { home: null, away: null, substitute: null };

const targetSchema = z.strictObject({
  deployment: snapshotText,
  model: snapshotText,
  rating: z.number().min(0).max(1).nullable(),
  catalogVersion: snapshotText,
});

export const pinSnapshotSchema: z.ZodType<PinSnapshot> = z
  .strictObject({
    value: z.enum(["unpinned", "home", "away", "substituted"]),
    context: z.strictObject({
      home: targetSchema.nullable(),
      away: snapshotText.nullable(),
      substitute: targetSchema.nullable(),
    }),
  })
  .refine(isConsistent);

function isConsistent({ value, context }: PinSnapshot): boolean {
  const { home, away, substitute } = context;
  if ((value === "unpinned") !== (home === null)) return false;
  if ((value === "away") !== (away !== null)) return false;
  if ((value === "substituted") !== (substitute !== null)) return false;
  if (home === null) return true;
  return away !== home.deployment && (substitute === null || mayStandIn(substitute, home));
}

/** Never the home model itself, never rated below it; an unrated home sets no yardstick. */
function mayStandIn(target: PinTarget, home: PinTarget): boolean {
  if (target.model === home.model) return false;
  if (home.rating === null) return true;
  return target.rating !== null && target.rating >= home.rating;
}

interface Decided {
  readonly context: PinContext;
  readonly event: { readonly target: PinTarget };
}

function isPinned({ context }: { readonly context: PinContext }): boolean {
  return context.home !== null;
}

function isSubstitute({ context, event }: Decided): boolean {
  return context.home !== null && mayStandIn(event.target, context.home);
}

function isHomeAgain({ context, event }: Decided): boolean {
  return event.target.model === context.home?.model;
}

function isAtHomeAgain(decided: Decided): boolean {
  const { context, event } = decided;
  return isHomeAgain(decided) && event.target.deployment === context.home?.deployment;
}

interface Served {
  readonly context: PinContext;
  readonly event: Extract<PinEvent, { readonly type: "turn.served" }>;
}

function isHomeModel({ context, event }: Served): boolean {
  return !event.exception && event.model === context.home?.model;
}

function isAtHome(served: Served): boolean {
  return isHomeModel(served) && served.event.deployment === served.context.home?.deployment;
}

const machine = setup({
  types: machineTypes<PinContext, PinEvent>(NO_PIN, { type: "pin.released" }),
}).createMachine({
  id: "pin",
  initial: "unpinned",
  context: NO_PIN,
  on: {
    "pin.moved": {
      guard: isPinned,
      target: ".home",
      actions: assign(({ event }) => ({ ...NO_PIN, home: event.target })),
    },
    "pin.substituted": {
      guard: isSubstitute,
      target: ".substituted",
      actions: assign({ away: null, substitute: ({ event }) => event.target }),
    },
    "turn.served": [
      { guard: isAtHome, target: ".home", actions: assign({ away: null, substitute: null }) },
      {
        guard: isHomeModel,
        target: ".away",
        actions: assign({ away: ({ event }) => event.deployment, substitute: null }),
      },
    ],
    "pin.released": { target: ".unpinned", actions: assign(NO_PIN) },
  },
  states: {
    unpinned: {
      on: {
        // Only here: of two first turns one pin wins, and both use it.
        "pin.chosen": {
          target: "home",
          actions: assign({ home: ({ event }) => event.target }),
        },
      },
    },
    home: {},
    away: {},
    substituted: {
      on: {
        "pin.returned": [
          { guard: isAtHomeAgain, target: "home", actions: assign({ substitute: null }) },
          {
            guard: isHomeAgain,
            target: "away",
            actions: assign({ away: ({ event }) => event.target.deployment, substitute: null }),
          },
        ],
      },
    },
  },
});

const step = makeStep<PinSnapshot, PinEvent>("pin", machine, pinSnapshotSchema);

export function initialPin(): PinSnapshot {
  return { value: "unpinned", context: NO_PIN };
}

/** Pure. Gives back the same object where nothing changes. */
export function nextPin(snapshot: PinSnapshot, event: PinEvent): PinSnapshot {
  return step(snapshot, event);
}

/** Throws SnapshotUnreadableError on anything that is not exactly a snapshot of this machine. */
export function restorePin(stored: unknown): PinSnapshot {
  return readSnapshot("pin", pinSnapshotSchema, stored);
}

/** The model the next turn must use: the substitute while there is one, else home. Null: no pin. */
export function pinnedModel(snapshot: PinSnapshot): PinTarget | null {
  return snapshot.context.substitute ?? snapshot.context.home;
}
