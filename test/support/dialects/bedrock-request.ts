// Is this a request that Bedrock's Converse or ConverseStream takes? Written from its public
// reference.
// Must never verify a signature: it looks whether one is there and well formed.

import { z } from "zod";
import { anyObject, commonHeaderFaults, faultsWhere, hasBearer, headerOf } from "./judge.ts";
import { isJson, nonEmpty, shapeFaults } from "./judge.ts";
import type { RequestValidator, WireHeaders } from "./judge.ts";
import { converseFaults } from "./bedrock-conversation.ts";

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const words = z.string().regex(/\S/, "the text is blank");

const cachePoint = z.strictObject({
  cachePoint: z.strictObject({ type: z.literal("default"), ttl: z.enum(["5m", "1h"]).optional() }),
});
const source = z.union([
  z.strictObject({ bytes: z.base64().min(1) }),
  z.strictObject({
    s3Location: z.strictObject({ uri: nonEmpty, bucketOwner: z.string().optional() }),
  }),
]);
const image = z.strictObject({
  image: z.strictObject({ format: z.enum(["png", "jpeg", "gif", "webp"]), source }),
});
const video = z.strictObject({ video: z.strictObject({ format: nonEmpty, source }) });
const audio = z.strictObject({ audio: z.strictObject({ format: nonEmpty, source }) });
const document = z.strictObject({
  document: z.strictObject({
    format: z.enum(["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"]).optional(),
    name: z.string().regex(/^[a-zA-Z0-9\s()[\]-]{1,200}$/),
    source: z.union([
      ...source.options,
      z.strictObject({ text: nonEmpty }),
      z.strictObject({ content: z.array(z.strictObject({ text: nonEmpty })).min(1) }),
    ]),
    context: z.string().optional(),
    citations: z.strictObject({ enabled: z.boolean() }).optional(),
  }),
});
const text = z.strictObject({ text: words });
const searchResult = z.strictObject({ searchResult: anyObject });
const guardContent = z.strictObject({ guardContent: anyObject });
const citationsContent = z.strictObject({ citationsContent: anyObject });
const toolUse = z.strictObject({
  toolUse: z.strictObject({
    toolUseId: z.string().regex(NAME),
    name: z.string().regex(NAME),
    input: anyObject,
    type: z.literal("server_tool_use").optional(),
  }),
});
const toolResult = z.strictObject({
  toolResult: z.strictObject({
    toolUseId: z.string().regex(NAME),
    content: z.array(
      z.union([
        z.strictObject({ json: anyObject }),
        z.strictObject({ text: z.string() }),
        image,
        document,
        video,
        searchResult,
      ]),
    ),
    status: z.enum(["success", "error"]).optional(),
    type: nonEmpty.optional(),
  }),
});
const reasoning = z.strictObject({
  reasoningContent: z.union([
    z.strictObject({
      reasoningText: z.strictObject({ text: z.string(), signature: nonEmpty.optional() }),
    }),
    z.strictObject({ redactedContent: z.base64().min(1) }),
  ]),
});

const message = z.discriminatedUnion("role", [
  z.strictObject({
    role: z.literal("user"),
    content: z
      .array(
        z.union([
          text,
          image,
          document,
          video,
          audio,
          toolResult,
          searchResult,
          guardContent,
          cachePoint,
        ]),
      )
      .min(1),
  }),
  z.strictObject({
    role: z.literal("assistant"),
    content: z
      .array(
        z.union([text, toolUse, reasoning, citationsContent, image, audio, toolResult, cachePoint]),
      )
      .min(1),
  }),
]);

const tool = z.union([
  z.strictObject({
    toolSpec: z.strictObject({
      name: z.string().regex(NAME),
      description: nonEmpty.optional(),
      inputSchema: z.strictObject({ json: z.looseObject({ type: z.literal("object") }) }),
      strict: z.boolean().optional(),
    }),
  }),
  z.strictObject({ systemTool: z.strictObject({ name: nonEmpty }) }),
  cachePoint,
]);
const empty = z.strictObject({});

const body = z.strictObject({
  messages: z.array(message).min(1),
  system: z.array(z.union([text, guardContent, cachePoint])).optional(),
  inferenceConfig: z
    .strictObject({
      maxTokens: z.int().min(1).optional(),
      temperature: z.number().min(0).max(1).optional(),
      topP: z.number().min(0).max(1).optional(),
      stopSequences: z.array(nonEmpty).max(2500).optional(),
    })
    .optional(),
  toolConfig: z
    .strictObject({
      tools: z.array(tool).min(1),
      toolChoice: z
        .union([
          z.strictObject({ auto: empty }),
          z.strictObject({ any: empty }),
          z.strictObject({ tool: z.strictObject({ name: z.string().regex(NAME) }) }),
        ])
        .optional(),
    })
    .optional(),
  guardrailConfig: z
    .strictObject({
      guardrailIdentifier: nonEmpty,
      guardrailVersion: z.string().regex(/^(?:[1-9]\d*|DRAFT)$/),
      trace: z.enum(["enabled", "disabled", "enabled_full"]).optional(),
      streamProcessingMode: z.enum(["sync", "async"]).optional(),
    })
    .optional(),
  additionalModelRequestFields: anyObject.optional(),
  additionalModelResponseFieldPaths: z.array(z.string().regex(/^\//)).max(10).optional(),
  outputConfig: z.strictObject({ textFormat: anyObject.optional() }).optional(),
  performanceConfig: z.strictObject({ latency: z.enum(["standard", "optimized"]) }).optional(),
  promptVariables: z.record(z.string(), z.strictObject({ text: z.string() })).optional(),
  requestMetadata: z.record(z.string(), z.string().max(256)).optional(),
  serviceTier: z
    .strictObject({ type: z.enum(["default", "flex", "priority", "reserved"]) })
    .optional(),
});

export interface BedrockPath {
  readonly model: string;
  readonly isStream: boolean;
  /** As RFC 3986 has it: signatures are made over this form. */
  readonly isEncoded: boolean;
}

/** Null: not the path of a conversation. */
export function bedrockPath(path: string): BedrockPath | null {
  const match = /^\/model\/([^/?]+)\/(converse|converse-stream)$/.exec(path);
  const [, segment, verb] = match ?? [];
  if (segment === undefined) return null;
  const model = decodeURIComponent(segment);
  return {
    model,
    isStream: verb === "converse-stream",
    isEncoded: segment === encodeURIComponent(model),
  };
}

export const validateBedrockConverse: RequestValidator = (path, headers, value) => {
  const target = bedrockPath(path);
  if (target === null) return [`path ${path}: no conversation with a model`];
  const guard = isJson(value) && isJson(value["guardrailConfig"]) ? value["guardrailConfig"] : {};
  return [
    ...faultsWhere(
      [!target.isEncoded, `path ${path}: the model must be percent-encoded`],
      [
        guard["streamProcessingMode"] !== undefined && !target.isStream,
        "guardrailConfig.streamProcessingMode: belongs to streams",
      ],
    ),
    ...signatureFaults(headers),
    ...commonHeaderFaults(headers),
    ...shapeFaults(body, value),
    ...(isJson(value) ? converseFaults(value, target.model) : []),
  ];
};

const SIGV4 = new RegExp(
  String.raw`^AWS4-HMAC-SHA256 Credential=\w+/\d{8}/[a-z0-9-]+/bedrock/aws4_request, ?` +
    String.raw`SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$`,
);

function signatureFaults(headers: WireHeaders): readonly string[] {
  if (hasBearer(headers)) return [];
  const signed = SIGV4.exec(headerOf(headers, "authorization"))?.[1]?.split(";");
  if (signed === undefined) {
    return ["header authorization: must be a Bearer key or a signature (SigV4) for bedrock"];
  }
  return faultsWhere(
    [!signed.includes("host"), "header authorization: host must be signed"],
    [
      !/^\d{8}T\d{6}Z$/.test(headerOf(headers, "x-amz-date")),
      "header x-amz-date: is required with a signature",
    ],
  );
}
