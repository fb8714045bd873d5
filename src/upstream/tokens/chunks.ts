// Cuts a text into pieces that a tokenizer gets through quickly, wherever it is cut. Pure.
// Must never hand out a long piece: the time a tokenizer takes grows with the square of a word without an end.

/** Longest piece, in UTF-16 code units: 512 of the worst kind take a millisecond, 100 000 take seven seconds. */
export const CHUNK_LENGTH_MAX = 512;
/** How far back from its end a piece looks for white space, where a cut adds no token. */
const SEAM_LENGTH_MAX = 64;

export interface Chunks {
  readonly pieces: readonly string[];
  /** Cuts that may have made two tokens of one. */
  readonly hardCuts: number;
}

export function chunksOf(text: string): Chunks {
  const pieces: string[] = [];
  let hardCuts = 0;
  for (let start = 0; start < text.length;) {
    const end = start + CHUNK_LENGTH_MAX;
    const seam = end >= text.length ? text.length : seamBefore(text, end);
    if (seam === null) hardCuts += 1;
    const cut = seam ?? wholeCharacters(text, end);
    pieces.push(text.slice(start, cut));
    start = cut;
  }
  return { pieces, hardCuts };
}

/** Where a word ends and a space begins: a tokenizer starts anew there. Null: nowhere near. */
function seamBefore(text: string, end: number): number | null {
  for (let at = end; at > end - SEAM_LENGTH_MAX; at -= 1) {
    if (text.charCodeAt(at) === SPACE && text.charCodeAt(at - 1) > SPACE) return at;
  }
  return null;
}

/** All below it is white space or a control character. */
const SPACE = 0x20;

/** Never between the two halves of one character. */
function wholeCharacters(text: string, end: number): number {
  const code = text.charCodeAt(end);
  return code >= 0xdc00 && code <= 0xdfff ? end - 1 : end;
}
