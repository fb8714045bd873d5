// The wire of the Gemini API: one response, or a stream of them with a part each; counting and
// embedding.
// Must never sign more than the first of parallel calls, as the provider does.

import { dataEvent, SSE, withIds } from "./dialect.ts";
import type { Asked, ErrorOptions, Pieces, ScriptedDialect, WireError } from "./dialect.ts";
import { geminiPath, validateGemini } from "./gemini-request.ts";
import { isJson, objectsOf, signatureOf } from "./judge.ts";
import type { Json } from "./judge.ts";
import { vectorOf } from "./openai-embeddings.ts";
import { piecesOf } from "./step.ts";
import type { ErrorName, Reply } from "./step.ts";

export const gemini: ScriptedDialect = {
  name: "gemini",
  basePath: "/v1beta",
  validate: validateGemini,
  streamType: SSE,
  isStream: ({ path }) => geminiPath(path)?.method === "streamGenerateContent",
  modelOf: ({ path }) => geminiPath(path)?.model ?? "",
  answer: (reply, asked) =>
    responseOf(partsOf(reply, asked), asked, {
      finishReason: finishOf(reply),
      usageMetadata: usageOf(reply),
    }),
  stream,
  error: geminiError,
  errorPiece: (error) => dataEvent(geminiError(error, { retryAfterSeconds: null }).json),
  aside: ({ path, body, raw }) => {
    const json = asideOf(geminiPath(path)?.method, isJson(body) ? body : {}, raw.length);
    return json === null ? null : { json };
  },
};

/** A signed reasoning is a thought part, and its signature stands on what follows it. */
function partsOf(reply: Reply, { turn }: Asked): readonly Json[] {
  const { reasoning } = reply;
  const isSigned = reasoning !== null || reply.isRedacted;
  const signed = isSigned ? { thoughtSignature: signatureOf("gemini", reasoning ?? "") } : {};
  const calls = withIds(reply.calls, "call_", turn).map(({ id, name, input }, index) => ({
    functionCall: { id, name, args: input },
    ...(index === 0 ? { thoughtSignature: signatureOf("gemini", `${turn}`), ...signed } : {}),
  }));
  const onText = calls.length === 0 ? signed : {};
  return [
    ...(reasoning === null ? [] : [{ text: reasoning, thought: true }]),
    ...(reply.text === null ? [] : [{ text: reply.text, ...onText }]),
    ...calls,
  ];
}

interface Rest {
  readonly finishReason?: string;
  readonly usageMetadata: Json;
}

function responseOf(parts: readonly Json[], { model, turn }: Asked, rest: Rest): Json {
  const { finishReason, usageMetadata } = rest;
  const candidate = { content: { role: "model", parts }, index: 0 };
  return {
    candidates: [finishReason === undefined ? candidate : { ...candidate, finishReason }],
    usageMetadata,
    modelVersion: model,
    responseId: `scripted${turn}`,
  };
}

function stream(reply: Reply, asked: Asked): Pieces {
  const usage = usageOf(reply);
  const begun = { ...usage, candidatesTokenCount: 1 };
  const parts = partsOf(reply, asked).flatMap(inPieces);
  const chunks = parts.map((part) => responseOf([part], asked, { usageMetadata: begun }));
  const end = { finishReason: finishOf(reply), usageMetadata: usage };
  // The last chunk often has an empty text: only its finish and usage count.
  return [...chunks, responseOf([{ text: "" }], asked, end)].map(dataEvent);
}

/** Calls come whole; of a text in pieces the last one bears the signature. */
function inPieces(part: Json): readonly Json[] {
  const { text, thoughtSignature, ...rest } = part;
  if (typeof text !== "string") return [part];
  const pieces = piecesOf(text).map((piece) => ({ text: piece, ...rest }));
  if (thoughtSignature === undefined) return pieces;
  return [...pieces, { text: "", ...rest, thoughtSignature }];
}

function finishOf({ stop }: Reply): string {
  if (stop === "length") return "MAX_TOKENS";
  return stop === "refused" ? "SAFETY" : "STOP";
}

/** Here the tokens of thoughts are beside those of the candidates. */
function usageOf({ usage }: Reply): Json {
  return {
    promptTokenCount: usage.inputTokens,
    cachedContentTokenCount: usage.cacheReadTokens,
    candidatesTokenCount: usage.outputTokens - usage.reasoningTokens,
    thoughtsTokenCount: usage.reasoningTokens,
    totalTokenCount: usage.inputTokens + usage.outputTokens,
    promptTokensDetails: [{ modality: "TEXT", tokenCount: usage.inputTokens }],
  };
}

/** Null: a request for content. */
function asideOf(method: string | undefined, body: Json, bytes: number): object | null {
  switch (method) {
    case "countTokens":
      return { totalTokens: Math.ceil(bytes / 4) };
    case "embedContent":
      return { embedding: embeddingOf(body) };
    case "batchEmbedContents":
      return { embeddings: objectsOf(body["requests"]).map(embeddingOf) };
    default:
      return null;
  }
}

function embeddingOf({ content, outputDimensionality: length }: Json): object {
  const parts = isJson(content) ? objectsOf(content["parts"]) : [];
  const text = parts.map((part) => part["text"]).join("");
  return { values: vectorOf(text, typeof length === "number" ? length : undefined) };
}

interface Row {
  readonly code: number;
  readonly status: string;
  readonly message: string;
  readonly reason?: string;
}

const ERRORS: Readonly<Record<ErrorName, Row>> = {
  rate_limited: {
    code: 429,
    status: "RESOURCE_EXHAUSTED",
    message: "Resource has been exhausted.",
  },
  overloaded: { code: 503, status: "UNAVAILABLE", message: "The model is overloaded." },
  server: { code: 500, status: "INTERNAL", message: "An internal error has occurred." },
  context_overflow: {
    code: 400,
    status: "INVALID_ARGUMENT",
    message: "The input token count exceeds the maximum number of tokens allowed.",
  },
  invalid_key: {
    code: 400,
    status: "INVALID_ARGUMENT",
    message: "API key not valid. Please pass a valid API key.",
    reason: "API_KEY_INVALID",
  },
  billing: { code: 402, status: "FAILED_PRECONDITION", message: "Billing is not enabled." },
  invalid_request: { code: 400, status: "INVALID_ARGUMENT", message: "Invalid argument." },
  model_missing: { code: 404, status: "NOT_FOUND", message: "The model is not found." },
};

/** Patience is asked for in the body, not in a header. */
function geminiError(error: ErrorName, { retryAfterSeconds }: ErrorOptions): WireError {
  const { reason, ...row } = ERRORS[error];
  const google = "type.googleapis.com/google.rpc";
  const details = [
    ...(reason === undefined
      ? []
      : [{ "@type": `${google}.ErrorInfo`, reason, domain: "googleapis.com" }]),
    ...(retryAfterSeconds === null
      ? []
      : [{ "@type": `${google}.RetryInfo`, retryDelay: `${retryAfterSeconds}s` }]),
  ];
  return { status: row.code, json: { error: { ...row, details } } };
}
