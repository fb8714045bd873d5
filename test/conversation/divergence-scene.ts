// Plays a conversation turn by turn through evidence and judge, as the gateway does, for the tests
// of the detector.
// Must never call a pattern directly: a promise holds for the whole way from messages to verdict.

import {
  DIVERGENCE_DEFAULTS,
  type DivergenceSettings,
  type ToolRules,
} from "../../src/turn/profile.ts";
import type { Message, ToolCall, ToolResult, Transcript } from "../../src/turn/transcript.ts";
import {
  appendEvidence,
  emptyEvidence,
  readEvidence,
  type Evidence,
} from "../../src/conversation/evidence.ts";
import { gatherSteps } from "../../src/conversation/gather-steps.ts";
import { judge } from "../../src/conversation/divergence/judge.ts";
import type { Verdict } from "../../src/conversation/divergence/verdict.ts";

export const SETTINGS: DivergenceSettings = { ...DIVERGENCE_DEFAULTS, mode: "correct" };

export interface Act {
  readonly tool: string;
  readonly arguments: unknown;
  readonly result: string;
  readonly isError?: boolean;
}

/** What the assistant says without calling anything. */
export interface Says {
  readonly says: string;
}

/** A string is what a person says; acts in one list are parallel calls of one assistant message. */
export type Scene = readonly (string | readonly Act[] | Says)[];

export function says(text: string): Says {
  return { says: text };
}

export function act(tool: string, args: unknown, result: string): readonly Act[] {
  return [{ tool, arguments: args, result }];
}

export function transcriptOf(messages: readonly Message[]): Transcript {
  return {
    count: messages.length,
    read(index) {
      const message = messages[index];
      if (message === undefined) throw new RangeError(`no message at ${index}`);
      return message;
    },
  };
}

export function said(role: Message["role"], text: string): Message {
  return { role, text, calls: [], results: [] };
}

export function asked(calls: readonly ToolCall[]): Message {
  return { role: "assistant", text: "", calls, results: [] };
}

export function answered(results: readonly ToolResult[]): Message {
  return { role: "tool", text: "", calls: [], results };
}

/** Every call of a scene has the same id, as in real runs that use ids again. */
export function messagesOf(scene: Scene): Message[] {
  const messages = [said("system", "You are an agent.")];
  for (const part of scene) {
    if (typeof part === "string") messages.push(said("user", part));
    else if ("says" in part) messages.push(said("assistant", part.says));
    else messages.push(...roundOf(part));
  }
  return messages;
}

function roundOf(acts: readonly Act[]): Message[] {
  const calls = acts.map((one) => ({
    id: "call_1",
    name: one.tool,
    arguments: typeof one.arguments === "string" ? one.arguments : JSON.stringify(one.arguments),
  }));
  const results = acts.map((one) =>
    answered([{ callId: "call_1", text: one.result, isError: one.isError === true }]),
  );
  return [asked(calls), ...results];
}

/**
 * The verdict of every turn: a request goes out behind each round of calls, and behind what the user
 * says to a text; the window is stored and read again in between.
 */
export function play(
  scene: Scene,
  settings: DivergenceSettings = SETTINGS,
  rules: ToolRules = {},
): Verdict[] {
  const verdicts: Verdict[] = [];
  let evidence = emptyEvidence();
  let from = 0;
  scene.forEach((part, index) => {
    const next = scene[index + 1];
    const answers = index > 0 && isText(scene[index - 1]) && !isText(part);
    const isLast = next === undefined;
    const waits = typeof part === "string" && typeof next === "string";
    const isRequest = Array.isArray(part) || (answers && !waits) || (isText(part) && isLast);
    if (!isRequest && !(isText(part) && isText(next))) return;
    const transcript = transcriptOf(messagesOf(scene.slice(0, index + 1)));
    const turn = verdicts.length + 1;
    const steps = gatherSteps(transcript, { from, turn, rules });
    from = transcript.count;
    evidence = stored(appendEvidence(evidence, steps));
    verdicts.push(judge(evidence, { fresh: steps.length, settings }));
  });
  return verdicts;
}

function isText(part: Scene[number] | undefined): boolean {
  return typeof part === "object" && "says" in part;
}

/** What a store gives back. */
export function stored(evidence: Evidence): Evidence {
  return readEvidence(JSON.parse(JSON.stringify(evidence)));
}

export function severities(scene: Scene): string[] {
  return play(scene).map((verdict) => verdict.severity);
}

export function repeat<Item>(times: number, make: (index: number) => Item): Item[] {
  return Array.from({ length: times }, (_, index) => make(index));
}
