// The demo itself: the same agent twice at one gateway, told as text or as one JSON document.
// Must never print anything but the document when JSON was asked for.

import { runAgentAt, summarise } from "./demo-run.ts";
import {
  formatCorrection,
  formatEnding,
  formatOpening,
  formatRunHead,
  formatTable,
  formatTurn,
} from "./report.ts";
import type { RunPlan, RunRecord, RunSummary } from "./demo-run.ts";

export interface DemoOutput {
  readonly stdout: (text: string) => void;
}

export interface DemoFlags {
  readonly json: boolean;
  /** The agent gives up after so many turns. */
  readonly turnsMax: number;
}

interface FinishedRun {
  readonly run: RunRecord;
  readonly summary: RunSummary;
}

const MODEL = "sim/stubborn";

/**
 * Runs against a gateway that is running already and serves the simulator as `sim/…`.
 * Resolves with the exit code: 0 when the agent with a conversation got its answer.
 */
export async function runDemo(
  gatewayUrl: string,
  flags: DemoFlags,
  io: DemoOutput,
): Promise<number> {
  const print = flags.json ? () => {} : io.stdout;
  print(formatOpening(gatewayUrl, MODEL));
  const finished: FinishedRun[] = [];
  for (const plan of planRuns(gatewayUrl, flags.turnsMax)) {
    print(formatRunHead(plan.name, plan.task.headers));
    const run = await runAgentAt(plan, {
      corrected: (correction) => print(formatCorrection(correction)),
      turned: (turn) => print(formatTurn(turn)),
    });
    print(formatEnding(run.ending));
    finished.push({ run, summary: summarise(run) });
    if (run.ending.kind !== "sdk-missing") continue;
    if (flags.json) io.stdout(`${JSON.stringify({ error: "sdk-missing" })}\n`);
    return 1;
  }
  print(formatTable(finished));
  if (flags.json) io.stdout(`${JSON.stringify(asDocument(finished), null, 2)}\n`);
  return finished[0]?.summary.answered === true ? 0 : 1;
}

function planRuns(gatewayUrl: string, turnsMax: number): readonly RunPlan[] {
  const conversationId = "demo-order-4711";
  const task = { baseUrl: `${gatewayUrl}/v1`, model: MODEL, turnsMax };
  const headers = { "X-Conversation-ID": conversationId, "X-Router-Profile": "AGENT" };
  return [
    { name: "1. With two headers", gatewayUrl, conversationId, task: { ...task, headers } },
    {
      name: "2. Without headers",
      gatewayUrl,
      conversationId: null,
      task: { ...task, headers: {} },
    },
  ];
}

function asDocument(finished: readonly FinishedRun[]): object {
  const runs = finished.map(({ run, summary }) => ({ ...run, summary }));
  return { simulated: true, model: MODEL, runs };
}
