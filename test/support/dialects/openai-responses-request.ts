// Is this a request that OpenAI's /v1/responses takes? Written from its public reference.
// Must never look behind `previous_response_id`: what is stored at the provider cannot be judged
// here.

import { z } from "zod";
import {
  anyObject,
  commonHeaderFaults,
  faultsWhere,
  hasBearer,
  isForeignSignature,
} from "./judge.ts";
import { isJson, nonEmpty, objectsOf, shapeFaults, textOf } from "./judge.ts";
import type { Json, RequestValidator } from "./judge.ts";
import { shapeOfItem } from "./openai-responses-items.ts";

const NAME = /^[a-zA-Z0-9_-]{1,128}$/;

const callers = z.array(z.enum(["direct", "programmatic"])).nullish();
const functionTool = z.strictObject({
  type: z.literal("function"),
  name: z.string().regex(NAME),
  parameters: anyObject.nullish(),
  strict: z.boolean().nullish(),
  description: z.string().nullish(),
  allowed_callers: callers,
  async: z.boolean().optional(),
  defer_loading: z.boolean().optional(),
  output_schema: anyObject.nullish(),
});
const customTool = z.strictObject({
  type: z.literal("custom"),
  name: z.string().regex(NAME),
  description: z.string().optional(),
  format: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("text") }),
      z.strictObject({
        type: z.literal("grammar"),
        syntax: z.enum(["lark", "regex"]),
        definition: nonEmpty,
      }),
    ])
    .optional(),
  allowed_callers: callers,
  async: z.boolean().optional(),
  defer_loading: z.boolean().optional(),
});
const namespaceTool = z.strictObject({
  type: z.literal("namespace"),
  name: z.string().regex(NAME),
  description: z.string(),
  tools: z.array(z.discriminatedUnion("type", [functionTool, customTool])).min(1),
});
/** Built-in tools are the provider's own: their type is judged, their settings are not. */
const builtInTool = z.looseObject({
  type: z.enum([
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use_preview",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
  ]),
  // Chat completions nest a tool in these; here that is always a mistake.
  function: z.undefined("a tool is not nested here").optional(),
  custom: z.undefined("a tool is not nested here").optional(),
});
const tool = z.discriminatedUnion("type", [functionTool, customTool, namespaceTool, builtInTool]);

const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.strictObject({ type: z.enum(["function", "custom"]), name: nonEmpty }),
  z.strictObject({
    type: z.literal("allowed_tools"),
    mode: z.enum(["auto", "required"]),
    tools: z.array(anyObject).min(1),
  }),
  z.strictObject({
    type: z.literal("mcp"),
    server_label: nonEmpty,
    name: z.string().nullish(),
  }),
  z.strictObject({ type: z.string().regex(/^(?!function|custom|mcp|allowed_tools)/) }),
]);
const textFormat = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
    schema: anyObject,
    description: z.string().optional(),
    strict: z.boolean().nullish(),
  }),
]);
const summary = z.enum(["auto", "concise", "detailed"]).nullish();

const body = z.strictObject({
  model: nonEmpty.optional(),
  input: z.union([z.string(), z.array(z.unknown())]).optional(),
  instructions: z.string().nullish(),
  background: z.boolean().nullish(),
  // Not in the reference; sent by OpenAI's own command line client.
  client_metadata: z.record(z.string(), z.string()).nullish(),
  context_management: z.array(anyObject).nullish(),
  conversation: z.union([z.string(), z.strictObject({ id: nonEmpty })]).nullish(),
  include: z
    .array(
      z.enum([
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "message.input_image.image_url",
        "message.output_text.logprobs",
        "reasoning.encrypted_content",
        "web_search_call.action.sources",
        "web_search_call.results",
      ]),
    )
    .nullish(),
  max_output_tokens: z.int().min(16).nullish(),
  max_tool_calls: z.int().min(1).nullish(),
  metadata: z.record(z.string(), z.string().max(512)).nullish(),
  moderation: anyObject.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  previous_response_id: z.string().regex(/^resp/).nullish(),
  prompt: anyObject.nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_options: anyObject.optional(),
  prompt_cache_retention: z.enum(["in_memory", "24h"]).nullish(),
  reasoning: z
    .strictObject({
      effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]).nullish(),
      summary,
      generate_summary: summary,
      context: z.enum(["auto", "current_turn", "all_turns"]).nullish(),
      mode: z.string().optional(),
    })
    .nullish(),
  safety_identifier: z.string().nullish(),
  service_tier: z
    .enum(["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"])
    .nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().optional() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  text: z
    .strictObject({
      format: textFormat.optional(),
      verbosity: z.enum(["low", "medium", "high"]).nullish(),
    })
    .optional(),
  tool_choice: toolChoice.optional(),
  tools: z.array(tool).optional(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  truncation: z.enum(["auto", "disabled"]).nullish(),
  user: z.string().optional(),
});

export const validateOpenaiResponses: RequestValidator = (path, headers, value) => [
  ...faultsWhere(
    [!/^(?:\/[^/?]+)*\/responses(?:\?|$)/.test(path), `path ${path}: no responses`],
    [!hasBearer(headers), "header authorization: must be Bearer with a key"],
  ),
  ...commonHeaderFaults(headers),
  ...shapeFaults(body, value),
  ...(isJson(value) ? [...togetherFaults(value), ...inputFaults(value)] : []),
];

function togetherFaults(request: Json): readonly string[] {
  const given = (name: string) => request[name] !== undefined && request[name] !== null;
  const names = new Set(objectsOf(request["tools"]).map(({ name }) => textOf(name)));
  const choice = request["tool_choice"];
  const isNamed = isJson(choice) && (choice["type"] === "function" || choice["type"] === "custom");
  const chosen = isNamed ? textOf(choice["name"]) : "";
  return faultsWhere(
    [!given("model") && !given("prompt"), "model: is required"],
    [
      !["input", "prompt", "previous_response_id", "conversation"].some(given),
      "input: is required",
    ],
    [
      given("previous_response_id") && given("conversation"),
      "previous_response_id: not together with conversation",
    ],
    [given("stream_options") && request["stream"] !== true, "stream_options: needs stream"],
    [choice === "required" && names.size === 0, "tool_choice: required without tools"],
    [chosen !== "" && !names.has(chosen), `tool_choice: no tool is named "${chosen}"`],
  );
}

/** Only these may come right after a reasoning item: it belongs to what the model made next. */
const AFTER_REASONING = /_call$|^(?:message|reasoning|compaction|program|item_reference)$/;

function inputFaults(request: Json): readonly string[] {
  const items: readonly unknown[] = Array.isArray(request["input"]) ? request["input"] : [];
  return [
    ...items.flatMap((item, index) => {
      const shape = shapeOfItem(item);
      if (shape === null) return [`input[${index}]: no such item`];
      return shapeFaults(shape, item).map((fault) => `input[${index}].${fault}`);
    }),
    ...pairFaults(request, items),
    ...reasoningFaults(request, items),
  ];
}

/** Calls and outputs are paired by `call_id`; with stored state the call may be out of sight. */
function pairFaults(request: Json, items: readonly unknown[]): readonly string[] {
  const isDelta = ["previous_response_id", "conversation"].some(
    (name) => typeof request[name] === "string" || isJson(request[name]),
  );
  const faults: string[] = [];
  const open = new Map<string, string>();
  for (const [index, item] of items.entries()) {
    if (!isJson(item)) continue;
    const type = textOf(item["type"]);
    const id = textOf(item["call_id"]);
    if (id === "") continue;
    if (type.endsWith("_call")) {
      if (open.has(id)) faults.push(`input[${index}]: two calls share the call_id ${id}`);
      open.set(id, type);
    } else if (type.endsWith("_call_output")) {
      const isAnswer = open.get(id) === type.replace(/_output$/, "");
      if (!isAnswer && !isDelta)
        faults.push(`input[${index}]: no call before it has call_id ${id}`);
      open.delete(id);
    }
  }
  return [...faults, ...[...open.keys()].map((id) => `input: no output for the call ${id}`)];
}

function reasoningFaults(request: Json, items: readonly unknown[]): readonly string[] {
  const isStateless = request["store"] === false;
  return items.flatMap((item, index) => {
    if (!isJson(item)) return [];
    const at = `input[${index}]`;
    const isReasoning = item["type"] === "reasoning";
    const next = items[index + 1];
    const nextType = isJson(next) ? textOf(next["type"] ?? "message") : "";
    const nextRole = isJson(next) ? (next["role"] ?? "assistant") : "assistant";
    const isOrphan = !AFTER_REASONING.test(nextType) || nextRole !== "assistant";
    const encrypted = item["encrypted_content"];
    const isReference = item["type"] === "item_reference";
    return faultsWhere(
      [isReasoning && isOrphan, `${at}: reasoning without the item that followed it`],
      [
        isReasoning && isStateless && !encrypted,
        `${at}: not stored, so it needs encrypted_content`,
      ],
      [
        isReasoning && isForeignSignature(encrypted, "openai-responses"),
        `${at}: encrypted_content of another provider`,
      ],
      [isReference && isStateless, `${at}: refers to an item that was not stored`],
    );
  });
}
