// In which wire formats a model is asked at its provider: as written, by its name, or in whatever its provider speaks.
// Must never name one that its provider has no address for.

import type { NamedModel } from "./config-models.ts";
import { spokenAt, type Place } from "./config-places.ts";
import type { ModelEntry } from "./config-provider-schema.ts";
import { EMBEDDINGS, type UpstreamDialect } from "./turn/dialect.ts";
import { isServedDialect, type Dialect, type Vendor } from "./upstream/vendors.ts";

/** What dialects depend on. */
export interface SpeakingProvider extends Pick<Place, "paths">, Pick<Vendor, "modelDialects"> {
  /** Embeddings are not among them. */
  readonly dialects: readonly UpstreamDialect[];
  /** Whether it serves embeddings in OpenAI's format too. */
  readonly embeddings: boolean;
}

/** Platforms have no address for embeddings in the one format in which they are served. */
export function embeddingsDialects({ paths }: SpeakingProvider): readonly UpstreamDialect[] {
  return Object.keys(paths).length === 0 ? [EMBEDDINGS] : [];
}

interface AskedModel extends NamedModel {
  readonly written?: ModelEntry["dialect"];
}

/** Empty: it cannot be asked here. */
export function dialectsOf(
  provider: SpeakingProvider,
  { known, upstreamModel, written }: AskedModel,
): readonly UpstreamDialect[] {
  if (written !== undefined) {
    const names = typeof written === "string" ? [written] : written;
    return spokenAt(provider, names.filter(isUpstreamDialect));
  }
  // Names of resources say nothing of the model behind them; the catalog may.
  const telling = upstreamModel.startsWith("arn:") ? known?.model : undefined;
  const name = telling ?? upstreamModel;
  const ruled = provider.modelDialects.find(([rule]) => rule.test(name))?.[1];
  const spoken = spokenAt(provider, ruled?.filter(isUpstreamDialect) ?? provider.dialects);
  // A model the catalog knows only behind one of its vendor's APIs is not asked in the other.
  if (known === null || known.endpoint === "chat") return spoken;
  const left = spoken.filter((dialect) => dialect !== "openai-chat");
  return left.length === 0 ? spoken : left;
}

function isUpstreamDialect(name: string): name is Exclude<Dialect, "simulator"> {
  return isServedDialect(name) && name !== "simulator";
}

/** A model a caller names by itself may be one for embeddings too. */
export function openDialects(
  provider: SpeakingProvider,
  named: NamedModel,
): readonly UpstreamDialect[] {
  const { dialects, embeddings, modelDialects } = provider;
  if (named.known?.capabilities?.includes("embeddings") === true) {
    return embeddingsDialects(provider);
  }
  const spoken = modelDialects.length === 0 ? dialects : dialectsOf(provider, named);
  return embeddings ? [...spoken, EMBEDDINGS] : spoken;
}
