// Goal: a client of chat completions can ask models of every other dialect, and gets what they said.
// Method: the official OpenAI SDK against the gateway, scripted providers of each dialect behind it, and their judges.

import assert from "node:assert/strict";
import OpenAI, { APIError, APIUserAbortError } from "openai";
import { ChatCompletionStream } from "openai/lib/ChatCompletionStream";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import type { TestGateway } from "../support/gateway.ts";
import {
  declareMatrix,
  type Answered,
  type MatrixClient,
  type Question,
} from "./translate-matrix.ts";
import type { Said } from "./translate-matrix.ts";

type Params = OpenAI.Chat.ChatCompletionCreateParams;
type Message = OpenAI.Chat.ChatCompletionMessage & {
  readonly reasoning_content?: string;
  readonly reasoning_details?: readonly object[];
};

const LOOK: OpenAI.Chat.ChatCompletionTool = {
  type: "function",
  function: {
    name: "look",
    description: "Looks at a number.",
    parameters: { type: "object", properties: { q: { type: "number" } }, required: ["q"] },
  },
};

const STOPS: Readonly<Record<string, Answered["stop"]>> = {
  stop: "end",
  length: "length",
  tool_calls: "tools",
  content_filter: "refused",
};

const chatClient: MatrixClient = {
  name: "openai-chat",
  async ask(gateway, question) {
    const client = clientOf(gateway);
    const { signal } = question;
    const options = signal === undefined ? {} : { signal };
    const { data, response } = question.stream
      ? await askStream(client, question, options)
      : await client.chat.completions
          .create({ ...paramsOf(question), stream: false }, options)
          .withResponse();
    return answeredOf(data, response.headers);
  },
  failureOf(error) {
    if (error instanceof APIUserAbortError || !(error instanceof APIError)) return null;
    return { status: error.status ?? null, message: error.message };
  },
};

function clientOf({ url }: TestGateway): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
}

/** The SDK's own accumulator builds the message; what it does not know it keeps as it came last. */
async function askStream(client: OpenAI, question: Question, options: { signal?: AbortSignal }) {
  const params = { ...paramsOf(question), stream_options: { include_usage: true } };
  const { data: stream, response } = await client.chat.completions
    .create({ ...params, stream: true }, options)
    .withResponse();
  const runner = ChatCompletionStream.fromReadableStream(stream.toReadableStream());
  let thought = "";
  runner.on("chunk", ({ choices }) => {
    const delta: object = choices[0]?.delta ?? {};
    if ("reasoning_content" in delta) thought += String(delta.reasoning_content);
  });
  const data = await runner.finalChatCompletion();
  const [choice] = data.choices;
  if (choice !== undefined && thought !== "") {
    Object.assign(choice.message, { reasoning_content: thought });
  }
  return { data, response };
}

function paramsOf({ said, withTool, effort }: Question): Omit<Params, "stream"> {
  return {
    model: "lab/big",
    messages: said.map(messageOf),
    ...(withTool === true ? { tools: [LOOK] } : {}),
    ...(effort === undefined ? {} : { reasoning_effort: effort }),
  };
}

function messageOf(said: Said): ChatCompletionMessageParam {
  switch (said.by) {
    case "system":
      return { role: "system", content: said.text };
    case "user":
      return { role: "user", content: "image" in said ? withImage(said) : said.text };
    case "model":
      assert.ok(isMessage(said.answered.own));
      return said.answered.own;
    case "tool": {
      const message = { role: "tool", tool_call_id: said.call.id, content: said.text } as const;
      return said.failed === true ? withError(message) : message;
    }
  }
}

function isMessage(value: unknown): value is ChatCompletionMessageParam {
  return typeof value === "object" && value !== null && "role" in value;
}

/** The dialect has no word for it; this one is understood all the same. */
function withError<Sent extends object>(message: Sent): Sent {
  return Object.assign(message, { is_error: true });
}

function withImage({ text, image }: { readonly text: string; readonly image: string }) {
  return [
    { type: "text" as const, text },
    { type: "image_url" as const, image_url: { url: `data:image/png;base64,${image}` } },
  ];
}

function answeredOf(data: OpenAI.Chat.ChatCompletion, headers: Headers): Answered {
  const [choice] = data.choices;
  const message: Message | undefined = choice?.message;
  return {
    text: message?.content ?? "",
    reasoning: message?.reasoning_content ?? "",
    calls: (message?.tool_calls ?? []).flatMap((call) =>
      call.type === "function"
        ? [{ id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) }]
        : [],
    ),
    stop: STOPS[choice?.finish_reason ?? ""] ?? "refused",
    usage: {
      input: data.usage?.prompt_tokens ?? 0,
      output: data.usage?.completion_tokens ?? 0,
      cached: data.usage?.prompt_tokens_details?.cached_tokens ?? 0,
    },
    headers,
    own: message,
  };
}

declareMatrix(chatClient, ["openai-responses", "anthropic-messages", "gemini", "bedrock-converse"]);
