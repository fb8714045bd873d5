// How many input tokens a Messages request has, by a rule of thumb: for clients that ask, where no provider can say.
// Must never be used for money: what a turn used, its provider tells.

import type { TurnRequest } from "../turn/turn-request.ts";
import { isThought } from "./anthropic-blocks.ts";
import { asObject } from "./json-value.ts";

/** Characters of a token, on average, in what agents send. */
const CHARACTERS_PER_TOKEN = 3.5;
/** What an image costs about, whatever its bytes, in tokens. */
const IMAGE_TOKENS = 1_600;
/** Base64 characters of a document that make about a token. */
const DOCUMENT_CHARACTERS_PER_TOKEN = 40;
/** What the model is told of itself and of a message, beside its text, in tokens. */
const MESSAGE_TOKENS = 4;

/** The fields that the model reads. */
const READ_FIELDS = ["system", "tools", "messages"] as const;

export function estimateTokens({ body, transcript }: Pick<TurnRequest, "body" | "transcript">) {
  const request = asObject(JSON.parse(body.toString("utf8"))) ?? {};
  const weights = READ_FIELDS.map((field) => tokensOf(request[field]));
  return Math.ceil(
    weights.reduce((sum, tokens) => sum + tokens, transcript.count * MESSAGE_TOKENS),
  );
}

/** The JSON answer of the dialect. */
export function tokenCountBody(tokens: number): string {
  return JSON.stringify({ input_tokens: tokens });
}

/** The depth of a request is limited where it is read, so this cannot run away. */
function tokensOf(value: unknown): number {
  if (typeof value === "string") return value.length / CHARACTERS_PER_TOKEN;
  if (typeof value === "number" || typeof value === "boolean") return 1;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + tokensOf(item), 0);
  const object = asObject(value);
  if (object === null) return 0;
  // Earlier thoughts are not read again.
  return isThought(object) ? 0 : (fileTokens(object) ?? fieldTokens(object));
}

function fieldTokens(object: Record<string, unknown>): number {
  return Object.entries(object).reduce(
    (sum, [name, value]) => sum + name.length / CHARACTERS_PER_TOKEN + tokensOf(value),
    0,
  );
}

/** Null for what is no file. */
function fileTokens(block: Record<string, unknown>): number | null {
  const source = asObject(block["source"]);
  if (source === null) return null;
  if (block["type"] === "image") return IMAGE_TOKENS;
  const { type, data } = source;
  if (block["type"] !== "document" || type !== "base64" || typeof data !== "string") return null;
  return data.length / DOCUMENT_CHARACTERS_PER_TOKEN;
}
