// Is this a request that the Gemini API takes: content, tokens, embeddings? Written from its public
// reference.
// Must never accept the snake_case twins of a field: one spelling, so that tests can compare.

import { commonHeaderFaults, faultsWhere, hasBearer, headerOf } from "./judge.ts";
import { isJson, objectsOf, shapeFaults } from "./judge.ts";
import type { Json, RequestValidator, WireHeaders } from "./judge.ts";
import { contentsFaults } from "./gemini-contents.ts";
import { geminiSchemaFaults } from "./gemini-schema.ts";
import { GEMINI_BODIES } from "./gemini-shapes.ts";

export interface GeminiPath {
  readonly model: string;
  readonly method: string;
  readonly query: URLSearchParams;
}

/** Null: not the path of a model's method. */
export function geminiPath(path: string): GeminiPath | null {
  const url = new URL(path, "http://localhost");
  const [, model, method] =
    /\/v1(?:beta|alpha)?\/(?:models|tunedModels)\/([^/:]+):(\w+)$/.exec(url.pathname) ?? [];
  if (model === undefined || method === undefined) return null;
  return { model: decodeURIComponent(model), method, query: url.searchParams };
}

export const validateGemini: RequestValidator = (path, headers, value) => {
  const target = geminiPath(path);
  const shape = target === null ? undefined : GEMINI_BODIES.get(target.method);
  if (target === null || shape === undefined) return [`path ${path}: no method of a Gemini model`];
  const isContent = target.method.endsWith("enerateContent");
  return [
    ...keyFaults(target, headers),
    ...commonHeaderFaults(headers),
    ...shapeFaults(shape, value),
    ...(isContent && isJson(value)
      ? [...togetherFaults(value), ...schemasOf(value), ...contentsFaults(value, target.model)]
      : []),
  ];
};

function keyFaults({ query, method }: GeminiPath, headers: WireHeaders): readonly string[] {
  const hasKey = headerOf(headers, "x-goog-api-key") !== "" || query.has("key");
  const isStream = method === "streamGenerateContent";
  return faultsWhere(
    [!hasKey && !hasBearer(headers), "header x-goog-api-key: a key is required"],
    [isStream && query.get("alt") !== "sse", "path: a stream of events needs alt=sse"],
    [!isStream && query.has("alt"), "path: alt belongs to streams"],
  );
}

function togetherFaults(request: Json): readonly string[] {
  const config = isJson(request["generationConfig"]) ? request["generationConfig"] : {};
  const thinking = isJson(config["thinkingConfig"]) ? config["thinkingConfig"] : {};
  const toolConfigValue = isJson(request["toolConfig"]) ? request["toolConfig"] : {};
  const calling = toolConfigValue["functionCallingConfig"];
  const mode = isJson(calling) ? calling["mode"] : undefined;
  const names = declarationsOf(request).map(({ name }) => name);
  const { responseSchema, responseJsonSchema, responseMimeType = "text/plain" } = config;
  const hasSchema = responseSchema !== undefined || responseJsonSchema !== undefined;
  return faultsWhere(
    [
      hasSchema && responseMimeType === "text/plain",
      "generationConfig: a schema needs responseMimeType application/json",
    ],
    [
      responseSchema !== undefined && responseJsonSchema !== undefined,
      "generationConfig: responseSchema not together with responseJsonSchema",
    ],
    [
      thinking["thinkingBudget"] !== undefined && thinking["thinkingLevel"] !== undefined,
      "thinkingConfig: thinkingBudget not together with thinkingLevel",
    ],
    [new Set(names).size < names.length, "tools: names must be unique"],
    [
      isJson(calling) && names.length === 0 && mode !== "NONE",
      "toolConfig: functionCallingConfig without functionDeclarations",
    ],
    [
      isJson(calling) &&
        calling["allowedFunctionNames"] !== undefined &&
        !/^(?:ANY|VALIDATED)$/.test(String(mode)),
      "toolConfig: allowedFunctionNames only with mode ANY or VALIDATED",
    ],
  );
}

function declarationsOf(request: Json): readonly Json[] {
  return objectsOf(request["tools"]).flatMap((each) => objectsOf(each["functionDeclarations"]));
}

function schemasOf(request: Json): readonly string[] {
  const config = isJson(request["generationConfig"]) ? request["generationConfig"] : {};
  const { responseSchema } = config;
  return [
    ...(responseSchema === undefined ? [] : geminiSchemaFaults(responseSchema, "responseSchema")),
    ...declarationsOf(request)
      .filter(({ parameters }) => parameters !== undefined)
      .flatMap(({ name, parameters }) =>
        geminiSchemaFaults(parameters, `function ${String(name)}`),
      ),
  ];
}
