// Is this a request that OpenAI's /v1/chat/completions takes? Written from its public reference.
// Must never excuse what a compatible server tolerates: this is the strict one.

import { z } from "zod";
import { anyObject, commonHeaderFaults, faultsWhere, hasBearer, shapeFaults } from "./judge.ts";
import { isJson, nonEmpty, objectsOf, textOf } from "./judge.ts";
import type { Json, RequestValidator } from "./judge.ts";

const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
/** Longest id of a tool call, in characters. */
const CALL_ID_LENGTH_MAX = 40;

const breakpoint = z
  .strictObject({ mode: z.literal("explicit"), ttl: z.enum(["30m", "12h"]).optional() })
  .optional();
const textPart = z.strictObject({
  type: z.literal("text"),
  text: z.string(),
  prompt_cache_breakpoint: breakpoint,
});
const imagePart = z.strictObject({
  type: z.literal("image_url"),
  image_url: z.strictObject({
    url: z.string().regex(/^(?:https?:|data:)/),
    detail: z.enum(["auto", "low", "high", "original"]).optional(),
  }),
  prompt_cache_breakpoint: breakpoint,
});
const audioPart = z.strictObject({
  type: z.literal("input_audio"),
  input_audio: z.strictObject({ data: nonEmpty, format: z.enum(["wav", "mp3"]) }),
  prompt_cache_breakpoint: breakpoint,
});
const filePart = z.strictObject({
  type: z.literal("file"),
  file: z.strictObject({
    file_data: z.string().optional(),
    file_id: z.string().optional(),
    filename: z.string().optional(),
  }),
  prompt_cache_breakpoint: breakpoint,
});
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });
const texts = z.union([z.string(), z.array(textPart).min(1)]);
const participant = z
  .string()
  .regex(/^[^\s<|\\/>]+$/)
  .optional();

const callId = nonEmpty.max(CALL_ID_LENGTH_MAX);
const functionCall = z.strictObject({
  id: callId,
  type: z.literal("function"),
  function: z.strictObject({ name: z.string().regex(TOOL_NAME), arguments: z.string() }),
});
const customCall = z.strictObject({
  id: callId,
  type: z.literal("custom"),
  custom: z.strictObject({ name: z.string().regex(TOOL_NAME), input: z.string() }),
});

const assistantMessage = z.strictObject({
  role: z.literal("assistant"),
  content: z
    .union([z.string(), z.array(z.discriminatedUnion("type", [textPart, refusalPart])).min(1)])
    .nullish(),
  refusal: z.string().nullish(),
  audio: z.strictObject({ id: nonEmpty }).nullish(),
  name: participant,
  tool_calls: z
    .array(z.discriminatedUnion("type", [functionCall, customCall]))
    .min(1)
    .optional(),
});
/** As servers of open models take it: with what the model thought. */
const thinkingMessage = assistantMessage.extend({ reasoning_content: nonEmpty.optional() });

const messageWith = (assistant: typeof assistantMessage | typeof thinkingMessage) =>
  z.discriminatedUnion("role", [
    z.strictObject({ role: z.literal("developer"), content: texts, name: participant }),
    z.strictObject({ role: z.literal("system"), content: texts, name: participant }),
    z.strictObject({
      role: z.literal("user"),
      content: z.union([
        z.string(),
        z.array(z.discriminatedUnion("type", [textPart, imagePart, audioPart, filePart])).min(1),
      ]),
      name: participant,
    }),
    assistant,
    z.strictObject({ role: z.literal("tool"), content: texts, tool_call_id: nonEmpty }),
  ]);

const tool = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("function"),
    function: z.strictObject({
      name: z.string().regex(TOOL_NAME),
      description: z.string().optional(),
      parameters: anyObject.optional(),
      strict: z.boolean().nullish(),
    }),
  }),
  z.strictObject({
    type: z.literal("custom"),
    custom: z.strictObject({
      name: z.string().regex(TOOL_NAME),
      description: z.string().optional(),
      format: anyObject.optional(),
    }),
  }),
]);
const named = z.strictObject({ name: nonEmpty });
const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.strictObject({ type: z.literal("function"), function: named }),
  z.strictObject({ type: z.literal("custom"), custom: named }),
  z.strictObject({
    type: z.literal("allowed_tools"),
    allowed_tools: z.strictObject({
      mode: z.enum(["auto", "required"]),
      tools: z.array(anyObject).min(1),
    }),
  }),
]);
const responseFormat = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: z.string().regex(TOOL_NAME),
      description: z.string().optional(),
      schema: anyObject.optional(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

const body = z.strictObject({
  model: nonEmpty,
  messages: z.array(messageWith(assistantMessage)).min(1),
  audio: anyObject.nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string(), z.number()).nullish(),
  logprobs: z.boolean().nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  max_tokens: z.int().min(1).nullish(),
  metadata: z.record(z.string(), z.string().max(512)).nullish(),
  modalities: z.array(z.enum(["text", "audio"])).nullish(),
  moderation: anyObject.nullish(),
  n: z.int().min(1).max(128).nullish(),
  parallel_tool_calls: z.boolean().optional(),
  prediction: z.strictObject({ type: z.literal("content"), content: texts }).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_options: anyObject.optional(),
  prompt_cache_retention: z.enum(["in_memory", "24h"]).nullish(),
  reasoning_effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]).nullish(),
  response_format: responseFormat.optional(),
  safety_identifier: z.string().nullish(),
  seed: z.int().nullish(),
  service_tier: z.enum(["auto", "default", "flex", "scale", "priority", "fast"]).nullish(),
  stop: z.union([z.string(), z.array(z.string()).min(1).max(4)]).nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().optional(),
      include_obfuscation: z.boolean().optional(),
    })
    .nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  tool_choice: toolChoice.optional(),
  tools: z.array(tool).min(1).max(128).optional(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  user: z.string().optional(),
  verbosity: z.enum(["low", "medium", "high"]).nullish(),
  web_search_options: anyObject.optional(),
});

const openModelBody = body.extend({ messages: z.array(messageWith(thinkingMessage)).min(1) });

/** Faults of a chat completion request. The deprecated `functions` count as unknown. */
export const validateOpenaiChat: RequestValidator = (...request) => faultsOf(body, ...request);

/** The same for a server of open models, which takes their thoughts back. */
export const validateOpenModelChat: RequestValidator = (...request) =>
  faultsOf(openModelBody, ...request);

const faultsOf = (
  shape: z.ZodType,
  ...[path, headers, value]: Parameters<RequestValidator>
): readonly string[] => [
  ...faultsWhere(
    [!/^(?:\/[^/?]+)*\/chat\/completions(?:\?|$)/.test(path), `path ${path}: no chat completions`],
    [!hasBearer(headers), "header authorization: must be Bearer with a key"],
  ),
  ...commonHeaderFaults(headers),
  ...shapeFaults(shape, value),
  ...(isJson(value) ? [...togetherFaults(value), ...orderFaults(value["messages"])] : []),
];

/** Fields that need or exclude each other. */
function togetherFaults(request: Json): readonly string[] {
  const names = new Set(objectsOf(request["tools"]).map(toolNameOf));
  const choice = request["tool_choice"];
  const chosen = isJson(choice) ? toolNameOf(choice) : "";
  const hasTools = request["tools"] !== undefined;
  return faultsWhere(
    [choice !== undefined && !hasTools, "tool_choice: only allowed with tools"],
    [chosen !== "" && !names.has(chosen), `tool_choice: no tool is named "${chosen}"`],
    [
      request["parallel_tool_calls"] !== undefined && !hasTools,
      "parallel_tool_calls: only allowed with tools",
    ],
    [
      isJson(request["stream_options"]) && request["stream"] !== true,
      "stream_options: only allowed with stream",
    ],
    [
      typeof request["max_tokens"] === "number" &&
        typeof request["max_completion_tokens"] === "number",
      "max_tokens: not together with max_completion_tokens",
    ],
    [
      typeof request["top_logprobs"] === "number" && request["logprobs"] !== true,
      "top_logprobs: needs logprobs",
    ],
  );
}

function toolNameOf(value: Json): string {
  const inner = value["function"] ?? value["custom"];
  return isJson(inner) ? textOf(inner["name"]) : "";
}

/** Every call is answered by the tool messages right behind it, and nothing else is. */
function orderFaults(messages: unknown): readonly string[] {
  const faults: string[] = [];
  let open = new Set<string>();
  for (const [index, { role, ...rest }] of objectsOf(messages).entries()) {
    const at = `messages[${index}]`;
    if (role === "tool") {
      const id = textOf(rest["tool_call_id"]);
      if (!open.delete(id)) faults.push(`${at}: answers no call of the message before it (${id})`);
      continue;
    }
    faults.push(...unanswered(open, at));
    const ids =
      role === "assistant" ? objectsOf(rest["tool_calls"]).map(({ id }) => textOf(id)) : [];
    open = new Set(ids);
    if (open.size < ids.length) faults.push(`${at}.tool_calls: two calls share an id`);
    const isEmpty = [rest["content"], rest["refusal"], rest["audio"]].every(
      (part) => part === undefined || part === null,
    );
    if (role === "assistant" && isEmpty && ids.length === 0) {
      faults.push(`${at}: an assistant message needs content or tool_calls`);
    }
  }
  return [...faults, ...unanswered(open, "the end")];
}

function unanswered(open: ReadonlySet<string>, where: string): readonly string[] {
  return [...open].map((id) => `${where}: the call ${id} is not answered before it`);
}
