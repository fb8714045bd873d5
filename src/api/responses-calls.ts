// Calls and results of the Responses dialect as the detector sees them, those of built-in tools among them.
// Must never throw on odd shapes, nor make a call look different because of an id or a status.

import type { ToolCall, ToolResult } from "../turn/transcript.ts";
import { asObject } from "./json-value.ts";
import { asText, callIdOf, resultTextOf, typeOf, type Item } from "./responses-items.ts";

/** Fields of a built-in tool's call that say nothing of what it was asked for. */
const NO_ARGUMENTS: ReadonlySet<string> = new Set([
  "id",
  "type",
  "call_id",
  "status",
  "caller",
  "container_id",
  "created_by",
  "environment",
  "error",
  "output",
  "outputs",
  "result",
  "results",
]);

/** Where the call of a tool that the provider runs itself holds what came of it. */
const OWN_RESULTS = ["output", "outputs", "results"] as const;

/** The call that an item is. */
export function callOf(item: Item): ToolCall {
  const type = typeOf(item);
  const id = callIdOf(item);
  const name = asText(item["name"]);
  const space = asText(item["namespace"] ?? item["server_label"]);
  const fullName = space === "" ? name : `${space}.${name}`;
  switch (type) {
    case "function_call":
    case "mcp_call":
      return { id, name: fullName, arguments: argumentsOf(item["arguments"]) };
    case "custom_tool_call":
      return { id, name: fullName, arguments: JSON.stringify({ input: item["input"] ?? "" }) };
    default: {
      const told = Object.entries(item).filter(([field]) => !NO_ARGUMENTS.has(field));
      const own = type.replace(/_call$/, "");
      return { id, name: own, arguments: JSON.stringify(Object.fromEntries(told)) };
    }
  }
}

/** Some clients send the arguments as an object: the text is what counts. */
function argumentsOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? {});
}

/** What a tool that the provider runs answered, where its call tells it; null: it does not. */
export function ownResultOf(item: Item): ToolResult | null {
  const callId = callIdOf(item);
  const error = item["error"];
  if (error !== undefined && error !== null) {
    return {
      callId,
      text: typeof error === "string" ? error : JSON.stringify(error),
      isError: true,
    };
  }
  for (const field of OWN_RESULTS) {
    const told = item[field];
    if (told === undefined || told === null) continue;
    return { callId, text: resultTextOf(told), isError: false };
  }
  return null;
}

/** The result that an item is. */
export function resultOf(item: Item): ToolResult {
  const output = item["output"] ?? item["tools"] ?? item["result"];
  return { callId: callIdOf(item), text: resultTextOf(output), isError: isError(item) };
}

/** Only where the dialect itself says so: a patch that failed, a command that did not end with 0. */
function isError(item: Item): boolean {
  if (item["status"] === "failed") return true;
  const { output } = item;
  if (!Array.isArray(output)) return false;
  return output.some((part) => {
    const outcome = asObject(asObject(part)?.["outcome"]);
    return outcome?.["type"] === "exit" && outcome["exit_code"] !== 0;
  });
}
