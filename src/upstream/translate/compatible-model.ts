// Models of servers that speak chat completions without being OpenAI's: what OpenAI's own package would throw away of
// their answers (thoughts) is kept, and what the dialect knows is told to them in its own words.
// Must never take an answer that nobody ended for one that its server reported broken.

import type {
  CanonicalCall,
  CanonicalFinish,
  CanonicalPart,
  CanonicalUsage,
} from "../../turn/canonical.ts";
import { readChatUsage } from "../chat-answer.ts";
import type { ModelTarget, TranslationModel } from "./models.ts";
import { toCanonicalUsage } from "./usage.ts";

type Options = NonNullable<CanonicalCall["providerOptions"]>;

/** The name under which the package looks for its options. */
const NAME = "compatible";
/** Whether OpenAI itself answers, as far as chat completions go. */
export function isOpenAi(vendor: string | null): boolean {
  return vendor === "openai" || vendor === "azure-openai";
}

/** What a codec says in OpenAI's words and every server understands: what only OpenAI knows is a 400 elsewhere. */
export function compatibleOptions(options: Options): Options {
  const { parallelToolCalls, strictJsonSchema } = options["openai"] ?? {};
  const told = {
    ...(strictJsonSchema === undefined ? {} : { strictJsonSchema }),
    // What the package does not know it hands on by the name it is given.
    ...(parallelToolCalls === undefined ? {} : { parallel_tool_calls: parallelToolCalls }),
  };
  return { ...options, [NAME]: told };
}

type CompatibleTarget = Pick<ModelTarget, "model" | "baseUrl" | "fetch" | "streamUsage"> & {
  readonly apiKey: string;
};

export async function compatibleModel(target: CompatibleTarget): Promise<TranslationModel> {
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  const { model: name, baseUrl: baseURL, fetch, streamUsage: includeUsage, apiKey } = target;
  const about = { name: NAME, apiKey, baseURL, fetch, includeUsage, convertUsage };
  const model = createOpenAICompatible({ ...about, supportsStructuredOutputs: true })(name);
  return {
    supportedUrls: model.supportedUrls,
    doGenerate: (call) => model.doGenerate(call),
    async doStream(call) {
      const { stream } = await model.doStream(call);
      return { stream: stream.pipeThrough(tellInterruption()) };
    },
  };
}

/** As relayed answers are read, with what some servers tell in fields of their own. */
function convertUsage(told: unknown): CanonicalUsage {
  return toCanonicalUsage(readChatUsage(told));
}

/** A stream that is over without a finish reason is an error for the package: it is one that was interrupted. */
function tellInterruption(): TransformStream<CanonicalPart, CanonicalPart> {
  let isInterrupted = false;
  return new TransformStream<CanonicalPart, CanonicalPart>({
    transform(part, controller) {
      if (isMissingEnd(part)) isInterrupted = true;
      else if (part.type !== "finish" || !isInterrupted) controller.enqueue(part);
      else controller.enqueue({ ...part, finishReason: INTERRUPTED });
    },
  });
}

const INTERRUPTED: CanonicalFinish = { unified: "interrupted", raw: undefined };

function isMissingEnd(part: CanonicalPart): boolean {
  return (
    part.type === "error" &&
    part.error instanceof Error &&
    part.error.name === "AI_InvalidResponseDataError" &&
    "data" in part.error &&
    part.error.data === undefined
  );
}
