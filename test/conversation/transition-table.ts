// What every event means in every state, as data: the compiler refuses a missing cell.
// Must say the same as the tables in docs/conversation-spec.md; machine-table.test.ts compares them.

import { initialLife } from "../../src/conversation/conversation.machine.ts";
import type { LifeEvent, LifeSnapshot } from "../../src/conversation/conversation.machine.ts";
import { initialPin } from "../../src/conversation/pin.machine.ts";
import type {
  PinEvent,
  PinSnapshot,
  PinState,
  PinTarget,
} from "../../src/conversation/pin.machine.ts";
import { initialThread } from "../../src/conversation/thread.machine.ts";
import type { ThreadContext, ThreadEvent } from "../../src/conversation/thread.machine.ts";
import type { ThreadSnapshot, ThreadState } from "../../src/conversation/thread.machine.ts";

export interface SnapshotLike {
  readonly value: string;
  readonly context: object;
}

export interface EventLike {
  readonly type: string;
}

/** One way an event can go: where to, under which condition in words, and examples that are run. */
export interface Case<State, Event> {
  readonly to: State;
  readonly when: string;
  readonly examples: readonly Event[];
  /** Context the examples start from; that of the state's usual snapshot if absent. */
  readonly given?: object;
}

export type Cell<State, Event> = "ignored" | readonly Case<State, Event>[];

/** Total on purpose: no state and no event may be left out. */
export type Table<Snapshot extends SnapshotLike, Event extends EventLike> = Readonly<
  Record<
    Snapshot["value"],
    { readonly [Name in Event["type"]]: Cell<Snapshot["value"], Extract<Event, { type: Name }>> }
  >
>;

/** A snapshot for each state, from which the examples start. */
export type Usual<Snapshot extends SnapshotLike> = Readonly<Record<Snapshot["value"], Snapshot>>;

function to<const State extends string, Event>(
  state: State,
  when: string,
  ...examples: readonly Event[]
): Case<State, Event> {
  return { to: state, when, examples };
}

// Life

export const USUAL_LIFE: Usual<LifeSnapshot> = {
  open: initialLife(),
  warned: { value: "warned", context: { generation: 1, warnedAt: 7 } },
  exhausted: { value: "exhausted", context: { generation: 1, warnedAt: null } },
  closed: { value: "closed", context: { generation: 1, warnedAt: null } },
};

const asked = (spentNanoUsd: number, budgetNanoUsd: number | null = 1_000) =>
  ({ type: "turn.asked", turn: 9, spentNanoUsd, budgetNanoUsd }) as const;
const ended = (spentNanoUsd: number, final = false) =>
  ({ type: "turn.ended", turn: 9, spentNanoUsd, budgetNanoUsd: 1_000, final }) as const;

const judged = [
  to("exhausted", "from 100 %", asked(1_000)),
  to("warned", "from 80 %", asked(800), asked(999)),
  to("open", "otherwise, or no budget", asked(799), asked(9_999, null)),
];
const closes = [to("closed", "always", { type: "operator.closed" } as const)];
const opens = [to("open", "always", { type: "operator.reset" } as const)];
const whileAlive = <State extends LifeSnapshot["value"]>(state: State) => ({
  "turn.asked": judged,
  "turn.ended": [
    to("closed", "final", ended(0, true), ended(1_000, true)),
    to("exhausted", "from 100 %", ended(1_000)),
    to(state, "otherwise", ended(999)),
  ],
  "operator.closed": closes,
  "operator.reset": opens,
});

export const LIFE_TABLE: Table<LifeSnapshot, LifeEvent> = {
  open: { ...whileAlive("open"), "operator.reset": "ignored" },
  warned: whileAlive("warned"),
  exhausted: whileAlive("exhausted"),
  closed: {
    "turn.asked": judged,
    "turn.ended": "ignored",
    "operator.closed": "ignored",
    "operator.reset": opens,
  },
};

// Pin

const target = (model: string, rating: number | null = 0.8, at = "lab"): PinTarget => ({
  deployment: `${at}/${model}`,
  model,
  rating,
  catalogVersion: "2026-11",
});
const pinned = { home: target("big"), away: null, substitute: null };

export const USUAL_PIN: Usual<PinSnapshot> = {
  unpinned: initialPin(),
  home: { value: "home", context: pinned },
  away: { value: "away", context: { ...pinned, away: "cloud/big" } },
  substituted: { value: "substituted", context: { ...pinned, substitute: target("large") } },
};

const decided = <Name extends string>(type: Name, ...parts: Parameters<typeof target>) => ({
  type,
  target: target(...parts),
});
const served = (model: string, at = "lab", exception = false) =>
  ({ type: "turn.served", deployment: `${at}/${model}`, model, exception }) as const;

const whilePinned = <State extends PinState>(state: State) =>
  ({
    "pin.chosen": "ignored",
    "pin.moved": [to("home", "always", decided("pin.moved", "small", 0.4))],
    "pin.substituted": [
      to(state, "the home model", decided("pin.substituted", "big", 0.8, "cloud")),
      to(
        state,
        "rated below home, or not at all while home is",
        decided("pin.substituted", "small", 0.79),
        decided("pin.substituted", "unknown", null),
      ),
      to("substituted", "otherwise", decided("pin.substituted", "grand")),
    ],
    "pin.returned": "ignored",
    "turn.served": [
      to(state, "an exception", served("big", "lab", true), served("grand", "lab", true)),
      to("home", "home model at the home deployment", served("big")),
      to("away", "home model elsewhere", served("big", "edge")),
      to(state, "another model", served("large")),
    ],
    "pin.released": [to("unpinned", "always", { type: "pin.released" } as const)],
  }) as const;

export const PIN_TABLE: Table<PinSnapshot, PinEvent> = {
  unpinned: {
    "pin.chosen": [to("home", "always", decided("pin.chosen", "big"))],
    "pin.moved": "ignored",
    "pin.substituted": "ignored",
    "pin.returned": "ignored",
    "turn.served": "ignored",
    "pin.released": "ignored",
  },
  home: whilePinned("home"),
  away: whilePinned("away"),
  substituted: {
    ...whilePinned("substituted"),
    "pin.returned": [
      to("home", "home model at the home deployment", decided("pin.returned", "big")),
      to("away", "home model elsewhere", decided("pin.returned", "big", 0.8, "edge")),
      to("substituted", "another model", decided("pin.returned", "grand")),
    ],
  },
};

// Thread

type Verdict = Extract<ThreadEvent, { readonly type: "verdict.reached" }>;

/** The loop of the usual snapshots is `a`; its correction went out in turn 10, cool-down 3. */
const says = (severity: Verdict["severity"], given: Partial<Verdict> = {}): Verdict => ({
  type: "verdict.reached",
  turn: 14,
  severity,
  pattern: "same-result",
  key: "a",
  progress: false,
  mayCorrect: true,
  coolDownTurns: 3,
  correctionsMax: 4,
  strongerTurnsMax: 0,
  mayEnd: false,
  ...given,
});
const fires = (given: Partial<Verdict> = {}) => says("firing", given);
const onward = (given: Partial<Verdict>) => fires({ key: "b", progress: true, ...given });
const answers = (turn: number, final: boolean) => ({ type: "turn.answered", turn, final }) as const;
const speaks = (turn: number) => ({ type: "person.spoke", turn }) as const;
const corrects = (turn: number) => ({ type: "operator.corrected", turn }) as const;

const loop = { pattern: "same-result", key: "a", openedTurn: 10, correctedTurns: [10] };
const nothing = initialThread().context;
const onLevel = (level: number): ThreadContext => ({
  ...nothing,
  level,
  episode: loop,
  correctionTurn: 10,
  corrections: level,
});
const outcome = { pattern: "same-result", key: "a", level: 1, turns: 2, turn: 12 };
const escalated = { ...onLevel(1), outcome: { ...outcome, kind: "escalated" as const } };
const cameBackFrom = (level: number, kind: "recovered" | "ignored" = "recovered") => ({
  ...nothing,
  correctionTurn: 10,
  outcome: { ...outcome, level, kind },
});
/** Two corrections of this very loop were ignored; `a` has nothing left but a stronger model or an end. */
const ignored = {
  ...onLevel(2),
  episode: { ...loop, openedTurn: 8, correctedTurns: [8, 10] },
};
const ignoredLong = { ...ignored, outcome: { ...outcome, kind: "escalated" as const } };
const endedByLadder = {
  ...ignored,
  outcome: { ...outcome, turn: 14, turns: 6, kind: "ended" as const },
  endedTurn: 14,
};
const observed = { ...nothing, episode: { ...loop, correctedTurns: [] } };

export const USUAL_THREAD: Usual<ThreadSnapshot> = {
  steady: initialThread(),
  suspected: { value: "suspected", context: nothing },
  correcting: { value: "correcting", context: onLevel(1) },
  escalated: { value: "escalated", context: escalated },
  halted: { value: "halted", context: onLevel(1) },
};

const STALE = "turn not after the latest correction";
const stale = <State extends ThreadState>(state: State, given: object = cameBackFrom(1)) => ({
  ...to(state, STALE, fires({ turn: 10 }), fires({ turn: 9, key: "b" })),
  given,
});
const firesAtRest = [
  to("suspected", "firing, may not correct", fires({ mayCorrect: false })),
  {
    ...to("correcting", "firing again, in the cool-down", fires({ turn: 13 })),
    given: cameBackFrom(1),
  },
  to("escalated", "firing, ladder or allowance used up", fires({ correctionsMax: 0 })),
  {
    ...to("escalated", "firing, ladder or allowance used up", fires()),
    given: cameBackFrom(3, "ignored"),
  },
  to("correcting", "firing otherwise", fires()),
];
const stays = { "person.spoke": "ignored" } as const;
const usedUp = { correctionsMax: 2, mayEnd: true };
const acts = {
  "operator.corrected": [to("correcting", "always", corrects(14), corrects(10))],
  "operator.halted": [to("halted", "always", { type: "operator.halted" } as const)],
  "operator.reset": [to("steady", "always", { type: "operator.reset" } as const)],
  "operator.dismissed": [to("steady", "always", { type: "operator.dismissed" } as const)],
};
const answersIn = <State extends ThreadState>(state: State) => [
  to(state, "not final", answers(14, false)),
  to(state, "turn before the latest step, or the opening", answers(9, true)),
  to("steady", "otherwise", answers(10, true)),
];

export const THREAD_TABLE: Table<ThreadSnapshot, ThreadEvent> = {
  steady: {
    "verdict.reached": [
      stale("steady"),
      to("steady", "clear", says("clear"), says("clear", { progress: true })),
      to("suspected", "suspected", says("suspected")),
      ...firesAtRest,
    ],
    "turn.answered": "ignored",
    ...stays,
    ...acts,
  },
  suspected: {
    "verdict.reached": [
      stale("suspected"),
      to("steady", "clear, with progress or no known loop", says("clear", { progress: true })),
      { ...to("suspected", "clear otherwise", says("clear")), given: observed },
      to("suspected", "suspected", says("suspected")),
      ...firesAtRest,
    ],
    "turn.answered": [
      to("suspected", "no known loop", answers(14, true)),
      { ...to("suspected", "not final", answers(14, false)), given: observed },
      {
        ...to("suspected", "turn before the latest step, or the opening", answers(9, true)),
        given: observed,
      },
      { ...to("steady", "otherwise", answers(10, true)), given: observed },
    ],
    ...stays,
    ...acts,
  },
  correcting: {
    "verdict.reached": [
      stale("correcting", onLevel(1)),
      to("steady", "clear, with progress", says("clear", { progress: true })),
      to("correcting", "clear otherwise, or suspected", says("clear"), says("suspected")),
      to("correcting", "the loop again, may not correct", fires({ mayCorrect: false })),
      to("correcting", "the loop again, in the cool-down", fires({ turn: 13 })),
      {
        ...to("halted", "the loop again, past help", fires(usedUp)),
        given: ignored,
      },
      { ...to("escalated", "the loop again, ladder used up", fires()), given: onLevel(3) },
      to("escalated", "the loop again, allowance used up", fires({ correctionsMax: 1 })),
      {
        ...to(
          "escalated",
          "the loop again, allowance used up",
          fires({ ...usedUp, strongerTurnsMax: 1 }),
          fires({ ...usedUp, progress: true }),
        ),
        given: ignored,
      },
      to("correcting", "the loop again otherwise", fires()),
      to("suspected", "another loop, may not correct", fires({ key: "b", mayCorrect: false })),
      to("escalated", "another loop, allowance used up", fires({ key: "b", correctionsMax: 1 })),
      to("correcting", "another loop otherwise", fires({ key: "b", turn: 11 })),
    ],
    "turn.answered": answersIn("correcting"),
    ...stays,
    ...acts,
    "operator.corrected": [
      to("correcting", "always, once a turn", corrects(14), corrects(10), corrects(9)),
    ],
  },
  escalated: {
    "verdict.reached": [
      stale("escalated", escalated),
      to("steady", "clear, with progress", says("clear", { progress: true })),
      to("escalated", "clear otherwise, or suspected", says("clear"), says("suspected")),
      to("escalated", "the loop again, a stronger model is left", fires({ strongerTurnsMax: 1 })),
      { ...to("halted", "the loop again, past help", fires(usedUp)), given: ignoredLong },
      to("escalated", "the loop again, or another without progress", fires(), fires({ key: "b" })),
      to("suspected", "another loop, may not correct", onward({ mayCorrect: false })),
      to("escalated", "another loop, allowance used up", onward({ correctionsMax: 1 })),
      to("correcting", "another loop otherwise", onward({})),
    ],
    "turn.answered": answersIn("escalated"),
    ...stays,
    ...acts,
  },
  halted: {
    "verdict.reached": "ignored",
    "turn.answered": "ignored",
    "person.spoke": [
      { ...to("escalated", "ended by the ladder", speaks(16)), given: endedByLadder },
      to("halted", "halted by a person", speaks(16)),
    ],
    ...acts,
    "operator.corrected": "ignored",
  },
};
