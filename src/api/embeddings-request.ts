// A request for embeddings: what the stations need to know of it, read from its bytes. It is no turn of any
// conversation. Must never change or build the input: it may be millions of tokens.

import { throwFault } from "../turn/fault.ts";
import { NO_BODY_IDENTITY, type BodyChanges, type TurnRequest } from "../turn/turn-request.ts";
import { parseSpan, scanBody, type BodyScan } from "./json-scan.ts";
import { applyEdits, removeFields, replaceValue, type Edit } from "./splice.ts";
import type { WireBody } from "./wire.ts";

/** Longest model name, in characters. */
const MODEL_LENGTH_MAX = 256;
/** Most bytes one token stands for, text with escapes included: an estimate never excludes what might fit. */
const BYTES_PER_TOKEN_MAX = 32;
/** Fields that are the gateway's alone. */
const GATEWAY_FIELDS = ["x-routing-hints", "x-fallback-chain"] as const;
/** Fields that policy rests on. */
const POLICY_FIELDS: ReadonlySet<string> = new Set(["model", "input", ...GATEWAY_FIELDS]);

const QUOTE = 0x22;

/** Reads a body that has been decoded already. Throws a FaultError that says what to change. */
export function readEmbeddingsRequest({ body, depthMax }: WireBody): TurnRequest {
  const scan = scanBody(body, { arrayField: "input", depthMax });
  refuseDisguised(scan);
  const named = scan.fields.get("model");
  const model = readModel(named === undefined ? undefined : parseSpan(body, named.value));
  return {
    dialect: "openai-embeddings",
    body,
    model,
    stream: false,
    wantsUsageEvent: true,
    hasTools: false,
    demandsShape: true,
    wantsJson: false,
    hasImages: false,
    inputTokensMin: Math.floor(longestText(body, scan) / BYTES_PER_TOKEN_MAX),
    transcript: NO_MESSAGES,
    identity: NO_BODY_IDENTITY,
    tools: null,
    search: "",
    relayBody: (changes) => relayBody({ body, scan, model }, changes),
  };
}

const NO_MESSAGES: TurnRequest["transcript"] = {
  count: 0,
  read: (index) => {
    throw new RangeError(`no message ${index}: a request for embeddings has none`);
  },
};

/** Bytes of the longest text: each is embedded by itself. Throws where there is nothing to embed. */
function longestText(body: Buffer, { fields, array, elements }: BodyScan): number {
  const input = fields.get("input")?.value;
  const isText = input !== undefined && body[input.start] === QUOTE;
  const texts = isText ? [input] : elements.filter(({ start }) => body[start] === QUOTE);
  if (!isText && (array === null || elements.length === 0)) {
    const message = "`input` must be a text, or an array of texts or tokens that is not empty.";
    throwFault("invalid_request", message, { param: "input" });
  }
  return texts.reduce((most, { start, end }) => Math.max(most, end - start - 2), 0);
}

/** Some servers match field names without regard to case. U+017F folds to an s, U+212A to a k. */
function refuseDisguised(scan: BodyScan): void {
  for (const name of scan.fields.keys()) {
    if (POLICY_FIELDS.has(name)) continue;
    const folded = name.toLowerCase().replaceAll("\u017f", "s").replaceAll("\u212a", "k");
    if (!POLICY_FIELDS.has(folded)) continue;
    const message = `A field's name differs from \`${folded}\` only in spelling. Send it as \`${folded}\`, once.`;
    throwFault("duplicate_field", message, { param: folded });
  }
}

function readModel(value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= MODEL_LENGTH_MAX) return value;
  const message = '`model` must be a model name; "auto" takes the cheapest embeddings model.';
  return throwFault("invalid_request", message, { param: "model" });
}

function relayBody(
  request: { readonly body: Buffer; readonly scan: BodyScan; readonly model: string },
  changes: BodyChanges,
): Buffer {
  const { body, scan } = request;
  const edits: Edit[] = [];
  const model = scan.fields.get("model");
  if (model !== undefined && changes.model !== request.model) {
    edits.push(replaceValue(model, JSON.stringify(changes.model)));
  }
  const removed = GATEWAY_FIELDS.filter((name) => scan.fields.has(name));
  if (removed.length > 0) edits.push(...removeFields(scan, removed));
  return edits.length === 0 ? body : applyEdits(body, edits);
}
