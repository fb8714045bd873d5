// Cuts a stream of bytes into lines of text, in bounded memory.
// Must never hold more than one line, nor build a line that is longer than the bound.

/** Longest line that is read, in bytes: a transcript of some thousand turns. */
export const LINE_BYTES_MAX = 64 * 1024 * 1024;

const NEWLINE = 0x0a;

export interface Line {
  /** From 1 on. */
  readonly number: number;
  /** Null: the line was longer than the bound, and was skipped. */
  readonly text: string | null;
}

/** The lines of a stream without their line ends; the last one needs none. Rejects when the stream does. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number = LINE_BYTES_MAX,
): AsyncGenerator<Line> {
  let number = 1;
  let open = startLine();
  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      addPart(open, chunk.subarray(start, end === -1 ? chunk.length : end), bytesMax);
      if (end === -1) break;
      yield { number, text: textOf(open) };
      number += 1;
      open = startLine();
      start = end + 1;
    }
  }
  if (open.bytes > 0) yield { number, text: textOf(open) };
}

interface OpenLine {
  readonly parts: Uint8Array[];
  bytes: number;
  tooLong: boolean;
}

function startLine(): OpenLine {
  return { parts: [], bytes: 0, tooLong: false };
}

function addPart(line: OpenLine, part: Uint8Array, bytesMax: number): void {
  line.bytes += part.length;
  line.tooLong ||= line.bytes > bytesMax;
  if (line.tooLong) line.parts.length = 0;
  else if (part.length > 0) line.parts.push(part);
}

function textOf(line: OpenLine): string | null {
  if (line.tooLong) return null;
  const [only] = line.parts;
  const bytes = line.parts.length === 1 && only !== undefined ? only : Buffer.concat(line.parts);
  // A byte order mark is taken off by the decoder, a carriage return here.
  return new TextDecoder().decode(bytes).replace(/\r$/, "");
}
