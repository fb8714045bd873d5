// A request of the Gemini dialect: what the stations need to know of it, read from its path and its bytes without
// building its history. Must never change the body here, nor read a field that does not decide anything.

import { throwFault } from "../turn/fault.ts";
import { NO_BODY_IDENTITY, type TurnRequest } from "../turn/turn-request.ts";
import { geminiBody } from "./gemini-body.ts";
import { runsOf } from "./gemini-contents.ts";
import { geminiTranscript, systemText } from "./gemini-message.ts";
import { asObject, fieldOf, snakeCase } from "./gemini-parts.ts";
import { readGeminiUrl } from "./gemini-path.ts";
import { parseSpan, scanBody, type BodyScan, type Field } from "./json-scan.ts";
import type { WireBody } from "./wire.ts";

/** Most bytes one token stands for, text with escapes included: an estimate never excludes what might fit. */
const BYTES_PER_TOKEN_MAX = 32;
/** Fields whose value is a file or sealed by the provider: their bytes say nothing about tokens. */
const FILE_KEYS = ["inlineData", "inline_data", "fileData", "file_data"] as const;
const OPAQUE_KEYS = [...FILE_KEYS, "thoughtSignature", "thought_signature"] as const;
const TELLS_IMAGE = /"mime_?[tT]ype"\s*:\s*"image\//;

/** Fields that policy rests on, or that the gateway takes out, as they are spelled in the dialect. */
const POLICY_FIELDS = [
  "model",
  "contents",
  "systemInstruction",
  "tools",
  "toolConfig",
  "generationConfig",
  "cachedContent",
] as const;
type PolicyField = (typeof POLICY_FIELDS)[number];
const GATEWAY_FIELDS = ["x-routing-hints", "x-fallback-chain"] as const;

/** Reads a body that has been decoded already. Throws a FaultError that says what to change. */
export function readGeminiRequest({ body, url, depthMax }: WireBody): TurnRequest {
  const { model, stream } = readGeminiUrl(url);
  const scan = scanBody(body, { arrayField: "contents", depthMax, watchedKeys: OPAQUE_KEYS });
  refuseDisguised(scan);
  const field = (name: PolicyField): Field | undefined =>
    scan.fields.get(name) ?? scan.fields.get(snakeCase(name));
  const value = (name: PolicyField): unknown => {
    const found = field(name);
    return found === undefined ? undefined : parseSpan(body, found.value);
  };
  if (scan.elements.length === 0) {
    const message = "`contents` must be an array with at least one content.";
    throwFault("invalid_request", message, { param: "contents" });
  }
  const instruction = field("systemInstruction");
  const says = instruction !== undefined && systemText(parseSpan(body, instruction.value)) !== "";
  const system = says ? instruction.value : null;
  const { elements } = scan;
  const runs = runsOf(body, elements);
  const config = asObject(value("generationConfig")) ?? {};
  const shape = shapeOf(config);
  const tools = field("tools")?.value;
  const splices = { body, scan, runs, leading: system === null ? 0 : 1 };
  const sawFile = FILE_KEYS.some((name) => scan.watchedSeen.has(name));
  return {
    dialect: "gemini",
    body,
    model,
    stream,
    wantsUsageEvent: true,
    hasTools: hasMembers(body, field("tools")),
    demandsShape: shape.isDemanded || isForced(asObject(value("toolConfig")) ?? {}),
    wantsJson: shape.hasSchema,
    answerTokens: asCount(fieldOf(config, "maxOutputTokens")),
    hasImages: sawFile && TELLS_IMAGE.test(body.toString("latin1")),
    inputTokensMin: scan.watchedSeen.size > 0 ? 0 : Math.floor(body.length / BYTES_PER_TOKEN_MAX),
    transcript: geminiTranscript(body, { system, elements, runs }),
    identity: NO_BODY_IDENTITY,
    tools: tools === undefined ? null : body.subarray(tools.start, tools.end),
    // Clients put their key into the query: nothing of it goes on.
    search: "",
    relayBody: (changes) => geminiBody(splices, changes),
  };
}

/**
 * This dialect's servers take `system_instruction` for `systemInstruction`, and some take any case, so a field that
 * stands in two spellings would be read one way here and another way there. U+017F folds to an s, U+212A to a k.
 */
function refuseDisguised(scan: BodyScan): void {
  const seen = new Set<string>();
  for (const name of scan.fields.keys()) {
    const folded = fold(name);
    const meant = MEANT.get(folded);
    if (meant === undefined) continue;
    const isPlain = name === meant || name === snakeCase(meant);
    if (isPlain && !seen.has(folded)) {
      seen.add(folded);
      continue;
    }
    const message = `A field's name differs from \`${meant}\` only in spelling. Send it as \`${meant}\`, once.`;
    throwFault("duplicate_field", message, { param: meant });
  }
}

function fold(name: string): string {
  const lower = name.toLowerCase().replaceAll("\u017f", "s").replaceAll("\u212a", "k");
  return lower.replaceAll("_", "");
}

const MEANT: ReadonlyMap<string, string> = new Map(
  [...POLICY_FIELDS, ...GATEWAY_FIELDS].map((name) => [fold(name), name]),
);

/** Whether an answer in free words would break what the caller wants. */
function shapeOf(config: Readonly<Record<string, unknown>>) {
  const schemas = ["responseSchema", "responseJsonSchema", "responseFormat"] as const;
  const hasSchema = schemas.some((name) => asObject(fieldOf(config, name)) !== null);
  const type = fieldOf(config, "responseMimeType") ?? "text/plain";
  return { hasSchema, isDemanded: hasSchema || type !== "text/plain" };
}

/** A call is demanded, whatever the model would say. */
function isForced(toolConfig: Readonly<Record<string, unknown>>): boolean {
  const calling = asObject(fieldOf(toolConfig, "functionCallingConfig"));
  return String(calling?.["mode"]).toUpperCase() === "ANY";
}

function asCount(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null;
}

const OPEN_BRACKET = 0x5b;

/** A byte look: an array that is not empty, without building what may be 128 tools of 60 KB. */
function hasMembers(body: Buffer, field: Field | undefined): boolean {
  if (field === undefined || body[field.value.start] !== OPEN_BRACKET) return false;
  const { start, end } = field.value;
  return (
    body
      .subarray(start + 1, end - 1)
      .toString("latin1", 0, 64)
      .trim() !== ""
  );
}
