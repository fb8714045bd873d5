// A Responses request: what the stations need to know of it, read from its bytes without building its history.
// Must never change the body here, nor read a field that does not decide anything.

import { throwFault } from "../turn/fault.ts";
import { NO_BODY_IDENTITY, type BodyIdentity, type TurnRequest } from "../turn/turn-request.ts";
import { parseSpan, scanBody, type BodyScan, type Field, type Span } from "./json-scan.ts";
import { asObject } from "./json-value.ts";
import { responsesBody } from "./responses-body.ts";
import { asText } from "./responses-items.ts";
import { responsesTranscript } from "./responses-message.ts";
import type { WireBody } from "./wire.ts";

/** Longest model name, in characters. */
const MODEL_LENGTH_MAX = 256;
/** Most bytes one token stands for, text with escapes included: an estimate never excludes what might fit. */
const BYTES_PER_TOKEN_MAX = 32;
/** The field of a part that holds an image. */
const IMAGE_KEY = "image_url";
/** Fields whose value is a file or sealed by the provider: their bytes say nothing about tokens. */
const OPAQUE_KEYS = [IMAGE_KEY, "file_data", "encrypted_content", "result"] as const;
/** A query as it may go upstream. */
const SEARCH = /^\?[\x21-\x7e]{1,512}$/;
/** Items that only their own provider can read: the name of one that it keeps, and a history that it has condensed. */
const KEPT_ITEMS = ["item_reference", "compaction"] as const;
const TELLS_KEPT = /"type"\s*:\s*"(?:item_reference|compaction(?:_summary)?)"/;

type ReadField = (name: string) => unknown;

/** Reads a body that has been decoded already. Throws a FaultError that says what to change. */
export function readResponsesRequest({ body, url, depthMax }: WireBody): TurnRequest {
  const scan = scanBody(body, { arrayField: "input", depthMax, watchedKeys: OPAQUE_KEYS });
  refuseDisguised(scan);
  const field: ReadField = (name) => {
    const found = scan.fields.get(name);
    return found === undefined ? undefined : parseSpan(body, found.value);
  };
  const model = readModel(field("model"));
  const identity = identityOf(field);
  refuseBackground(field("background"));
  const input = readInput(scan, field, identity);
  const stream = readFlag(field("stream"), "stream");
  const tools = scan.fields.get("tools")?.value;
  const system = systemSpan(body, scan.fields.get("instructions"));
  const leading = system === null ? 0 : 1;
  const splices = { body, scan, model, leading };
  return {
    dialect: "openai-responses",
    body,
    model,
    stream,
    wantsUsageEvent: true,
    needsOwnDialect: namesStoredState(body, identity),
    keepsState: field("store") !== false,
    hasTools: hasMembers(scan, body, "tools"),
    ...shapeOf(field),
    hasImages: scan.watchedSeen.has(IMAGE_KEY),
    answerTokens: asCount(field("max_output_tokens")),
    inputTokensMin: scan.watchedSeen.size > 0 ? 0 : Math.floor(body.length / BYTES_PER_TOKEN_MAX),
    transcript: responsesTranscript(body, { system, elements: scan.elements, text: input }),
    identity,
    tools: tools === undefined ? null : body.subarray(tools.start, tools.end),
    search: searchOf(url),
    relayBody: (changes) => responsesBody(splices, changes),
  };
}

/** Fields that policy rests on, or that the gateway writes itself. */
const POLICY_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "input",
  "instructions",
  "stream",
  "store",
  "background",
  "tools",
  "tool_choice",
  "text",
  "conversation",
  "previous_response_id",
  "x-routing-hints",
  "x-fallback-chain",
]);

/**
 * Some servers match field names without regard to case, so `"Model"` beside `"model"` would be read
 * one way here and another way there. U+017F folds to an s, U+212A to a k.
 */
function refuseDisguised(scan: BodyScan): void {
  for (const name of scan.fields.keys()) {
    if (POLICY_FIELDS.has(name)) continue;
    const folded = name.toLowerCase().replaceAll("\u017f", "s").replaceAll("\u212a", "k");
    if (!POLICY_FIELDS.has(folded)) continue;
    const message = `A field's name differs from \`${folded}\` only in spelling. Send it as \`${folded}\`, once.`;
    throwFault("duplicate_field", message, { param: folded });
  }
}

function identityOf(field: ReadField): BodyIdentity {
  const conversation = field("conversation");
  return {
    ...NO_BODY_IDENTITY,
    metadata: asObject(field("metadata")),
    promptCacheKey: textOrNull(field("prompt_cache_key")),
    user: textOrNull(field("user")),
    conversation: textOrNull(asObject(conversation)?.["id"] ?? conversation),
    previousAnswer: textOrNull(field("previous_response_id")),
  };
}

function asCount(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null;
}

function textOrNull(value: unknown): string | null {
  const text = asText(value);
  return text === "" ? null : text;
}

/** The text of an input that is one, "" for none; null for a list of items. */
function readInput(scan: BodyScan, field: ReadField, identity: BodyIdentity): string | null {
  if (scan.elements.length > 0) return null;
  const value = scan.array === null ? field("input") : [];
  if (typeof value === "string") return value;
  const stored = identity.previousAnswer !== null || identity.conversation !== null;
  const empty = value === undefined || value === null || Array.isArray(value);
  if (empty && (stored || asObject(field("prompt")) !== null)) return "";
  const message = "`input` must be a text, or an array with at least one item.";
  return throwFault("invalid_request", message, { param: "input" });
}

/** An answer in the background is fetched later by its id, and that is not served here. */
function refuseBackground(background: unknown): void {
  if (background !== true) return;
  const message =
    "Answers in the background are not kept here. Send the request without `background`, " +
    "as a stream if it takes long.";
  throwFault("invalid_request", message, { param: "background" });
}

function readModel(value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= MODEL_LENGTH_MAX) return value;
  const message = '`model` must be a model name; "auto" leaves the choice to the router.';
  return throwFault("invalid_request", message, { param: "model" });
}

function readFlag(value: unknown, name: string): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  return throwFault("invalid_request", `\`${name}\` must be true or false.`, { param: name });
}

function shapeOf(field: ReadField): Pick<TurnRequest, "demandsShape" | "wantsJson"> {
  const format = asObject(asObject(field("text"))?.["format"])?.["type"];
  const choice = field("tool_choice");
  const chosen = asObject(choice);
  const forced =
    chosen !== null && (chosen["type"] !== "allowed_tools" || chosen["mode"] === "required");
  const wantsJson = format === "json_schema";
  return {
    demandsShape: wantsJson || format === "json_object" || choice === "required" || forced,
    wantsJson,
  };
}

function namesStoredState(body: Buffer, identity: BodyIdentity): boolean {
  if (identity.previousAnswer !== null || identity.conversation !== null) return true;
  // The cheap look comes first: hardly any body holds such a word.
  const mayTell = KEPT_ITEMS.some((name) => body.includes(name));
  return mayTell && TELLS_KEPT.test(body.toString("latin1"));
}

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;
const EMPTY_TEXT_BYTES = 2;

/** Null for instructions that say nothing. */
function systemSpan(body: Buffer, field: Field | undefined): Span | null {
  if (field === undefined || body[field.value.start] !== QUOTE) return null;
  return field.value.end - field.value.start > EMPTY_TEXT_BYTES ? field.value : null;
}

/** A byte look: an array that is not empty, without building what may be 128 tools of 60 KB. */
function hasMembers(scan: BodyScan, body: Buffer, name: string): boolean {
  const span = scan.fields.get(name)?.value;
  if (span === undefined || body[span.start] !== OPEN_BRACKET) return false;
  const inside = body.subarray(span.start + 1, span.end - 1);
  return inside.toString("latin1", 0, 64).trim() !== "";
}

function searchOf(url: string): string {
  const start = url.indexOf("?");
  const search = start === -1 ? "" : url.slice(start);
  return SEARCH.test(search) ? search : "";
}
