// What a successful answer says by its form: nothing, a short yes, not yet, done.
// Must never judge: these signs only move thresholds.

import { parseExact } from "../canonical.ts";

/** How much of a result is searched for a status that means "not yet", in characters. */
const STATUS_CHARACTERS_MAX = 2048;
/** Up to this length a result that speaks of pending work is taken for a status, in characters. */
const WAITING_CHARACTERS_MAX = 200;
/** A shorter success only acknowledges. */
export const ACK_CHARACTERS_MAX = 24;
/** Longest text that can say that there is nothing. */
const EMPTY_CHARACTERS_MAX = 160;

const NOT_YET =
  "(?:pending|running|queued|in[ _-]progress|processing|waiting|starting|building|creating|" +
  "provisioning|scheduled|deploying|rendering|uploading|downloading|installing|booting|" +
  "not (?:yet )?(?:ready|finished|complete|available|started))";
/** In other languages; as parts of words where words are not separated. */
const FOREIGN_NOT_YET = new RegExp(
  "\\b(?:en (?:attente|cours|cola|espera|proceso|curso|progreso)|pas encore|in (?:warteschlange|" +
    "bearbeitung|" +
    "arbeit|attesa|corso|coda|wachtrij|behandeling)|wartend|(?:noch nicht|ausstehend|läuft noch)|" +
    "pendiente|pendente|" +
    "em (?:fila|andamento|espera|processamento)|aguardando|todavía no|aún no|ainda não|non ancora|" +
    "nog niet)\\b|" +
    "в (?:очереди|процессе|работе)|ожида|выполняется|ещё не|еще не|排队|等待中|处理中|进行中|运行中|尚未|还没|" +
    "待機中|処理中|実行中|準備中|順番待ち|まだ|대기|처리 ?중|진행 ?중",
  "iu",
);
/** A state that ends in -ing goes on, whatever the word: `creating`, `backing-up`. */
const STATUS_NOT_YET = new RegExp(
  `(?:status|state|phase)"\\s*:\\s*"(?:${NOT_YET}|[a-z]+ing(?:[ _-][a-z]+)*)"`,
  "i",
);
const TEXT_NOT_YET = new RegExp(`\\b${NOT_YET}\\b(?! \\d+ tests?\\b)|(?<![\\d.])0 ?%`, "i");
const FINAL =
  /\b(?:completed?|done|succeeded|success(?:ful)?|finished|failed|cancell?ed|expired|closed)\b/i;
const EMPTY = new RegExp(
  "^\\W*(?:null|none|empty|nothing|undefined|\\(?no output\\)?|(?:there (?:are|were) )?(?:no|0|zero) " +
    "(?:\\w+ ){0,3}?(?:results?|match(?:es)?|items?|records?|rows?|hits?|documents?|files?|entries|data|" +
    "flights?|messages?|emails?|options?)\\b.{0,80}|" +
    "nothing (?:(?:was )?found|happen(?:s|ed)).{0,40}|(?:it has |there is )?no (?:visible )?effect.{0,20}|" +
    "(?:your )?command (?:ran|executed|completed) successfully.{0,60}|" +
    "(?:keine|aucun|ningún|没有|未找到).{0,60})\\W*$",
  "isu",
);
const COUNT_KEY = /^(?:total\w*|count|hits|matches|num_?results|result_?count|found)$/i;
const HOLLOW_HINT = /\[\s*\]|"\w+"\s*:\s*0\b/;
/** Longest JSON that is looked through for being empty. */
const EMPTY_JSON_CHARACTERS_MAX = 1000;
/** A longer string in it tells something. */
const EMPTY_WORDS_MAX = 60;

export function saysNotYet(text: string): boolean {
  if (STATUS_NOT_YET.test(text.slice(0, STATUS_CHARACTERS_MAX))) return true;
  if (text.length > WAITING_CHARACTERS_MAX) return false;
  return TEXT_NOT_YET.test(text) || FOREIGN_NOT_YET.test(text);
}

/** A status that will not change any more: asking again is no patience. */
export function saysFinal(text: string): boolean {
  return text.length <= STATUS_CHARACTERS_MAX && FINAL.test(text) && !saysNotYet(text);
}

/** Nothing was found or printed. */
export function isEmptyResult(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed === "" || /^[[\]{}()"'\s]*$/.test(trimmed)) return true;
  if (/^[{[]/.test(trimmed))
    return trimmed.length <= EMPTY_JSON_CHARACTERS_MAX && isHollow(trimmed);
  return trimmed.length <= EMPTY_CHARACTERS_MAX && EMPTY.test(trimmed);
}

/** JSON whose lists are all empty, and that has one, or a count of 0. */
function isHollow(text: string): boolean {
  if (!HOLLOW_HINT.test(text)) return false;
  const parsed = parseExact(text);
  if (parsed === null) return false;
  const found = { empty: false, full: false };
  lookForItems(parsed.value, found);
  return found.empty && !found.full;
}

function lookForItems(value: unknown, found: { empty: boolean; full: boolean }): void {
  if (Array.isArray(value)) {
    if (value.length === 0) found.empty = true;
    else found.full = true;
    return;
  }
  if (typeof value === "string" && value.length > EMPTY_WORDS_MAX) found.full = true;
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    if (item === 0 && COUNT_KEY.test(key)) found.empty = true;
    lookForItems(item, found);
  }
}

/** How much of a result is searched for a word that nothing was changed, in characters. */
const UNCHANGED_CHARACTERS_MAX = 300;
const UNCHANGED = new RegExp(
  '"(?:unchanged|no_?op|already_?(?:set|done|exists|applied|on|off|open|closed|enabled|disabled|' +
    'running))"\\s*:\\s*true|' +
    '"(?:changed|updated|modified)"\\s*:\\s*(?:false|0\\b)|"(?:status|result|state|outcome)"\\s*:\\s*' +
    '"(?:unchanged|no_?op|no_change|not_modified|already_\\w+)"|' +
    "\\b(?:no(?:thing| changes?) (?:was |were )?(?:changed|made|needed|to (?:do|change|update|" +
    "commit))|unchanged|no-?op|" +
    "not modified|(?:is|was|are) already|already (?:set|at|in|on|off|up[- ]to[- ]date|exists?|" +
    "running|applied|enabled|" +
    "disabled))\\b|" +
    "\\b(?:unverändert|bereits|keine änderung|inchangée?|déjà|aucun changement|sin cambios|" +
    "ya est(?:á|aba)|senza modifiche|" +
    "già|sem alterações|já está)|без изменений|уже|未(?:变更|改变|更改)|没有变化|已经|変更なし|すでに|既に|변경 ?없음|이미",
  "iu",
);

/** A change whose answer says that all is as it was. */
export function saysUnchanged(text: string): boolean {
  return text.length <= UNCHANGED_CHARACTERS_MAX && UNCHANGED.test(text);
}

/** `ok`, `done`, `{"ok":true}`: says that it happened and no more. */
export function isAcknowledgement(text: string): boolean {
  return text.trim().length < ACK_CHARACTERS_MAX && !isEmptyResult(text);
}
