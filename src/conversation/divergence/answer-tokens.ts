// Cuts prose into tokens, one UTF-16 unit at a time: words, single signs of scripts without spaces, runs of a symbol.
// Must never depend on how the text was cut into pieces, nor hold text: a token is a hash.

/** A word beyond this is cut, so that text without any space still has tokens, in UTF-16 units. */
const WORD_LENGTH_MAX = 16;
/** A row of the same symbol is one token up to this length: a separator is no repetition. */
const SYMBOL_RUN_MAX = 8;
const HASH_SEED = 0x811c9dc5;
const HASH_FACTOR = 0x01000193;

const SPACE = 0;
const WORD = 1;
const IDEOGRAM = 2;
const SYMBOL = 3;

/** Scripts that put no spaces between words, then whatever else is no letter. Inclusive ranges. */
const IDEOGRAMS: readonly (readonly [number, number])[] = [
  [0x0e00, 0x0eff],
  [0x1000, 0x109f],
  [0x1780, 0x17ff],
  [0x3040, 0x30ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xd840, 0xd87f],
  [0xf900, 0xfaff],
];
const SYMBOLS: readonly (readonly [number, number])[] = [
  [0x00a1, 0x00bf],
  [0x2010, 0x2bff],
  [0x3001, 0x303f],
  [0xd800, 0xdfff],
  [0xfe00, 0xfe6f],
  [0xff00, 0xff0f],
  [0xff1a, 0xff20],
];

/** Takes the next number into a hash. */
export function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, HASH_FACTOR);
}

/** The hash of a text. */
export function hashText(text: string): number {
  let hash = HASH_SEED;
  for (let at = 0; at < text.length; at += 1) hash = mix(hash, text.charCodeAt(at));
  return hash;
}

/** True where the token is a word or part of one. */
export function isWordToken(token: number): boolean {
  return (token & 1) === 1;
}

/** A token for something that is no word. */
export function wordlessToken(hash: number): number {
  return hash & ~1;
}

export interface Tokenizer {
  /** The next UTF-16 unit. */
  take(unit: number): void;
  /** Ends the token at hand, as a line's end does. */
  flush(): void;
}

/** `push` gets each token as a number of 32 bits. */
export function createTokenizer(push: (token: number) => void): Tokenizer {
  let kind = SPACE;
  let hash = HASH_SEED;
  let length = 0;
  let before = 0;

  function flush(): void {
    if (kind === SPACE) return;
    push(kind === SYMBOL ? wordlessToken(hash) : hash | 1);
    kind = SPACE;
    hash = HASH_SEED;
    length = 0;
  }

  return {
    take(unit) {
      const next = kindOf(unit);
      const sameWord = next === WORD && kind === WORD && length < WORD_LENGTH_MAX;
      const sameRun = next === SYMBOL && unit === before && length < SYMBOL_RUN_MAX;
      if (!sameWord && !(sameRun && kind === SYMBOL)) flush();
      before = unit;
      if (next === SPACE) return;
      kind = next;
      // The lowest bit stays free for the flag of a word.
      hash = mix(hash, unit << 1);
      length += 1;
    },
    flush,
  };
}

function kindOf(unit: number): number {
  if (unit < 0x80) return kindOfAscii(unit);
  if (isSpace(unit)) return SPACE;
  if (isWithin(IDEOGRAMS, unit)) return IDEOGRAM;
  return isWithin(SYMBOLS, unit) ? SYMBOL : WORD;
}

function kindOfAscii(unit: number): number {
  if (unit <= 0x20 || unit === 0x7f) return SPACE;
  const lower = unit | 0x20;
  const isLetter = lower >= 0x61 && lower <= 0x7a;
  return isLetter || (unit >= 0x30 && unit <= 0x39) ? WORD : SYMBOL;
}

/** White space, also outside ASCII. */
export function isSpace(unit: number): boolean {
  if (unit <= 0x20) return true;
  return unit === 0xa0 || unit === 0x3000 || unit === 0xfeff || (unit >= 0x2000 && unit <= 0x200f);
}

function isWithin(ranges: readonly (readonly [number, number])[], unit: number): boolean {
  return ranges.some(([first, last]) => unit >= first && unit <= last);
}
