// A request of the Messages dialect as the canonical call that any model can be asked with.
// Must never lose a part of the request in silence: what cannot be carried is a warning.

import type { CanonicalCall, CanonicalToolChoice } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import { asText, systemBlocks, type Block } from "./anthropic-blocks.ts";
import { cacheOptions, decodeMessages, type Carried } from "./anthropic-decode-messages.ts";
import type { DecodedRequest } from "./codec.ts";
import { asObject } from "./json-value.ts";

type Tool = NonNullable<CanonicalCall["tools"]>[number];
type FunctionTool = Extract<Tool, { type: "function" }>;
type Reasoning = NonNullable<CanonicalCall["reasoning"]>;

/** Most warnings of one request. */
const WARNINGS_MAX = 32;
/** Longest name of a field or a type that a warning repeats, in characters. */
const NAME_LENGTH_MAX = 64;

/** Fields that are carried, or that only say who asks, or that are hints to a cache. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "system",
  "stream",
  "max_tokens",
  "stop_sequences",
  "temperature",
  "top_p",
  "top_k",
  "tools",
  "tool_choice",
  "thinking",
  "output_config",
  "output_format",
  "metadata",
  "cache_control",
  "thread",
  "x-routing-hints",
  "x-fallback-chain",
]);

const EFFORTS: readonly Reasoning[] = ["low", "medium", "high", "xhigh", "max"];
/** Up to so many tokens a budget of thinking counts as a low, and as a medium effort. */
const LOW_BUDGET_TOKENS_MAX = 4_096;
const MEDIUM_BUDGET_TOKENS_MAX = 16_384;

/** Throws a FaultError for a message that no model could be asked with. */
export function decodeMessagesCall(body: unknown): DecodedRequest {
  const request = asObject(body) ?? throwFault("invalid_request", "The body must be an object.");
  const warned = new Set<string>();
  const carried: Carried = {
    warn: (sentence) => {
      if (warned.size < WARNINGS_MAX) warned.add(sentence);
    },
  };
  for (const name of Object.keys(request)) {
    if (!KNOWN_FIELDS.has(name)) carried.warn(`\`${nameOf(name)}\` is left out.`);
  }
  const { messages } = request;
  if (!Array.isArray(messages)) {
    return throwFault("invalid_request", "`messages` must be an array.", { param: "messages" });
  }
  const prompt = [...systemPrompt(request["system"]), ...decodeMessages(messages, carried)];
  const call: CanonicalCall = {
    prompt,
    ...numbers(request),
    ...listed("stopSequences", texts(request["stop_sequences"])),
    ...listed("tools", decodeTools(request["tools"], carried)),
    ...choiceIn(request["tool_choice"]),
    ...responseFormat(request),
    ...reasoning(request),
  };
  return { call, warnings: [...warned] };
}

function systemPrompt(system: unknown): CanonicalCall["prompt"] {
  const blocks = systemBlocks(system);
  const content = blocks.map((block) => asText(block["text"])).join("\n\n");
  if (content === "") return [];
  const marked = blocks.findLast((block) => asObject(block["cache_control"]) !== null);
  return [{ role: "system", content, ...cacheOptions(marked ?? {}) }];
}

function numbers(request: Block): Partial<CanonicalCall> {
  const names = {
    max_tokens: "maxOutputTokens",
    temperature: "temperature",
    top_p: "topP",
    top_k: "topK",
  } as const;
  const told = Object.entries(names).flatMap(([name, field]) =>
    typeof request[name] === "number" ? [[field, request[name]] as const] : [],
  );
  return Object.fromEntries(told);
}

function listed<Name extends string, Item>(name: Name, items: Item[]): { [key in Name]?: Item[] } {
  // The computed key widens the type; a list that is empty is not told at all.
  const told: { [key in Name]?: Item[] } = {};
  if (items.length > 0) told[name] = items;
  return told;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

function decodeTools(value: unknown, { warn }: Carried): FunctionTool[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry) => {
    const tool = asObject(entry) ?? {};
    const type = tool["type"] ?? "custom";
    if (type !== "custom") {
      warn(`Tools of type ${nameOf(asText(type))} belong to another provider and are left out.`);
      return [];
    }
    if (tool["defer_loading"] === true) warn("`defer_loading` of tools is left out.");
    const { description, strict } = tool;
    return [
      {
        type: "function" as const,
        name: asText(tool["name"]),
        inputSchema: schemaOf(tool["input_schema"]),
        ...(typeof description === "string" ? { description } : {}),
        ...(typeof strict === "boolean" ? { strict } : {}),
        ...cacheOptions(tool),
      },
    ];
  });
}

/** The schema is the client's: whoever gets it judges it. */
function schemaOf(value: unknown): FunctionTool["inputSchema"] {
  const schema: object = asObject(value) ?? { type: "object" };
  return schema;
}

function choiceIn(value: unknown): Partial<CanonicalCall> {
  const choice = asObject(value);
  if (choice === null) return {};
  const toolChoice = choiceOf(choice);
  return {
    ...(toolChoice === null ? {} : { toolChoice }),
    ...(choice["disable_parallel_tool_use"] === true
      ? { providerOptions: { openai: { parallelToolCalls: false } } }
      : {}),
  };
}

function choiceOf(choice: Block): CanonicalToolChoice | null {
  switch (choice["type"]) {
    case "auto":
      return { type: "auto" };
    case "none":
      return { type: "none" };
    case "any":
      return { type: "required" };
    case "tool":
      return { type: "tool", toolName: asText(choice["name"]) };
    default:
      return null;
  }
}

function responseFormat(request: Block): Partial<CanonicalCall> {
  const config = asObject(request["output_config"]);
  const format = asObject(config?.["format"] ?? request["output_format"]);
  if (format?.["type"] !== "json_schema") return {};
  return { responseFormat: { type: "json", schema: schemaOf(format["schema"]) } };
}

/** Effort goes before a budget: it is what the newer models are told. */
function reasoning(request: Block): { readonly reasoning?: Reasoning } {
  const thinking = asObject(request["thinking"]);
  if (thinking?.["type"] === "disabled") return { reasoning: "none" };
  const told = asObject(request["output_config"])?.["effort"];
  const effort = EFFORTS.find((known) => known === told);
  if (effort !== undefined) return { reasoning: effort };
  const budget = thinking?.["budget_tokens"];
  if (thinking?.["type"] !== "enabled" || typeof budget !== "number") return {};
  if (budget <= LOW_BUDGET_TOKENS_MAX) return { reasoning: "low" };
  return { reasoning: budget <= MEDIUM_BUDGET_TOKENS_MAX ? "medium" : "high" };
}

/** Fit to be shown: a caller wrote it. */
function nameOf(name: string): string {
  return name.replace(/[^\w.-]/g, "?").slice(0, NAME_LENGTH_MAX);
}
