// The demo's agent: a client process with the openai SDK and one tool, in the loop every agent has.
// Must never know the gateway: it has no import from it, and no rule of its own against loops.

import type OpenAI from "openai";
import type { ChatCompletionMessageParam, ChatCompletionTool } from "openai/resources";
import type { AgentEvent, AgentTask } from "./agent-event.ts";

const MESSAGES: readonly ChatCompletionMessageParam[] = [
  { role: "system", content: "You are a support engineer. Use the tools, then answer shortly." },
  { role: "user", content: "Find out why order 4711 failed." },
];

const SEARCH_LOGS: ChatCompletionTool = {
  type: "function",
  function: {
    name: "search_logs",
    description: "Searches the log of one service for order 4711.",
    parameters: {
      type: "object",
      properties: { service: { type: "string", enum: ["checkout", "payments"] } },
      required: ["service"],
    },
  },
};

function searchLogs(args: string): string {
  return args.includes("payments")
    ? "1 entry: 09:14:07 card declined by the bank (insufficient funds)"
    : "0 entries";
}

/** Reports every turn as it happens. Rejects when the API refuses a request for good. */
async function work(
  client: OpenAI,
  task: AgentTask,
  report: (event: AgentEvent) => void,
): Promise<void> {
  const messages = [...MESSAGES];
  for (let turn = 1; turn <= task.turnsMax; turn += 1) {
    const { data, response } = await client.chat.completions
      .create({ model: task.model, messages, tools: [SEARCH_LOGS] })
      .withResponse();
    const message = data.choices[0]?.message;
    if (message === undefined) throw new Error("the answer has no message");
    messages.push(message);
    const call = message.tool_calls?.find((candidate) => candidate.type === "function");
    const result = searchLogs(call?.function.arguments ?? "");
    if (call !== undefined) messages.push({ role: "tool", tool_call_id: call.id, content: result });
    report({
      kind: "turn",
      turn,
      headers: Object.fromEntries([...response.headers].filter(([name]) => name.startsWith("x-"))),
      call: call === undefined ? null : { ...call.function, result },
      text: message.content,
      tokens: {
        input: data.usage?.prompt_tokens ?? 0,
        cached: data.usage?.prompt_tokens_details?.cached_tokens ?? 0,
        output: data.usage?.completion_tokens ?? 0,
      },
    });
    if (call === undefined) return report({ kind: "end", reason: "answered" });
  }
  report({ kind: "end", reason: "turn-limit" });
}

async function runAgent(task: AgentTask): Promise<void> {
  const report = (event: AgentEvent): void => {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  };
  const sdk = await import("openai").catch(() => null);
  if (sdk === null) return report({ kind: "sdk-missing" });
  const { baseUrl, headers } = task;
  // Explicit values, because the SDK would otherwise take them from the user's environment.
  const client = new sdk.OpenAI({
    baseURL: baseUrl,
    apiKey: "demo",
    organization: null,
    project: null,
    defaultHeaders: headers,
  });
  await work(client, task, report).catch((error: unknown) => {
    report({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  });
}

// The parent process passes the task as its only argument.
if (import.meta.main) await runAgent(JSON.parse(process.argv[2] ?? "{}"));
