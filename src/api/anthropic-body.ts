// The bytes that go upstream in the Messages dialect: the client's own, with model name, corrections and gateway
// fields spliced, and without thoughts that only another provider could read.
// Must never re-serialise the history: an equal prefix must stay equal to the byte, or the provider's cache is lost.

import type { BodyChanges } from "../turn/turn-request.ts";
import { noteEdits } from "./anthropic-notes.ts";
import { foreignThoughtEdits } from "./anthropic-thoughts.ts";
import type { BodyScan } from "./json-scan.ts";
import { applyEdits, removeFields, replaceValue, type Edit } from "./splice.ts";

/** Fields that are the gateway's alone. */
const GATEWAY_FIELDS = ["x-routing-hints", "x-fallback-chain"] as const;

/** What the splices need of a read request. */
export interface SplicedMessages {
  readonly body: Buffer;
  readonly scan: BodyScan;
  readonly model: string;
  /** Whether a system message may stand among the messages. */
  readonly allowsSystem: boolean;
}

export interface MessagesChanges extends BodyChanges {
  /** Messages of the transcript in front of the first of the body: the system prompt. */
  readonly leading: number;
}

/** Makes the body for one attempt. */
export function messagesBody(request: SplicedMessages, changes: MessagesChanges): Buffer {
  const { body, scan } = request;
  const edits: Edit[] = [];
  const model = scan.fields.get("model");
  if (model !== undefined && changes.model !== request.model) {
    edits.push(replaceValue(model, JSON.stringify(changes.model)));
  }
  const removed = GATEWAY_FIELDS.filter((name) => scan.fields.has(name));
  if (removed.length > 0) edits.push(...removeFields(scan, removed));
  if (changes.forTranslation !== true) edits.push(...foreignThoughtEdits(body, scan));
  const notes = changes.insertions.map((insertion) => ({
    ...insertion,
    index: Math.max(0, insertion.index - changes.leading),
  }));
  edits.push(...noteEdits(request, notes));
  return edits.length === 0 ? body : applyEdits(body, edits);
}
