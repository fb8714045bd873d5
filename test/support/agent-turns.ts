// The messages of an agent's run, as clients send them: the whole transcript again with every turn.
// Must never talk to a gateway itself: tests do that, so that they show what is sent.

import type { Json } from "./gateway.ts";

export const TOOLS = [
  { type: "function", function: { name: "search", parameters: { type: "object" } } },
];

/** What an agent opens a conversation with. */
export function opening(task: string): Json[] {
  return [
    { role: "system", content: "You are an agent." },
    { role: "user", content: task },
  ];
}

/** One call of the tool with its result, as the two messages that a client adds to its history. */
export function toolRound(
  round: number,
  call: { readonly q: string; readonly result: string },
): Json[] {
  const id = `call_${round}`;
  const asked = { name: "search", arguments: JSON.stringify({ q: call.q }) };
  return [
    { role: "assistant", content: null, tool_calls: [{ id, type: "function", function: asked }] },
    { role: "tool", tool_call_id: id, content: call.result },
  ];
}

/** `count` rounds, all different, numbered from `from`. */
export function honestRounds(count: number, from = 1): Json[] {
  const rounds = Array.from({ length: count }, (_, index) => from + index);
  return rounds.flatMap((round) =>
    toolRound(round, { q: `part ${round}`, result: `text ${round}` }),
  );
}

/** `count` rounds that repeat one call with one result. */
export function stuckRounds(count: number, from = 1): Json[] {
  const rounds = Array.from({ length: count }, (_, index) => from + index);
  return rounds.flatMap((round) => toolRound(round, { q: "report", result: "nothing found" }));
}

/** An agent's request. */
export function agentBody(
  messages: readonly Json[],
  about: Readonly<Record<string, unknown>> = {},
): Json {
  return { model: "auto", messages, tools: TOOLS, ...about };
}
