// The bytes that go upstream in the Gemini dialect: the client's own, with corrections spliced, and without the
// gateway's fields and what only another provider could read. The model stands in the path.
// Must never re-serialise the history: an equal prefix must stay equal to the byte, or the provider's cache is lost.

import type { BodyChanges } from "../turn/turn-request.ts";
import type { Run } from "./gemini-contents.ts";
import { noteEdits } from "./gemini-notes.ts";
import { sealEdits } from "./gemini-seal.ts";
import type { BodyScan } from "./json-scan.ts";
import { applyEdits, removeFields, type Edit } from "./splice.ts";

/** Fields that are the gateway's alone, and the model's name, which the path tells. */
const REMOVED_FIELDS = ["x-routing-hints", "x-fallback-chain", "model"] as const;

/** What the splices need of a read request. */
export interface SplicedContents {
  readonly body: Buffer;
  readonly scan: BodyScan;
  readonly runs: readonly Run[];
  /** Messages of the transcript in front of the first of the body: the system instruction. */
  readonly leading: number;
}

/** Makes the body for one attempt. */
export function geminiBody(request: SplicedContents, changes: BodyChanges): Buffer {
  const { body, scan, runs, leading } = request;
  const edits: Edit[] = [];
  const removed = REMOVED_FIELDS.filter((name) => scan.fields.has(name));
  if (removed.length > 0) edits.push(...removeFields(scan, removed));
  if (changes.forTranslation !== true) edits.push(...sealEdits(body, scan));
  const notes = changes.insertions.map(({ index, text }) => ({
    text,
    index: runs[Math.max(0, index - leading)]?.last ?? scan.elements.length - 1,
  }));
  edits.push(...noteEdits(request, notes));
  return edits.length === 0 ? body : applyEdits(body, edits);
}
