// The wire of Bedrock's Converse: one JSON object, or frames of the binary event stream of AWS.
// Must never leave a frame unsealed: each carries the checksums that decoders verify.

import { EventStreamCodec } from "@smithy/eventstream-codec";
import { bedrockPath, validateBedrockConverse } from "./bedrock-request.ts";
import { withIds } from "./dialect.ts";
import type { Asked, ErrorOptions, Pieces, ScriptedDialect, WireError } from "./dialect.ts";
import { signatureOf } from "./judge.ts";
import type { Json } from "./judge.ts";
import { piecesOf } from "./step.ts";
import type { ErrorName, Reply } from "./step.ts";

export const bedrockConverse: ScriptedDialect = {
  name: "bedrock-converse",
  basePath: "",
  validate: validateBedrockConverse,
  streamType: "application/vnd.amazon.eventstream",
  isStream: ({ path }) => bedrockPath(path)?.isStream === true,
  modelOf: ({ path }) => bedrockPath(path)?.model ?? "",
  answer: (reply, asked) => ({
    output: { message: { role: "assistant", content: blocksOf(reply, asked) } },
    stopReason: stopOf(reply),
    usage: usageOf(reply),
    metrics: METRICS,
  }),
  stream,
  error: bedrockError,
  errorPiece: (error) => {
    const { exception, message } = ERRORS[error];
    const name = `${exception.charAt(0).toLowerCase()}${exception.slice(1)}`;
    return frame({ ":exception-type": name, ":message-type": "exception" }, { message });
  },
  aside: () => null,
};

const METRICS = { latencyMs: 42 };

function blocksOf(reply: Reply, { turn }: Asked): readonly Json[] {
  const { reasoning } = reply;
  const signature = signatureOf("bedrock-converse", reasoning ?? "");
  return [
    ...(reasoning === null
      ? []
      : [{ reasoningContent: { reasoningText: { text: reasoning, signature } } }]),
    ...(reply.isRedacted ? [{ reasoningContent: { redactedContent: signature } }] : []),
    ...(reply.text === null ? [] : [{ text: reply.text }]),
    ...withIds(reply.calls, "tooluse_", turn).map(({ id, name, input }) => ({
      toolUse: { toolUseId: id, name, input },
    })),
  ];
}

function stopOf({ stop, calls }: Reply): string {
  if (stop === "length") return "max_tokens";
  if (stop === "refused") return "content_filtered";
  return calls.length > 0 ? "tool_use" : "end_turn";
}

/** Here `inputTokens` are those that the cache neither held nor took; the total has them all. */
function usageOf({ usage }: Reply): Json {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usage;
  return {
    inputTokens: inputTokens - cacheReadTokens - cacheWriteTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    cacheReadInputTokens: cacheReadTokens,
    cacheWriteInputTokens: cacheWriteTokens,
    cacheDetails: [{ inputTokens: cacheWriteTokens, ttl: "5m" }],
  };
}

function stream(reply: Reply, asked: Asked): Pieces {
  return [
    event("messageStart", { role: "assistant" }),
    ...blocksOf(reply, asked).flatMap(blockEvents),
    event("messageStop", { stopReason: stopOf(reply) }),
    event("metadata", { usage: usageOf(reply), metrics: METRICS }),
  ];
}

/** Only a tool use has a start event; every block has deltas and a stop. */
function blockEvents(block: Json, contentBlockIndex: number): readonly Buffer[] {
  const { start, deltas } = deltasOf(block);
  return [
    ...(start === null ? [] : [event("contentBlockStart", { start, contentBlockIndex })]),
    ...deltas.map((delta) => event("contentBlockDelta", { delta, contentBlockIndex })),
    event("contentBlockStop", { contentBlockIndex }),
  ];
}

interface Deltas {
  readonly start: Json | null;
  readonly deltas: readonly Json[];
}

function deltasOf({ text, toolUse, reasoningContent }: Json): Deltas {
  if (typeof text === "string") {
    return { start: null, deltas: piecesOf(text).map((piece) => ({ text: piece })) };
  }
  if (isCall(toolUse)) {
    const { input, ...start } = toolUse;
    const pieces = piecesOf(JSON.stringify(input));
    return {
      start: { toolUse: start },
      deltas: pieces.map((piece) => ({ toolUse: { input: piece } })),
    };
  }
  const inner = isReasoning(reasoningContent)
    ? [
        ...piecesOf(reasoningContent.reasoningText.text).map((piece) => ({ text: piece })),
        { signature: reasoningContent.reasoningText.signature },
      ]
    : [reasoningContent];
  return { start: null, deltas: inner.map((delta) => ({ reasoningContent: delta })) };
}

function isCall(value: unknown): value is Json & { readonly input: unknown } {
  return typeof value === "object" && value !== null && "input" in value;
}

interface SignedReasoning {
  readonly reasoningText: { readonly text: string; readonly signature: string };
}

function isReasoning(value: unknown): value is SignedReasoning {
  return typeof value === "object" && value !== null && "reasoningText" in value;
}

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("utf8")),
  (words) => new Uint8Array(Buffer.from(words, "utf8")),
);

/**
 * `p` is the padding that the service adds against guessing by length: readers must not mind it.
 */
function event(type: string, payload: Json): Buffer {
  const headers = { ":event-type": type, ":message-type": "event" };
  return frame(headers, { ...payload, p: "abcdefgh" });
}

function frame(headers: Readonly<Record<string, string>>, payload: Json): Buffer {
  const all = { ...headers, ":content-type": "application/json" };
  const bytes = codec.encode({
    headers: Object.fromEntries(
      Object.entries(all).map(([name, value]) => [name, { type: "string", value }]),
    ),
    body: new Uint8Array(Buffer.from(JSON.stringify(payload), "utf8")),
  });
  return Buffer.from(bytes);
}

interface Row {
  readonly status: number;
  readonly exception: string;
  readonly message: string;
}

const ERRORS: Readonly<Record<ErrorName, Row>> = {
  rate_limited: {
    status: 429,
    exception: "ThrottlingException",
    message: "Too many tokens, please wait before trying again.",
  },
  overloaded: {
    status: 503,
    exception: "ServiceUnavailableException",
    message: "Bedrock is unable to process your request.",
  },
  server: {
    status: 500,
    exception: "InternalServerException",
    message: "The system encountered an unexpected error.",
  },
  context_overflow: {
    status: 400,
    exception: "ValidationException",
    message: "Input is too long for requested model.",
  },
  invalid_key: {
    status: 403,
    exception: "UnrecognizedClientException",
    message: "The security token included in the request is invalid.",
  },
  billing: {
    status: 400,
    exception: "ServiceQuotaExceededException",
    message: "Your request exceeds the service quota for your account.",
  },
  invalid_request: {
    status: 400,
    exception: "ValidationException",
    message: "The request is malformed.",
  },
  model_missing: {
    status: 404,
    exception: "ResourceNotFoundException",
    message: "Could not resolve the foundation model from the provided model identifier.",
  },
};

/** The kind of error is in a header; the body has only words. */
function bedrockError(error: ErrorName, { retryAfterSeconds }: ErrorOptions): WireError {
  const { status, exception, message } = ERRORS[error];
  const retry = retryAfterSeconds === null ? {} : { "retry-after": String(retryAfterSeconds) };
  const type = `${exception}:http://internal.amazon.com/coral/com.amazon.bedrock/`;
  return { status, headers: { "x-amzn-errortype": type, ...retry }, json: { message } };
}
