// The content blocks and tools of Anthropic's Messages API: which there are, and how each must
// look.
// Must never judge their order: that is the conversation's part.

import { z } from "zod";
import { anyObject, nonEmpty } from "./judge.ts";

export const cacheControl = z
  .strictObject({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).optional() })
  .nullish();
const blockId = z.string().regex(/^[a-zA-Z0-9_-]+$/);
const words = z.string().regex(/\S/, "text must hold more than white space");

export const textBlock = z.strictObject({
  type: z.literal("text"),
  text: words,
  citations: z.array(anyObject).nullish(),
  cache_control: cacheControl,
});
const imageBlock = z.strictObject({
  type: z.literal("image"),
  source: z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("base64"),
      media_type: z.enum(["image/jpeg", "image/png", "image/gif", "image/webp"]),
      data: z.base64().min(1),
    }),
    z.strictObject({ type: z.literal("url"), url: z.url() }),
    z.strictObject({ type: z.literal("file"), file_id: nonEmpty }),
  ]),
  transformations: anyObject.nullish(),
  cache_control: cacheControl,
});
const documentBlock = z.strictObject({
  type: z.literal("document"),
  source: z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("base64"),
      media_type: z.literal("application/pdf"),
      data: z.base64().min(1),
    }),
    z.strictObject({
      type: z.literal("text"),
      media_type: z.literal("text/plain"),
      data: nonEmpty,
    }),
    z.strictObject({
      type: z.literal("content"),
      content: z.union([
        nonEmpty,
        z.array(z.discriminatedUnion("type", [textBlock, imageBlock])).min(1),
      ]),
    }),
    z.strictObject({ type: z.literal("url"), url: z.url() }),
    z.strictObject({ type: z.literal("file"), file_id: nonEmpty }),
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
  citations: z.strictObject({ enabled: z.boolean().optional() }).nullish(),
  cache_control: cacheControl,
});
const searchResultBlock = z.strictObject({
  type: z.literal("search_result"),
  source: nonEmpty,
  title: nonEmpty,
  content: z.array(textBlock).min(1),
  citations: z.strictObject({ enabled: z.boolean().optional() }).optional(),
  cache_control: cacheControl,
});
const toolReferenceBlock = z.strictObject({
  type: z.literal("tool_reference"),
  tool_name: nonEmpty,
  cache_control: cacheControl,
});
const toolResultBlock = z.strictObject({
  type: z.literal("tool_result"),
  tool_use_id: blockId,
  content: z
    .union([
      z.string(),
      z.array(
        z.discriminatedUnion("type", [
          textBlock,
          imageBlock,
          documentBlock,
          searchResultBlock,
          toolReferenceBlock,
        ]),
      ),
    ])
    .optional(),
  is_error: z.boolean().optional(),
  toolset_name: z.string().nullish(),
  cache_control: cacheControl,
});

const toolUse = {
  id: blockId,
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,200}$/),
  input: anyObject,
  caller: anyObject.optional(),
  cache_control: cacheControl,
};
const toolUseBlock = z.strictObject({
  type: z.literal("tool_use"),
  ...toolUse,
  toolset_name: z.string().nullish(),
});
const thinkingBlock = z.strictObject({
  type: z.literal("thinking"),
  thinking: z.string(),
  signature: nonEmpty,
});
const redactedBlock = z.strictObject({
  type: z.literal("redacted_thinking"),
  data: nonEmpty,
});

/**
 * Blocks of the provider's own tools come back as they were sent: only their pairing fields are
 * judged.
 */
const SERVER_RESULTS = [
  "advisor_tool_result",
  "bash_code_execution_tool_result",
  "code_execution_tool_result",
  "mcp_tool_result",
  "text_editor_code_execution_tool_result",
  "tool_search_tool_result",
  "web_fetch_tool_result",
  "web_search_tool_result",
];
const serverResult = z.strictObject({
  type: z.enum(SERVER_RESULTS),
  tool_use_id: blockId,
  content: z.unknown().refine((value) => value !== undefined, "is required"),
  is_error: z.boolean().optional(),
  caller: anyObject.optional(),
  cache_control: cacheControl,
});
const containerUpload = z.strictObject({
  type: z.literal("container_upload"),
  file_id: nonEmpty,
  cache_control: cacheControl,
});

export const userBlock = z.discriminatedUnion("type", [
  textBlock,
  imageBlock,
  documentBlock,
  searchResultBlock,
  toolResultBlock,
  containerUpload,
]);

export const assistantBlock = z.discriminatedUnion("type", [
  textBlock,
  thinkingBlock,
  redactedBlock,
  toolUseBlock,
  z.strictObject({ type: z.literal("server_tool_use"), ...toolUse }),
  z.strictObject({ type: z.literal("mcp_tool_use"), ...toolUse, server_name: nonEmpty }),
  serverResult,
  containerUpload,
  // A beta block of server-side compaction, sent back as it came.
  z.looseObject({ type: z.literal("compaction"), content: z.string().nullable() }),
]);

const clientTool = z.strictObject({
  type: z.literal("custom").nullish(),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
  description: z.string().optional(),
  input_schema: z.looseObject({ type: z.literal("object") }),
  strict: z.boolean().optional(),
  allowed_callers: z.array(z.string()).optional(),
  defer_loading: z.boolean().optional(),
  eager_input_streaming: z.boolean().nullish(),
  input_examples: z.array(anyObject).optional(),
  cache_control: cacheControl,
});
const DEFINED_TOOLS = [
  "advisor",
  "bash",
  "browser_toolset",
  "code_execution",
  "computer",
  "computer_toolset",
  "mcp_toolset",
  "memory",
  "text_editor",
  "tool_search_tool_bm25",
  "tool_search_tool_regex",
  "web_fetch",
  "web_search",
];
/** Tools that Anthropic defines carry a date in their type; their settings are not judged. */
const definedTool = z.looseObject({
  type: z
    .string()
    .refine((type) => DEFINED_TOOLS.includes(type.replace(/_\d{8}$/, "")), "no such tool"),
  input_schema: z.undefined("a defined tool has its schema already").optional(),
  cache_control: cacheControl,
});

export const tool = z.union([clientTool, definedTool]);
