// Tools and answer formats of a chat completions request in canonical form.
// Must never judge a schema: whoever gets it does.

import type { CanonicalCall, CanonicalToolChoice } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import { asObject, asText, objectsOf, type JsonObject } from "./json-value.ts";

type Tool = NonNullable<CanonicalCall["tools"]>[number];
type FunctionTool = Extract<Tool, { type: "function" }>;
type Warn = (sentence: string) => void;

/** Tools and the choice among them, the older `functions` included. */
export function decodeTools(request: JsonObject, warn: Warn): Partial<CanonicalCall> {
  const modern = objectsOf(request["tools"]).flatMap((tool) => decodeTool(tool, warn));
  const legacy = objectsOf(request["functions"]).map(functionTool);
  const choice = choiceOf(request["tool_choice"] ?? request["function_call"]);
  const tools = allowed([...modern, ...legacy], request["tool_choice"]);
  return {
    ...(tools.length === 0 ? {} : { tools }),
    // Without a tool there is nothing to choose, and some providers refuse the choice.
    ...(choice === null || tools.length === 0 ? {} : { toolChoice: choice }),
  };
}

function decodeTool(tool: JsonObject, warn: Warn): readonly FunctionTool[] {
  const named = asObject(tool["function"]);
  if (named !== null) return [functionTool(named)];
  warn("`tools` are carried without those that are no functions.");
  return [];
}

function functionTool(named: JsonObject): FunctionTool {
  const { description, strict } = named;
  return {
    type: "function",
    name: asText(named["name"]) ?? "",
    inputSchema: schemaOf(named["parameters"]),
    ...(typeof description === "string" ? { description } : {}),
    ...(typeof strict === "boolean" ? { strict } : {}),
  };
}

function schemaOf(value: unknown): FunctionTool["inputSchema"] {
  const schema: object = asObject(value) ?? { type: "object", properties: {} };
  return schema;
}

function choiceOf(value: unknown): CanonicalToolChoice | null {
  if (value === "none" || value === "auto" || value === "required") return { type: value };
  const choice = asObject(value);
  if (choice === null) return null;
  const among = asObject(choice["allowed_tools"]);
  if (among !== null) return { type: among["mode"] === "required" ? "required" : "auto" };
  const name = asText(asObject(choice["function"])?.["name"]) ?? asText(choice["name"]);
  return name === null ? null : { type: "tool", toolName: name };
}

/** Only the tools that this turn may use, where the request names them. */
function allowed(tools: FunctionTool[], choice: unknown): FunctionTool[] {
  const among = asObject(asObject(choice)?.["allowed_tools"]);
  if (among === null) return tools;
  const names = new Set(
    objectsOf(among["tools"]).map((tool) => asText(asObject(tool["function"])?.["name"])),
  );
  return tools.filter(({ name }) => names.has(name));
}

export function decodeFormat(value: unknown): Partial<CanonicalCall> {
  const format = asObject(value);
  if (format?.["type"] === "json_object") return { responseFormat: { type: "json" } };
  if (format?.["type"] !== "json_schema") return {};
  const named = asObject(format["json_schema"]);
  if (named === null) {
    const message = "`response_format.json_schema` must be an object with name and schema.";
    throwFault("invalid_request", message, { param: "response_format" });
  }
  const name = asText(named["name"]);
  const description = asText(named["description"]);
  return {
    responseFormat: {
      type: "json",
      schema: schemaOf(named["schema"]),
      ...(name === null ? {} : { name }),
      ...(description === null ? {} : { description }),
    },
  };
}
