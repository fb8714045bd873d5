// Whether a tool's answer reports a failure, and of what kind.
// Must never call a long text an error because it merely contains such a word.

import type { ToolResult } from "../../turn/transcript.ts";

/** How much of a result is searched for signs of an error. */
export const ERROR_HEAD_CHARACTERS = 512;
/**
 * In a text up to this length a weak word at its start (`Invalid …`) is enough to call it an error.
 */
const SHORT_ERROR_CHARACTERS = 240;
/** How much of the end of a program's output is searched for its outcome. */
const OUTCOME_CHARACTERS = 600;
/** How much of a result may say that there is no such tool. */
const UNKNOWN_TOOL_CHARACTERS = 100;

/**
 * Whether a result reports a failure: marked so by the dialect, an HTTP status or error word at its
 * start, or a JSON `error` key at its top. Of a tool that does not read (`reads` false) the end of
 * its output counts too: a traceback, an exit code, failed tests.
 */
export function isErrorResult(result: ToolResult, reads = true): boolean {
  if (result.isError) return true;
  const head = result.text.slice(0, ERROR_HEAD_CHARACTERS).trimStart();
  if (head.startsWith("{") && /^\{\s*"/.test(head)) return JSON_ERROR.test(head);
  if (STRONG_START.test(head) || FOREIGN_START.test(head)) return true;
  if (!reads && (endsInFailure(result.text, head) || isToldInLine(head))) return true;
  if (UNKNOWN_TOOL.test(head.slice(0, UNKNOWN_TOOL_CHARACTERS))) return true;
  if (result.text.length > SHORT_ERROR_CHARACTERS) return false;
  if (!reads && REFUSAL.test(head)) return true;
  return WEAK_START.test(head) || SHELL_REFUSAL.test(head) || FOREIGN_WEAK.test(head);
}

/**
 * A program that says its own name before what went wrong, as Unix programs do in any language:
 * `sed: …`, `/bin/sh: 1: …`. `asked` is the text of the call's arguments.
 */
export function isProgramError(text: string, asked: string): boolean {
  if (asked === "" || text.length > ERROR_HEAD_CHARACTERS) return false;
  const name = PROGRAM_NAME.exec(text)?.[1];
  if (name === undefined) return false;
  return SHELL_NAME.test(name) || new RegExp(`(?:^|["';|&(]|sudo )\\s*${name}\\s`).test(asked);
}

/** What a build that has nothing to do says is no error. */
const PROGRAM_NAME =
  /^(?:\/\w+)*\/?([a-z]\w{1,30}): (?!nothing|entering|leaving|'.*up to date)(?=\S)/i;
const SHELL_NAME = /^(?:ba|z|da|k)?sh$/;

/** A compiler's or a database's way: place or code first, then the word. */
function isToldInLine(head: string): boolean {
  return LINE_ERROR.test(head);
}

function endsInFailure(text: string, head: string): boolean {
  const tail = text.length > ERROR_HEAD_CHARACTERS ? text.slice(-OUTCOME_CHARACTERS) : "";
  return FAILED_OUTCOME.test(head) || (tail !== "" && FAILED_OUTCOME.test(tail));
}

export const TRACEBACK = /^\W{0,12}traceback\b/i;

/** The call itself was wrong: other arguments of the same shape will fail alike. */
export function isFormError(text: string): boolean {
  return FORM.test(text.slice(0, ERROR_HEAD_CHARACTERS));
}

/** What was asked for is missing, refused or does not answer: another target may do better. */
export function isTargetError(text: string): boolean {
  return TARGET.test(text.slice(0, ERROR_HEAD_CHARACTERS));
}

/** The tool that was called does not exist. */
export function isUnknownTool(text: string): boolean {
  return UNKNOWN_TOOL.test(text.slice(0, ERROR_HEAD_CHARACTERS));
}

/** A failure that passes by itself. */
export function isTransient(text: string): boolean {
  return TRANSIENT.test(text.slice(0, TRANSIENT_CHARACTERS));
}

const TRANSIENT_CHARACTERS = 200;
const TRANSIENT = new RegExp(
  "\\b(?:429|502|503|504|529)\\b|rate.?limit|too many requests|overloaded|temporarily|try again|" +
    "service unavailable|connection (?:reset|refused)|time-?out|timed out|ECONNRESET|ETIMEDOUT",
  "i",
);

const FORM = new RegExp(
  "\\b(?:invalid|validation|malformed|syntax|parse|parsing|schema|type ?error|bad request|400|422|" +
    "unprocessable|illegal|unsupported|unrecognized|unexpected|must be|expected|missing|required|" +
    "does not (?:match|add up)|did not (?:match|appear)|no replacement|do not match|" +
    "wrong (?:format|type)|(?:column|field|attribute|property|method|function|parameter|option|" +
    "keyword|variable)s?\\b[^\\n]{0,60}(?:does not exist|not found|is not defined|unknown)|" +
    "has no (?:attribute|member|method|" +
    "field|property|column)|(?:is not |un)defined\\b|(?:unknown|no such) (?:field|column|" +
    "option|argument|parameter|flag|key)|out of range|mismatch)",
  "i",
);
const TARGET = new RegExp(
  "not found|no such|does not exist|doesn't exist|\\b(?:40[134]|410|50[0234])\\b|time-?out|timed out|" +
    "unreachable|refused|offline|unavailable|denied|forbidden|unauthori[sz]ed|no route|unknown host|" +
    "not known|name resolution|introuvable|nicht gefunden|no encontrado|未找到|找不到|超时",
  "i",
);
const UNKNOWN_TOOL = new RegExp(
  "(?:unknown|invalid|no such|unrecogni[sz]ed|undefined|unavailable) (?:tool|function)|" +
    "(?:tool|function|action) ['\"`]?[\\w.:-]{1,64}['\"`]? (?:is )?(?:not (?:found|available|defined|" +
    "registered|recogni[sz]ed|a valid)|does(?: not|n't) exist|unknown)|not a valid tool|" +
    "no tool (?:named|called|with)",
  "i",
);

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
      "npm err(?:!|or\\b)|fatal:|panic:|uncaught |unhandled |segmentation fault|command failed",
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
    "un(?:known|defined|recogni[sz]ed|expected) \\w+|illegal|missing required|rate limit|too many requests|" +
    "bad request|internal server error|bad gateway|service unavailable|insufficient|not (?:allowed|" +
    "permitted|" +
    "authorized)|no (?:replacements?|edits?) (?:was|were)|conflict|quota|internal error)\\b" +
    "(?!\\s*[:=]?\\s*(?:0|none)\\b)",
  "i",
);

/** `cat: x: No such file or directory`, `User not found.` as the first line of a short text. */
const SHELL_REFUSAL = new RegExp(
  "^[^\\n]{0,200}?(?:not found|no such file or directory|does not exist|timed out|" +
    "connection refused|(?:permission|access) denied(?: \\([^)\\n]{1,60}\\))?|" +
    "is not recogni[sz]ed|(?<!\\d )failed|did not (?:appear|match|apply)[^\\n]{0,80})" +
    "[.!]?\\s*(?:\\n|$)",
  "i",
);

/** The same words in French, German, Spanish, Portuguese, Italian, Russian, Chinese, Japanese. */
const FOREIGN_START =
  /^[\s\W]{0,12}(?:erreur|fehler|erro|errore|ошибка|错误|錯誤|エラー|오류)(?:\s[^:\n：]{0,40})?\s*[:：]/i;
const FOREIGN_WEAK = new RegExp(
  "^.{0,120}?(?:erreur|échec|échoué|impossible d|introuvable|accès refusé|n'existe pas|fehlgeschlagen|" +
    "konnte nicht|nicht gefunden|zugriff verweigert|existiert nicht|ungültig|falló|no se pudo|" +
    "no encontrad|acceso denegado|no existe|falha|não foi possível|não encontrad|impossibile|" +
    "non trovat|не удалось|не найден|错误|失败|无法|未找到|找不到|超时|拒绝|无效|异常|エラー|失敗|" +
    "見つかりません|오류|실패|찾을 수 없)",
  "iu",
);

/** How a short answer of a tool that does not read tells that nothing came of it. */
const REFUSAL = new RegExp(
  "^[^{\\n][^\\n]{0,160}?\\b(?:could not|couldn't|cannot|can't|unable to|failed (?:to|because|with|" +
    "for|on|due)|(?:is|are|was) (?:missing|unset|locked|rejected|refused|denied)|not (?:allowed|" +
    "permitted|authori[sz]ed|supported)|intercepts)\\b",
  "i",
);

const LINE_ERROR = /^[^\n]{1,120}?[\s:(](?:(?:fatal )?error|exception)(?:\s+[A-Z]{0,6}\d+)?\s*:\s/i;

/** How the output of a program says that it failed. */
const FAILED_OUTCOME = new RegExp(
  "(?:^|\\n)Traceback \\(most recent call last\\)|" +
    "\\b(?:exit(?:ed)?(?: with)?(?: code| status)?|return ?code|" +
    "status)\\W{1,4}(?:[1-9]\\d{0,2})\\W{0,3}(?:\\n|$)|" +
    "<returncode>\\s*[1-9]|\\bstatus=[1-9]\\d*\\/|\\b(?:Err[A-Z]\\w+|[A-Z]\\w+BackOff|OOMKilled)\\b|" +
    "\\b[1-9]\\d* (?:tests? |specs? |checks? )?(?:failed|failing|failures?|errors?)\\b|" +
    "(?:^|\\n)(?:FAIL(?:ED)?\\b|E {2,}\\w+Error|BUILD FAILED|" +
    "[A-Z]\\w*(?:Error|Exception): |[^\\n]{0,80}\\b[A-Z]\\w+(?:Error|Exception): )|" +
    "\\bcommand not found\\b",
);

/** An error key of the outermost object, before anything nested, that holds something. */
const JSON_ERROR = new RegExp(
  "^\\{[^{[]{0,400}?(?:" +
    [
      '"(?:errors?|error_?message|error_?code|exception|erreur|fehler|errore|erro|错误)"\\s*:\\s*' +
        '(?!null|false|""|\\[\\s*\\]|\\{\\s*\\}|0\\b)',
      '"is_?error"\\s*:\\s*true',
      '"(?:success|ok)"\\s*:\\s*false',
      '"status(?:_?code)?"\\s*:\\s*"?(?:error|[45]\\d\\d\\b)',
      '"(?:exit_?code|return_?code)"\\s*:\\s*[1-9]',
    ].join("|") +
    ")",
  "i",
);
