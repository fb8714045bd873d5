// Goal: a client of the Responses dialect can ask models of every other dialect, and gets what they said.
// Method: the official OpenAI SDK against the gateway, scripted providers of each dialect, and their judges.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { APIError, APIUserAbortError } from "openai";
import type { Response, ResponseInputItem, Tool } from "openai/resources/responses/responses";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import { oneTool, text, until } from "../support/dialects/step.ts";
import {
  declareMatrix,
  type Answered,
  type MatrixClient,
  type Question,
  type Said,
} from "./translate-matrix.ts";

const LOOK: Tool = {
  type: "function",
  name: "look",
  description: "Looks at a number.",
  parameters: { type: "object", properties: { q: { type: "number" } }, required: ["q"] },
  strict: false,
};

const responsesClient: MatrixClient = {
  name: "openai-responses",
  async ask(gateway, question) {
    const client = clientOf(gateway);
    const params = paramsOf(question);
    const options = question.signal === undefined ? {} : { signal: question.signal };
    if (!question.stream) {
      const { data, response } = await client.responses.create(params, options).withResponse();
      return answeredOf(data, response.headers);
    }
    let headers = new Headers();
    const noting = clientOf(gateway, async (url, init) => {
      const response = await fetch(url, init);
      headers = response.headers;
      return response;
    });
    // The SDK's own accumulator builds the response.
    const last = await noting.responses.stream(params, options).finalResponse();
    return answeredOf(last, headers);
  },
  failureOf(error) {
    if (error instanceof APIUserAbortError || !(error instanceof APIError)) return null;
    return { status: error.status ?? null, message: error.message };
  },
};

function clientOf({ url }: TestGateway, own?: typeof fetch): OpenAI {
  const about = own === undefined ? {} : { fetch: own };
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, ...about });
}

function paramsOf({ said, withTool, effort }: Question) {
  const system = said.flatMap((one) => (one.by === "system" ? [one.text] : [])).join("\n");
  return {
    model: "lab/big",
    store: false,
    include: ["reasoning.encrypted_content" as const],
    ...(system === "" ? {} : { instructions: system }),
    input: said.flatMap(itemsOf),
    ...(withTool === true ? { tools: [LOOK] } : {}),
    ...(effort === undefined ? {} : { reasoning: { effort, summary: "auto" as const } }),
  };
}

function itemsOf(one: Said): ResponseInputItem[] {
  switch (one.by) {
    case "system":
      return [];
    case "user":
      return [{ role: "user", content: "image" in one ? withImage(one) : one.text }];
    case "tool":
      return [{ type: "function_call_output", call_id: one.call.id, output: one.text }];
    case "model":
      return ownItems(one.answered);
  }
}

/** The SDK's own answer is what a client sends back. */
function ownItems({ own }: Answered): ResponseInputItem[] {
  assert.ok(typeof own === "object" && own !== null && "output" in own);
  const output: Json = own.output;
  // What the SDK parsed for its user is no part of the item.
  return output.map(({ parsed_arguments: _parsed, ...item }: Json) => item);
}

function withImage({ text: words, image }: { readonly text: string; readonly image: string }) {
  return [
    { type: "input_text" as const, text: words },
    {
      type: "input_image" as const,
      detail: "auto" as const,
      image_url: `data:image/png;base64,${image}`,
    },
  ];
}

function answeredOf(response: Response, headers: Headers): Answered {
  const { output, usage } = response;
  const calls = output.flatMap((item) =>
    item.type === "function_call"
      ? [{ id: item.call_id, name: item.name, input: JSON.parse(item.arguments) }]
      : [],
  );
  return {
    text: response.output_text,
    reasoning: output
      .flatMap((item) => (item.type === "reasoning" ? item.summary : []))
      .map((part) => part.text)
      .join(""),
    calls,
    stop: stopOf(response, calls.length > 0),
    usage: {
      input: usage?.input_tokens ?? 0,
      output: usage?.output_tokens ?? 0,
      cached: usage?.input_tokens_details.cached_tokens ?? 0,
    },
    headers,
    own: response,
  };
}

function stopOf(
  { status, incomplete_details: details }: Response,
  calls: boolean,
): Answered["stop"] {
  if (status === "incomplete") {
    return details?.reason === "max_output_tokens" ? "length" : "refused";
  }
  return calls ? "tools" : "end";
}

declareMatrix(responsesClient, ["openai-chat", "anthropic-messages", "gemini", "bedrock-converse"]);

const MARKER = "[fairlead]";

/** The tools of a coding agent: functions, one for plain text, one in a namespace, one that its provider runs. */
const AGENT_TOOLS: Json = [
  LOOK,
  { type: "custom", name: "apply_patch", description: "Takes a patch.", format: { type: "text" } },
  {
    type: "namespace",
    name: "agents",
    description: "Other agents.",
    tools: [{ type: "function", name: "spawn", parameters: { type: "object", properties: {} } }],
  },
  { type: "web_search" },
];

for (const target of ["openai-chat", "anthropic-messages", "gemini"] as const) {
  test(`an agent on a model that speaks ${target} gets its own calls back, and is corrected`, async (t) => {
    const patch = oneTool("apply_patch", { input: "*** Begin\n+x" });
    const upstream = await startDialectUpstream(target, until(MARKER, patch, text("I stop.")), {
      refusesFaults: true,
    });
    t.after(() => upstream.close());
    const entry = provider("lab", upstream, { dialect: target });
    const gateway = await startGateway(t, { providers: [entry] });
    const client = clientOf(gateway);
    const input: Json[] = [
      {
        type: "message",
        role: "developer",
        content: [{ type: "input_text", text: "Be careful." }],
      },
      { type: "message", role: "user", content: [{ type: "input_text", text: "Patch it." }] },
    ];
    const headers = { "session-id": "agent-session", "thread-id": "agent-session" };
    let last: Response | null = null;
    for (let turn = 1; turn <= 8 && last?.output_text !== "I stop."; turn += 1) {
      const params = { model: "lab/big", instructions: "You are an agent.", input };
      const about = { store: false, tools: AGENT_TOOLS, prompt_cache_key: "agent-session" };
      last = await client.responses.stream({ ...params, ...about }, { headers }).finalResponse();
      input.push(...last.output);
      for (const item of last.output) {
        if (item.type !== "custom_tool_call") continue;
        assert.deepEqual([item.name, item.input], ["apply_patch", "*** Begin\n+x"]);
        input.push({
          type: "custom_tool_call_output",
          call_id: item.call_id,
          output: "no such file",
        });
      }
    }
    assert.deepEqual(upstream.faults, []);
    assert.equal(last?.output_text, "I stop.");
    const seen = await gateway.read("/v1/conversations/agent-session");
    assert.equal(seen.corrections[0].outcome.kind, "recovered");
    assert.ok(upstream.requests.length <= 5);
  });
}

test("a call of a tool in a namespace comes back under the names its client knows", async (t) => {
  const upstream = await startDialectUpstream("openai-chat", () =>
    oneTool("agents__spawn", { q: 1 }),
  );
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const params = { model: "lab/big", input: "Go.", store: false, tools: AGENT_TOOLS };
  const { data, response } = await clientOf(gateway).responses.create(params).withResponse();
  const [call] = data.output;
  assert.ok(call?.type === "function_call");
  assert.deepEqual([call.name, call.namespace], ["spawn", "agents"]);
  assert.match(response.headers.get("x-router-warnings") ?? "", /web_search/);
});

test("a request that rests on what another provider keeps is never translated", async (t) => {
  const upstream = await startDialectUpstream("openai-chat");
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const client = clientOf(gateway);
  const params = { model: "lab/big", input: "On.", previous_response_id: "resp_somewhere" };
  await assert.rejects(client.responses.create(params), (error) => {
    assert.ok(error instanceof APIError);
    const { status, code, param } = error;
    assert.deepEqual(
      [status, code, param],
      [400, "previous_response_not_found", "previous_response_id"],
    );
    return true;
  });
  assert.equal(upstream.requests.length, 0);
});
