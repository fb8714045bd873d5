// A call made fit for one deployment: what its dialect or its model would refuse is changed beforehand. Pure.
// Must never lose a part of the request in silence: what cannot be carried is told.

import type { CanonicalCall, CanonicalMessage } from "../../turn/canonical.ts";
import type { Deployment } from "../../turn/deployment.ts";
import type { UpstreamDialect } from "../../turn/dialect.ts";
import { withValidIds } from "./call-ids.ts";
import { compatibleOptions, isOpenAi } from "./compatible-model.ts";
import { fitPrompt } from "./fit-prompt.ts";
import { withValidNames, type ClientNames } from "./tool-names.ts";

export interface FitTarget {
  readonly dialect: UpstreamDialect;
  readonly vendor: string | null;
  readonly deployment: Pick<Deployment, "maxOutputTokens" | "correctionPlace">;
}

export interface FittedCall {
  readonly call: CanonicalCall;
  readonly warnings: readonly string[];
  readonly clientNames: ClientNames;
}

type Options = NonNullable<CanonicalCall["providerOptions"]>;
type AssistantPart = Extract<CanonicalMessage, { role: "assistant" }>["content"][number];

export function fitCall(call: CanonicalCall, target: FitTarget): FittedCall {
  const warnings: string[] = [];
  const folded = foldSystem(call.prompt, target, warnings);
  const read = dropForeignThoughts(folded, target, warnings);
  const shaped = fitPrompt(withoutCallProofs(read, target), target.dialect);
  const prompt = [...withValidIds(shaped, target)];
  const { maxOutputTokens: asked, reasoning: effort, ...rest } = call;
  const maxOutputTokens = outputBound(asked, target, warnings);
  const reasoning = effortFor(effort, prompt, { target, warnings });
  warnings.push(...lostOptions(call.providerOptions?.["openai"] ?? {}, target));
  const fitted = {
    ...rest,
    prompt,
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(reasoning === undefined ? {} : { reasoning }),
    providerOptions: optionsFor(call.providerOptions ?? {}, { target, reasoning }),
  };
  return { ...withValidNames(fitted, target.dialect), warnings };
}

/** What a client may say in OpenAI's words, and this target has no place for. */
function lostOptions(
  { parallelToolCalls, textVerbosity, serviceTier }: Options[string],
  { dialect, vendor }: FitTarget,
): readonly string[] {
  const isOneByOneOnly = dialect === "gemini" || dialect === "bedrock-converse";
  const isOwn = dialect === "openai-responses" || (dialect === "openai-chat" && isOpenAi(vendor));
  const asksTier = serviceTier !== undefined && serviceTier !== "auto" && serviceTier !== "default";
  const lost = [
    ...(parallelToolCalls === false && isOneByOneOnly ? ["parallel_tool_calls"] : []),
    ...(textVerbosity !== undefined && !isOwn ? ["verbosity"] : []),
    ...(asksTier && !isOwn ? ["service_tier"] : []),
  ];
  return lost.map((name) => `\`${name}\` is not carried: the model's dialect has no place for it.`);
}

/** Smallest bound that the Responses API takes, in tokens. */
const RESPONSES_TOKENS_MIN = 16;

/** Never more than the model can write; where the dialect demands a bound, the model's own. */
function outputBound(
  asked: number | undefined,
  { dialect, deployment }: FitTarget,
  warnings: string[],
): number | undefined {
  const most = deployment.maxOutputTokens;
  if (dialect === "openai-responses" && asked !== undefined && asked < RESPONSES_TOKENS_MIN) {
    warnings.push(`The answer may have ${RESPONSES_TOKENS_MIN} tokens: no smaller bound is taken.`);
    return RESPONSES_TOKENS_MIN;
  }
  if (asked !== undefined) return most === null ? asked : Math.min(asked, most);
  return dialect === "anthropic-messages" && most !== null ? most : undefined;
}

/** What the package of the dialect must be told beyond the call itself. */
function optionsFor(
  options: Options,
  { target, reasoning }: { target: FitTarget; reasoning: CanonicalCall["reasoning"] },
): Options {
  const { openai, google } = options;
  const thinks = reasoning !== undefined && reasoning !== "none";
  // A model that the package does not know would lose its effort in silence.
  const forced = thinks ? { forceReasoning: true } : {};
  switch (target.dialect) {
    case "openai-responses":
      // What is stored stays with one provider: a translated turn stores nothing.
      return { ...options, openai: { ...openai, ...forced, store: false } };
    case "openai-chat":
      if (!isOpenAi(target.vendor)) return compatibleOptions(options);
      return { ...options, openai: { ...openai, ...forced } };
    case "gemini":
      if (!thinks) return options;
      return { ...options, google: { ...google, thinkingConfig: { includeThoughts: true } } };
    default:
      return options;
  }
}

/** System messages among the others are taken by few models: elsewhere they become the user's. */
function foldSystem(
  prompt: readonly CanonicalMessage[],
  { dialect, deployment }: FitTarget,
  warnings: string[],
): readonly CanonicalMessage[] {
  const refusesAll = dialect === "gemini" || dialect === "bedrock-converse";
  if (!refusesAll && deployment.correctionPlace === "late-system") return prompt;
  const first = prompt.findIndex(({ role }) => role !== "system");
  if (first === -1 || !prompt.slice(first).some(({ role }) => role === "system")) return prompt;
  warnings.push("A system message behind the first other message is sent as the user's.");
  const kept: CanonicalMessage[] = prompt.slice(0, first);
  // Nothing may stand between a call and its results.
  const waiting: CanonicalMessage[] = [];
  for (const message of prompt.slice(first)) {
    if (message.role === "system") waiting.push(asUser(message.content));
    else {
      if (message.role !== "tool") kept.push(...waiting.splice(0));
      kept.push(message);
    }
  }
  return [...kept, ...waiting];
}

function asUser(text: string): CanonicalMessage {
  const marked = `<system-reminder>\n${text}\n</system-reminder>`;
  return { role: "user", content: [{ type: "text", text: marked }] };
}

/** Where each dialect keeps what proves that a thought is its own; null: it reads no thoughts of the history. */
const SIGNED: Readonly<Record<UpstreamDialect, readonly [string, readonly string[]] | null>> = {
  "anthropic-messages": ["anthropic", ["signature", "redactedData"]],
  "bedrock-converse": ["bedrock", ["signature", "redactedData"]],
  "openai-responses": ["openai", ["reasoningEncryptedContent"]],
  gemini: ["google", ["thoughtSignature"]],
  "openai-chat": null,
  "openai-embeddings": null,
};

/** Who answers 400 to thoughts in the history of chat completions. */
const REFUSE_THOUGHTS: ReadonlySet<string | null> = new Set([
  "openai",
  "azure-openai",
  "groq",
  "mistral",
]);

function dropForeignThoughts(
  prompt: readonly CanonicalMessage[],
  { dialect, vendor }: FitTarget,
  warnings: string[],
): readonly CanonicalMessage[] {
  // Servers of open models take their own thoughts back without any signature.
  if (dialect === "openai-chat" && !REFUSE_THOUGHTS.has(vendor)) return prompt;
  let dropped = false;
  const kept = prompt.map((message) => {
    if (message.role !== "assistant") return message;
    const content = message.content.filter(
      (part) => part.type !== "reasoning" || isSigned(part, dialect),
    );
    dropped ||= content.length < message.content.length;
    return { ...message, content };
  });
  if (dropped) warnings.push("Reasoning in the history that this model cannot read is not sent.");
  return kept.filter(({ content }) => content.length > 0);
}

/** The package for this dialect would send them in a field of its own, which strict servers refuse. */
function withoutCallProofs(
  prompt: readonly CanonicalMessage[],
  { dialect }: FitTarget,
): readonly CanonicalMessage[] {
  if (dialect !== "openai-chat") return prompt;
  return prompt.map((message) =>
    message.role === "assistant" ? { ...message, content: message.content.map(bare) } : message,
  );
}

function bare(part: AssistantPart): AssistantPart {
  if (part.type !== "tool-call" || part.providerOptions?.["google"] === undefined) return part;
  const { google: _google, ...providerOptions } = part.providerOptions;
  return { ...part, providerOptions };
}

function isSigned(part: AssistantPart, dialect: UpstreamDialect): boolean {
  const rule = SIGNED[dialect];
  if (rule === null) return false;
  const [vendor, names] = rule;
  return names.some((name) => typeof part.providerOptions?.[vendor]?.[name] === "string");
}

/**
 * Who thinks between tool calls has to be shown its own thoughts again. A client whose dialect lost them
 * could not go on: such a turn goes without.
 */
function effortFor(
  effort: CanonicalCall["reasoning"],
  prompt: readonly CanonicalMessage[],
  { target, warnings }: { readonly target: FitTarget; readonly warnings: string[] },
): CanonicalCall["reasoning"] {
  const { dialect } = target;
  const demands = dialect === "anthropic-messages" || dialect === "bedrock-converse";
  if (effort === undefined || effort === "none" || !demands) return effort;
  // What the user says behind the results belongs to the same round there.
  const last = prompt.findLast(({ role }) => role === "assistant");
  if (last?.role !== "assistant" || !last.content.some(({ type }) => type === "tool-call")) {
    return effort;
  }
  if (last.content.some((part) => part.type === "reasoning")) return effort;
  warnings.push(
    "The model's reasoning before this tool call is not in the request: it answers without.",
  );
  return undefined;
}
