// Tools of a Responses request in canonical form. What other dialects do not know is told to the model as a function:
// a tool that takes plain text, or one in a namespace. Its calls are told back as the client's own.
// Must never judge a schema: whoever gets it does.

import type { CanonicalCall, CanonicalToolChoice } from "../turn/canonical.ts";
import type { NamedTool } from "./codec.ts";
import { asObject, objectsOf, type JsonObject } from "./json-value.ts";
import { asText } from "./responses-items.ts";

type Tool = NonNullable<CanonicalCall["tools"]>[number];
type FunctionTool = Extract<Tool, { type: "function" }>;
type Warn = (sentence: string) => void;

/** Longest name of a tool in any dialect, in characters. */
const TOOL_NAME_LENGTH_MAX = 64;
/** Longest name of a type that a warning repeats, in characters. */
const TYPE_LENGTH_MAX = 64;

/** What a tool that takes plain text is told to be. */
const TEXT_SCHEMA: FunctionTool["inputSchema"] = {
  type: "object",
  properties: { input: { type: "string", description: "The whole input, as plain text." } },
  required: ["input"],
  additionalProperties: false,
};

export interface DecodedTools {
  readonly call: Partial<CanonicalCall>;
  /** By the name that the model is told. */
  readonly renamed: ReadonlyMap<string, NamedTool>;
}

export function decodeTools(request: JsonObject, warn: Warn): DecodedTools {
  const renamed = new Map<string, NamedTool>();
  const decode = (tool: JsonObject, namespace: string | null): FunctionTool[] => {
    const type = asText(tool["type"]);
    if (type === "namespace") {
      return objectsOf(tool["tools"]).flatMap((inner) => decode(inner, asText(tool["name"])));
    }
    if (type !== "function" && type !== "custom") {
      warn(`\`tools\` of type ${shown(type)} are not carried: only their own provider runs them.`);
      return [];
    }
    const own = asText(tool["name"]);
    const name = wireName(own, namespace);
    if (type === "custom" || name !== own) renamed.set(name, { type, name: own, namespace });
    return [type === "custom" ? textTool(tool, name) : functionTool(tool, name)];
  };
  const all = objectsOf(request["tools"]).flatMap((tool) => decode(tool, null));
  const choice = request["tool_choice"];
  const tools = allowed(all, choice);
  const toolChoice = tools.length === 0 ? null : choiceOf(choice, tools);
  return {
    call: {
      ...(tools.length === 0 ? {} : { tools }),
      ...(toolChoice === null ? {} : { toolChoice }),
    },
    renamed,
  };
}

/** The name by which the model knows a tool. */
export function wireName(name: string, namespace: string | null): string {
  const full = namespace === null || namespace === "" ? name : `${namespace}__${name}`;
  return full.replace(/[^\w-]/g, "_").slice(0, TOOL_NAME_LENGTH_MAX);
}

function functionTool(tool: JsonObject, name: string): FunctionTool {
  const { description, strict } = tool;
  const schema: object = asObject(tool["parameters"]) ?? { type: "object", properties: {} };
  return {
    type: "function",
    name,
    inputSchema: schema,
    ...(typeof description === "string" ? { description } : {}),
    ...(typeof strict === "boolean" ? { strict } : {}),
  };
}

/** Its grammar goes along as words: a model of another dialect cannot be bound by it. */
function textTool(tool: JsonObject, name: string): FunctionTool {
  const definition = asText(asObject(tool["format"])?.["definition"]);
  const told = asText(tool["description"]);
  const grammar = definition === "" ? "" : `The input must follow this grammar:\n${definition}`;
  const description = [told, grammar].filter((text) => text !== "").join("\n\n");
  return {
    type: "function",
    name,
    inputSchema: TEXT_SCHEMA,
    ...(description === "" ? {} : { description }),
  };
}

function choiceOf(choice: unknown, tools: readonly FunctionTool[]): CanonicalToolChoice | null {
  if (choice === "none" || choice === "auto" || choice === "required") return { type: choice };
  const chosen = asObject(choice);
  if (chosen?.["type"] === "allowed_tools") {
    return { type: chosen["mode"] === "required" ? "required" : "auto" };
  }
  const name = asText(chosen?.["name"]);
  return tools.some((tool) => tool.name === name) ? { type: "tool", toolName: name } : null;
}

/** Only the tools that this turn may use, where the request names them. */
function allowed(tools: FunctionTool[], choice: unknown): FunctionTool[] {
  const chosen = asObject(choice);
  if (chosen?.["type"] !== "allowed_tools") return tools;
  const names = new Set(objectsOf(chosen["tools"]).map((tool) => asText(tool["name"])));
  return tools.filter(({ name }) => names.has(name));
}

/** Fit to be shown: a caller wrote it. */
function shown(type: string): string {
  return type.replace(/[^\w.-]/g, "?").slice(0, TYPE_LENGTH_MAX);
}
