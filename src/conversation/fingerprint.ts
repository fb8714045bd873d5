// Short hashes of calls, results, messages and system prompts: what the detector and the
// checkpoints compare.
// Must never hash or mask more of a text than the bounds below, nor keep any of it.

import { hash } from "node:crypto";
import type { Message, ToolCall, ToolResult } from "../turn/transcript.ts";
import { canonical } from "./canonical.ts";
import { ERROR_HEAD_CHARACTERS, TRACEBACK } from "./divergence/error-signs.ts";

/** Characters of a fingerprint: 11 of base64url carry 66 bits. */
export const FINGERPRINT_CHARACTERS = 11;
/** Texts longer than head and tail together are represented by both and their length. */
export const HEAD_CHARACTERS = 32_768;
export const TAIL_CHARACTERS = 32_768;
/** How much of a masked error text tells its class. */
export const ERROR_CLASS_CHARACTERS = 160;
/** How much of a call's arguments is looked for in its error. */
const ASKED_CHARACTERS = 2048;
const ASKED_WORD = /[\p{L}\p{N}_]+/gu;
/**
 * How much of a system prompt, masked, tells who the agent is; what follows (git state, files)
 * changes too often.
 */
const SYSTEM_CHARACTERS = 4096;
/**
 * How much of it is masked for that: more, so that a mask which changes the length does not move
 * the cut.
 */
const SYSTEM_HEAD_CHARACTERS = 6144;

/** Same call: same tool and the same arguments as a value, not as a text. */
export function callFingerprint(call: ToolCall): string {
  const text = call.arguments.trim();
  // Clients send no arguments as "" or as "{}".
  const value = text === "" ? "{}" : canonical(text);
  return shortHash(`${call.name.length}:${call.name}${value ?? bounded(text)}`);
}

/**
 * Same result: the same text but for what changes by itself (clock times, uuids, hashes,
 * durations, ids of processes).
 */
export function resultFingerprint(result: ToolResult): string {
  const text = withoutMoves(result.text.trim());
  if (text.length <= HEAD_CHARACTERS + TAIL_CHARACTERS) return shortHash(maskVolatile(text));
  const head = maskVolatile(text.slice(0, HEAD_CHARACTERS));
  return shortHash(`${text.length}:${head}${maskVolatile(text.slice(-TAIL_CHARACTERS))}`);
}

/**
 * Class of an error: its first words without any number. Meaningful only of an error. With `asked`,
 * the call's arguments, the words that stand in them are masked too: `no column "x"` and `no
 * column "y"` are one error.
 */
export function errorFingerprint(result: ToolResult, asked = ""): string {
  const text = result.text.trim();
  // The head of a Python traceback names files; what went wrong stands in its last line.
  const told = TRACEBACK.test(text.slice(0, ERROR_HEAD_CHARACTERS)) ? lastLine(text) : text;
  const masked = maskVolatile(told.slice(0, ERROR_HEAD_CHARACTERS));
  const head = /^[{[]/.test(masked) ? masked : masked.replace(QUOTED, "~");
  const own = asked === "" ? head : maskAsked(head, asked);
  const words = own.replace(CODE, "#").replace(/\d+/g, "#").replace(/\s+/g, " ");
  return shortHash(words.slice(0, ERROR_CLASS_CHARACTERS));
}

/** Which words of the call's arguments an error repeats. */
export function echoFingerprint(result: ToolResult, asked: string): string {
  const known = wordsOf(asked);
  const said = wordsOf(result.text.slice(0, ERROR_HEAD_CHARACTERS));
  return shortHash(
    [...said]
      .filter((word) => known.has(word))
      .toSorted()
      .join(" "),
  );
}

function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.slice(0, ASKED_CHARACTERS).toLowerCase().match(ASKED_WORD) ?? []);
}

function maskAsked(head: string, asked: string): string {
  const known = wordsOf(asked);
  const masked = head.replace(ASKED_WORD, (word) => (known.has(word.toLowerCase()) ? "~" : word));
  // Two words for one, or one for two, are no other error.
  return masked.replace(/~(?:[^\p{L}\p{N}~]*~)+/gu, "~");
}

/**
 * Identity of a message for checkpoints and anchors. Any change of role, text, call or result
 * changes it.
 */
export function messageFingerprint(message: Message): string {
  const parts: string[] = [message.role, bounded(message.text)];
  for (const call of message.calls) parts.push("c", call.id, call.name, bounded(call.arguments));
  for (const result of message.results) parts.push("r", result.callId, bounded(result.text));
  return shortHash(parts.map((part) => `${part.length}:${part}`).join(""));
}

/** Loose identity of a system prompt: dates, numbers, paths and hashes in it may change. */
export function systemFingerprint(text: string): string {
  const masked = text.slice(0, SYSTEM_HEAD_CHARACTERS).replace(CHANGING_IN_PROMPT, "#");
  return shortHash(masked.replace(/\s+/g, " ").trim().slice(0, SYSTEM_CHARACTERS));
}

/**
 * 66 bits of SHA-256. One-shot `hash` takes about 0.5 µs for a typical call here: SHA-1 and MD5
 * were no faster for short texts and slower (MD5) for long ones, and a home-made hash would be open
 * to forged collisions. A window compares at most some hundred of them, so a chance collision is
 * out of the question (about 2^-50).
 */
export function shortHash(text: string): string {
  return hash("sha256", text, "base64url").slice(0, FINGERPRINT_CHARACTERS);
}

function bounded(text: string): string {
  if (text.length <= HEAD_CHARACTERS + TAIL_CHARACTERS) return text;
  return `${text.length}:${text.slice(0, HEAD_CHARACTERS)}${text.slice(-TAIL_CHARACTERS)}`;
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf("\n") + 1);
}

/** What an error quotes is what it was asked for, not what went wrong. */
const QUOTED = /'[^'\n]{1,80}'|"[^"\n]{1,80}"|`[^`\n]{1,80}`|(?<![\w.])[\w.-]*\/[\w./-]+/g;

/** Names of incidents and the like: letters and digits in one word. */
const CODE = /\b(?=[\w-]*\d)(?=[\w-]*[a-z])\w[\w-]{4,39}\b/gi;

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const ISO_TIME =
  "\\d{4}-\\d\\d-\\d\\d[T _]\\d\\d[:_]\\d\\d(?:[:_]\\d\\d(?:[.,_]\\d+)?)?(?: ?Z| ?[+-]\\d\\d:?\\d\\d)?";
// A letter and a digit are required: plain long numbers (bytes copied, ids counted up) show
// progress.
const HEX = "0x[0-9a-f]{6,}|(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,}(?:-[a-z0-9]{5}(?![\\w-]))?";
/** Ids that name the request itself, whatever their form. */
const REQUEST_ID = '(?:request|trace|span|correlation)[_-]?id"?\\s*[:=]\\s*"?[\\w-]{1,64}';
/** Random, at the head of what one agent's shell has printed; too short to be told from a number elsewhere. */
const OUTPUT_ID = "chunk id: [0-9a-f]{6}(?=\\s+wall time:)";
/** Some agents' shells print theirs with every output. */
const PROCESS_ID = '(?:p[gp]?|process(?: group)?[ _])id"?\\s*[:=]?\\s*\\d+';
const DURATION =
  "(?:in|after|took|elapsed:?|duration:?|time:?)\\s+\\d+(?:\\.\\d+)?\\s?" +
  "(?:ns|us|µs|ms|s|secs?|seconds?)|\\d+(?:\\.\\d+)? ?(?:ms|µs|ns)";
/** How long it took, as a field of JSON. */
const TIMING =
  '(?:\\w{0,24}_?(?:ms|millis)|took|elapsed\\w{0,8}|duration\\w{0,8}|latency\\w{0,8})"\\s*:\\s*"?\\d+(?:\\.\\d+)?|' +
  "(?:timestamp|ts|as_of|(?:server|current|query|response)_?time|" +
  '(?:checked|generated|fetched|queried|retrieved|served|responded)_?at)"\\s*:\\s*(?:"[^"\\n]{0,40}|\\d+(?:\\.\\d+)?)';
/** What a page calls its elements until it is drawn again, and ages as tables of jobs print them. */
const HANDLE =
  'ref(?:=|: ?| )"?(?:s\\d+)?e\\d+|\\d+[dh]\\d+[hm]|\\d+m\\d+s|\\d+[smhd](?=[ \\t]*(?:\\n|$))';
/** The counter of moves that a game prints after everything. */
const MOVES =
  /[[(](?:moves?|turns?|ticks?|rounds?|züge?|runde|tour|coups?|turno|ronda|ход|回合|手数)\s*[:#]?\s*\d+[\])]$/iu;
// The look-ahead spares most words the three long alternatives.
const STAMP = `(?=[0-9a-f]{4}|0x)(?:${UUID}|${ISO_TIME}|${HEX})`;
const VOLATILE = new RegExp(
  `\\b(?:${STAMP}|${DURATION}|${TIMING}|${REQUEST_ID}|${OUTPUT_ID}|${PROCESS_ID}|${HANDLE})\\b`,
  "gi",
);

function withoutMoves(text: string): string {
  return text.endsWith("]") || text.endsWith(")") ? text.replace(MOVES, "") : text;
}

/** Exported for the tests of its speed and its limits. */
export function maskVolatile(text: string): string {
  return text.replace(VOLATILE, "~");
}

const CHANGING_IN_PROMPT = new RegExp(
  [
    "\\b(?:mon|tues?|wednes|thurs?|fri|satur|sun)(?:day)?\\b",
    "\\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?)\\b",
    "\\b(?:aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\\b",
    "\\b[a-z]:\\\\[^\\s\"'`<>]*",
    "(?<![\\w/])[~.]{0,2}/[^\\s\"'`<>,;)]*",
    `\\b(?:${UUID}|${HEX})\\b`,
    "\\d+",
  ].join("|"),
  "gi",
);
