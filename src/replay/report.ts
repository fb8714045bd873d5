// What a replay prints: a line of JSON for programs, or every turn's verdict for people.
// Pure. Must never print a control character that came with a transcript.

import type { Verdict } from "../conversation/divergence/verdict.ts";
import type { ReplayedTurn } from "./replay-transcript.ts";

/** Said wherever a correction is shown. */
export const AS_RECORDED =
  "After a would-be correction a transcript goes on as recorded: a replay changes verdicts, not answers.";

export interface Replay {
  readonly id: string;
  readonly turns: readonly ReplayedTurn[];
}

/** The first turn after which a correction would have been placed; null: none would. */
export function firstFired(turns: Iterable<ReplayedTurn>): ReplayedTurn | null {
  for (const turn of turns) {
    if (turn.correction !== null) return turn;
  }
  return null;
}

/** One line: `{"id", "fired_at", "pattern", "level", "evidence"}`, all but the id null when nothing fired. */
export function jsonLine(id: string, fired: ReplayedTurn | null): string {
  const line = {
    id,
    fired_at: fired?.turn ?? null,
    pattern: fired?.correction?.pattern ?? null,
    level: fired?.correction?.level ?? null,
    evidence: fired === null ? null : evidenceOf(fired),
  };
  return `${JSON.stringify(line)}\n`;
}

function evidenceOf({ verdict, correction }: ReplayedTurn): object {
  if (verdict === null) return { correction: correction?.text ?? null };
  const { severity: _severity, pattern: _pattern, progress: _progress, ...facts } = verdict;
  return { ...facts, correction: correction?.text ?? null };
}

/** A transcript's verdicts, a turn a line; turns in which nothing was seen share one. */
export function textOf({ id, turns }: Replay): string {
  const count = turns.at(-1)?.turn ?? 0;
  const lines = [`${clean(id)}  (${plural(count, "turn")})`];
  let clearFrom: number | null = null;
  for (const [position, turn] of turns.entries()) {
    // Before the first answer there is nothing to judge.
    if (turn.turn === 0 && isQuiet(turn)) continue;
    const quiet = isQuiet(turn);
    if (quiet) clearFrom ??= turn.turn;
    const last = position === turns.length - 1;
    if (clearFrom !== null && (!quiet || last)) {
      lines.push(clearLine(clearFrom, quiet ? turn.turn : turn.turn - 1));
      clearFrom = null;
    }
    if (!quiet) lines.push(...turnLines(turn));
  }
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n\n`;
}

function isQuiet({ verdict, correction, stronger, ended }: ReplayedTurn): boolean {
  const silent = correction === null && !stronger && !ended;
  return silent && (verdict === null || verdict.severity === "clear");
}

function clearLine(from: number, to: number): string {
  return row(from === to ? `${to}` : `${from}–${to}`, "clear", "");
}

function turnLines({ turn, verdict, state, correction, stronger, ended }: ReplayedTurn): string[] {
  const lines: string[] = [];
  if (ended) {
    lines.push(row(`${turn}`, "ended", "the gateway would have ended the conversation here"));
  } else if (verdict !== null) {
    const found = verdict.severity === "clear" ? "" : findingOf(verdict);
    lines.push(
      row(`${turn}`, verdict.severity, `${found}${state === "steady" ? "" : ` [${state}]`}`),
    );
    const { sample } = verdict;
    if (sample !== null) {
      lines.push(row("", "", `asked ${clean(sample.arguments)}`));
      lines.push(row("", "", `got   ${clean(sample.result)}`));
    }
  }
  if (correction !== null) {
    const { level, text } = correction;
    lines.push(row("", "→", `correction, level ${level}: ${clean(text)}`));
  }
  if (stronger) lines.push(row("", "→", "one turn on a stronger model, if there is one"));
  return lines;
}

function findingOf({ pattern, count, tools, period }: Verdict): string {
  const laps = period === null ? "" : `, ${plural(period, "round")} a lap`;
  const named = tools.length === 0 ? "" : ` (${tools.map(clean).join(", ")})`;
  return `${pattern ?? "unnamed"} × ${count}${laps}${named}`;
}

function row(turn: string, severity: string, text: string): string {
  return `  turn ${turn.padEnd(9)} ${severity.padEnd(10)} ${text}`.replace(
    /^ {2}turn {10}/,
    " ".repeat(16),
  );
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** On one line, without what a terminal would obey. */
function clean(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ");
}
