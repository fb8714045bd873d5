// One run of the demo: an agent works on its task while the demo watches what the gateway does.
// Must never decide an outcome by itself: states, corrections and costs are the gateway's own
// words.

import { startAgent } from "./agent-process.ts";
import { readConversation, readCostUsd, readTurns } from "./read-back.ts";
import type { AgentTask, AgentTurn } from "./agent-event.ts";
import type { DemoConversation, DemoCorrection } from "./read-back.ts";

export interface RunPlan {
  readonly name: string;
  /** Without a path: `http://127.0.0.1:8787`. */
  readonly gatewayUrl: string;
  readonly task: AgentTask;
  /** Null when the agent names no conversation. */
  readonly conversationId: string | null;
}

export type RunEnding =
  | { readonly kind: "answered" | "turn-limit" | "sdk-missing" }
  | { readonly kind: "failed"; readonly message: string };

export interface RunRecord {
  readonly name: string;
  readonly sentHeaders: Readonly<Record<string, string>>;
  readonly ending: RunEnding;
  readonly turns: readonly AgentTurn[];
  /** Sum over the receipts of all turns; null when one of them is unknown. */
  readonly costUsd: number | null;
  readonly conversation: DemoConversation | null;
  /** `GET /v1/conversations/{id}/turns`, as it came. */
  readonly gatewayTurns: unknown;
}

export interface RunWatcher {
  /** Called before the turn whose request carried the correction. */
  corrected(correction: DemoCorrection): void;
  turned(turn: AgentTurn): void;
}

/** Resolves when the agent has ended, however it ended. */
export async function runAgentAt(plan: RunPlan, watcher: RunWatcher): Promise<RunRecord> {
  const { gatewayUrl, conversationId, task } = plan;
  const turns: AgentTurn[] = [];
  let ending: RunEnding = { kind: "failed", message: "the agent ended without a word" };
  let known = 0;
  const look = () =>
    conversationId === null ? null : readConversation(gatewayUrl, conversationId);
  for await (const event of startAgent(task)) {
    if (event.kind === "end") {
      ending = { kind: event.reason };
    } else if (event.kind !== "turn") {
      ending = event;
    } else {
      // The agent does not wait for the demo: a later turn's correction may be there already.
      const corrections = (await look())?.corrections ?? [];
      const due = corrections.filter((correction) => correction.turn <= event.turn);
      for (const correction of due.slice(known)) watcher.corrected(correction);
      known = due.length;
      turns.push(event);
      watcher.turned(event);
    }
  }
  return {
    name: plan.name,
    sentHeaders: task.headers,
    ending,
    turns,
    costUsd: await sumCosts(gatewayUrl, turns),
    conversation: await look(),
    gatewayTurns: conversationId === null ? null : await readTurns(gatewayUrl, conversationId),
  };
}

async function sumCosts(gatewayUrl: string, turns: readonly AgentTurn[]): Promise<number | null> {
  let total = 0;
  for (const { headers } of turns) {
    const requestId = headers["x-request-id"];
    const cost = requestId === undefined ? null : await readCostUsd(gatewayUrl, requestId);
    if (cost === null) return null;
    total += cost;
  }
  return total;
}

export interface RunSummary {
  readonly turns: number;
  readonly toolCalls: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  /** First turn that the gateway did not call steady; null: none. */
  readonly loopSeenAtTurn: number | null;
  /** Turn of the first correction; null: none. */
  readonly correctedAtTurn: number | null;
  /** What the gateway says became of its last correction; null where there was none. */
  readonly outcome: string | null;
  readonly answered: boolean;
}

export function summarise(run: RunRecord): RunSummary {
  const sum = (pick: (turn: AgentTurn) => number) =>
    run.turns.reduce((total, turn) => total + pick(turn), 0);
  const corrections = run.conversation?.corrections ?? [];
  const last = corrections.at(-1);
  return {
    turns: run.turns.length,
    toolCalls: run.turns.filter((turn) => turn.call !== null).length,
    inputTokens: sum((turn) => turn.tokens.input),
    cachedTokens: sum((turn) => turn.tokens.cached),
    outputTokens: sum((turn) => turn.tokens.output),
    costUsd: run.costUsd,
    loopSeenAtTurn: run.turns.find(isSuspicious)?.turn ?? null,
    correctedAtTurn: corrections[0]?.turn ?? null,
    outcome: last === undefined ? null : describeOutcome(last),
    answered: run.ending.kind === "answered",
  };
}

function isSuspicious({ headers }: AgentTurn): boolean {
  return /^(suspected|correcting|escalated|halted)$/.test(headers["x-conversation-state"] ?? "");
}

function describeOutcome({ outcome }: DemoCorrection): string {
  if (outcome === null) return "not known yet";
  return `${outcome.kind} in ${outcome.turns} ${outcome.turns === 1 ? "turn" : "turns"}`;
}
