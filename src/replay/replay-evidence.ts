// Judges a stored thread again, turn by turn, from what its row remembers: fingerprints, no messages.
// Pure. Must never claim more than the row holds: what left the ring of steps is gone.

import { correctionText } from "../conversation/correction.ts";
import { judge } from "../conversation/divergence/judge.ts";
import type { Verdict } from "../conversation/divergence/verdict.ts";
import { appendEvidence, type Evidence, type Step } from "../conversation/evidence.ts";
import { specificsOf } from "../conversation/specifics.ts";
import { initialThread, nextThread } from "../conversation/thread.machine.ts";
import type { ThreadSnapshot } from "../conversation/thread-snapshot.ts";
import type { DivergenceSettings } from "../turn/profile.ts";
import type { ReplayedTurn } from "./replay-transcript.ts";

/** A turn of the thread as its receipt tells it. */
export interface StoredTurn {
  /** Number in the conversation, as in `x-conversation-turn`. */
  readonly number: number;
  /** It was answered without asking for a tool. */
  readonly final: boolean;
}

/**
 * The turns of which the row still holds steps, and those between them that have a receipt. Older turns are not
 * judged, for nothing is left of them but the pairs that were seen.
 */
export function* replayEvidence(
  evidence: Evidence,
  turns: readonly StoredTurn[],
  settings: DivergenceSettings,
): Generator<ReplayedTurn> {
  const steps = Map.groupBy(evidence.steps, (step) => step.turn);
  const finals = new Map(turns.map(({ number, final }) => [number, final]));
  const first = evidence.steps[0]?.turn ?? Number.POSITIVE_INFINITY;
  const numbers = [...new Set([...steps.keys(), ...finals.keys()])].filter((turn) => turn >= first);
  let window: Evidence = { ...evidence, steps: [] };
  let machine = initialThread();
  for (const [index, number] of numbers.toSorted((left, right) => left - right).entries()) {
    const fresh: readonly Step[] = steps.get(number) ?? [];
    window = appendEvidence(window, fresh);
    const verdict = judge(window, { fresh: fresh.length, settings });
    const threadTurn = index + 1;
    machine = heard(machine, verdict, { threadTurn, settings });
    yield { turn: number, verdict, ...standing({ machine, verdict, threadTurn, window }) };
    const final = finals.get(number) ?? false;
    machine = nextThread(machine, { type: "turn.answered", turn: threadTurn, final });
  }
}

function heard(
  machine: ThreadSnapshot,
  verdict: Verdict,
  turn: { readonly threadTurn: number; readonly settings: DivergenceSettings },
): ThreadSnapshot {
  const { mode, ending, coolDownTurns, correctionsMax, strongerTurnsMax } = turn.settings;
  return nextThread(machine, {
    type: "verdict.reached",
    turn: turn.threadTurn,
    severity: verdict.severity,
    pattern: verdict.pattern,
    key: verdict.key,
    progress: verdict.progress,
    mayCorrect: mode === "correct",
    coolDownTurns,
    correctionsMax,
    strongerTurnsMax,
    mayEnd: ending === "kind",
  });
}

function standing({
  machine,
  verdict,
  threadTurn,
  window,
}: {
  readonly machine: ThreadSnapshot;
  readonly verdict: Verdict;
  readonly threadTurn: number;
  readonly window: Evidence;
}): Pick<ReplayedTurn, "state" | "correction" | "stronger" | "ended"> {
  const { value: state, context } = machine;
  const due = state === "correcting" && context.correctionTurn === threadTurn;
  const { level } = context;
  const specifics = specificsOf(window, verdict);
  const text = due ? correctionText(verdict, { level, specifics }) : "";
  const correction = due ? { level, pattern: verdict.pattern ?? "unnamed", text } : null;
  const stronger = state === "escalated" && context.strongerTurn === threadTurn;
  return { state, correction, stronger, ended: state === "halted" };
}
