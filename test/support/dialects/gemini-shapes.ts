// The bodies of the Gemini API's methods: which fields there are, and how each must look.
// Must never judge what depends on two fields or on order: that is the request's part.

import { z } from "zod";
import { anyObject, count, nonEmpty } from "./judge.ts";

const FUNCTION_NAME = /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/;

/** What a part holds; exactly one of these. */
const DATA = [
  "codeExecutionResult",
  "executableCode",
  "fileData",
  "functionCall",
  "functionResponse",
  "inlineData",
  "text",
  "toolCall",
  "toolResponse",
];

const inlineData = z.strictObject({
  mimeType: z.string().regex(/^[\w.+-]+\/[\w.+-]+/),
  data: z.base64().min(1),
  displayName: z.string().optional(),
});
const fileData = z.strictObject({
  mimeType: z.string().optional(),
  fileUri: nonEmpty,
  displayName: z.string().optional(),
});
const part = z
  .strictObject({
    text: z.string().optional(),
    inlineData: inlineData.optional(),
    fileData: fileData.optional(),
    functionCall: z
      .strictObject({
        id: nonEmpty.optional(),
        name: z.string().regex(FUNCTION_NAME),
        args: anyObject.optional(),
      })
      .optional(),
    functionResponse: z
      .strictObject({
        id: nonEmpty.optional(),
        name: z.string().regex(FUNCTION_NAME),
        response: anyObject,
        parts: z.array(anyObject).optional(),
        scheduling: z.string().optional(),
        willContinue: z.boolean().optional(),
      })
      .optional(),
    executableCode: anyObject.optional(),
    codeExecutionResult: anyObject.optional(),
    toolCall: anyObject.optional(),
    toolResponse: anyObject.optional(),
    thought: z.boolean().optional(),
    thoughtSignature: z.string().optional(),
    mediaResolution: z.unknown().optional(),
    partMetadata: anyObject.optional(),
    videoMetadata: anyObject.optional(),
  })
  .refine(
    (value) => Object.keys(value).filter((key) => DATA.includes(key)).length === 1,
    "a part holds exactly one kind of data",
  );
const content = z.strictObject({
  role: z.enum(["user", "model"]),
  parts: z.array(part).min(1),
});
const systemInstruction = z.strictObject({
  role: z.enum(["user", "system"]).optional(),
  parts: z.array(z.strictObject({ text: z.string() })).min(1),
});

const empty = z.strictObject({});
const tool = z
  .strictObject({
    functionDeclarations: z
      .array(
        z
          .strictObject({
            name: z.string().regex(FUNCTION_NAME),
            description: z.string().optional(),
            behavior: z.enum(["BLOCKING", "NON_BLOCKING", "UNSPECIFIED"]).optional(),
            parameters: anyObject.optional(),
            parametersJsonSchema: z.unknown().optional(),
            response: anyObject.optional(),
            responseJsonSchema: z.unknown().optional(),
          })
          .refine(
            (value) => value.parameters === undefined || value.parametersJsonSchema === undefined,
            "parameters: not together with parametersJsonSchema",
          ),
      )
      .min(1)
      .optional(),
    googleSearch: anyObject.optional(),
    googleSearchRetrieval: anyObject.optional(),
    googleMaps: anyObject.optional(),
    codeExecution: empty.optional(),
    computerUse: anyObject.optional(),
    fileSearch: anyObject.optional(),
    mcpServers: z.array(anyObject).optional(),
    urlContext: empty.optional(),
  })
  .refine((value) => Object.keys(value).length > 0, "a tool must not be empty");
const toolConfig = z.strictObject({
  functionCallingConfig: z
    .strictObject({
      mode: z.enum(["AUTO", "ANY", "NONE", "VALIDATED"]).optional(),
      allowedFunctionNames: z.array(nonEmpty).optional(),
      streamFunctionCallArguments: z.boolean().optional(),
    })
    .optional(),
  retrievalConfig: anyObject.optional(),
  includeServerSideToolInvocations: z.boolean().optional(),
});
const generationConfig = z.strictObject({
  audioTranscriptionConfig: anyObject.optional(),
  candidateCount: z.int().min(1).max(8).optional(),
  enableEnhancedCivicAnswers: z.boolean().optional(),
  frequencyPenalty: z.number().min(-2).max(2).optional(),
  imageConfig: anyObject.optional(),
  logprobs: z.int().min(0).max(20).optional(),
  maxOutputTokens: z.int().min(1).optional(),
  mediaResolution: z.string().optional(),
  presencePenalty: z.number().min(-2).max(2).optional(),
  responseFormat: z.unknown().optional(),
  responseJsonSchema: z.unknown().optional(),
  responseLogprobs: z.boolean().optional(),
  responseMimeType: z.enum(["text/plain", "application/json", "text/x.enum"]).optional(),
  responseModalities: z.array(z.string()).optional(),
  responseSchema: anyObject.optional(),
  seed: z.int().optional(),
  speechConfig: anyObject.optional(),
  stopSequences: z.array(nonEmpty).max(5).optional(),
  temperature: z.number().min(0).max(2).optional(),
  thinkingConfig: z
    .strictObject({
      includeThoughts: z.boolean().optional(),
      thinkingBudget: z.int().min(-1).optional(),
      thinkingLevel: z
        .string()
        .regex(/^(?:minimal|low|medium|high)$/i)
        .optional(),
    })
    .optional(),
  topK: count.optional(),
  topP: z.number().min(0).max(1).optional(),
});

const generateBody = z.strictObject({
  contents: z.array(content).min(1),
  systemInstruction: systemInstruction.optional(),
  tools: z.array(tool).optional(),
  toolConfig: toolConfig.optional(),
  safetySettings: z
    .array(
      z.strictObject({
        category: z.string().regex(/^HARM_CATEGORY_/),
        threshold: z.enum([
          "BLOCK_LOW_AND_ABOVE",
          "BLOCK_MEDIUM_AND_ABOVE",
          "BLOCK_NONE",
          "BLOCK_ONLY_HIGH",
          "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
          "OFF",
        ]),
      }),
    )
    .optional(),
  generationConfig: generationConfig.optional(),
  cachedContent: z
    .string()
    .regex(/^cachedContents\//)
    .optional(),
  continuationToken: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  serviceTier: z.string().optional(),
  store: z.boolean().optional(),
});
const countBody = z.union([
  z.strictObject({ contents: z.array(content).min(1) }),
  z.strictObject({ generateContentRequest: anyObject }),
]);
const embedBody = z.strictObject({
  model: z
    .string()
    .regex(/^models\//)
    .optional(),
  content: z.strictObject({
    role: z.string().optional(),
    parts: z.array(part).min(1),
  }),
  taskType: z
    .string()
    .regex(/^[A-Z_]+$/)
    .optional(),
  title: z.string().optional(),
  outputDimensionality: z.int().min(1).optional(),
});
/** The body of each method of a model. */
export const GEMINI_BODIES: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ["generateContent", generateBody],
  ["streamGenerateContent", generateBody],
  ["countTokens", countBody],
  ["embedContent", embedBody],
  ["batchEmbedContents", z.strictObject({ requests: z.array(embedBody).min(1) })],
]);
