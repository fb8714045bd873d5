// What the new messages of a request add to the evidence: steps, and what an answer leaves pending.
// Must never read more of a transcript than rounds.ts names, nor keep text beyond the clipped samples.

import type { ToolRules } from "../turn/profile.ts";
import type { ToolCall, Transcript } from "../turn/transcript.ts";
import { callPart, resultPart } from "./divergence/call-part.ts";
import { MARK, NO_SAMPLE, type CallPart, type Sample, type Step } from "./divergence/step.ts";
import { textPart } from "./divergence/text-part.ts";
import { ruleFor } from "./divergence/tool-rules.ts";
import { NOTHING_PENDING, withPending, type Evidence, type Pending } from "./evidence.ts";
import {
  PENDING_CALLS_MAX,
  PENDING_ID_CHARACTERS,
  SAMPLE_BYTES_MAX,
  SAMPLE_CHARACTERS_MAX,
} from "./evidence-packing.ts";
import { shortHash } from "./fingerprint.ts";
import { readEntries, type Entry } from "./rounds.ts";

export interface GatherOptions {
  /** Index of the first message that is new to the thread. */
  readonly from: number;
  readonly turn: number;
  /** Rules of the profile for single tools. */
  readonly rules?: ToolRules;
  /** What the newest answer asked for, where the transcript may not hold it. */
  readonly pending?: Pending;
  /** The client has condensed the history since the turn before. */
  readonly condensed?: boolean;
}

/**
 * The steps that the messages from index `from` on complete, oldest first: calls with their
 * results, and texts without calls. Equal pairs of one assistant message are one step.
 */
export function gatherSteps(transcript: Transcript, options: GatherOptions): Step[] {
  const entries = readEntries(transcript, options.from);
  const pending = usablePending(transcript, options);
  const steps: Step[] = [];
  if (pending.text !== null) steps.push(textStep(pending.text, { index: -1, user: null }, options));
  for (const entry of entries) {
    if (entry.text !== null) steps.push(textStep(textPart(entry.text), entry, options));
    else steps.push(...callSteps(entry, pending, options));
  }
  const [first, ...others] = steps;
  if (first === undefined || options.condensed !== true) return steps;
  return [{ ...first, marks: first.marks | MARK.condensed }, ...others];
}

/** The newest answer counts only where the transcript goes on without it. */
function usablePending(transcript: Transcript, options: GatherOptions): Pending {
  const { pending = NOTHING_PENDING, from } = options;
  if (pending === NOTHING_PENDING || from >= transcript.count) return NOTHING_PENDING;
  for (let index = Math.max(0, from - 1); index < transcript.count; index += 1) {
    const { role, results } = transcript.read(index);
    if (role === "assistant") return NOTHING_PENDING;
    if (index >= from && (role === "user" || results.length > 0)) return pending;
  }
  return NOTHING_PENDING;
}

function callSteps(entry: Entry, pending: Pending, options: GatherOptions): Step[] {
  const steps: Step[] = [];
  const pairs = new Set<string>();
  const made = entry.answered.map(({ call, result }) => ({
    part: callPart(call, ruleFor(options.rules ?? {}, call.name)),
    asked: call.arguments,
    result,
  }));
  const adopted = entry.orphans.flatMap((result, position) => {
    const id = pendingId(result.callId);
    const part = pending.calls.find((call) => call.id === id) ?? pending.calls[position];
    return part === undefined ? [] : [{ part, asked: "", result }];
  });
  for (const { part, asked, result } of [...made, ...adopted]) {
    const pair = part.call + result.text;
    if (pairs.has(pair)) continue;
    pairs.add(pair);
    const opens = steps.length === 0 ? MARK.opens : 0;
    const found = resultPart(part, result, asked);
    const shape = { ...callShape(part), ...found, marks: found.marks | opens };
    const place = placeOf(entry, { turn: options.turn, opens: opens !== 0 });
    steps.push({
      ...shape,
      ...place,
      userWords: "",
      userFacts: "",
      sample: sampleOf(oneLine(asked), result.text),
    });
  }
  return steps;
}

function callShape(part: CallPart): CallPart {
  const { tool, call, detail, skeleton, words, grams, sum, marks } = part;
  return { tool, call, detail, skeleton, words, grams, sum, marks };
}

type Place = Pick<Step, "turn" | "index" | "user" | "userHash" | "task" | "marks">;

function placeOf(
  entry: Pick<Entry, "index" | "user">,
  at: { readonly turn: number; readonly opens: boolean },
): Omit<Place, "marks"> {
  const user = at.opens ? entry.user : null;
  return {
    turn: at.turn,
    index: entry.index,
    user: user?.kind ?? "none",
    userHash: user?.hash ?? "",
    task: user?.task ?? null,
  };
}

function textStep(
  part: CallPart,
  entry: Pick<Entry, "index" | "user">,
  options: GatherOptions,
): Step {
  const condensed = entry.user?.kind === "summary" ? MARK.condensed : 0;
  return {
    ...part,
    ...placeOf(entry, { turn: options.turn, opens: true }),
    marks: part.marks | MARK.opens | condensed,
    result: NO_RESULT,
    errorClass: "",
    userWords: entry.user?.words ?? "",
    userFacts: entry.user?.facts ?? "",
    sample: NO_SAMPLE,
  };
}

/** A text has no result. */
const NO_RESULT = "--------";

function sampleOf(args: string, result: string): Sample {
  return { arguments: args, result: oneLine(result) };
}

function pendingId(id: string): string {
  return shortHash(id).slice(0, PENDING_ID_CHARACTERS);
}

/**
 * Notes what the answer of a turn asks for and says, until the next request shows it or goes on
 * without it. Nothing is judged by it before that.
 */
export function noteAnswer(
  evidence: Evidence,
  answer: {
    readonly calls: readonly ToolCall[];
    readonly text: string;
    readonly rules?: ToolRules;
  },
): Evidence {
  const calls = answer.calls.slice(0, PENDING_CALLS_MAX).map((call) => ({
    ...callPart(call, ruleFor(answer.rules ?? {}, call.name)),
    id: pendingId(call.id),
  }));
  const said = calls.length === 0 && answer.text.trim() !== "";
  return withPending(evidence, { calls, text: said ? textPart(answer.text) : null });
}

/** Clipped, on one line, well-formed: what may stand in a stored row and in a sentence. */
function oneLine(text: string): string {
  // Only a bounded head is cleaned, however long the text.
  const head = text.slice(0, 4 * SAMPLE_CHARACTERS_MAX).replace(/[\p{C}\p{Z}]+/gu, " ");
  let clipped = head.trim().slice(0, SAMPLE_CHARACTERS_MAX).toWellFormed();
  while (Buffer.byteLength(JSON.stringify(clipped)) > SAMPLE_BYTES_MAX) {
    clipped = clipped.slice(0, Math.floor(clipped.length * 0.8)).toWellFormed();
  }
  return clipped;
}
