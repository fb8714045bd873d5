// Models behind Google Cloud's addresses, made by the packages for them. What these call their own is renamed, so that
// proofs of thoughts made there serve at the same model's other provider, and the other way round.
// Must never let a package look for an account or a token: the transport signs.

import type { CanonicalContent, CanonicalPart } from "../../turn/canonical.ts";
import type { ModelTarget, TranslationModel } from "./models.ts";

/** Given in place of a key, so that no package looks for one in the environment. */
const NO_KEY = "set-by-the-transport";
const PACKAGE_NAMES = ["googleVertex", "vertex"] as const;
const COMMON_NAME = "google";

type VertexTarget = Pick<ModelTarget, "model" | "fetch" | "baseUrl">;

export async function vertexGemini(target: VertexTarget): Promise<TranslationModel> {
  const { createGoogleVertex } = await import("@ai-sdk/google-vertex/edge");
  const { model: name, fetch, baseUrl: baseURL } = target;
  return underCommonName(createGoogleVertex({ apiKey: NO_KEY, baseURL, fetch })(name));
}

export async function vertexMessages(target: VertexTarget): Promise<TranslationModel> {
  const { createGoogleVertexAnthropic } = await import("@ai-sdk/google-vertex/anthropic/edge");
  const { model: name, fetch, baseUrl } = target;
  const baseURL = `${baseUrl}/models`;
  const generateAuthToken = (): Promise<string> => Promise.resolve(NO_KEY);
  return createGoogleVertexAnthropic({ baseURL, fetch, generateAuthToken })(name);
}

function underCommonName(model: TranslationModel): TranslationModel {
  return {
    supportedUrls: model.supportedUrls,
    async doGenerate(call) {
      const result = await model.doGenerate(call);
      return { ...result, content: result.content.map(renamed) };
    },
    async doStream(call) {
      const { stream } = await model.doStream(call);
      const rename = new TransformStream<CanonicalPart, CanonicalPart>({
        transform: (part, controller) => controller.enqueue(renamed(part)),
      });
      return { stream: stream.pipeThrough(rename) };
    },
  };
}

/** The same part; what it says of its provider stands under the name that all of that maker's packages read. */
function renamed<Part extends CanonicalPart | CanonicalContent>(part: Part): Part {
  if (!("providerMetadata" in part) || part.providerMetadata === undefined) return part;
  const { providerMetadata: told } = part;
  const own = PACKAGE_NAMES.map((name) => told[name]).find((value) => value !== undefined);
  if (own === undefined) return part;
  return { ...part, providerMetadata: { [COMMON_NAME]: own } };
}
