// The part of a chat completion request that the simulator understands, checked before anything
// else sees it.
// Must never refuse a field it does not know: clients send many, and a provider ignores most of
// them.

import { z } from "zod";

import { refuse } from "./refusal.ts";

const MESSAGES_MAX = 10_000;
const TOOLS_MAX = 1_024;

const toolCall = z.looseObject({
  id: z.string().optional(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

const chatMessage = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z
    .union([z.string(), z.null(), z.array(z.looseObject({ text: z.string().optional() }))])
    .optional(),
  tool_calls: z.array(toolCall).nullish(),
});

const tool = z.looseObject({
  type: z.string(),
  function: z
    .looseObject({
      name: z.string(),
      description: z.string().nullish(),
      parameters: z.record(z.string(), z.unknown()).nullish(),
    })
    .optional(),
});

const chatRequest = z.looseObject({
  model: z.string(),
  messages: z.array(chatMessage).min(1).max(MESSAGES_MAX),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  tools: z.array(tool).max(TOOLS_MAX).nullish(),
  tool_choice: z
    .union([
      z.enum(["none", "auto", "required"]),
      z.looseObject({ function: z.looseObject({ name: z.string() }).optional() }),
    ])
    .nullish(),
  response_format: z
    .looseObject({
      type: z.string(),
      json_schema: z
        .looseObject({ schema: z.record(z.string(), z.unknown()).optional() })
        .optional(),
    })
    .nullish(),
  max_tokens: z.number().int().positive().nullish(),
  max_completion_tokens: z.number().int().positive().nullish(),
  n: z.literal(1).nullish(),
});

export type ChatRequest = z.infer<typeof chatRequest>;
export type ChatMessage = ChatRequest["messages"][number];

/** Throws a Refusal in OpenAI's words when the body is not a chat completion request. */
export function readChatRequest(bytes: Buffer): ChatRequest {
  const parsed = chatRequest.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue === undefined ? "" : issue.path.join(".");
  const reason = issue?.message ?? "not valid";
  return refuse(400, {
    message: field === "" ? `The request body is ${reason}.` : `Invalid '${field}': ${reason}.`,
    param: field === "" ? null : field,
    code: "invalid_value",
  });
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return refuse(400, {
      message: "We could not parse the JSON body of your request.",
      param: null,
      code: null,
    });
  }
}

/** All text of a message; parts without text (images) count as nothing. */
export function textOf(message: ChatMessage): string {
  if (typeof message.content === "string") return message.content;
  return (message.content ?? []).map((part) => part.text ?? "").join("\n");
}
