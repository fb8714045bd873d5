// The input items of OpenAI's /v1/responses: which there are, and how each must look.
// Must never judge their order: that is the request's part.

import { z } from "zod";
import { anyObject, isJson, nonEmpty } from "./judge.ts";

/** Longest `call_id`, in characters. */
const CALL_ID_LENGTH_MAX = 64;

const breakpoint = z
  .strictObject({ mode: z.literal("explicit"), ttl: z.enum(["30m", "12h"]).optional() })
  .optional();
const inputPart = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("input_text"),
    text: z.string(),
    prompt_cache_breakpoint: breakpoint,
  }),
  z.strictObject({
    type: z.literal("input_image"),
    detail: z.enum(["low", "high", "auto", "original"]).optional(),
    image_url: z
      .string()
      .regex(/^(?:https?:|data:)/)
      .nullish(),
    file_id: z.string().nullish(),
    prompt_cache_breakpoint: breakpoint,
  }),
  z.strictObject({
    type: z.literal("input_file"),
    detail: z.enum(["auto", "low", "high"]).optional(),
    file_data: z.string().optional(),
    file_id: z.string().nullish(),
    file_url: z.string().optional(),
    filename: z.string().optional(),
    prompt_cache_breakpoint: breakpoint,
  }),
]);
const outputPart = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("output_text"),
    text: z.string(),
    annotations: z.array(anyObject).optional(),
    logprobs: z.array(anyObject).optional(),
  }),
  z.strictObject({ type: z.literal("refusal"), refusal: z.string() }),
]);

const status = z.enum(["in_progress", "completed", "incomplete"]).nullish();
const idWith = (prefix: string) =>
  z.string().regex(new RegExp(`^${prefix}`), `an id that begins with "${prefix}" is expected`);
const callId = nonEmpty.max(CALL_ID_LENGTH_MAX);
const toolOutput = z.union([z.string(), z.array(inputPart)]);
const called = { caller: anyObject.nullish() };

const fromClient = z.strictObject({
  type: z.literal("message").optional(),
  role: z.enum(["user", "system", "developer"]),
  content: z.union([z.string(), z.array(inputPart).min(1)]),
  id: z.string().optional(),
  status,
});
const fromModel = z.strictObject({
  type: z.literal("message").optional(),
  role: z.literal("assistant"),
  content: z.union([z.string(), z.array(outputPart).min(1)]),
  id: idWith("msg").optional(),
  phase: z.enum(["commentary", "final_answer"]).nullish(),
  status,
});

const functionCall = z.strictObject({
  type: z.literal("function_call"),
  id: idWith("fc").nullish(),
  call_id: callId,
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
  namespace: z.string().nullish(),
  arguments: z.string(),
  async: z.boolean().optional(),
  status,
  ...called,
});
const functionCallOutput = z.strictObject({
  type: z.literal("function_call_output"),
  id: idWith("fc").nullish(),
  call_id: callId,
  name: z.string().nullish(),
  namespace: z.string().nullish(),
  output: toolOutput,
  status,
  ...called,
});
const customCall = z.strictObject({
  type: z.literal("custom_tool_call"),
  id: idWith("ctc").nullish(),
  call_id: callId,
  name: nonEmpty,
  namespace: z.string().nullish(),
  input: z.string(),
  async: z.boolean().optional(),
  // Not in the reference, yet sent back by clients as it came.
  status,
  ...called,
});
const customCallOutput = z.strictObject({
  type: z.literal("custom_tool_call_output"),
  id: z.string().nullish(),
  call_id: callId,
  output: toolOutput,
  ...called,
});
const reasoning = z.strictObject({
  type: z.literal("reasoning"),
  id: idWith("rs").optional(),
  summary: z.array(z.strictObject({ type: z.literal("summary_text"), text: z.string() })),
  content: z
    .array(z.strictObject({ type: z.literal("reasoning_text"), text: z.string() }))
    .nullish(),
  encrypted_content: z.string().nullish(),
  status,
});
const itemReference = z.strictObject({
  type: z.literal("item_reference").nullish(),
  id: nonEmpty,
});

/** Items of built-in tools: their required fields, and in brackets those that may be absent. */
const BUILT_IN: Readonly<Record<string, string>> = {
  additional_tools: "role tools [id]",
  apply_patch_call: "call_id operation status [id caller]",
  apply_patch_call_output: "call_id status [id caller output]",
  code_interpreter_call: "id code container_id outputs status",
  compaction: "encrypted_content [id]",
  compaction_trigger: "[id]",
  computer_call: "id call_id pending_safety_checks status [action actions]",
  computer_call_output: "call_id output [id acknowledged_safety_checks status]",
  file_search_call: "id queries status [results]",
  image_generation_call:
    "id result status [action background error output_format quality revised_prompt size]",
  local_shell_call: "id action call_id status",
  local_shell_call_output: "id output [status]",
  mcp_approval_request: "id arguments name server_label",
  mcp_approval_response: "approval_request_id approve [id reason]",
  mcp_call: "id arguments name server_label [approval_request_id error output status]",
  mcp_list_tools: "id server_label tools [error]",
  program: "id call_id code fingerprint",
  program_output: "id call_id result status",
  shell_call: "action call_id [id caller environment status]",
  shell_call_output: "call_id output [id caller max_output_length status]",
  tool_search_call: "arguments [id call_id execution status]",
  tool_search_output: "tools [id call_id execution status]",
  web_search_call: "id status [action]",
};

const present = z.unknown().refine((value) => value !== undefined, "is required");

function builtIn(type: string, fields: string): z.ZodType {
  const [required = "", optional = ""] = fields.split("[");
  const namesOf = (list: string) => list.replace("]", "").split(" ").filter(Boolean);
  return z.strictObject({
    type: z.literal(type),
    ...Object.fromEntries(namesOf(required).map((name) => [name, present])),
    ...Object.fromEntries(namesOf(optional).map((name) => [name, z.unknown().optional()])),
  });
}

const SHAPES: ReadonlyMap<unknown, z.ZodType> = new Map<unknown, z.ZodType>([
  ["function_call", functionCall],
  ["function_call_output", functionCallOutput],
  ["custom_tool_call", customCall],
  ["custom_tool_call_output", customCallOutput],
  ["reasoning", reasoning],
  ["item_reference", itemReference],
  ...Object.entries(BUILT_IN).map(
    ([type, fields]) => [type, builtIn(type, fields)] satisfies [string, z.ZodType],
  ),
]);

/** The shape an item must have; null: there is no item of this type. */
export function shapeOfItem(item: unknown): z.ZodType | null {
  if (!isJson(item)) return null;
  const { type, role } = item;
  if (role !== undefined && (type === undefined || type === "message")) {
    return role === "assistant" ? fromModel : fromClient;
  }
  return SHAPES.get(type ?? "item_reference") ?? null;
}
