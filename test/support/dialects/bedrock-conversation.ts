// The order of a Converse conversation: roles alternate, and each tool result answers a tool use
// before it.
// Must never soften a rule for one model family: what only some refuse is judged by the model's
// name.

import { faultsWhere, isForeignSignature, isJson, objectsOf, textOf } from "./judge.ts";
import type { Json } from "./judge.ts";

/** Most cache points of one request. */
const CACHE_POINTS_MAX = 4;

export function converseFaults(request: Json, model: string): readonly string[] {
  const messages = objectsOf(request["messages"]);
  const blocks = messages.flatMap(({ content }) => objectsOf(content));
  const usesTools = blocks.some((block) => "toolUse" in block || "toolResult" in block);
  const last = messages.at(-1);
  return [
    ...faultsWhere(
      [messages[0]?.["role"] === "assistant", "messages[0]: must be the user's"],
      [
        usesTools && !isJson(request["toolConfig"]),
        "toolConfig: is required with toolUse and toolResult blocks",
      ],
      [usesOf(last).length > 0, "messages: the tool uses of the last message are not answered"],
    ),
    ...messages.flatMap((message, index) => messageFaults(message, messages[index - 1], index)),
    ...toolFaults(request),
    ...documentFaults(blocks),
    ...reasoningFaults(blocks, model),
    ...cacheFaults(request, blocks),
  ];
}

function messageFaults(message: Json, before: Json | undefined, index: number): readonly string[] {
  const at = `messages[${index}]`;
  const used = usesOf(before).map(({ toolUseId }) => textOf(toolUseId));
  const results = resultsOf(message).map(({ toolUseId }) => textOf(toolUseId));
  const blocks = objectsOf(message["content"]);
  const lastResult = blocks.findLastIndex((block) => "toolResult" in block);
  const uses = usesOf(message).map(({ toolUseId }) => toolUseId);
  return [
    ...faultsWhere(
      [message["role"] === before?.["role"], `${at}: roles must alternate`],
      [
        message["role"] === "user" && lastResult !== results.length - 1,
        `${at}: toolResult blocks must come first`,
      ],
      [new Set(results).size < results.length, `${at}: two toolResult blocks for one toolUse`],
      [new Set(uses).size < uses.length, `${at}: two toolUse blocks share an id`],
    ),
    ...used
      .filter((id) => !results.includes(id))
      .map((id) => `${at}: a toolResult for ${id} is expected`),
    ...results
      .filter((id) => !used.includes(id))
      .map((id) => `${at}: a toolResult for ${id}, which the message before lacks`),
  ];
}

/** Tool uses the client must answer; the provider answers those of its own tools. */
function usesOf(message: Json | undefined): readonly Json[] {
  return objectsOf(message?.["content"])
    .map((block) => block["toolUse"])
    .filter(isJson)
    .filter(({ type }) => type !== "server_tool_use");
}

function resultsOf({ role, content }: Json): readonly Json[] {
  if (role !== "user") return [];
  return objectsOf(content)
    .map((block) => block["toolResult"])
    .filter(isJson);
}

function toolFaults(request: Json): readonly string[] {
  const config = isJson(request["toolConfig"]) ? request["toolConfig"] : {};
  const names = objectsOf(config["tools"])
    .map(({ toolSpec }) => toolSpec)
    .filter(isJson)
    .map(({ name }) => textOf(name));
  const choice = isJson(config["toolChoice"]) ? config["toolChoice"]["tool"] : null;
  const chosen = isJson(choice) ? textOf(choice["name"]) : null;
  return faultsWhere(
    [new Set(names).size < names.length, "toolConfig.tools: names must be unique"],
    [
      chosen !== null && !names.includes(chosen),
      `toolConfig.toolChoice: no tool is named "${chosen}"`,
    ],
  );
}

function documentFaults(blocks: readonly Json[]): readonly string[] {
  const names = blocks
    .map(({ document }) => document)
    .filter(isJson)
    .map(({ name }) => textOf(name));
  const hasText = blocks.some((block) => "text" in block);
  return faultsWhere(
    [new Set(names).size < names.length, "messages: names of documents must be unique"],
    [names.length > 0 && !hasText, "messages: a document needs a text beside it"],
  );
}

/** Claude takes its thinking back only with its signature. */
function reasoningFaults(blocks: readonly Json[], model: string): readonly string[] {
  const texts = blocks
    .map(({ reasoningContent }) => reasoningContent)
    .filter(isJson)
    .map(({ reasoningText }) => reasoningText)
    .filter(isJson);
  const isSigned = texts.every(({ signature }) => signature !== undefined);
  return faultsWhere(
    [/\banthropic\./.test(model) && !isSigned, "messages: reasoningText needs its signature"],
    [
      texts.some(({ signature }) => isForeignSignature(signature, "bedrock-converse")),
      "messages: reasoningText was signed by another provider",
    ],
  );
}

function cacheFaults(request: Json, blocks: readonly Json[]): readonly string[] {
  const config = isJson(request["toolConfig"]) ? request["toolConfig"] : {};
  const marked = [...objectsOf(config["tools"]), ...objectsOf(request["system"]), ...blocks];
  const points = marked.filter((block) => "cachePoint" in block).length;
  return faultsWhere([
    points > CACHE_POINTS_MAX,
    `cachePoint: ${points} cache points, at most ${CACHE_POINTS_MAX}`,
  ]);
}
