// A chat completions request: what the stations need to know of it, read from its bytes without building its history.
// Must never change the body here, nor read a field that does not decide anything.

import { throwFault } from "../turn/fault.ts";
import { NO_BODY_IDENTITY, type TurnRequest } from "../turn/turn-request.ts";
import { chatBody } from "./chat-body.ts";
import { chatTranscript } from "./chat-message.ts";
import { parseSpan, scanBody, type BodyScan } from "./json-scan.ts";

/** Longest model name, in characters. */
const MODEL_LENGTH_MAX = 256;
/** The field of a message part that holds an image. */
const IMAGE_KEY = "image_url";
/** Most bytes one token stands for, text with escapes included: an estimate never excludes what might fit. */
const BYTES_PER_TOKEN_MAX = 32;
/** Fields of a message part whose value is a file: its bytes say nothing about tokens. */
const FILE_KEYS = [IMAGE_KEY, "input_audio", "file_data"] as const;

/** The same request with what its bytes were found to be, for the splices. */
export interface ChatRequest extends TurnRequest {
  readonly scan: BodyScan;
}

/** Reads a body that has been decoded already. Throws a FaultError that says what to change. */
export function readChatRequest(body: Buffer, limits: { readonly depthMax: number }): ChatRequest {
  const scan = scanBody(body, {
    arrayField: "messages",
    depthMax: limits.depthMax,
    watchedKeys: FILE_KEYS,
  });
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
  const stream = readFlag(field("stream"), "stream");
  const format = asObject(field("response_format"));
  const formatType = format?.["type"];
  const wantsJson = formatType === "json_schema" || formatType === "json_object";
  const choice = field("tool_choice");
  const tools = scan.fields.get("tools")?.value;
  const request: ChatRequest = {
    dialect: "openai-chat",
    body,
    scan,
    model,
    stream,
    wantsUsageEvent: asObject(field("stream_options"))?.["include_usage"] === true,
    hasTools: hasMembers(scan, body, "tools") || hasMembers(scan, body, "functions"),
    demandsShape: wantsJson || choice === "required" || asObject(choice) !== null,
    wantsJson: formatType === "json_schema",
    hasImages: scan.watchedSeen.has(IMAGE_KEY),
    answerTokens: asCount(field("max_completion_tokens")) ?? asCount(field("max_tokens")),
    inputTokensMin: scan.watchedSeen.size > 0 ? 0 : Math.floor(body.length / BYTES_PER_TOKEN_MAX),
    transcript: chatTranscript(body, scan.elements),
    identity: {
      ...NO_BODY_IDENTITY,
      metadata: asObject(field("metadata")),
      promptCacheKey: asText(field("prompt_cache_key")),
      user: asText(field("user")),
    },
    tools: tools === undefined ? null : body.subarray(tools.start, tools.end),
    search: "",
    relayBody: (changes) => chatBody(request, changes),
  };
  return request;
}

/** Fields that policy rests on, or that the gateway writes itself. */
const POLICY_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "stream",
  "stream_options",
  "tools",
  "functions",
  "tool_choice",
  "response_format",
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

/** A byte look: an array that is not empty, without building what may be 128 tools of 60 KB. */
function hasMembers(scan: BodyScan, body: Buffer, name: string): boolean {
  const span = scan.fields.get(name)?.value;
  if (span === undefined || body[span.start] !== OPEN_BRACKET) return false;
  return (
    body
      .subarray(span.start + 1, span.end - 1)
      .toString("latin1", 0, 64)
      .trim() !== ""
  );
}

const OPEN_BRACKET = 0x5b;

function asObject(value: unknown): Record<string, unknown> | null {
  return isObject(value) ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asCount(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null;
}

function asText(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
