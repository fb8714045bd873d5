// A request of the Messages dialect: what the stations need to know of it, read from its bytes without building its
// history. Must never change the body here, nor read a field that does not decide anything.

import { throwFault } from "../turn/fault.ts";
import { NO_BODY_IDENTITY, type TurnRequest } from "../turn/turn-request.ts";
import { messagesBody } from "./anthropic-body.ts";
import { messagesTranscript } from "./anthropic-message.ts";
import { headerValue, type RequestHeaders } from "./headers.ts";
import { parseSpan, scanBody, type BodyScan, type Field } from "./json-scan.ts";
import { asObject } from "./json-value.ts";
import type { WireBody } from "./wire.ts";

/** Longest model name, in characters. */
const MODEL_LENGTH_MAX = 256;
/** Most bytes one token stands for, text with escapes included: an estimate never excludes what might fit. */
const BYTES_PER_TOKEN_MAX = 32;
/** Fields whose value is a file or sealed by the provider: their bytes say nothing about tokens. */
const OPAQUE_KEYS = ["source", "signature", "encrypted_content"] as const;
/** The one of them that an image has; other blocks, and arguments of tools, may have it too. */
const IMAGE_KEY = "source";
const TELLS_IMAGE = /"type"\s*:\s*"image"/;
/** A query as it may go upstream. */
const SEARCH = /^\?[\x21-\x7e]{1,512}$/;
/** From this version on system messages may stand among the messages; before it a beta allows them. */
const VERSION_WITH_SYSTEM_MESSAGES = "2026-10-21";
const SYSTEM_MESSAGES_BETA = /(?:^|,)\s*mid-conversation-system-/;

/** Reads a body that has been decoded already. Throws a FaultError that says what to change. */
export function readMessagesRequest({ body, headers, url, depthMax }: WireBody): TurnRequest {
  const scan = scanBody(body, { arrayField: "messages", depthMax, watchedKeys: OPAQUE_KEYS });
  refuseDisguised(scan);
  const field = (name: string): unknown => {
    const found = scan.fields.get(name);
    return found === undefined ? undefined : parseSpan(body, found.value);
  };
  const model = readModel(field("model"));
  if (scan.elements.length === 0) {
    const message = "`messages` must be an array with at least one message.";
    throwFault("invalid_request", message, { param: "messages" });
  }
  refuseThread(field("thread"));
  const stream = readFlag(field("stream"), "stream");
  const format = asObject(asObject(field("output_config"))?.["format"] ?? field("output_format"));
  const wantsJson = format?.["type"] === "json_schema";
  const choice = asObject(field("tool_choice"))?.["type"];
  const tools = scan.fields.get("tools")?.value;
  const system = systemSpan(body, scan.fields.get("system"));
  const splices = { body, scan, model, allowsSystem: allowsSystemMessages(headers) };
  const leading = system === null ? 0 : 1;
  return {
    dialect: "anthropic-messages",
    body,
    model,
    stream,
    wantsUsageEvent: true,
    hasTools: hasMembers(scan, body, "tools") || hasMembers(scan, body, "mcp_servers"),
    demandsShape: wantsJson || choice === "any" || choice === "tool",
    wantsJson,
    hasImages: scan.watchedSeen.has(IMAGE_KEY) && TELLS_IMAGE.test(body.toString("latin1")),
    answerTokens: asCount(field("max_tokens")),
    inputTokensMin: scan.watchedSeen.size > 0 ? 0 : Math.floor(body.length / BYTES_PER_TOKEN_MAX),
    transcript: messagesTranscript(body, { system, elements: scan.elements }),
    identity: { ...NO_BODY_IDENTITY, metadata: asObject(field("metadata")) },
    tools: tools === undefined ? null : body.subarray(tools.start, tools.end),
    search: searchOf(url),
    relayBody: (changes) => messagesBody(splices, { ...changes, leading }),
  };
}

/** Fields that policy rests on, or that the gateway writes itself. */
const POLICY_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "system",
  "stream",
  "tools",
  "tool_choice",
  "output_config",
  "output_format",
  "thread",
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

/**
 * A thread lives in one account of one provider, so that no other could heal it, and its requests hold only what is
 * new. Clients know this refusal: they send the whole history, without a thread, from then on.
 */
function refuseThread(thread: unknown): void {
  if (thread === undefined || thread === null) return;
  const message =
    "Message threads are not kept here, because another provider could not go on with them. " +
    "Send the whole history in `messages`, without `thread`.";
  throwFault("thread_unsupported_request", message, { param: "thread" });
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

function asCount(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null;
}

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;

/** Null for a system prompt that says nothing. */
function systemSpan(body: Buffer, field: Field | undefined) {
  const first = field === undefined ? undefined : body[field.value.start];
  return field !== undefined && (first === QUOTE || first === OPEN_BRACKET) ? field.value : null;
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

/** Whether the client speaks a version of the API in which a system message may follow a user's. */
function allowsSystemMessages(headers: RequestHeaders): boolean {
  const version = headerValue(headers, "anthropic-version") ?? "";
  const betas = headerValue(headers, "anthropic-beta") ?? "";
  return version >= VERSION_WITH_SYSTEM_MESSAGES || SYSTEM_MESSAGES_BETA.test(betas);
}
