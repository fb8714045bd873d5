// Thoughts and signed calls of another dialect's models in a body that goes to this dialect's own provider, which would
// refuse them. Must never change a thought that this provider signed.

import { parseSpan, scanArray, scanObject, type BodyScan, type Span } from "./json-scan.ts";
import { asObject } from "./json-value.ts";
import type { Edit } from "./splice.ts";
import { isSealed, SEAL } from "./anthropic-seal.ts";

const SEALED = Buffer.from(`"${SEAL}`);
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const NOTHING = Buffer.alloc(0);
/** An answer that was thoughts alone must not become a message without content. */
const WITHOUT_WORDS = Buffer.from('{"type":"text","text":"…"}');

/** Takes the sealed thoughts out of a body that goes to this dialect's own provider. */
export function foreignThoughtEdits(body: Buffer, scan: BodyScan): readonly Edit[] {
  if (scan.array === null || !body.includes(SEALED, scan.array.start)) return [];
  return scan.elements.flatMap((element) => {
    if (body[element.start] !== OPEN_BRACE) return [];
    if (!body.subarray(element.start, element.end).includes(SEALED)) return [];
    const content = scanObject(body, element).get("content")?.value;
    if (content === undefined || body[content.start] !== OPEN_BRACKET) return [];
    return withoutSealed(body, content);
  });
}

function withoutSealed(body: Buffer, content: Span): readonly Edit[] {
  const blocks = scanArray(body, content);
  const kept = blocks.filter((block) => !isForeign(parseSpan(body, block)));
  if (kept.length === blocks.length) return [];
  const [first] = blocks;
  const last = blocks.at(-1);
  if (first === undefined || last === undefined) return [];
  if (kept.length === 0) return [{ start: first.start, end: last.end, bytes: WITHOUT_WORDS }];
  const stays = new Set(kept);
  const edits: Edit[] = [];
  let runStart: number | null = null;
  for (const block of blocks) {
    if (!stays.has(block)) runStart ??= block.start;
    else if (runStart !== null) {
      edits.push({ start: runStart, end: block.start, bytes: NOTHING });
      runStart = null;
    }
  }
  // At the end of the list the comma that goes is the one before the run.
  if (runStart !== null) {
    const start = kept.at(-1)?.end ?? runStart;
    edits.push({ start, end: last.end, bytes: NOTHING });
  }
  return edits;
}

function isForeign(value: unknown): boolean {
  const block = asObject(value);
  return block?.["type"] === "thinking" && isSealed(block["signature"]);
}
