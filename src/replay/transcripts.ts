// The transcripts of an input, one after another, or what is wrong with a line. Streams: thousands pass through.
// Must never hold more than one line, but for a file that is a single JSON document over many lines.

import type { Transcript } from "../turn/transcript.ts";
import { LINE_BYTES_MAX, readLines, type Line } from "./lines.ts";
import { parseJson } from "./parse-json.ts";
import { readTranscripts, type ReadTranscript } from "./read-transcript.ts";

const MIB = 1024 * 1024;

export type Item =
  | { readonly ok: true; readonly id: string; readonly transcript: Transcript }
  | { readonly ok: false; readonly line: number; readonly message: string };

/** Empty lines are skipped. Rejects when the stream does. */
export async function* readItems(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Item> {
  let document: string[] | null = null;
  let first = true;
  let characters = 0;
  for await (const line of readLines(chunks)) {
    if (line.text?.trim() === "") continue;
    // A lone bracket opens a document that was printed over many lines.
    if (first && /^\s*[[{]\s*$/.test(line.text ?? "")) document = [];
    first = false;
    if (document === null) {
      yield* itemsOf(line);
      continue;
    }
    document.push(line.text ?? "");
    characters += line.text?.length ?? LINE_BYTES_MAX;
    if (characters > LINE_BYTES_MAX) {
      const message = `the document is longer than ${LINE_BYTES_MAX / MIB} MiB; write one transcript a line`;
      yield { ok: false, line: line.number, message };
      return;
    }
  }
  if (document !== null) yield* itemsOf({ number: 1, text: document.join("\n") });
}

function* itemsOf({ number, text }: Line): Generator<Item> {
  if (text === null) {
    const message = `is longer than ${LINE_BYTES_MAX / MIB} MiB and was skipped`;
    yield { ok: false, line: number, message };
    return;
  }
  const parsed = parseJson(text);
  if (!parsed.ok) {
    yield { ok: false, line: number, message: parsed.message };
    return;
  }
  for (const read of readParsed(parsed.value, `line-${number}`)) {
    yield read.ok ? read : { ...read, line: number };
  }
}

/** What parses may still be nested deeper than it can be written again. */
function readParsed(value: unknown, fallbackId: string): readonly ReadTranscript[] {
  try {
    return readTranscripts(value, fallbackId);
  } catch (error) {
    if (error instanceof RangeError) return [{ ok: false, message: "is nested too deep" }];
    throw error;
  }
}
