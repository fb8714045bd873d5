// Question: how many loops are found, how early, and how often is a healthy agent corrected?
// Run: node bench/divergence.bench.ts [--list] [--tau FILE] [--set divergence.KEY=VALUE] [--quick].
// Must never know how the detector works: it looks at what `fairlead replay` would say.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { loadProfiles } from "../src/profiles.ts";
import { asObject } from "../src/replay/json-shape.ts";
import { readTranscripts } from "../src/replay/read-transcript.ts";
import { replayTurns } from "../src/replay/replay-transcript.ts";
import { firstFired } from "../src/replay/report.ts";
import { replayProfile } from "../src/replay/settings.ts";
import type { Profile } from "../src/turn/profile.ts";
import { ROUGH, THOROUGH, turnMicros } from "./support/divergence-cost.ts";
import { markOf, scoreOf, scoresBy, type Outcome, type Score } from "./support/divergence-score.ts";
import { loadCases, type ReadableCase } from "./support/labelled-cases.ts";
import { decimal, describeMachine, percent, printJson, say, sayTable } from "./support/report.ts";

const HISTORIES = [20, 200, 2000];

interface Options {
  readonly profile: Profile;
  readonly list: boolean;
  readonly quick: boolean;
  readonly tau: string | null;
}

function readOptions(): Options {
  const { values } = parseArgs({
    // The runner hands every bench the same arguments: those of others are not ours to refuse.
    strict: false,
    options: {
      list: { type: "boolean" },
      quick: { type: "boolean" },
      tau: { type: "string" },
      set: { type: "string", multiple: true },
    },
  });
  const sets = [values.set ?? []].flat().filter((set) => typeof set === "string");
  const found = replayProfile(loadProfiles(null).profiles, "AGENT", sets);
  if (!found.ok) throw new Error(found.message);
  const tau = typeof values.tau === "string" ? values.tau : null;
  return { profile: found.profile, list: values.list === true, quick: values.quick === true, tau };
}

function judge(labelled: ReadableCase, profile: Profile): Outcome {
  const fired = firstFired(replayTurns(labelled.transcript, profile));
  return {
    labelled,
    firedAt: fired?.turn ?? null,
    pattern: fired?.correction?.pattern ?? null,
    ended: wouldEnd(labelled, profile),
  };
}

/** Under a profile that ends conversations, whether it is ours or not: the ladder must not end a healthy one. */
function wouldEnd({ transcript }: ReadableCase, profile: Profile): boolean {
  const ending = { ...profile, divergence: { ...profile.divergence, ending: "kind" } as const };
  return [...replayTurns(transcript, ending)].some(({ ended }) => ended);
}

const HEADINGS = ["", "loops", "on time", "late", "early", "missed", "recall", "healthy", "false"];

function cells(name: string, score: Score): string[] {
  return [
    name,
    ...[score.diverging, score.onTime, score.late, score.early, score.missed].map(String),
    percent(score.recall),
    `${score.healthy}`,
    `${score.falseAlarm}`,
  ];
}

function sayScores(title: string, scores: ReadonlyMap<string, Score>): void {
  say(`\n${title}`);
  sayTable(
    HEADINGS,
    [...scores].map(([name, score]) => cells(name, score)),
  );
}

/** What a pattern's first corrections were: it has no misses of its own. */
function sayPatterns(scores: ReadonlyMap<string, Score>): void {
  say("\nby pattern of the first correction");
  sayTable(
    ["", "on time", "late", "early", "false", "precision"],
    [...scores].map(([name, score]) => [
      name,
      ...[score.onTime, score.late, score.early, score.falseAlarm].map(String),
      percent(score.precision),
    ]),
  );
}

function sayFaults(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    const mark = markOf(outcome);
    if (mark === "onTime" || mark === "silent") continue;
    const { labelled, firedAt, pattern } = outcome;
    const due =
      labelled.loop === null ? "" : `, due ${labelled.loop.begins}–${labelled.loop.dueBy}`;
    const fired = firedAt === null ? "never fired" : `fired at ${firedAt} (${pattern})`;
    say(`${mark.padEnd(10)} ${labelled.id}: ${fired}${due}\n${" ".repeat(11)}${labelled.why}`);
  }
}

/** Runs with a reward: which of the successful and of the failed ones would have been corrected. */
function runTau(file: string, profile: Profile): object {
  const runs: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (!Array.isArray(runs)) throw new Error(`${file} is no list of runs`);
  const sums = new Map<number, { runs: number; fired: number }>();
  const fires: object[] = [];
  for (const [index, run] of runs.entries()) {
    const [read] = readTranscripts(run, `run-${index}`);
    if (read === undefined || !read.ok) throw new Error(`run ${index} is no transcript`);
    const reward = Number(asObject(run)?.["reward"]);
    const fired = firstFired(replayTurns(read.transcript, profile));
    const sum = sums.get(reward) ?? { runs: 0, fired: 0 };
    sums.set(reward, { runs: sum.runs + 1, fired: sum.fired + (fired === null ? 0 : 1) });
    if (fired === null) continue;
    const pattern = fired.correction?.pattern ?? null;
    fires.push({ id: read.id, reward, firedAt: fired.turn, pattern });
    say(`tau-bench ${read.id}, reward ${reward}: fired at ${fired.turn} (${pattern})`);
  }
  for (const [reward, sum] of sums) {
    say(`tau-bench, reward ${reward}: ${sum.fired} of ${sum.runs} runs fire`);
  }
  return { byReward: Object.fromEntries(sums), fires };
}

async function runAll(): Promise<void> {
  const { profile, list, quick, tau } = readOptions();
  const outcomes = (await loadCases()).map((labelled) => judge(labelled, profile));
  const total = scoreOf(outcomes);
  const families = scoresBy(outcomes, ({ labelled }) => labelled.family);
  const patterns = scoresBy(outcomes, ({ pattern }) => pattern);
  sayScores("by family", new Map([...families, ["all", total]]));
  sayPatterns(patterns);
  say(
    `\nprecision ${percent(total.precision)}, recall ${percent(total.recall)}, ` +
      `on time ${percent(total.onTimeRate)}, false alarms ${percent(total.falseAlarmRate)}, ` +
      `false endings ${total.falseEndings}`,
  );
  if (list) sayFaults(outcomes);
  const tauResult = tau === null ? null : runTau(tau, profile);
  const cost = Object.fromEntries(
    HISTORIES.map((history) => {
      const options = quick ? ROUGH : THOROUGH;
      const micros = {
        work: turnMicros("work", history, options),
        loop: turnMicros("loop", history, options),
      };
      say(
        `µs of CPU a turn at ${history} messages: ${decimal(micros.work, 1)} at work, ` +
          `${decimal(micros.loop, 1)} in a loop`,
      );
      return [`history${history}`, micros];
    }),
  );
  printJson({
    bench: "divergence",
    ...describeMachine(),
    total,
    families: Object.fromEntries(families),
    patterns: Object.fromEntries(patterns),
    tau: tauResult,
    costMicros: cost,
  });
}

await runAll();
