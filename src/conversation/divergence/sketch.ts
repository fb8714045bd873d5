// Small sketches of token sets: how alike two sets are, told from a few characters each.
// Must never grow with the set, nor hold anything the tokens could be read back from.

/** Characters of one token in a sketch: 12 bits. */
export const TOKEN_CHARACTERS = 2;

/** In the order of their codes, so that sketches sort and compare as plain strings. */
const DIGITS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const TOKEN_VALUES = DIGITS.length ** TOKEN_CHARACTERS;

/**
 * The `max` tokens with the smallest hashes, ascending. Of two sets that were cut alike the same
 * sample remains, so that their likeness can still be told.
 */
export function sketchOf(tokens: Iterable<string>, max: number): string {
  const values = new Set<number>();
  for (const token of tokens) values.add(hashOf(token));
  const smallest = [...values].sort((left, right) => left - right).slice(0, max);
  return smallest.map(encode).join("");
}

/** Jaccard likeness in 0..1 of two sets from their sketches. Two empty sets are not alike. */
export function likeness(left: string, right: string, max: number): number {
  let first = 0;
  let second = 0;
  let shared = 0;
  let union = 0;
  while (union < max && (first < left.length || second < right.length)) {
    const one = left.slice(first, first + TOKEN_CHARACTERS);
    const other = right.slice(second, second + TOKEN_CHARACTERS);
    union += 1;
    if (one === other) shared += 1;
    if (one !== "" && (other === "" || one <= other)) first += TOKEN_CHARACTERS;
    if (other !== "" && (one === "" || other <= one)) second += TOKEN_CHARACTERS;
  }
  return union === 0 ? 0 : shared / union;
}

export function tokensOf(sketch: string): readonly string[] {
  const tokens: string[] = [];
  for (let start = 0; start < sketch.length; start += TOKEN_CHARACTERS) {
    tokens.push(sketch.slice(start, start + TOKEN_CHARACTERS));
  }
  return tokens;
}

/** Whether the sketch holds its whole set. */
export function isWhole(sketch: string, max: number): boolean {
  return sketch.length < max * TOKEN_CHARACTERS;
}

function encode(value: number): string {
  return `${DIGITS[value >> 6] ?? ""}${DIGITS[value & 63] ?? ""}`;
}

/** FNV-1a, folded. A sketch needs spread, not secrecy: likeness alone never makes a verdict. */
function hashOf(token: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < token.length; index += 1) {
    hash = Math.imul(hash ^ token.charCodeAt(index), 0x01000193);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return (hash >>> 0) % TOKEN_VALUES;
}
