// How often a message wants something done, and how many things it names, as figures or words of some languages.
// Must never read more of a text than it is given, nor answer more than the largest number asked for.

/** Largest number of repeats that a message can ask for. */
export const ASKED_MAX = 60;

const WORDS: ReadonlyMap<string, number> = new Map(
  [
    "two deux zwei dos dois due twee два две",
    "three trois drei tres três tre drie три",
    "four quatre vier cuatro quatro quattro четыре",
    "five cinq fünf cinco cinque vijf пять",
    "six sechs seis sei zes шесть",
    "seven sept sieben siete sete sette zeven семь",
    "eight huit acht ocho oito otto восемь",
    "nine neuf neun nueve nove negen девять",
    "ten dix zehn diez dez dieci tien десять",
    "eleven onze elf once undici одиннадцать",
    "twelve douze zwölf doce doze dodici twaalf двенадцать dozen",
    "thirteen treize dreizehn trece treze tredici",
    "fourteen quatorze vierzehn catorce quattordici",
    "fifteen quinze fünfzehn quince quindici vijftien пятнадцать",
    "sixteen seize sechzehn dieciséis dezesseis sedici",
    "seventeen dix-sept siebzehn diecisiete",
    "eighteen dix-huit achtzehn dieciocho",
    "nineteen dix-neuf neunzehn diecinueve",
    "twenty vingt zwanzig veinte vinte venti twintig двадцать",
  ].flatMap((line, index) => line.split(" ").map((word): [string, number] => [word, index + 2])),
);
const TENS: ReadonlyMap<string, number> = new Map(
  [
    "thirty trente dreißig treinta trinta trenta dertig тридцать",
    "forty quarante vierzig cuarenta quarenta quaranta veertig сорок",
    "fifty cinquante fünfzig cincuenta cinquenta cinquanta vijftig пятьдесят",
    "sixty hundred cent hundert cien cem cento honderd сто",
  ].flatMap((line, index) =>
    line.split(" ").map((word): [string, number] => [word, index * 10 + 30]),
  ),
);

const NUMBER = `\\d{1,3}|${[...WORDS.keys(), ...TENS.keys()]
  .toSorted((left, right) => right.length - left.length)
  .join("|")}`;
const HAN_NUMBER = "[一二两兩三四五六七八九十百]{1,4}";
const TIMES = new RegExp(
  `(?<![\\p{L}\\d])(${NUMBER})\\s*(?:more\\s+|weitere\\s+)?(?:times\\b|x\\b|mal\\b|fois\\b|veces\\b|vezes\\b|` +
    "volte\\b|keer\\b|раз(?!\\p{L})|번|회|runs?\\b|rounds?\\b|attempts?\\b|tries\\b|iterations?\\b|" +
    `repetitions?\\b|samples?\\b|ticks?\\b)|(${HAN_NUMBER}|\\d{1,3})\\s*(?:[次遍回轮輪])`,
  "giu",
);
const ITEMS = new RegExp(
  `(?<![\\p{L}\\d])(\\d{1,2}|${NUMBER.slice(NUMBER.indexOf("|") + 1)})\\s+(?:\\p{L}+\\s+){0,2}?\\p{L}+s\\b`,
  "giu",
);
const HAN_DIGITS = "零一二三四五六七八九";

/** How often something is to be done; 0 where it does not say so. */
export function timesIn(text: string): number {
  return largest(text, TIMES);
}

/** The largest number of things that are named (`3 reminders`); else 0. */
export function itemsIn(text: string): number {
  return largest(text, ITEMS);
}

function largest(text: string, pattern: RegExp): number {
  let most = 0;
  for (const [, said, han] of text.matchAll(pattern)) {
    most = Math.max(most, valueOf((said ?? han ?? "").toLowerCase()));
  }
  return Math.min(most, ASKED_MAX);
}

function valueOf(word: string): number {
  return WORDS.get(word) ?? TENS.get(word) ?? (Number(word) || hanValue(word));
}

/** `十五` is 15, `二十` is 20; anything beyond a hundred is more than can be asked for. */
function hanValue(word: string): number {
  if (word.includes("百")) return ASKED_MAX;
  const text = word.replace(/[两兩]/g, "二");
  const [tens, ones] = text.includes("十") ? text.split("十") : ["", text];
  const ten = text.includes("十") ? 10 * Math.max(1, HAN_DIGITS.indexOf(tens || "一")) : 0;
  return ten + Math.max(0, ones === "" ? 0 : HAN_DIGITS.indexOf(ones ?? ""));
}
