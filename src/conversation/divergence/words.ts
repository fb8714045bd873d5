// Words of a text as the detector compares them: folded, cut, without those that say nothing.
// Must never read more of a text than the bound it is given.

const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;
const CJK_ALL = new RegExp(CJK.source, "gu");
const TOKEN = /[\p{L}\p{N}](?:[\p{L}\p{N}._:@-]*[\p{L}\p{N}])?/gu;
const WORD = /[\p{L}\p{N}]+/gu;
/** How much of a word tells what it is about: `deploying` and `deployment` are one. */
const STEM_CHARACTERS = 6;
/** A character of Chinese, Japanese or Korean says about as much as this many of English. */
const CJK_WEIGHT = 2.5;

const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    "a an and are as at be been but by can could did do does for from had has have he her his how i if in into is " +
    "it its just let ll me my no not now of on or our re s she should so t than that the their them then there these " +
    "they this to up us ve was we were what when where which who will with would you your also again still " +
    "le la les un une des et de du je il elle ne pas que qui pour dans der die das und ist ich sie nicht ein eine zu " +
    "el los las y en no se lo por para con una es su sus al " +
    "vous votre vos nous notre mon ma mes s il plait merci bonjour monsieur madame tres bien c est au aux sur par " +
    "bitte danke den dem zu von auf mit fur ihr ihre ihnen sie herr frau uber gern gerne " +
    "please thank thanks hello sorry sure okay ok yes por favor gracias hola"
  ).split(" "),
);

/** Names, numbers and paths' parts: `src/a.ts` is `src` and `a.ts`, `web-01` is one token. */
export function argumentTokens(text: string): string[] {
  return splitCjk(folded(text).match(TOKEN) ?? []).map(stem);
}

/** Content words, stemmed by cutting. Characters in pairs where words are not separated. */
export function contentWords(text: string): string[] {
  const words = folded(text).match(WORD) ?? [];
  const content = words.filter((word) => !STOP_WORDS.has(word));
  return splitCjk(content).map(stem);
}

/** Lower case, without accents. */
function folded(text: string): string {
  return text
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{M}+/gu, "")
    .normalize("NFC");
}

/** Names with digits or signs in them are what they are. */
function stem(word: string): string {
  return /^\p{L}+$/u.test(word) ? word.slice(0, STEM_CHARACTERS) : word;
}

/** Three neighbouring words, or characters where words are not separated. */
export function threeGrams(text: string): string[] {
  const words = (text.toLowerCase().match(WORD) ?? []).flatMap((word) =>
    CJK.test(word) ? [...word] : [word],
  );
  if (words.length < 3) return words;
  return words.slice(2).map((word, index) => `${words[index]} ${words[index + 1]} ${word}`);
}

/** Length in characters of English that would say as much. */
export function saidLength(text: string): number {
  const wide = text.match(CJK_ALL)?.length ?? 0;
  return text.length + wide * (CJK_WEIGHT - 1);
}

function splitCjk(words: readonly string[]): string[] {
  return words.flatMap((word) => {
    if (!CJK.test(word)) return [word];
    const characters = [...word];
    if (characters.length < 3) return [word];
    return characters.slice(1).map((character, index) => `${characters[index]}${character}`);
  });
}
