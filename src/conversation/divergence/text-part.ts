// A text of the assistant as the detector compares it: exact, by three-grams and by content words.
// Must never read more of a text than its bounds, nor call a receipt or a table a repetition.

import { shortHash } from "../fingerprint.ts";
import { sketchOf } from "./sketch.ts";
import { CALL_CHARACTERS, GRAMS_MAX, MARK, WORDS_MAX, type CallPart } from "./step.ts";
import { contentWords, saidLength, threeGrams } from "./words.ts";

/** Of longer texts head and tail are compared, in characters. */
const HEAD_CHARACTERS = 3000;
const TAIL_CHARACTERS = 1000;
/** A text that says less than this many English characters is a confirmation, not a statement. */
const SLIGHT_CHARACTERS_MAX = 40;
/** A text with at least this share of table rows, list items or code is structured. */
const STRUCTURED_SHARE = 0.5;
const STRUCTURED_LINES_MIN = 3;
const LINES_MAX = 400;

const STRUCTURED_LINE = new RegExp(
  '^\\s*(?:[-*+•]\\s|\\d+[.)]\\s|\\||[{}[\\]]|"|<[\\w/]|(?:\\d{4}-\\d\\d-\\d\\d|' +
    "\\d\\d:\\d\\d)|(?:import|const|let|def|class|return|function|if|for)\\b)|[;{},]\\s*$|\\t",
);
const ANNOUNCES = new RegExp(
  "\\b(?:i(?:'ll| will| am going to|'m going to| am about to| need to| should)|let me|" +
    "let's|going to now|next,? i|now i)\\b|\\bje vais\\b|\\bich (?:werde|muss)\\b|" +
    "\\bvoy a\\b|\\b(?:one|just a|einen?) moment\\b|\\bplease wait\\b|\\bworking on it\\b|" +
    "\\bright away\\b|\\bbin dabei\\b|\\bwird (?:gerade|in diesem|jetzt|nun)\\b|" +
    "\\bbitte warten\\b|\\bich \\p{L}+e? (?:nun|jetzt|gleich)\\b|\\bun (?:instant|momento)" +
    "\\b|\\bje m'en occupe\\b|我(?:将|会|要|来|先|马上|立即|现在)|现在我|让我|接下来|下面我|正在|请稍|これから|お待ち|します|いたします",
  "iu",
);
const RECEIPT = new RegExp(
  "^\\W*(?:recorded|saved|added|noted|logged|stored|entered|updated|received|registered|" +
    "translated|translation|done|ok(?:ay)?|got it|thank(?:s| you)|confirmed|row|entry|record|" +
    "item)\\b|\\b(?:next|another|anything|something) (?:one|entry|record|item|sentence|row|" +
    "line|question|else|page|text|document)\\b|\\banything else\\b",
  "i",
);
const QUESTION = /[?？]["'”’)\]*_\s]*$/;
/** Asks for something without a question mark. */
const REQUEST = new RegExp(
  "\\b(?:please (?:provide|give|tell|confirm|share|enter|send)|i(?:'ll)? (?:still )" +
    "?need (?:your|the)|could you (?:provide|give|tell|confirm|share))\\b|j'ai besoin de|" +
    "pouvez-vous|bitte (?:geben|nennen|teilen)|benötige|necesito su|ind[ií]queme|请(?:提供|告诉|" +
    "输入|告知)|教えてください",
  "i",
);
const PLACED = new RegExp(
  "\\b(?:step|phase|stage|part|schritt|étape|etape|paso|fase|этап|шаг)\\s*(?:no\\.?\\s*)" +
    "?\\d|第\\s*[\\d一二三四五六七八九十]+\\s*[步阶]|ステップ\\s*\\d",
  "i",
);
const REFUSES = new RegExp(
  "\\b(?:unfortunately|regret|sorry|cannot|can't|unable|not (?:able|allowed|permitted|" +
    "possible)|only allows?|policy|leider|kann ich (?:ihnen )?(?:nicht|keine)|je regrette|" +
    "désolée?|je ne peux pas|impossible|lo siento|no puedo|lamentablemente)\\b|抱歉|无法|不能|申し訳|" +
    "できません",
  "i",
);
const MISUNDERSTANDS =
  /understand|rephrase|clarify|verstehe|verstanden|compris|comprend|entend|entiend|理解|明白|分かり/i;

/** The text without a call as a part of a step. */
export function textPart(text: string): CallPart {
  const trimmed = text.trim();
  const plain = trimmed.normalize("NFKC").toLowerCase().replace(/\s+/g, " ");
  const compared =
    plain.length <= HEAD_CHARACTERS + TAIL_CHARACTERS
      ? plain
      : `${plain.slice(0, HEAD_CHARACTERS)} ${plain.slice(-TAIL_CHARACTERS)}`;
  const whole = plain.length === compared.length ? plain : `${plain.length}:${compared}`;
  return {
    tool: "",
    call: shortHash(`text:${whole}`).slice(0, CALL_CHARACTERS),
    detail: "---",
    skeleton: "----",
    words: sketchOf(contentWords(compared), WORDS_MAX),
    grams: sketchOf(threeGrams(compared), GRAMS_MAX),
    sum: 0,
    marks: MARK.text | marksOf(trimmed, plain),
  };
}

function marksOf(trimmed: string, plain: string): number {
  const slight = saidLength(plain) < SLIGHT_CHARACTERS_MAX;
  return (
    (isStructured(trimmed) ? MARK.structured : 0) |
    (QUESTION.test(plain.slice(-200)) || REQUEST.test(plain.slice(0, 600)) ? MARK.question : 0) |
    (PLACED.test(plain.slice(0, 200)) ? MARK.placed : 0) |
    (REFUSES.test(plain.slice(0, 300)) && !MISUNDERSTANDS.test(plain) ? MARK.refuses : 0) |
    (ANNOUNCES.test(plain.slice(0, 600)) ? MARK.announces : 0) |
    (slight || (plain.length < 160 && RECEIPT.test(plain)) ? MARK.slight : 0)
  );
}

function isStructured(text: string): boolean {
  if (/^[{[]/.test(text) && /[}\]]$/.test(text)) return true;
  if (text.startsWith("```")) return true;
  const lines = text.split("\n", LINES_MAX).filter((line) => line.trim() !== "");
  if (lines.length < STRUCTURED_LINES_MIN) return false;
  const structured = lines.filter((line) => STRUCTURED_LINE.test(line)).length;
  return structured >= lines.length * STRUCTURED_SHARE;
}
