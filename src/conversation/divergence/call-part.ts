// A tool call and its result as parts of a step.
// Must never hash more of them than the bounds in fingerprint.ts, nor keep any of their text.

import type { ToolCall, ToolResult } from "../../turn/transcript.ts";
import type { ToolRule } from "../../turn/profile.ts";
import { parseExact } from "../canonical.ts";
import {
  callFingerprint,
  echoFingerprint,
  errorFingerprint,
  resultFingerprint,
  shortHash,
} from "../fingerprint.ts";
import {
  isErrorResult,
  isFormError,
  isProgramError,
  isTargetError,
  isTransient,
  isUnknownTool,
} from "./error-signs.ts";
import { keyedValue, looseForm, looseText, type LooseForm } from "./loose-call.ts";
import {
  isAcknowledgement,
  isEmptyResult,
  saysFinal,
  saysNotYet,
  saysUnchanged,
} from "./result-signs.ts";
import { sketchOf } from "./sketch.ts";
import {
  CALL_CHARACTERS,
  DETAIL_CHARACTERS,
  ERROR_BARE_CHARACTERS,
  ERROR_ECHO_CHARACTERS,
  ERROR_SAID_CHARACTERS,
  has,
  MARK,
  RESULT_CHARACTERS,
  SKELETON_CHARACTERS,
  WORDS_MAX,
  type CallPart,
  type Step,
} from "./step.ts";
import { UNREADABLE_ANSWER } from "../rounds.ts";
import { toolTraits, type ToolTraits } from "./tool-words.ts";
import { argumentTokens } from "./words.ts";

/** Longest tool name that is kept, in UTF-16 units. */
export const TOOL_CHARACTERS_MAX = 40;
/** The same in bytes of UTF-8. */
const TOOL_BYTES_MAX = 64;
/** Longest argument text that is no JSON and still cut into tokens. */
const PLAIN_CHARACTERS_MAX = 2048;
/** A list of records this long is not equal to another by chance. */
const TELLING_CHARACTERS_MIN = 100;
const RECORDS = /\}\s*,\s*\{/;
/** Characters of the hash of a change's facts; even, as sketches are. */
const FACTS_CHARACTERS = 6;
const EMPTY_RESULT = "--empty--";
/** Longest error whose stack frames are left out, in characters. */
const FRAMED_CHARACTERS_MAX = 4096;
/** Most items of a plan whose statuses are read, and how deep. */
const PLAN_ITEMS_MAX = 256;
const PLAN_DEPTH_MAX = 6;

const ADDRESS = /^[\w.~@:-]*\/[\w./~@:-]*$|^[\w-]+\.\w{1,5}$/;
const READING_COMMAND = /^\s*(?:cat|ls|head|tail|stat|wc|file|less|more|nl|open|view|type)\s/;
/** Most fields that are looked at for a target. */
const FIELDS_MAX = 8;

/** A path, or a command that prints one file. */
function isAddressed(value: unknown): boolean {
  if (typeof value === "string") return READING_COMMAND.test(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value)
    .slice(0, FIELDS_MAX)
    .some(
      (field) => typeof field === "string" && (ADDRESS.test(field) || READING_COMMAND.test(field)),
    );
}

/** What tells this call apart from others, before its result is known. */
export function callPart(call: ToolCall, rule: ToolRule | null): CallPart {
  const text = call.arguments.trim();
  const parsed = text === "" ? { value: {} } : parseExact(text);
  const traits = ruled(toolTraits(call.name, parsed?.value ?? text), rule);
  const options = { mutating: traits.mutates, effects: traits.effects, key: rule?.key ?? null };
  const form =
    parsed === null ? plainForm(text) : looseForm(keyedValue(parsed.value, options.key), options);
  const plan = traits.plans && parsed !== null ? planOf(parsed.value) : null;
  const tool = `${call.name.length}:${call.name}`;
  const broken = parsed === null && /^[{[]/.test(text);
  return {
    tool: toolName(call.name),
    call: shortHash(tool + form.loose).slice(0, CALL_CHARACTERS),
    detail: callFingerprint(call).slice(0, DETAIL_CHARACTERS),
    skeleton: shortHash(tool + (plan?.statuses ?? form.skeleton)).slice(0, SKELETON_CHARACTERS),
    words: sketchOf(form.tokens, WORDS_MAX),
    grams: factsOf(form, traits),
    sum: plan?.finished ?? form.numberSum,
    marks:
      traitMarks(traits) |
      (broken ? MARK.malformed : 0) |
      (isAddressed(parsed?.value ?? text) ? MARK.addressed : 0),
  };
}

/** The result's part; `part` is the call's, `asked` the text of its arguments where it is known. */
export function resultPart(
  part: CallPart,
  result: ToolResult,
  asked = "",
): Pick<Step, "result" | "errorClass" | "marks"> {
  const reads = !has(part, MARK.mutates) && part.tool !== "" && readsOnly(part);
  const error = isErrorResult(result, reads) || (!reads && isProgramError(result.text, asked));
  // Nothing is nothing, however it is said.
  const nothing = !error && isEmptyResult(result.text);
  const told = error ? { ...result, text: withoutFrames(result.text) } : result;
  const made = (nothing ? EMPTY_RESULT : resultFingerprint(told)).slice(0, RESULT_CHARACTERS);
  const marks = error ? errorMarks(part, result.text) : successMarks(part, result.text);
  return { result: made, errorClass: error ? errorClassOf(told, asked) : "", marks };
}

const FRAME = /^(?:[ \t]+at [^\n]*|LINE \d+:[^\n]*|[ \t]*\^+[ \t]*|[ \t>]*\d+ +\|[^\n]*)(?:\n|$)/gm;

/** Stack frames and the source an error quotes do not tell it from another; its message does. */
function withoutFrames(text: string): string {
  return text.length > FRAMED_CHARACTERS_MAX ? text : text.replace(FRAME, "");
}

function errorClassOf(result: ToolResult, asked: string): string {
  const said = errorFingerprint(result).slice(0, ERROR_SAID_CHARACTERS);
  const bare = errorFingerprint(result, asked).slice(0, ERROR_BARE_CHARACTERS);
  return said + bare + echoFingerprint(result, asked).slice(0, ERROR_ECHO_CHARACTERS);
}

/** A name that only reads: its output is somebody's text, not its own outcome. */
function readsOnly(part: CallPart): boolean {
  return toolTraits(part.tool, {}).reads;
}

export function toolName(name: string): string {
  const head = name.slice(0, 4 * TOOL_CHARACTERS_MAX).replace(/[\p{C}\p{Z}]+/gu, " ");
  let clipped = head.trim().slice(0, TOOL_CHARACTERS_MAX).toWellFormed();
  while (Buffer.byteLength(clipped) > TOOL_BYTES_MAX) clipped = clipped.slice(0, -1).toWellFormed();
  return clipped.replace(/["\\]/g, "_") || "_";
}

function ruled(traits: ToolTraits, rule: ToolRule | null): ToolTraits {
  if (rule === null) return traits;
  const mutates = rule.mutating ?? traits.mutates;
  return {
    ...traits,
    neutral: traits.neutral || rule.exempt === true,
    polls: rule.poll ?? traits.polls,
    mutates,
    effects: rule.mutating ?? traits.effects,
  };
}

function traitMarks(traits: ToolTraits): number {
  return (
    (traits.neutral ? MARK.neutral : 0) |
    (traits.waits ? MARK.waits : 0) |
    (traits.plans ? MARK.plans : 0) |
    (traits.mutates ? MARK.mutates : 0) |
    (traits.effects ? MARK.effects : 0) |
    (traits.polls ? MARK.polls : 0)
  );
}

function errorMarks(part: CallPart, text: string): number {
  const target = isTargetError(text);
  const form = isFormError(text) && !isTransient(text);
  const empty = part.words === "" && part.sum === 0;
  const malformed = isUnknownTool(text) || part.tool === UNREADABLE_ANSWER || (empty && form);
  return (
    part.marks |
    MARK.error |
    (isTransient(text) ? MARK.waiting : 0) |
    (form ? MARK.form : 0) |
    (target && !form ? MARK.target : 0) |
    (malformed ? MARK.malformed : 0)
  );
}

function successMarks(part: CallPart, text: string): number {
  // A status that is final is asked for once; whoever asks for it again is not patient.
  const polls = has(part, MARK.polls) && !saysFinal(text);
  const kept = polls ? part.marks : part.marks & ~MARK.polls;
  return (
    kept |
    (saysNotYet(text) ? MARK.waiting : 0) |
    (isEmptyResult(text) ? MARK.empty : 0) |
    (isAcknowledgement(text) ? MARK.acknowledged : 0) |
    (has(part, MARK.mutates) && saysUnchanged(text) ? MARK.idle : 0) |
    (text.length >= TELLING_CHARACTERS_MIN && RECORDS.test(text) ? MARK.telling : 0)
  );
}

function plainForm(text: string): LooseForm {
  const loose = looseText(text);
  const tokens = argumentTokens(loose.slice(0, PLAIN_CHARACTERS_MAX));
  return { loose, skeleton: loose.replace(/\d+/g, "#"), tokens, numberSum: 0, facts: "" };
}

/** What a change is about, apart from its prose: kept where two sketches of a text are. */
function factsOf(form: LooseForm, traits: ToolTraits): string {
  return traits.effects && form.facts !== ""
    ? shortHash(form.facts).slice(0, FACTS_CHARACTERS)
    : "";
}

interface Plan {
  readonly statuses: string;
  readonly finished: number;
}

const STATUS_KEY = /^(?:status|state|done|completed|checked|progress)$/i;
const FINISHED = /^(?:done|completed?|finished|true|closed|checked|x)$/i;

/** The statuses of a plan in their order; null when it holds none. */
function planOf(value: unknown): Plan | null {
  const statuses: string[] = [];
  collectStatuses(value, statuses, 0);
  if (statuses.length === 0) return null;
  const finished = statuses.filter((status) => FINISHED.test(status)).length;
  return { statuses: `plan:${statuses.join(",")}`, finished };
}

function collectStatuses(value: unknown, into: string[], depth: number): void {
  if (depth > PLAN_DEPTH_MAX || typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    if (into.length >= PLAN_ITEMS_MAX) return;
    if (STATUS_KEY.test(key) && typeof item !== "object") into.push(String(item).toLowerCase());
    else collectStatuses(item, into, depth + 1);
  }
}
