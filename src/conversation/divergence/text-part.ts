// A text of the assistant as the detector compares it: exact, by three-grams and by content words.
// Must never read more of a text than its bounds, nor call a receipt or a table a repetition.

import { shortHash } from "../fingerprint.ts";
import { sketchOf } from "./sketch.ts";
import {
  CALL_CHARACTERS,
  GRAMS_MAX,
  MARK,
  SKELETON_CHARACTERS,
  WORDS_MAX,
  type CallPart,
} from "./step.ts";
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
/** A text of at most so many English characters is a line or two. */
const BRIEF_CHARACTERS_MAX = 400;
/** A block of code at least this long is what the text is about, in characters. */
const BLOCK_CHARACTERS_MIN = 80;
const BLOCK = /```[^\n]*\n([\s\S]*?)```/;
/** Where a text holds no block. */
const NO_BLOCK = "----";

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
    "\\b|\\bje m'en occupe\\b|先[^。！？\\n]{2,24}(?:再|然后|接着|其次|随后|之后)|" +
    "我(?:将|会|要|来|先|马上|立即|现在)|现在我|让我|接下来|下面我|正在|请稍|これから|お待ち|します|いたします",
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
    "?need (?:your|the)|could you (?:provide|give|tell|confirm|share))\\b|j'ai (?:encore )?besoin d|" +
    "il me (?:faut|manque)|" +
    "pouvez-vous|bitte (?:geben|nennen|teilen)|benötige|brauche ich|ich brauche|fehlt mir|mir fehlt|" +
    "necesito (?:su|el|la|tu)|(?:podría|puede|podrías) (?:indicar|facilitar|decir|dar)\\w*|" +
    "facilíteme|d[ií]game|me (?:falta|hace falta)|ind[ií]queme|请(?:提供|告诉|" +
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
const MISUNDERSTANDS = new RegExp(
  "understand|rephrase|clarify|(?:not|n't) (?:quite )?(?:hear|catch|get)|" +
    "say (?:that|it) again|repeat (?:that|it|yourself)|verstehe|verstanden|gehört|" +
    "akustisch|wiederhol|compris|comprend|entend|répét|entiend|escuch|oído|repet|" +
    "capito|sentito|ripet|не расслышал|не понял|повтор|理解|明白|听清|听不|听到|再说|分かり|わかり|聞き取|" +
    "聞こえ|もう一度|못 ?들|알아듣|다시 말",
  "i",
);
/** Asks for patience: something is being done, of which nothing is seen. */
const STALLS = new RegExp(
  "\\b(?:one|just a) (?:moment|second|minute|sec)\\b|\\bbear with me\\b|\\bhold on\\b|\\bthank(?:s|" +
    " you) for (?:your patience|" +
    "waiting|bearing|holding)|\\b(?:i'm|i am) (?:now |currently |just |still |already )*(?:check|" +
    "look|search|review|process|" +
    "pull|fetch|verif|investigat|retriev|load|work|prepar)\\w*ing\\b|\\bplease wait\\b|\\bworking on it\\b|" +
    "\\b(?:einen|kleinen) (?:moment|augenblick)\\b|\\bbitte (?:warten|um geduld)|\\bich (?:prüfe|" +
    "schaue|suche|kümmere)\\b|" +
    "\\bun (?:instant|momento|attimo)\\b|\\bpatiente[zr]\\b|\\bje (?:vérifie|regarde|consulte|" +
    "cherche|m'en occupe)\\b|" +
    "\\bestoy (?:revis|verific|consult|busc|comprob)\\w+|\\bsto (?:controll|verific|cerc)\\w+|" +
    "\\bestou (?:verific|consult|procur)\\w+|" +
    "минут(?:у|очку)|секунд(?:у|очку)|проверяю|稍等|稍候|正在(?:为您)?(?:查|处理|核实|确认)|少々お待ち|お待ちください|確認中|" +
    "確認しており|조회 ?중|" +
    "잠시만|확인 ?중",
  "iu",
);

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
    skeleton: blockOf(trimmed),
    words: sketchOf(contentWords(compared), WORDS_MAX),
    grams: sketchOf(threeGrams(compared), GRAMS_MAX),
    sum: 0,
    marks: MARK.text | marksOf(trimmed, plain),
  };
}

function marksOf(trimmed: string, plain: string): number {
  const length = saidLength(plain);
  const slight = length < SLIGHT_CHARACTERS_MAX;
  return (
    (isStructured(trimmed) ? MARK.structured : 0) |
    (QUESTION.test(plain.slice(-200)) || REQUEST.test(plain.slice(0, 600)) ? MARK.question : 0) |
    (PLACED.test(plain.slice(0, 200)) ? MARK.placed : 0) |
    (REFUSES.test(plain.slice(0, 300)) && !MISUNDERSTANDS.test(plain) ? MARK.refuses : 0) |
    (ANNOUNCES.test(plain.slice(0, 600)) ? MARK.announces : 0) |
    (STALLS.test(plain.slice(0, 300)) ? MARK.stalls | MARK.announces : 0) |
    (length <= BRIEF_CHARACTERS_MAX ? MARK.brief : 0) |
    (slight || (plain.length < 160 && RECEIPT.test(plain)) ? MARK.slight : 0)
  );
}

/** The first block of code, whatever is said about it. */
function blockOf(text: string): string {
  const block = BLOCK.exec(text.slice(0, HEAD_CHARACTERS))?.[1] ?? "";
  if (block.length < BLOCK_CHARACTERS_MIN) return NO_BLOCK;
  return shortHash(block.replace(/\s+/g, " ").trim()).slice(0, SKELETON_CHARACTERS);
}

/** Whether both texts hold the same block of code. */
export function holdSameBlock(left: CallPart, right: CallPart): boolean {
  return left.skeleton !== NO_BLOCK && left.skeleton === right.skeleton;
}

function isStructured(text: string): boolean {
  if (/^[{[]/.test(text) && /[}\]]$/.test(text)) return true;
  if (text.startsWith("```")) return true;
  const lines = text.split("\n", LINES_MAX).filter((line) => line.trim() !== "");
  if (lines.length < STRUCTURED_LINES_MIN) return false;
  const structured = lines.filter((line) => STRUCTURED_LINE.test(line)).length;
  return structured >= lines.length * STRUCTURED_SHARE;
}
