// What a message of the user's side means for a loop: a new wish, a push to go on, a timer's tick.
// Must never keep the words: a kind, a hash, a few numbers and a sketch of the words remain.

import { shortHash } from "../fingerprint.ts";
import { itemsIn, timesIn } from "./number-words.ts";
import { sketchOf } from "./sketch.ts";
import { argumentTokens, contentWords } from "./words.ts";

/**
 * prod: go on. retry: once more. tick: a timer or another machine asks. summary: the client has
 * condensed the history. real: a person, or whoever gave the task, says something new.
 */
export const USER_KINDS = ["none", "summary", "prod", "tick", "retry", "real"] as const;
export type UserKind = (typeof USER_KINDS)[number];

/** Words of a message that a sketch of it holds. */
export const USER_WORDS_MAX = 12;
/** Facts of a message that a sketch holds. */
export const USER_FACTS_MAX = 4;
const SHORT_ANSWER_WORDS = 5;
/** Words of a task that its sketch holds. */
export const TASK_WORDS_MAX = 32;
export const USER_HASH_CHARACTERS = 3;
/** How much of a message is read, in characters. */
const READ_CHARACTERS_MAX = 2000;
/** Longest message that can be a mere push. */
const PROD_CHARACTERS_MAX = 90;

export interface Task {
  /** How often the message wants something done, where it says so; else 0. */
  readonly times: number;
  /** The largest number of things it names (`3 reminders`); else 0. */
  readonly items: number;
  /** It asks to keep an eye on something. */
  readonly watch: boolean;
  readonly words: string;
}

export const NO_TASK: Task = { times: 0, items: 0, watch: false, words: "" };

export interface UserNote {
  readonly kind: UserKind;
  readonly hash: string;
  readonly words: string;
  readonly facts: string;
  /** Null unless the message sets a task. */
  readonly task: Task | null;
}

const LEAD =
  "(?:(?:ok(?:ay)?|yes|yep|sure|please|pls|great|good|alright|thanks|thank you|just|so|and|now|then|" +
  "well)[\\s,.!]*)*";
const CONTINUE = new RegExp(
  `^\\W*${LEAD}(?:continue|go on|go ahead|keep (?:going|working|trying|at it)|carry on|proceed|next|move on|resume|` +
    "more|weiter|mach(?:e)? weiter|fahre? fort|continuer?|continuez|vas-y|poursui(?:s|vez)|continúa|" +
    "continua|sigue|" +
    "adelante|请?继续(?:吧|执行|工作)?|接着|続けて(?:ください|下さい)?|계속(?:해)?|продолжай(?:те)?)" +
    "(?:\\s+(?:please|then|now|working|with (?:it|the task|that|this)|the task|your (?:task|work)|on it|" +
    "from where you left off|until (?:it is|it's|you(?:'re| are)) done|bitte))*\\W*$",
  "iu",
);
const RETRY = new RegExp(
  `^\\W*${LEAD}(?:(?:can you |could you )?(?:try|retry|do|run|check)(?: it| that| this)?(?: once)? (?:again|more)|` +
    "again|retry|once more|one more time|another try|nochmal|noch einmal|versuch es (?:noch ?mal|" +
    "erneut)|réessaie|" +
    "réessayez|encore(?: une fois)?|inténtalo de nuevo|otra vez|重试|再试(?:一次)?|もう一度|다시)(?:\\s+please)?\\W*$",
  "iu",
);
const NUDGE = new RegExp(
  "^\\W*(?:and|well|so|hello|hi|hey|und|hallo|alors|et|bueno|oui|still there|" +
    "are you (?:there|done|ready)|(?:is it|are we) (?:done|ready|there)(?: yet)?|(?:any|" +
    "what'?s the) (?:news|update|progress|status)|how is it going|i(?:'m| am) (?:still )" +
    "?waiting|(?:still )?waiting|ich warte(?: noch)?|(?:ist|bist) (?:es|du|sie) (?:schon )" +
    "?fertig|wo bleibt (?:es|das|er|sie)|wie lange noch|bitte weitermachen|c'est (?:fait|" +
    "prêt|bon)|j'attends(?: toujours)?|où en (?:êtes|es)[- ](?:vous|tu)|ya está|está listo|" +
    "sigo esperando|好了吗|完成了吗|怎么样了|还没好吗|どうなりましたか|まだ(?:ですか)?|できましたか|готово|ну что)\\W*$",
  "iu",
);
/** A few words that ask how things stand now: whoever says so wants it looked up once more. */
const ASKS_NOW = new RegExp(
  "^\\W*(?:(?:and |ok(?:ay)?,? |so |hm+,? )*(?:now|what about now|how about now|today|anything new|" +
    "any change|" +
    "(?:please )?(?:check|look|refresh|reload|poll)(?: it| that)?(?: once)?(?: again| now|" +
    " more)?(?: please)?)|" +
    "(?:und |ok )?(?:jetzt|schau(?:en sie)? (?:bitte )?(?:noch ?mal|wieder))(?: bitte)?|(?:et )?maintenant|" +
    "(?:re)?vérifie[zr]?(?: encore)?|regarde[zr]? encore|¿?y? ?ahora|e agora|e adesso|а (?:теперь|сейчас)|" +
    "(?:再|再次)?(?:看看|看一下|查一下|检查一下)|现在呢|今は|지금은)\\W*$",
  "iu",
);
/** A client refuses an answer for its form. */
const REFUSES_FORM = new RegExp(
  "\\b(?:invalid|wrong|incorrect|bad) (?:format|action|output|json|response|answer|syntax)\\b|" +
    "\\bformat (?:error|violation)|\\b(?:could not|couldn't|cannot|unable to|failed to) (?:be )?parse|" +
    "\\bpars(?:e|ing) (?:error|fail)|\\bmissing ['\"`<]?(?:action|final answer|thought|tool|json)|" +
    "\\bno (?:valid )?(?:action|json|tool call)s? (?:was |were )?(?:found|given|provided|detected)|" +
    "\\bdoes not (?:match|follow|conform to) (?:the )?(?:expected |required )?(?:format|schema)|" +
    "(?:ungültiges|falsches) format|format (?:invalide|incorrect)|formato (?:inválido|incorrecto|" +
    "non valido)|" +
    "неверный формат|格式(?:错误|无效|不正确)|形式(?:エラー|が正しく)|형식",
  "iu",
);
const REFUSAL_CHARACTERS_MAX = 600;
const HARNESS = new RegExp(
  "(?:did not|didn't|no|without|not) (?:use|us(?:ing)|call(?:ing)?|includ\\w+|contain\\w*|" +
    "provid\\w+|find|found|invok\\w+|mak\\w+)?[^.\\n]{0,30}(?:tool|function|action|command)" +
    "s?\\b[^.\\n]{0,40}|(?:must|please|should|need to) (?:use|call|make) (?:a|at least one|" +
    "one of the|the) (?:tool|function)|continue (?:working|with) (?:on )?(?:the|this|your)" +
    " task|your (?:last|previous) (?:response|message|output)[^.\\n]{0,40}(?:invalid|empty|" +
    "malformed|could not|not)|if you (?:are|have|think you)[^.\\n]{0,20}(?:done|finished|" +
    "completed|solved)|please continue (?:working|on whatever)",
  "i",
);
const TICK = new RegExp(
  "^\\W*(?:(?:heartbeat|cron|timer|tick|scheduled?|reminder|alarm|poll)\\b)|heartbeat|" +
    "\\b(?:scheduled|periodic|automatic|automated) (?:run|check|tick|task|trigger|wake|" +
    "report)|\\bcron(?:job)?\\b|\\b(?:hourly|daily|nightly) (?:check|run|report)\\b",
  "i",
);
const SUMMARY = new RegExp(
  "\\b(?:conversation|context|history|session|messages?)\\b[^.\\n]{0,60}\\b(?:summar(?:y|" +
    "ised|ized)|compact(?:ed|ion)|condensed|truncated|continued from)|" +
    "^\\W*(?:summary of (?:the|our|what)|compacted|previous (?:conversation|context))|" +
    "<(?:conversation_)?summary>",
  "i",
);
const CLOCK =
  /\b(?:\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?z?)?|\d{1,2}:\d\d(?::\d\d)?)\b/g;
const WATCH = new RegExp(
  "\\b(?:keep (?:an eye|polling|checking|watching|monitoring)|poll (?:\\w+ )?(?:every|" +
    "until)|monitor|watch(?:ing)? (?:the|for|it)|wait (?:for|until)|until (?:it|the)|" +
    "every \\d+ ?(?:s|sec|min|hour|h\\b)|let me know when)",
  "i",
);
/** The note of one message. `role` system: the client speaks, never a person. */
export function userNote(text: string, role: "user" | "system"): UserNote {
  const head = text.slice(0, READ_CHARACTERS_MAX).trim();
  const kind = kindOf(head, role);
  const timeless = head.toLowerCase().replace(CLOCK, "#").replace(/\s+/g, " ");
  const hash = shortHash(timeless);
  const words = sketchOf(contentWords(head), USER_WORDS_MAX);
  const task = kind === "real" || kind === "tick" ? taskOf(head) : null;
  const facts = sketchOf(factsOf(head), USER_FACTS_MAX);
  return { kind, hash: hash.slice(0, USER_HASH_CHARACTERS), words, facts, task };
}

/** What has a digit in it; of a short answer every word. */
function factsOf(text: string): string[] {
  const words = contentWords(text);
  // A bare `yes` is an answer too.
  if (words.length === 0) return argumentTokens(text).slice(0, USER_FACTS_MAX);
  return words.length <= SHORT_ANSWER_WORDS ? words : words.filter((word) => /\d/.test(word));
}

function kindOf(text: string, role: "user" | "system"): UserKind {
  if (text === "") return "none";
  if (SUMMARY.test(text.slice(0, 240))) return "summary";
  if (TICK.test(text.slice(0, 200))) return "tick";
  if (role === "system") return "none";
  if (text.length <= PROD_CHARACTERS_MAX && CONTINUE.test(text)) return "prod";
  if (text.length <= PROD_CHARACTERS_MAX && ASKS_NOW.test(text)) return "retry";
  if (text.length <= PROD_CHARACTERS_MAX && (NUDGE.test(text) || /^[?!.…\s]+$/.test(text)))
    return "prod";
  if (text.length <= PROD_CHARACTERS_MAX && RETRY.test(text)) return "retry";
  return HARNESS.test(text) || refusesForm(text) ? "prod" : "real";
}

/** Whether a message of the user's side tells a model that its answer cannot be read. */
export function refusesForm(text: string): boolean {
  return text.length <= REFUSAL_CHARACTERS_MAX && REFUSES_FORM.test(text.slice(0, 160));
}

function taskOf(text: string): Task {
  return {
    times: timesIn(text),
    items: itemsIn(text),
    watch: WATCH.test(text),
    words: sketchOf(argumentTokens(text), TASK_WORDS_MAX),
  };
}

/** Of several messages in a row the one that matters most; of equals the newest. */
export function strongest(first: UserNote | null, second: UserNote | null): UserNote | null {
  if (first === null || second === null) return first ?? second;
  return USER_KINDS.indexOf(second.kind) >= USER_KINDS.indexOf(first.kind) ? second : first;
}
