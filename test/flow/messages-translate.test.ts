// Goal: a client of the Messages dialect can ask models of every other dialect, and gets what they said.
// Method: the official Anthropic SDK against the gateway, scripted providers of each dialect, and their judges.

import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic, { APIError, APIUserAbortError } from "@anthropic-ai/sdk";
import { MessageStream } from "@anthropic-ai/sdk/lib/MessageStream";
import type { Message, MessageParam, Tool } from "@anthropic-ai/sdk/resources/messages";
import { provider, startGateway, type Json } from "../support/gateway.ts";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import { oneTool, text, until } from "../support/dialects/step.ts";
import { declareMatrix, type Answered, type MatrixClient } from "./translate-matrix.ts";
import type { Question, Said } from "./translate-matrix.ts";

const LOOK: Tool = {
  name: "look",
  description: "Looks at a number.",
  input_schema: { type: "object", properties: { q: { type: "number" } }, required: ["q"] },
};

const STOPS: Readonly<Record<string, Answered["stop"]>> = {
  end_turn: "end",
  max_tokens: "length",
  tool_use: "tools",
  refusal: "refused",
};

const messagesClient: MatrixClient = {
  name: "anthropic-messages",
  async ask(gateway, question) {
    const client = new Anthropic({ baseURL: gateway.url, apiKey: "none", maxRetries: 0 });
    const params = paramsOf(question);
    const options = question.signal === undefined ? {} : { signal: question.signal };
    if (!question.stream) {
      const { data, response } = await client.messages.create(params, options).withResponse();
      return answeredOf(data, response.headers);
    }
    const asked = client.messages.create({ ...params, stream: true }, options);
    const { data: events, response } = await asked.withResponse();
    // The SDK's own accumulator builds the message.
    const stream = MessageStream.fromReadableStream(events.toReadableStream());
    return answeredOf(await stream.finalMessage(), response.headers);
  },
  failureOf(error) {
    if (error instanceof APIUserAbortError) return null;
    if (error instanceof APIError) return { status: error.status ?? null, message: error.message };
    return null;
  },
};

function paramsOf({ said, withTool, effort }: Question) {
  const system = said.flatMap((one) => (one.by === "system" ? [one.text] : [])).join("\n");
  return {
    model: "lab/big",
    max_tokens: 4_000,
    ...(system === "" ? {} : { system }),
    messages: messagesOf(said),
    ...(withTool === true ? { tools: [LOOK] } : {}),
    ...(effort === undefined ? {} : { output_config: { effort } }),
  };
}

/** Results that follow one another are one message here. */
function messagesOf(said: readonly Said[]): MessageParam[] {
  const messages: MessageParam[] = [];
  for (const one of said) {
    const last = messages.at(-1);
    if (one.by === "tool") {
      const result = {
        type: "tool_result" as const,
        tool_use_id: one.call.id,
        content: one.text,
        ...(one.failed === true ? { is_error: true } : {}),
      };
      if (last?.role === "user" && Array.isArray(last.content)) last.content.push(result);
      else messages.push({ role: "user", content: [result] });
    } else if (one.by === "model") {
      messages.push({ role: "assistant", content: ownContent(one.answered) });
    } else if (one.by === "user") {
      messages.push({ role: "user", content: "image" in one ? withImage(one) : one.text });
    }
  }
  return messages;
}

/** The SDK's own answer is what a client sends back. */
function ownContent({ own }: Answered): Message["content"] {
  assert.ok(typeof own === "object" && own !== null && "content" in own);
  const content: Json = own.content;
  return content;
}

function withImage(said: { readonly text: string; readonly image: string }) {
  return [
    { type: "text" as const, text: said.text },
    {
      type: "image" as const,
      source: { type: "base64" as const, media_type: "image/png" as const, data: said.image },
    },
  ];
}

function answeredOf(message: Message, headers: Headers): Answered {
  const { content, usage } = message;
  const cached = usage.cache_read_input_tokens ?? 0;
  const written = usage.cache_creation_input_tokens ?? 0;
  return {
    text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
    reasoning: content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
    calls: content.flatMap((block) =>
      block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input }] : [],
    ),
    stop: STOPS[message.stop_reason ?? ""] ?? "refused",
    // Here the input leaves out what the cache held or took.
    usage: { input: usage.input_tokens + cached + written, output: usage.output_tokens, cached },
    headers,
    own: message,
  };
}

declareMatrix(messagesClient, ["openai-chat", "openai-responses", "gemini", "bedrock-converse"]);

const MARKER = "[fairlead]";

/** What a coding agent sends with each of its turns. */
const AGENT_REQUEST = {
  model: "lab/big",
  max_tokens: 32_000,
  system: [
    { type: "text" as const, text: "x-anthropic-billing-header: cc_version=1; cch=0a1b;" },
    {
      type: "text" as const,
      text: "You are an agent.",
      cache_control: { type: "ephemeral" as const },
    },
  ],
  thinking: { type: "adaptive" as const },
  output_config: { effort: "medium" as const },
  metadata: { user_id: JSON.stringify({ session_id: "agent-session" }) },
  tools: [LOOK],
};

for (const target of ["openai-chat", "openai-responses", "gemini", "bedrock-converse"] as const) {
  test(`a coding agent's loop on a model that speaks ${target} is corrected, with nothing refused`, async (t) => {
    const script = until(MARKER, oneTool("look", { q: 1 }), text("I stop."));
    const upstream = await startDialectUpstream(target, script, { refusesFaults: true });
    t.after(() => upstream.close());
    const entry = provider("lab", upstream, { dialect: target });
    const gateway = await startGateway(t, { providers: [entry] });
    const client = new Anthropic({ baseURL: gateway.url, apiKey: "none", maxRetries: 0 });
    const messages: MessageParam[] = [
      { role: "user", content: "Look." },
      { role: "system", content: "Be careful." },
    ];
    let last: Message | null = null;
    for (let turn = 1; turn <= 8 && last?.stop_reason !== "end_turn"; turn += 1) {
      last = await client.messages.stream({ ...AGENT_REQUEST, messages }).finalMessage();
      const ids = last.content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
      messages.push({ role: "assistant", content: last.content });
      messages.push({
        role: "user",
        content: ids.map((id) => ({ type: "tool_result", tool_use_id: id, content: "nothing" })),
      });
    }
    assert.deepEqual(upstream.faults, []);
    assert.match(JSON.stringify(last?.content), /I stop\./);
    const seen = await gateway.read("/v1/conversations/agent-session");
    assert.equal(seen.corrections[0].outcome.kind, "recovered");
    assert.equal(upstream.requests.length, 5);
    for (const { raw } of upstream.requests) assert.ok(!raw.includes("billing-header"));
  });
}
