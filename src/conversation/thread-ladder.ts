// The steps of the ladder: what a verdict says of the open episode, and what each answer to it makes of the context.
// Pure. Must never decide which step is taken: the thread's machine asks these questions in its order.

import { countUp } from "./step-machine.ts";
import {
  CORRECTED_TURNS_MAX,
  firstTurn,
  LEVEL_MAX,
  type Outcome,
  type ThreadContext,
} from "./thread-snapshot.ts";

/** Turns after the close of an episode in which the same loop counts as the old one, come back. */
export const RELAPSE_TURNS = 6;
/** Fewest corrections of the open episode that must have been ignored before the ladder may end a thread. */
export const ENDING_CORRECTIONS_MIN = 2;
/** Pattern and key of an episode that a person opened; the first loop to fire in it names it. */
export const OPERATOR_PATTERN = "operator";
const UNNAMED_PATTERN = "unnamed";

/** Question: re-decided on the newest snapshot, only before bytes. */
export interface VerdictReached {
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
  /** Most turns this thread may be given to a stronger model. */
  readonly strongerTurnsMax: number;
  /** The profile lets the ladder end a thread that nothing helped. */
  readonly mayEnd: boolean;
}

export interface Judged {
  readonly context: ThreadContext;
  readonly event: VerdictReached;
}

/** The latest turn in which something was done about a loop; -1 when nothing was. */
export function latestAct({ correctionTurn, strongerTurn, resumedTurn }: ThreadContext): number {
  return Math.max(correctionTurn ?? -1, strongerTurn ?? -1, resumedTurn ?? -1);
}

/** What was seen before the model could act on the latest step says nothing about it. */
function says({ context, event }: Judged, severity: VerdictReached["severity"]): boolean {
  return event.severity === severity && event.turn > latestAct(context);
}

export const isSuspicious = (judged: Judged) => says(judged, "suspected");
export const isFiring = (judged: Judged) => says(judged, "firing");
export const hasRecovered = (judged: Judged) => says(judged, "clear") && judged.event.progress;
export const isCalm = (judged: Judged) =>
  hasRecovered(judged) || (says(judged, "clear") && judged.context.episode === null);
export const mayOnlyObserve = (judged: Judged) => isFiring(judged) && !judged.event.mayCorrect;

const loopKey = (event: VerdictReached) => event.key ?? event.pattern ?? UNNAMED_PATTERN;
const isOpenLoop = ({ context, event }: Judged) =>
  context.episode?.key === loopKey(event) || context.episode?.key === OPERATOR_PATTERN;
export const mayOnlyFollow = (judged: Judged) => mayOnlyObserve(judged) && isOpenLoop(judged);
export const movesOn = (judged: Judged) =>
  isFiring(judged) && judged.event.progress && !isOpenLoop(judged);

const isCoolingDown = ({ context, event }: Judged) =>
  latestAct(context) >= 0 && event.turn <= latestAct(context) + event.coolDownTurns;
export const isQuiet = (judged: Judged) =>
  isFiring(judged) && isCoolingDown(judged) && stand(judged).level > 0;
export const isUsedUp = (judged: Judged) =>
  isFiring(judged) &&
  (stand(judged).level >= LEVEL_MAX || judged.context.corrections >= judged.event.correctionsMax);

/** One more turn may be given to a stronger model, and the latest one has had its time to work. */
function mayBeStronger({ context, event }: Judged): boolean {
  const { strongerTurn, strongerTurns } = context;
  const rested = strongerTurn === null || event.turn > strongerTurn + event.coolDownTurns;
  return event.mayCorrect && rested && strongerTurns < event.strongerTurnsMax;
}

/** The loop of an escalated thread goes on after the cool-down, and a stronger model is left to try. */
export const isStrongerDue = (judged: Judged) =>
  isFiring(judged) && isOpenLoop(judged) && !isCoolingDown(judged) && mayBeStronger(judged);

/** Corrections that were sent for the open episode itself, not for the one it came back from. */
function sentSinceOpening({ episode }: ThreadContext): number {
  if (episode === null) return 0;
  return episode.correctedTurns.filter((turn) => turn >= episode.openedTurn).length;
}

/** Everything that was allowed was tried for this very loop, and it goes on without any progress. */
export const isPastHelp = (judged: Judged) => {
  const { context, event } = judged;
  const allowed = event.mayEnd && event.mayCorrect && !event.progress;
  const tried = isUsedUp(judged) && context.strongerTurns >= event.strongerTurnsMax;
  const ignored = isOpenLoop(judged) && sentSinceOpening(context) >= ENDING_CORRECTIONS_MIN;
  return allowed && tried && ignored && !isCoolingDown(judged);
};

/** Writes down how the open episode went. The episode itself stays as it is. */
function tell(context: ThreadContext, kind: Outcome["kind"], turn: number): ThreadContext {
  const { episode, level } = context;
  if (episode === null) return context;
  const { pattern, key, openedTurn, correctedTurns } = episode;
  const turns = Math.max(0, turn - (correctedTurns[0] ?? openedTurn));
  return { ...context, outcome: { kind, turns, pattern, key, level, turn } };
}

export function close(context: ThreadContext, kind: Outcome["kind"], turn: number): ThreadContext {
  // What was sent is remembered longer than what was only seen: the ladder may have to go on from there.
  const silent = context.level === 0 && (context.outcome?.level ?? 0) > 0;
  const told = silent ? context : tell(context, kind, turn);
  return { ...told, level: 0, episode: null };
}

/** Where the loop that fires stands on the ladder, before anything is sent for it in this turn. */
export function stand(judged: Judged): ThreadContext {
  const { turn, pattern, progress } = judged.event;
  const kind = progress ? "recovered" : "ignored";
  const context = isOpenLoop(judged) ? judged.context : close(judged.context, kind, turn);
  const open = context.episode ?? { openedTurn: turn, correctedTurns: [] };
  const episode = { ...open, pattern: pattern ?? UNNAMED_PATTERN, key: loopKey(judged.event) };
  const { level, outcome } = context;
  if (level > 0 || outcome === null || !hasComeBack(outcome, judged))
    return { ...context, episode };
  return comeBack({ ...context, episode }, outcome, turn);
}

function hasComeBack(outcome: Outcome, judged: Judged): boolean {
  if (outcome.key !== loopKey(judged.event)) return false;
  const soon = judged.event.turn <= outcome.turn + RELAPSE_TURNS;
  return soon || (outcome.level > 0 && isCoolingDown(judged));
}

/** The loop of `outcome` again: the ladder goes on where it stood, one step lower if there was progress. */
function comeBack(context: ThreadContext, outcome: Outcome, turn: number): ThreadContext {
  const recovered = outcome.kind === "recovered";
  const level = recovered ? lowered(outcome.level) : outcome.level;
  const first = firstTurn(outcome);
  const { episode } = context;
  const correctedTurns = level > 0 ? [first] : [];
  const back = { ...context, level, episode: episode && { ...episode, correctedTurns } };
  if (!recovered) return back;
  const turns = Math.max(0, turn - first);
  return { ...back, outcome: { ...outcome, kind: "relapsed", level, turns, turn } };
}

/** Progress takes back one step, but never the first: the plain note was given and has worn off. */
function lowered(level: number): number {
  return level > 1 ? level - 1 : level;
}

/** The loop is known, but nothing was sent for it: no level, and its outcome is what nature did. */
export function observe(judged: Judged): ThreadContext {
  const { episode, ...context } = stand(judged);
  return { ...context, level: 0, episode: episode && { ...episode, correctedTurns: [] } };
}

/** One step up the ladder, for the open episode or for one that a person opens. */
export function correct(context: ThreadContext, turn: number): ThreadContext {
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

export const correctLoop = (judged: Judged) => correct(stand(judged), judged.event.turn);

/** The corrections are used up: a person should look, and this turn goes to a stronger model if one is allowed. */
export function escalate(judged: Judged): ThreadContext {
  const { turn } = judged.event;
  const told = tell(stand(judged), "escalated", turn);
  return mayBeStronger(judged) ? strengthen(told, turn) : told;
}

export function strengthen(context: ThreadContext, turn: number): ThreadContext {
  return { ...context, strongerTurn: turn, strongerTurns: countUp(context.strongerTurns) };
}

/** The ladder ends the thread: from now on its turns get the kind ending. */
export function end(judged: Judged): ThreadContext {
  const { turn } = judged.event;
  return { ...tell(stand(judged), "ended", turn), endedTurn: turn };
}

/** A person's words open the thread again, at the top of the ladder. */
export function resume(context: ThreadContext, turn: number): ThreadContext {
  return { ...tell(context, "escalated", turn), endedTurn: null, resumedTurn: turn };
}
