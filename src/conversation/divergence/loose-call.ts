// The arguments of a call as a value that may be spelled and tuned in many ways: what stays of them.
// Must never make two numbers equal that differ, nor walk deeper or longer than canonical.ts parses.

import { isExactNumber } from "../canonical.ts";
import { argumentTokens } from "./words.ts";

/** A longer string is content, not an address: it is compared as it stands, in characters. */
const NORMALISED_CHARACTERS_MAX = 2048;
/** How much of all arguments is cut into tokens, in characters. */
const TOKEN_CHARACTERS_MAX = 2048;
/** Sums of numbers are kept modulo this: enough to see equal strides. */
export const NUMBER_SUM_MODULUS = 4096;

/** Keys are compared without signs and in lower case: `request_id`, `requestId`, `Request-ID`. */
const VOLATILE_KEY = new RegExp(
  "^(?:x?(?:request|trace|span|correlation|invocation|clientrequest|clientmessage)(?:id|" +
    "key|token)|idempotency(?:id|key|token)?|nonce|(?:sent|requested|called|issued)at|" +
    "requestuuid|cachebust(?:er)?)$",
);
/** A name for a request's own key that could name a thing, too: only beside a value made at random. */
const OWN_KEY =
  /^(?:requete|cle|anfrage|schlussel|peticion|clave|chiave|richiesta|chave|requisicao|请求id|流水号)$/;
const RANDOM_VALUE = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
/** As many other fields must say what the call is about. */
const TELLING_FIELDS_MIN = 2;
/** A number behind a name that says that the thing is made once more. */
const VERSION_SUFFIX =
  /[-_ .](?:v|ver|version|retry|try|attempt|take|copy|final|new|neu|nouveau|nuevo|bis)[-_ .]?\d*$|[-_ ]?\(\d+\)$/iu;

/** How hard to try, and how much to show: a call tried again with more of it is the same call. */
const TUNING_KEY = new RegExp(
  "^(?:(?:max)?(?:retry|retries|attempts?)(?:count|number|no)?|(?:read|connect|request)" +
    "?timeout(?:ms|s|secs?|seconds|millis)?|delay(?:ms|s|secs?|seconds)?|backoff|verbose|" +
    "debug|quiet|(?:max)?limit|(?:max|num|n)results|topk|pagesize|perpage)$",
);
/** When and why it was asked. Of a change these may be the point: `created at`. */
const CIRCUMSTANCE_KEY = new RegExp(
  "^(?:timestamp|ts|(?:created|updated|started|generated)at|explanation|thoughts?|" +
    "rationale|reasoning|justification)$",
);
/** A shell tool's own words about its command. */
const COMMAND_KEY = /^(?:command|cmd|script)$/i;
const COMMAND_NOTE_KEY = /^(?:description|purpose|summary)$/i;

/** A browser's handle of an element lasts until the page is drawn again; its description stays. */
const ELEMENT_KEY = /^element(?:_?description)?$/i;
const HANDLE_KEY = /^(?:ref|uid|target)$/;

export interface LooseOptions {
  /** The call changes something: when it was made may be the point. */
  readonly mutating: boolean;
  /** A second call changes it once more: all that is said counts, but for the request's own ids. */
  readonly effects: boolean;
  /** The only fields that tell calls apart; null: all. */
  readonly key: readonly string[] | null;
}

export interface LooseForm {
  readonly loose: string;
  /** The same with every number masked. */
  readonly skeleton: string;
  readonly tokens: readonly string[];
  /** Sum of all JSON numbers, rounded, modulo NUMBER_SUM_MODULUS. */
  readonly numberSum: number;
  /** All that is no prose: numbers, names, dates, addresses. Empty where nothing of it has a digit or a sign. */
  readonly facts: string;
}

/** The loose form of parsed arguments. */
export function looseForm(value: unknown, options: LooseOptions): LooseForm {
  const walk: Walk = {
    options,
    skeleton: "",
    facts: "",
    prose: false,
    texts: [],
    characters: 0,
    sum: 0,
  };
  const loose = spell(value, walk);
  const tokens = argumentTokens(walk.texts.join(" "));
  const facts = /[\d@/]/.test(walk.facts)
    ? [...new Set(walk.facts.split(";"))].sort().join(";")
    : "";
  return { loose, skeleton: walk.skeleton, tokens, numberSum: walk.sum, facts };
}

/** How much of one text is searched for facts, in characters. */
const FACT_CHARACTERS_MAX = 600;
/** A few letters at most, then digits in groups. */
const CODE = /^#?[a-z]{0,6}[-_ #:]*0*(\d[\d _/-]{2,20})$/;
/** Fewer are a count, or the number of a machine. */
const CODE_DIGITS_MIN = 4;
/** Words one after the other, or so many characters where words are not separated. */
const PROSE = /\s.*\p{L}|\p{L}.*\s|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]{6}/su;

const PROSE_KEY = new RegExp(
  "^(?:title|subject|summary|headline|label|descr(?:iption)?|notes?|text|body|message|content|comments?|" +
    "reason|titel|betreff|beschreibung|nachricht|titre|objet|corps|titulo|título|asunto|cuerpo|mensaje|" +
    "assunto|mensagem|oggetto|testo|标题|主题|内容|说明|件名|本文|タイトル|제목|내용)$",
  "iu",
);

interface Walk {
  readonly options: LooseOptions;
  skeleton: string;
  facts: string;
  /** The value is of a field that is written for people. */
  prose: boolean;
  readonly texts: string[];
  characters: number;
  sum: number;
}

function spell(value: unknown, walk: Walk): string {
  if (typeof value === "number" || (typeof value === "string" && isExactNumber(value))) {
    keepText(walk, typeof value === "string" ? (codeDigits(value) ?? value) : String(value));
    walk.skeleton += "#";
    walk.facts += `${value};`;
    if (typeof value === "number") walk.sum = addNumber(walk.sum, value);
    return `n${value};`;
  }
  if (typeof value === "string") {
    const text = looseText(value);
    // Made once more under the next name: told apart, but like the one before.
    const named = walk.options.effects ? text.replace(VERSION_SUFFIX, "") : text;
    keepText(walk, codeDigits(named) ?? named);
    const spelled = `s${text.length}:${text}`;
    walk.skeleton += spelled;
    if (walk.options.effects) walk.facts += `${factsIn(text, walk.prose)};`;
    return spelled;
  }
  if (Array.isArray(value)) {
    walk.skeleton += "[";
    return `[${value.map((item) => spell(item, walk)).join(",")}]`;
  }
  if (typeof value !== "object" || value === null) {
    walk.skeleton += String(value);
    return `${String(value)};`;
  }
  const entries = entriesOf(value, walk.options);
  walk.skeleton += "{";
  const parts = entries.map(([key, item]) => {
    walk.skeleton += key;
    walk.prose = PROSE_KEY.test(key);
    return `${key.length}:${key}=${spell(item, walk)}`;
  });
  return `{${parts.join("")}}`;
}

/** The digits of a number that may be spelled in many ways: `#0093-117`, `ORD-93117`. */
function codeDigits(text: string): string | null {
  const digits = CODE.exec(text)?.[1]?.replace(/\D/g, "") ?? "";
  return digits.length < CODE_DIGITS_MIN ? null : digits;
}

/** A word, a date, an address as it is; of prose what has a digit or an @ in it. */
function factsIn(text: string, prose: boolean): string {
  if (!prose && !PROSE.test(text)) return text.replace(VERSION_SUFFIX, "");
  const tokens = argumentTokens(text.slice(0, FACT_CHARACTERS_MAX));
  return tokens.filter((token) => /[\d@]/.test(token)).join(";");
}

function entriesOf(value: object, options: LooseOptions): [string, unknown][] {
  const entries = Object.entries(value);
  const isCommand = entries.some(([key]) => COMMAND_KEY.test(key));
  const isDescribed = entries.some(([key]) => ELEMENT_KEY.test(key));
  const own = entries.length > TELLING_FIELDS_MIN;
  const kept = entries.filter(([name, item]) => {
    const key = name.replace(/[-_]/g, "").toLowerCase();
    if (VOLATILE_KEY.test(key)) return false;
    if (own && typeof item === "string" && isOwnKey(key) && RANDOM_VALUE.test(item)) return false;
    if (isCommand && COMMAND_NOTE_KEY.test(key)) return false;
    if (isDescribed && HANDLE_KEY.test(key)) return false;
    if (!options.effects && TUNING_KEY.test(key)) return false;
    return options.mutating || !CIRCUMSTANCE_KEY.test(key);
  });
  return kept.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
}

/** Accents are left out: `clé`, `Schlüssel`. */
function isOwnKey(key: string): boolean {
  return OWN_KEY.test(key.normalize("NFD").replace(/\p{M}+/gu, ""));
}

function addNumber(sum: number, value: number): number {
  const rounded = Math.round(value) % NUMBER_SUM_MODULUS;
  return Number.isFinite(rounded) ? (sum + rounded + NUMBER_SUM_MODULUS) % NUMBER_SUM_MODULUS : sum;
}

function keepText(walk: Walk, text: string): void {
  if (walk.characters >= TOKEN_CHARACTERS_MAX) return;
  const kept = text.slice(0, TOKEN_CHARACTERS_MAX - walk.characters);
  walk.texts.push(kept);
  walk.characters += kept.length;
}

/** Only the fields a rule names; the value as it is when none of them is there. */
export function keyedValue(value: unknown, key: readonly string[] | null): unknown {
  if (key === null || typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => key.includes(name));
  return kept.length === 0 ? value : Object.fromEntries(kept);
}

/** How hard a command shall try, as a flag of its own: the same as TUNING_KEY. */
const COMMAND_TUNING = new RegExp(
  "(?:^timeout(?:\\s+-\\S+)*\\s+\\d+[smh]?\\s+)|\\s--?[\\w-]*(?:time-?out|retr(?:y|ies)|delay|" +
    "wait|workers|attempts|tries|interval|jobs|threads)[\\w-]*(?:=|\\s)\\d+[a-z]*(?=\\s|$)",
  "g",
);

/** A shell command but for what only trims its output or forgives its failure. */
const COMMAND_TAIL =
  /(?:\s*2>&1|\s*\|\s*(?:head|tail|cat)(?:\s+-\S+|\s+\d+)*|\s*\|\|\s*true|\s*;\s*echo\s+\$\?)+\s*$/;

/** One spelling for Unicode forms, quotes, white space, case and the ways to write a path. */
export function looseText(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length > NORMALISED_CHARACTERS_MAX) return trimmed;
  const folded = trimmed
    .normalize("NFKC")
    .replace(/[“”„«»"`´‘’]/g, "'")
    .replace(/\s+/g, " ")
    .toLowerCase();
  if (!/[-/.|>;]/.test(folded)) return folded;
  return folded
    .replace(COMMAND_TUNING, "")
    .replace(COMMAND_TAIL, "")
    .replace(/(^|[\s'=(:])(?:\.\/)+/g, "$1")
    .replace(/\/\.(?=\/)/g, "")
    .replace(/([^:/])\/{2,}/g, "$1/")
    .replace(/([^\s'/])\/(?=$|[\s')])/g, "$1");
}
