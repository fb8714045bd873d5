// The simulator's models as the router sees them. Must never be rated so that a real model loses to a simulated one:
// they are only there where no other provider is configured, or where the operator names the simulator.

import type { Deployment } from "../../turn/deployment.ts";
import { EMBEDDINGS } from "../../turn/dialect.ts";
import { EMBEDDINGS_MODEL } from "./embeddings.ts";
import { SIMULATOR_MODELS } from "./models.ts";

/** One deployment for each simulated model, under the provider id of the configuration. */
export function simulatorDeployments(provider: string): readonly Deployment[] {
  const spoken = SIMULATOR_MODELS.map((model): Deployment => ({
    id: `${provider}/${model.id}`,
    provider,
    localId: model.id,
    model: model.model,
    upstreamModel: model.model,
    region: null,
    dialects: ["openai-chat"],
    contextTokens: model.contextTokens,
    maxOutputTokens: model.maxOutputTokens,
    capabilities: model.capabilities,
    price: model.price,
    quality: model.quality,
    correctionPlace: "user-after-tool",
  }));
  return [...spoken, embeddingsDeployment(provider)];
}

function embeddingsDeployment(provider: string): Deployment {
  const { id, model, contextTokens, price } = EMBEDDINGS_MODEL;
  return {
    id: `${provider}/${id}`,
    provider,
    localId: id,
    model,
    upstreamModel: model,
    region: null,
    dialects: [EMBEDDINGS],
    contextTokens,
    maxOutputTokens: null,
    capabilities: ["embeddings"],
    price,
    quality: {},
    correctionPlace: "user-after-tool",
  };
}
