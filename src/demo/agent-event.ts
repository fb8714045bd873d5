// What the demo's agent process is told and what it reports: one JSON object a line on its standard
// output.
// Must never carry more than the demo shows.

import { z } from "zod";

export interface AgentTask {
  /** Base URL of an OpenAI-compatible API; ends in `/v1`. */
  readonly baseUrl: string;
  readonly model: string;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** The agent gives up after so many model requests. */
  readonly turnsMax: number;
}

const turn = z.object({
  kind: z.literal("turn"),
  turn: z.number(),
  /** The gateway's headers on the answer, names in lower case. */
  headers: z.record(z.string(), z.string()),
  /** The tool the model called and what the tool gave back; null when it answered in text. */
  call: z.object({ name: z.string(), arguments: z.string(), result: z.string() }).nullable(),
  text: z.string().nullable(),
  tokens: z.object({ input: z.number(), cached: z.number(), output: z.number() }),
});

const event = z.discriminatedUnion("kind", [
  turn,
  z.object({ kind: z.literal("end"), reason: z.enum(["answered", "turn-limit"]) }),
  z.object({ kind: z.literal("sdk-missing") }),
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);

export type AgentEvent = z.infer<typeof event>;
export type AgentTurn = z.infer<typeof turn>;

/** Throws when the line is not one of the agent's events. */
export function readAgentEvent(line: string): AgentEvent {
  return event.parse(JSON.parse(line));
}
