// Short hashes of calls, results, messages and system prompts: what the detector and the
// checkpoints compare.
// Must never hash or mask more of a text than the bounds below, nor keep any of it.

import { hash } from "node:crypto";
import type { Message, ToolCall, ToolResult } from "../turn/transcript.ts";
import { canonical } from "./canonical.ts";

/** Characters of a fingerprint: 11 of base64url carry 66 bits. */
export const FINGERPRINT_CHARACTERS = 11;
/** Texts longer than head and tail together are represented by both and their length. */
export const HEAD_CHARACTERS = 32_768;
export const TAIL_CHARACTERS = 32_768;
/** How much of a masked error text tells its class. */
export const ERROR_CLASS_CHARACTERS = 160;
/** How much of a result is searched for signs of an error. */
const ERROR_HEAD_CHARACTERS = 512;
/**
 * In a text up to this length a weak word at its start (`Invalid …`) is enough to call it an error.
 */
const SHORT_ERROR_CHARACTERS = 240;
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
 * durations).
 */
export function resultFingerprint(result: ToolResult): string {
  const text = result.text.trim();
  if (text.length <= HEAD_CHARACTERS + TAIL_CHARACTERS) return shortHash(maskVolatile(text));
  const head = maskVolatile(text.slice(0, HEAD_CHARACTERS));
  return shortHash(`${text.length}:${head}${maskVolatile(text.slice(-TAIL_CHARACTERS))}`);
}

/** Class of an error: its first words without any number. Meaningful only where `isErrorResult`. */
export function errorFingerprint(result: ToolResult): string {
  const text = result.text.trim();
  // The head of a Python traceback names files; what went wrong stands in its last line.
  const told = TRACEBACK.test(text.slice(0, ERROR_HEAD_CHARACTERS)) ? lastLine(text) : text;
  const head = maskVolatile(told.slice(0, ERROR_HEAD_CHARACTERS));
  const words = head.replace(/\d+/g, "#").replace(/\s+/g, " ");
  return shortHash(words.slice(0, ERROR_CLASS_CHARACTERS));
}

/**
 * Whether a result reports a failure: marked so by the dialect, an HTTP status or error word at its
 * start, or a JSON `error` key at its top. A long text that merely contains such a word is no
 * error.
 */
export function isErrorResult(result: ToolResult): boolean {
  if (result.isError) return true;
  const head = result.text.slice(0, ERROR_HEAD_CHARACTERS).trimStart();
  if (head.startsWith("{")) return JSON_ERROR.test(head);
  if (STRONG_START.test(head)) return true;
  if (result.text.length > SHORT_ERROR_CHARACTERS) return false;
  return WEAK_START.test(head) || SHELL_REFUSAL.test(head);
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

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const ISO_TIME =
  "\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d(?::\\d\\d(?:[.,]\\d+)?)?(?: ?Z| ?[+-]\\d\\d:?\\d\\d)?";
// A letter and a digit are required: plain long numbers (bytes copied, ids counted up) show
// progress.
const HEX = "0x[0-9a-f]{6,}|(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,}";
const DURATION =
  "(?:in|after|took|elapsed:?|duration:?|time:?)\\s+\\d+(?:\\.\\d+)?\\s?" +
  "(?:ns|us|µs|ms|s|secs?|seconds?)";
// The look-ahead spares most words the three long alternatives.
const STAMP = `(?=[0-9a-f]{4}|0x)(?:${UUID}|${ISO_TIME}|${HEX})`;
const VOLATILE = new RegExp(`\\b(?:${STAMP}|${DURATION})\\b`, "gi");

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

const TRACEBACK = /^\W{0,12}traceback\b/i;

const HTTP_REASON =
  "(?:bad request|unauthori[sz]ed|payment required|forbidden|not found|method not allowed|" +
  "conflict|gone|unprocessable|too many requests|internal server error|bad gateway|" +
  "service unavailable|gateway time-?out)";

/** Starts that mean an error whatever the length of the text. */
const STRONG_START = new RegExp(
  "^\\W{0,12}(?:" +
    [
      "[\\w.]{0,80}(?:error|exception)(?:\\s*[(\\[][^)\\]\\n]{0,80}[)\\]])?\\s*:" +
        "(?!\\s*(?:0|none|null)\\s*(?:[\\n,;.]|$))",
      "error (?:executing|calling|running|invoking|occurred|while|reading|parsing|code|\\d)",
      "traceback\\b",
      "npm err!|fatal:|panic:|uncaught |unhandled |segmentation fault|command failed",
      "(?:command |process )?exit(?:ed with)?(?: code| status):? [1-9]",
      "(?:http(?:\\/\\d(?:\\.\\d)?)?|status(?: code)?)[:\\s]{1,3}[45]\\d\\d\\b",
      `[45]\\d\\d\\s*[:-]?\\s*${HTTP_REASON}`,
      "(?:permission|access|request|authori[sz]ation) (?:was )?denied",
    ].join("|") +
    ")",
  "i",
);

/** Starts that mean an error only where little else is said. `Failed: 0` is none. */
const WEAK_START = new RegExp(
  "^\\W{0,12}(?:errors?|exception|fail(?:ed|ure)|fatal|denied|forbidden|unauthori[sz]ed|" +
    "not found|no such|time-?out|timed out|invalid|cannot|can't|could not|couldn't|unable to|" +
    "unknown (?:tool|command|function)|missing required|rate limit|too many requests|" +
    "bad request|internal server error|bad gateway|service unavailable)\\b" +
    "(?!\\s*[:=]?\\s*(?:0|none)\\b)",
  "i",
);

/** `cat: x: No such file or directory`, `User not found.` as the first line of a short text. */
const SHELL_REFUSAL = new RegExp(
  "^[^\\n]{0,200}?(?:not found|no such file or directory|does not exist|timed out|" +
    "(?:permission|access) denied|connection refused)[.!]?\\s*(?:\\n|$)",
  "i",
);

/** An error key of the outermost object, before anything nested, that holds something. */
const JSON_ERROR = new RegExp(
  "^\\{[^{[]{0,400}?(?:" +
    [
      '"(?:errors?|error_?message|error_?code|exception)"\\s*:\\s*' +
        '(?!null|false|""|\\[\\s*\\]|\\{\\s*\\}|0\\b)',
      '"is_?error"\\s*:\\s*true',
      '"(?:success|ok)"\\s*:\\s*false',
      '"status(?:_?code)?"\\s*:\\s*"?(?:error|[45]\\d\\d\\b)',
    ].join("|") +
    ")",
  "i",
);
