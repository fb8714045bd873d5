// What the demo prints, as plain ASCII text of at most 94 columns. Pure: values in, text out.
// Must never claim more than was seen: an unknown value is printed as unknown.

import type { AgentTurn } from "./agent-event.ts";
import type { RunEnding, RunRecord, RunSummary } from "./demo-run.ts";
import type { DemoCorrection } from "./read-back.ts";

const COLUMNS = 94;
const QUOTE_COLUMNS = 72;
const ACTION_COLUMNS = 50;

export function formatOpening(gatewayUrl: string, model: string): string {
  return [
    "Fairlead demo: the same looping agent, with and without a conversation.",
    "",
    `  gateway  ${gatewayUrl} (in memory, on a free port)`,
    `  agent    a client process of its own, with the openai SDK and one tool`,
    `  model    ${model}: SIMULATED, made to repeat itself until it is corrected`,
    "",
    "",
  ].join("\n");
}

export function formatRunHead(name: string, headers: Readonly<Record<string, string>>): string {
  const sent = Object.entries(headers).map(([header, value]) => `     ${header}: ${value}`);
  const columns = `  turn  ${"the agent".padEnd(ACTION_COLUMNS)}  the gateway`;
  return [name, ...sent, "", columns, `  ${"-".repeat(COLUMNS - 2)}`, ""].join("\n");
}

export function formatTurn({ turn, call, text, headers }: AgentTurn): string {
  const action =
    call === null ? "answers" : `${call.name}(${call.arguments}) -> ${toAscii(call.result)}`;
  const state = headers["x-conversation-state"];
  const pin = headers["x-router-pin"];
  const profile = headers["x-router-profile"] ?? "no gateway";
  const seen = state === undefined ? `${profile}, stateless` : `${profile}, ${state}, pin ${pin}`;
  const line = `  ${String(turn).padStart(4)}  ${fit(action, ACTION_COLUMNS)}  ${seen}`;
  const answer = call === null ? `${quote(text ?? "")}\n` : "";
  return `${line.slice(0, COLUMNS)}\n${answer}`;
}

export function formatCorrection({ turn, level, pattern, text }: DemoCorrection): string {
  const head = `Fairlead adds to the request of turn ${turn} (${pattern}, level ${level}):`;
  return `\n        ${head}\n${quote(text)}\n\n`;
}

export function formatEnding(ending: RunEnding): string {
  switch (ending.kind) {
    case "answered":
      return "\n  The agent has its answer.\n\n";
    case "turn-limit":
      return "\n  The agent gave up at its own limit of turns, without an answer.\n\n";
    case "sdk-missing":
      return "\n  The demo's agent needs the openai package: npm install openai\n\n";
    case "failed":
      return `\n  The agent failed: ${toAscii(ending.message)}\n\n`;
  }
}

/** One column for each run, side by side. */
export function formatTable(
  runs: readonly { readonly run: RunRecord; readonly summary: RunSummary }[],
): string {
  const row = (label: string, pick: (summary: RunSummary) => string) =>
    `  ${label.padEnd(30)}${runs.map(({ summary }) => pick(summary).padStart(20)).join("")}`;
  return [
    `  ${"".padEnd(30)}${runs.map(({ run }) => columnTitle(run).padStart(20)).join("")}`,
    `  ${"-".repeat(30 + 20 * runs.length)}`,
    row("turns", ({ turns }) => String(turns)),
    row("tool calls", ({ toolCalls }) => String(toolCalls)),
    row("input tokens", ({ inputTokens }) => String(inputTokens)),
    row("  of these from prompt cache", ({ cachedTokens }) => String(cachedTokens)),
    row("output tokens", ({ outputTokens }) => String(outputTokens)),
    row("cost in USD (simulated price)", ({ costUsd }) => costUsd?.toFixed(6) ?? "unknown"),
    row("loop seen at turn", ({ loopSeenAtTurn }) => String(loopSeenAtTurn ?? "never")),
    row("corrected at turn", ({ correctedAtTurn }) => String(correctedAtTurn ?? "never")),
    row("outcome of the correction", ({ outcome }) => toAscii(outcome ?? "-")),
    row("the agent got its answer", ({ answered }) => (answered ? "yes" : "no")),
    "",
    "The model is simulated: it repeats itself by design and heeds every correction, which a real",
    "model may not. What is real here: the gateway, the wire, the agent's SDK, and every decision.",
    "",
  ].join("\n");
}

function columnTitle({ sentHeaders }: RunRecord): string {
  return Object.keys(sentHeaders).length === 0 ? "without headers" : "with headers";
}

/** Breaks lines at spaces only: the words stay as they were sent. Never steers a terminal. */
function quote(text: string): string {
  const lines = text.split("\n").flatMap((line) => wrap(line.replace(/\p{Cc}/gu, "?")));
  return lines.map((line) => `        | ${line}`.trimEnd()).join("\n");
}

function wrap(line: string): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (longer.length > QUOTE_COLUMNS && current !== "") {
      lines.push(current);
      current = word;
    } else {
      current = longer;
    }
  }
  return [...lines, current];
}

function fit(text: string, columns: number): string {
  return text.length <= columns ? text.padEnd(columns) : `${text.slice(0, columns - 3)}...`;
}

function toAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, "?");
}
