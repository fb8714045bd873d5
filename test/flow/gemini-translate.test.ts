// Goal: a client of the Gemini dialect can ask models of every other dialect, and gets what they said.
// Method: the official SDK against the gateway, scripted providers of each dialect behind it, and their judges.

import {
  ApiError,
  GoogleGenAI,
  ThinkingLevel,
  type Content,
  type GenerateContentParameters,
  type GenerateContentResponse,
  type Part,
} from "@google/genai";
import assert from "node:assert/strict";
import { test } from "node:test";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import { oneTool, text, until } from "../support/dialects/step.ts";
import { inConversation, provider, startGateway } from "../support/gateway.ts";
import {
  declareMatrix,
  type Answered,
  type AnsweredCall,
  type MatrixClient,
  type Question,
  type Said,
} from "./translate-matrix.ts";

const LOOK = {
  name: "look",
  description: "Looks at a number.",
  parametersJsonSchema: { type: "object", properties: { q: { type: "number" } }, required: ["q"] },
};

const client: MatrixClient = {
  name: "gemini",
  async ask(gateway, question) {
    const answered = Promise.withResolvers<Headers>();
    const sdk = new GoogleGenAI({
      apiKey: "any",
      httpOptions: {
        baseUrl: gateway.url,
        fetch: async (input, init) => {
          const response = await fetch(input, init);
          answered.resolve(response.headers);
          return response;
        },
      },
    });
    const asked = parametersOf(question);
    const chunks: GenerateContentResponse[] = [];
    if (question.stream) {
      for await (const chunk of await sdk.models.generateContentStream(asked)) chunks.push(chunk);
    } else {
      chunks.push(await sdk.models.generateContent(asked));
    }
    return answerOf(chunks, await answered.promise);
  },
  failureOf: (error) =>
    error instanceof ApiError ? { status: error.status, message: error.message } : null,
};

function parametersOf({ said, withTool, effort, signal }: Question): GenerateContentParameters {
  const system = said.find(({ by }) => by === "system");
  return {
    model: "lab/big",
    contents: contentsOf(said),
    config: {
      ...(system !== undefined && "text" in system ? { systemInstruction: system.text } : {}),
      ...(withTool === true ? { tools: [{ functionDeclarations: [LOOK] }] } : {}),
      ...(effort === undefined
        ? {}
        : { thinkingConfig: { thinkingLevel: ThinkingLevel.LOW, includeThoughts: true } }),
      ...(signal === undefined ? {} : { abortSignal: signal }),
    },
  };
}

/** Answers of tools that follow each other are one content, as the SDK sends them. */
function contentsOf(said: readonly Said[]): Content[] {
  const contents: Content[] = [];
  for (const [index, one] of said.entries()) {
    if (one.by === "system") continue;
    const made = contentOf(one);
    const last = contents.at(-1);
    if (one.by === "tool" && said[index - 1]?.by === "tool") last?.parts?.push(...partsIn(made));
    else contents.push(...made);
  }
  return contents;
}

function contentOf(said: Exclude<Said, { by: "system" }>): readonly Content[] {
  if (said.by === "model") return ownOf(said.answered);
  if (said.by === "tool") {
    const { id, name } = said.call;
    const response = said.failed === true ? { error: said.text } : { output: said.text };
    return [{ role: "user", parts: [{ functionResponse: { id, name, response } }] }];
  }
  const image =
    "image" in said ? [{ inlineData: { mimeType: "image/png", data: said.image } }] : [];
  return [{ role: "user", parts: [{ text: said.text }, ...image] }];
}

function ownOf({ own }: Answered): readonly Content[] {
  return Array.isArray(own) ? own : [];
}

function partsIn(contents: readonly Content[]): readonly Part[] {
  return contents.flatMap(({ parts }) => parts ?? []);
}

/** Each piece of a stream stays a content of its own, as the SDK's chats keep them. */
function answerOf(chunks: readonly GenerateContentResponse[], headers: Headers): Answered {
  const own = chunks.flatMap(({ candidates }) => candidates?.[0]?.content ?? []);
  const parts = partsIn(own);
  const calls = parts.flatMap(({ functionCall: call }): AnsweredCall[] =>
    call === undefined
      ? []
      : [{ id: call.id ?? "", name: call.name ?? "", input: call.args ?? null }],
  );
  const last = chunks.at(-1);
  const usage = last?.usageMetadata;
  return {
    text: textIn(parts.filter(({ thought }) => thought !== true)),
    reasoning: textIn(parts.filter(({ thought }) => thought === true)),
    calls,
    stop: stopOf(last?.candidates?.[0]?.finishReason, calls.length > 0),
    usage: {
      input: usage?.promptTokenCount ?? 0,
      output: (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0),
      cached: usage?.cachedContentTokenCount ?? 0,
    },
    headers,
    own,
  };
}

function textIn(parts: readonly Part[]): string {
  return parts.map((part) => part.text ?? "").join("");
}

function stopOf(finish: string | undefined, calls: boolean): Answered["stop"] {
  if (finish === "MAX_TOKENS") return "length";
  if (finish === "SAFETY") return "refused";
  return calls ? "tools" : "end";
}

declareMatrix(client, [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "bedrock-converse",
]);

test("a looping agent of this dialect is corrected at a model of another", async (t) => {
  const script = until("[fairlead]", oneTool("look", { q: 1 }), text("I stop."));
  const upstream = await startDialectUpstream("openai-chat", script);
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const contents: Content[] = [{ role: "user", parts: [{ text: "Look." }] }];
  const sdk = new GoogleGenAI({
    apiKey: "any",
    httpOptions: { baseUrl: gateway.url, headers: inConversation("loop-1") },
  });
  const config = { tools: [{ functionDeclarations: [LOOK] }] };
  for (let turn = 1; turn <= 12; turn += 1) {
    const answer = await sdk.models.generateContent({ model: "auto", contents, config });
    const [call] = answer.functionCalls ?? [];
    if (call === undefined) break;
    contents.push(...(answer.candidates?.flatMap(({ content }) => content ?? []) ?? []));
    const { id = "", name = "" } = call;
    const functionResponse = { id, name, response: { output: "nothing" } };
    contents.push({ role: "user", parts: [{ functionResponse }] });
  }
  assert.equal(upstream.requests.length, 5);
  assert.deepEqual(upstream.faults, []);
  const seen = await gateway.read("/v1/conversations/loop-1");
  assert.equal(seen.corrections[0].outcome.kind, "recovered");
});

test("what proves a call to its own provider is not sent to a server that knows no such field", async (t) => {
  const upstream = await startDialectUpstream("openai-chat");
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const sdk = new GoogleGenAI({ apiKey: "any", httpOptions: { baseUrl: gateway.url } });
  // Gemini CLI writes this one itself where an answer came without.
  const signature = "skip_thought_signature_validator";
  const functionCall = { id: "c1", name: "look", args: { q: 1 } };
  const functionResponse = { id: "c1", name: "look", response: { output: "nothing" } };
  await sdk.models.generateContent({
    model: "auto",
    contents: [
      { role: "user", parts: [{ text: "Look." }] },
      { role: "model", parts: [{ functionCall, thoughtSignature: signature }] },
      { role: "user", parts: [{ functionResponse }] },
    ],
    config: { tools: [{ functionDeclarations: [LOOK] }] },
  });
  assert.deepEqual(upstream.faults, []);
  assert.doesNotMatch(String(upstream.requests[0]?.raw), /thought_signature|skip_/);
});
