// Reads evidence rows of schema 1: exact fingerprints of calls, no texts, no sketches.
// Must never make a loop of what it carries over: its calls were hashed in another way and match nothing new.

import {
  CALL_CHARACTERS,
  ERROR_CHARACTERS,
  MARK,
  NO_SAMPLE,
  PAIR_CHARACTERS,
  RESULT_CHARACTERS,
  type Step,
} from "./divergence/step.ts";
import { NO_TASK } from "./divergence/user-words.ts";
import type { Evidence } from "./evidence.ts";
import type { Columns } from "./evidence-columns.ts";

const STEPS_MAX = 64;
const SEEN_MAX = 128;
const FINGERPRINT_CHARACTERS = 11;
const FIRST_PAIR_CHARACTERS = 10;
const TOOL_CHARACTERS_MAX = 64;
const SAMPLE_CHARACTERS_MAX = 120;
const SAMPLES_MAX = 3;
const ERROR = 1;
const WAITING = 2;
const BOUNDARY = 4;

/** Throws a TypeError that names the column at fault. */
export function unpackFirstVersion(columns: Columns): Evidence {
  const flags = columns.text("f");
  const count = flags.length;
  if (count > STEPS_MAX || !/^[0-7]*$/.test(flags)) throw columns.refusal("f");
  const names = columns.texts("n", { length: STEPS_MAX, characters: TOOL_CHARACTERS_MAX });
  const tools = columns.numbers("t", count);
  const turns = columns.numbers("u", count);
  const indices = columns.numbers("i", count);
  const calls = columns.hashes("c", FINGERPRINT_CHARACTERS);
  const results = columns.hashes("r", FINGERPRINT_CHARACTERS);
  const classes = columns.hashes("e", FINGERPRINT_CHARACTERS);
  const seen = columns.hashes("s", FIRST_PAIR_CHARACTERS);
  columns.texts("x", { length: 2 * SAMPLES_MAX, characters: SAMPLE_CHARACTERS_MAX });
  if (calls.length !== count) throw columns.refusal("c");
  if (results.length !== count) throw columns.refusal("r");
  if (seen.length > SEEN_MAX) throw columns.refusal("s");
  let errors = 0;
  const steps = tools.map((tool, position): Step => {
    const flag = Number(flags[position]);
    const error = (flag & ERROR) !== 0;
    const boundary = (flag & BOUNDARY) !== 0;
    const same =
      position > 0 &&
      turns[position] === turns[position - 1] &&
      indices[position] === indices[position - 1];
    const name = names[tool] ?? columns.refuse("t");
    return {
      turn: turns[position] ?? 0,
      index: -1,
      tool: name.slice(0, 40),
      call: (calls[position] ?? "").slice(0, CALL_CHARACTERS),
      detail: "---",
      skeleton: "----",
      result: (results[position] ?? "").slice(0, RESULT_CHARACTERS),
      words: "",
      grams: "",
      sum: 0,
      marks:
        (error ? MARK.error : 0) |
        ((flag & WAITING) === 0 ? 0 : MARK.waiting) |
        (same ? 0 : MARK.opens),
      errorClass: error
        ? (classes[errors++] ?? columns.refuse("e")).slice(0, ERROR_CHARACTERS)
        : "",
      user: boundary ? "real" : "none",
      userHash: boundary ? "---" : "",
      userWords: "",
      userFacts: "",
      task: null,
      sample: NO_SAMPLE,
    };
  });
  if (classes.length !== errors) throw columns.refusal("e");
  const half = FIRST_PAIR_CHARACTERS / 2;
  const kept = PAIR_CHARACTERS / 2;
  const pairs = seen.map((pair) => pair.slice(0, kept) + pair.slice(half, half + kept));
  const pending = { calls: [], text: null };
  return { steps, seen: pairs, task: NO_TASK, pending };
}
