// The tools of a Gemini request as canonical ones, and which of them may or must be called.
// Must never offer a tool that the client took out of the choice, nor one that only another provider can run.

import type { CanonicalCall, CanonicalToolChoice } from "../turn/canonical.ts";
import type { Carried } from "./gemini-decode-contents.ts";
import { asObject, asText, fieldOf, type Part } from "./gemini-parts.ts";
import { jsonSchemaOf } from "./gemini-schema.ts";

type Tool = NonNullable<CanonicalCall["tools"]>[number];
type FunctionTool = Extract<Tool, { type: "function" }>;

/** Longest name that a warning repeats, in characters. */
const NAME_LENGTH_MAX = 64;

/** Both are left out where there are none. */
export function decodeTools(
  request: Part,
  carried: Carried,
): Pick<CanonicalCall, "tools" | "toolChoice"> {
  const declared = declarations(fieldOf(request, "tools"), carried).map(functionTool);
  if (declared.length === 0) return {};
  const config = asObject(fieldOf(request, "toolConfig")) ?? {};
  const calling = asObject(fieldOf(config, "functionCallingConfig")) ?? {};
  const mode = asText(calling["mode"]).toUpperCase();
  const allowed = names(fieldOf(calling, "allowedFunctionNames"));
  const restricted = mode === "ANY" || mode === "VALIDATED";
  const tools =
    restricted && allowed.length > 0
      ? declared.filter(({ name }) => allowed.includes(name))
      : declared;
  if (tools.length === 0) return {};
  return { tools, ...choiceOf(mode, tools) };
}

function choiceOf(
  mode: string,
  tools: readonly FunctionTool[],
): { readonly toolChoice?: CanonicalToolChoice } {
  const [only] = tools;
  switch (mode) {
    case "ANY":
      return tools.length === 1 && only !== undefined
        ? { toolChoice: { type: "tool", toolName: only.name } }
        : { toolChoice: { type: "required" } };
    case "NONE":
      return { toolChoice: { type: "none" } };
    default:
      return {};
  }
}

function declarations(value: unknown, { warn }: Carried): readonly Part[] {
  const entries: readonly unknown[] = Array.isArray(value) ? value : [value];
  return entries.flatMap((entry): readonly Part[] => {
    const tool = asObject(entry) ?? {};
    const own = Object.keys(tool).filter((name) => !/^function_?declarations$/i.test(name));
    for (const name of own) {
      const shown = name.replace(/[^\w.-]/g, "?").slice(0, NAME_LENGTH_MAX);
      warn(`The tool ${shown} belongs to another provider and is left out.`);
    }
    const declared = fieldOf(tool, "functionDeclarations");
    const list: readonly unknown[] = Array.isArray(declared) ? declared : [];
    return list.map((declaration) => asObject(declaration) ?? {});
  });
}

function functionTool(declaration: Part): FunctionTool {
  const { description } = declaration;
  const schema = asObject(fieldOf(declaration, "parametersJsonSchema"));
  return {
    type: "function",
    name: asText(declaration["name"]),
    inputSchema: schema ?? jsonSchemaOf(declaration["parameters"]),
    ...(typeof description === "string" ? { description } : {}),
  };
}

function names(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
}
