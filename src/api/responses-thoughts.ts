// Thoughts of models of other dialects in a Responses history: taken out of what goes to a provider of this dialect,
// which could not read them. Must never touch a thought that this dialect's own provider sealed.

import { SEAL } from "./anthropic-seal.ts";
import { parseSpan, scanObject, type BodyScan, type Span } from "./json-scan.ts";
import type { Edit } from "./splice.ts";

const SEALED = Buffer.from(`"${SEAL}`);
const OPEN_BRACE = 0x7b;
const NOTHING = Buffer.alloc(0);

export function foreignThoughtEdits(body: Buffer, scan: BodyScan): readonly Edit[] {
  if (scan.array === null || !body.includes(SEALED, scan.array.start)) return [];
  const { elements } = scan;
  const kept = elements.filter((element) => !isForeign(body, element));
  if (kept.length === elements.length) return [];
  const stays = new Set(kept);
  const edits: Edit[] = [];
  let runStart: number | null = null;
  for (const element of elements) {
    if (!stays.has(element)) runStart ??= element.start;
    else if (runStart !== null) {
      edits.push({ start: runStart, end: element.start, bytes: NOTHING });
      runStart = null;
    }
  }
  // At the end of the list the comma that goes is the one before the run.
  if (runStart !== null) {
    const start = kept.at(-1)?.end ?? runStart;
    edits.push({ start, end: elements.at(-1)?.end ?? start, bytes: NOTHING });
  }
  return edits;
}

function isForeign(body: Buffer, element: Span): boolean {
  if (body[element.start] !== OPEN_BRACE) return false;
  if (!body.subarray(element.start, element.end).includes(SEALED)) return false;
  const fields = scanObject(body, element);
  const type = fields.get("type")?.value;
  const content = fields.get("encrypted_content")?.value;
  if (type === undefined || content === undefined) return false;
  const sealed = parseSpan(body, content);
  const isSealed = typeof sealed === "string" && sealed.startsWith(SEAL);
  return isSealed && parseSpan(body, type) === "reasoning";
}
