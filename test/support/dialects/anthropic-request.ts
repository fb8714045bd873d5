// Is this a request that Anthropic's /v1/messages or count_tokens takes? Written from its public
// reference.
// Must never judge by model: what only some models refuse is no fault of the request.

import { z } from "zod";
import { assistantBlock, cacheControl, textBlock, tool, userBlock } from "./anthropic-blocks.ts";
import { conversationFaults } from "./anthropic-conversation.ts";
import { anyObject, commonHeaderFaults, count, faultsWhere, hasBearer } from "./judge.ts";
import { headerOf, isJson, nonEmpty, objectsOf, shapeFaults, textOf } from "./judge.ts";
import type { Json, RequestValidator, WireHeaders } from "./judge.ts";

/** Most cache breakpoints of one request. */
const BREAKPOINTS_MAX = 4;
/** Smallest budget of thinking, in tokens. */
const THINKING_TOKENS_MIN = 1024;
/** From this version on, system messages among the messages need no beta. */
const VERSION_WITH_SYSTEM_MESSAGES = "2026-10-21";

const content = <Block extends z.ZodType>(block: Block) =>
  z.union([z.string().regex(/\S/, "content must not be empty"), z.array(block).min(1)]);
const message = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("user"), content: content(userBlock) }),
  z.strictObject({ role: z.literal("assistant"), content: content(assistantBlock) }),
  z.strictObject({
    role: z.literal("system"),
    content: content(
      z.union([textBlock, z.looseObject({ type: z.enum(["tool_addition", "tool_removal"]) })]),
    ).optional(),
    clear_at: z.enum(["next_user_message", "never"]).nullish(),
    output_config: anyObject.nullish(),
  }),
]);
const display = z.enum(["summarized", "omitted"]).nullish();
const disableParallel = { disable_parallel_tool_use: z.boolean().optional() };

const counted = {
  model: nonEmpty,
  messages: z.array(message).min(1),
  cache_control: cacheControl,
  output_config: z
    .strictObject({
      effort: z.enum(["low", "medium", "high", "xhigh", "max"]).nullish(),
      format: z.strictObject({ type: z.literal("json_schema"), schema: anyObject }).nullish(),
      task_budget: anyObject.nullish(),
    })
    .optional(),
  speed: z.enum(["standard", "fast"]).nullish(),
  system: z.union([z.string(), z.array(textBlock)]).optional(),
  thinking: z
    .discriminatedUnion("type", [
      z.strictObject({
        type: z.literal("enabled"),
        budget_tokens: z.int().min(THINKING_TOKENS_MIN),
        display,
      }),
      z.strictObject({ type: z.literal("adaptive"), display }),
      z.strictObject({ type: z.literal("between_tools") }),
      z.strictObject({ type: z.literal("disabled") }),
    ])
    .optional(),
  tool_choice: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("auto"), ...disableParallel }),
      z.strictObject({ type: z.literal("any"), ...disableParallel }),
      z.strictObject({ type: z.literal("tool"), name: nonEmpty, ...disableParallel }),
      z.strictObject({ type: z.literal("none") }),
    ])
    .optional(),
  tools: z.array(tool).optional(),
  user_profile_id: z.string().optional(),
  workspace_id: z.string().optional(),
};
const created = {
  ...counted,
  // 0 fills the prompt cache without an answer.
  max_tokens: count,
  container: z.union([z.string(), anyObject]).nullish(),
  diagnostics: anyObject.nullish(),
  inference_geo: z.string().nullish(),
  metadata: z.strictObject({ user_id: z.string().max(512).nullish() }).optional(),
  service_tier: z.enum(["auto", "standard_only"]).optional(),
  stop_sequences: z.array(z.string().regex(/\S/)).optional(),
  stream: z.boolean().optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_k: count.optional(),
  top_p: z.number().min(0).max(1).optional(),
};

/** Fields of a beta, and what the name of that beta begins with. */
const BETA_FIELDS: Readonly<Record<string, RegExp>> = {
  billing_policy: /^user-profiles-billing-/,
  compaction: /^compact-/,
  context_management: /^(?:context-management|compact)-/,
  fallback_credit_token: /^fallback-credit-/,
  fallbacks: /^server-side-fallback-/,
  mcp_servers: /^mcp-client-/,
  output_format: /^structured-outputs-/,
  thread: /^message-threads-/,
};
const betaFields = Object.fromEntries(
  Object.keys(BETA_FIELDS).map((name) => [name, z.unknown().optional()]),
);
const createBody = z.strictObject({ ...created, ...betaFields });
const countBody = z.strictObject({ ...counted, ...betaFields });

const COUNT_PATH = /\/v1\/messages\/count_tokens(?:\?|$)/;
const CREATE_PATH = /\/v1\/messages(?:\?|$)/;

export function isCountTokens(path: string): boolean {
  return COUNT_PATH.test(path);
}

/** Faults of a request for a message or for the count of its tokens. */
export const validateAnthropicMessages: RequestValidator = (path, headers, value) => [
  ...faultsWhere(
    [!CREATE_PATH.test(path) && !isCountTokens(path), `path ${path}: no messages`],
    [
      headerOf(headers, "x-api-key") === "" && !hasBearer(headers),
      "header x-api-key: a key is required, here or as Bearer",
    ],
    [
      !/^\d{4}-\d{2}-\d{2}$/.test(headerOf(headers, "anthropic-version")),
      "header anthropic-version: is required",
    ],
  ),
  ...commonHeaderFaults(headers),
  ...shapeFaults(isCountTokens(path) ? countBody : createBody, value),
  ...(isJson(value)
    ? [
        ...betaFaults(value, headers),
        ...breakpointFaults(value),
        ...thinkingFaults(value, betasOf(headers)),
        ...toolFaults(value),
        ...conversationFaults(value),
      ]
    : []),
];

function betasOf(headers: WireHeaders): readonly string[] {
  return headerOf(headers, "anthropic-beta")
    .split(",")
    .map((name) => name.trim());
}

function betaFaults(request: Json, headers: WireHeaders): readonly string[] {
  const betas = betasOf(headers);
  const isOn = (name: RegExp) => betas.some((beta) => name.test(beta));
  const fields = Object.entries(BETA_FIELDS)
    .filter(([field, beta]) => request[field] !== undefined && !isOn(beta))
    .map(([field]) => `${field}: needs its beta in the header anthropic-beta`);
  const allowsSystem =
    isOn(/^mid-conversation-/) ||
    headerOf(headers, "anthropic-version") >= VERSION_WITH_SYSTEM_MESSAGES;
  const systems = objectsOf(request["messages"]).filter(({ role }) => role === "system");
  return [
    ...fields,
    ...faultsWhere(
      [systems.length > 0 && !allowsSystem, "messages: a system message needs its beta"],
      [
        systems.some(({ clear_at: clearAt }) => clearAt !== undefined) &&
          !isOn(/^mid-conversation-system-clear-at-/),
        "messages: clear_at needs its beta",
      ],
    ),
  ];
}

/** Breakpoints in the order in which the provider caches: tools, system, messages. */
function breakpointFaults(request: Json): readonly string[] {
  const ofMessages = objectsOf(request["messages"]).flatMap(({ content: blocks }) =>
    objectsOf(blocks).flatMap((block) => [...objectsOf(block["content"]), block]),
  );
  const marked = [...objectsOf(request["tools"]), ...objectsOf(request["system"]), ...ofMessages];
  const lives = [...marked, request]
    .map((block) => block["cache_control"])
    .filter(isJson)
    .map(({ ttl }) => ttl ?? "5m");
  return faultsWhere(
    [lives.length > BREAKPOINTS_MAX, `cache_control: ${lives.length} breakpoints, at most 4`],
    [
      lives.includes("5m") && lives.lastIndexOf("1h") > lives.indexOf("5m"),
      "cache_control: a breakpoint of 1h must not come after one of 5m",
    ],
  );
}

function thinkingFaults(request: Json, betas: readonly string[]): readonly string[] {
  const thinking = isJson(request["thinking"]) ? request["thinking"] : {};
  const choice = isJson(request["tool_choice"]) ? request["tool_choice"]["type"] : "auto";
  const { max_tokens: most, temperature, top_k: topK } = request;
  const budget = thinking["budget_tokens"];
  const isInterleaved = betas.some((beta) => beta.startsWith("interleaved-thinking-"));
  if (thinking["type"] !== "enabled") return [];
  return faultsWhere(
    [
      typeof budget === "number" && typeof most === "number" && budget >= most && !isInterleaved,
      "thinking.budget_tokens: must be less than max_tokens",
    ],
    [temperature !== undefined && temperature !== 1, "temperature: must be 1 with thinking"],
    [topK !== undefined, "top_k: not together with thinking"],
    [choice === "any" || choice === "tool", "tool_choice: must not force a tool with thinking"],
  );
}

function toolFaults(request: Json): readonly string[] {
  const names = objectsOf(request["tools"])
    .map(({ name }) => textOf(name))
    .filter(Boolean);
  const choice = isJson(request["tool_choice"]) ? request["tool_choice"] : {};
  const { type, name } = choice;
  const isContinued = isJson(request["thread"]) && request["thread"]["type"] === "continue";
  return faultsWhere(
    [new Set(names).size < names.length, "tools: names must be unique"],
    [
      type === "tool" && !names.includes(textOf(name)),
      `tool_choice: no tool is named ${textOf(name)}`,
    ],
    [
      type !== undefined && type !== "none" && names.length === 0 && !isContinued,
      "tool_choice: only allowed with tools",
    ],
  );
}
