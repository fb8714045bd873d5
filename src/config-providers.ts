// From checked provider entries to what is served: providers, and one deployment per model.
// Must never put a key into a deployment: keys stay with the provider.

import type { BodyRules } from "./api/body-rules.ts";
import { makeBodyRules } from "./config-body-rules.ts";
import { dialectsOf, embeddingsDialects, openDialects } from "./config-dialects.ts";
import { listModels, nameModel, nameOpenModel, type NamedModel } from "./config-models.ts";
import { placesOf, type Place } from "./config-places.ts";
import type { ModelEntry, ProviderEntry } from "./config-provider-schema.ts";
import type { ConfigFile } from "./config-schema.ts";
import {
  REGION_MARK,
  type Capability,
  type CorrectionPlace,
  type Deployment,
  type Price,
} from "./turn/deployment.ts";
import type { UpstreamDialect } from "./turn/dialect.ts";
import { correctionPlaceOf, ratingName } from "./upstream/catalog-names.ts";
import type { Quality } from "./upstream/catalog-quality.ts";
import type { Catalog } from "./upstream/catalog.ts";
import type { KeyHeader } from "./upstream/key-header.ts";
import {
  findVendor,
  isServedDialect,
  type Platform,
  type ServedDialect,
  type Vendor,
} from "./upstream/vendors.ts";

interface ProviderFacts extends Pick<Place, "paths" | "access" | "bedrock"> {
  /** With its region where the entry has several: `bedrock:eu`. */
  readonly id: string;
  readonly platform: Platform | null;
  /** What a model is asked in, by its name; none fits: whatever its provider speaks. */
  readonly modelDialects: Vendor["modelDialects"];
  /** `id` of a model may tell which one it is, where the name upstream is the operator's own. */
  readonly namesAreOwn: boolean;
  /** Whose row and catalog fill in what is not written; null: nobody's. */
  readonly vendor: string | null;
  /** Empty where the provider asks for none. Secret: must never be logged or shown. */
  readonly keys: readonly string[];
  readonly region: string | null;
  /** Sent with every request; lower-case names. May be secret. */
  readonly headers: Readonly<Record<string, string>>;
  readonly keyHeader: KeyHeader;
  /** What its models can be asked in, the preferred one first; embeddings are not among them. */
  readonly dialects: readonly UpstreamDialect[];
  /** Whether it serves embeddings in OpenAI's format too. */
  readonly embeddings: boolean;
  /** True: `provider/anything` is passed on, with what the catalog knows of it, if anything. */
  readonly openModels: boolean;
  /** False: its host must not resolve to a private or loopback address. */
  readonly allowPrivateAddress: boolean;
  /** Whether it accepts `stream_options`. */
  readonly streamUsage: boolean;
  /** What becomes of parameters that a translation to its dialect cannot carry. */
  readonly parameters: "drop" | "reject";
  /** Changes to the requests that go to it; null: none. */
  readonly bodyRules: BodyRules | null;
  /** Where a correction may stand for models that say nothing of their own. */
  readonly correctionPlace: CorrectionPlace;
}

export interface ProviderConfig extends ProviderFacts {
  /** What it speaks first of all. */
  readonly dialect: ServedDialect;
  /** Without a slash at its end; only the simulator has none at all. */
  readonly baseUrl: string | null;
}

/** What a model one lists is taken to be able to do when neither the list nor the catalog says. */
const LISTED_CAPABILITIES: readonly Capability[] = ["tools", "json"];
/** What a model a caller names by itself may be asked: it is the provider's turn to refuse. */
const NAMED_CAPABILITIES: readonly Capability[] = ["tools", "vision", "json"];

export interface ServedProviders {
  readonly providers: readonly ProviderConfig[];
  readonly deployments: readonly Deployment[];
}

/** Entries must have passed the schema and checkReferences; throws an Error where they have not. */
export function makeProviders(
  { providers: entries, ratings }: Pick<ConfigFile, "providers" | "ratings">,
  catalog: Catalog,
): ServedProviders {
  const rated = new Map(
    Object.entries(ratings).map(([model, quality]) => [ratingName(model), compact(quality)]),
  );
  const providers: ProviderConfig[] = [];
  const deployments: Deployment[] = [];
  for (const entry of entries) {
    const vendor = findVendor(entry.vendor ?? entry.id);
    for (const place of placesOf(entry, vendor)) {
      const provider = makeProvider(entry, vendor, place);
      providers.push(provider);
      deployments.push(...makeDeployments({ entry, provider, rated, catalog }));
    }
  }
  return { providers, deployments };
}

/** The deployment of a model that is not listed, at a provider with `openModels`; null: it is not served there. */
export function makeOpenDeployment(
  provider: ProviderConfig,
  localId: string,
  catalog: Catalog,
): Deployment | null {
  const named = nameOpenModel(provider, localId, catalog);
  const dialects = named === null ? [] : openDialects(provider, named);
  if (named === null || dialects.length === 0) return null;
  const { known, model, upstreamModel } = named;
  return {
    id: `${provider.id}/${localId}`,
    provider: provider.id,
    localId,
    model,
    upstreamModel,
    region: provider.region,
    dialects,
    contextTokens: known?.contextTokens ?? null,
    maxOutputTokens: known?.maxOutputTokens ?? null,
    capabilities: known?.capabilities ?? NAMED_CAPABILITIES,
    price: known?.price ?? null,
    quality: known === null ? {} : catalog.quality(known.identity),
    correctionPlace: correctionPlaceOf(localId, provider.correctionPlace),
  };
}

function makeProvider(entry: ProviderEntry, vendor: Vendor | null, place: Place): ProviderConfig {
  const spoken = servedDialects(entry, vendor);
  const [dialect] = spoken;
  const { region, paths, access, bedrock } = place;
  const facts: ProviderFacts = {
    id: place.name === null ? entry.id : entry.id + REGION_MARK + place.name,
    vendor: vendor?.id ?? null,
    platform: vendor?.platform ?? null,
    modelDialects: entry.dialect === undefined ? (vendor?.modelDialects ?? []) : [],
    namesAreOwn: vendor?.namesAreOwn ?? false,
    keys: entry.keys,
    region,
    paths,
    access,
    bedrock,
    headers: Object.fromEntries(
      Object.entries(entry.headers).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    keyHeader: vendor?.keyHeader ?? KEY_HEADERS[dialect] ?? "bearer",
    dialects: spoken.map((name) => (name === "simulator" ? "openai-chat" : name)),
    embeddings: vendor?.embeddings ?? dialect === "openai-chat",
    openModels: dialect !== "simulator" && entry.models === undefined,
    allowPrivateAddress: entry.allowPrivateAddress,
    streamUsage: vendor?.streamUsage ?? true,
    parameters: entry.parameters,
    bodyRules: makeBodyRules(entry.body),
    correctionPlace: vendor?.correctionPlace ?? "user-after-tool",
  };
  if (dialect === "simulator") {
    return { ...facts, dialect, baseUrl: null };
  }
  const { baseUrl } = place;
  if (baseUrl === null) {
    throw new Error(`provider ${entry.id} has no base URL`);
  }
  return { ...facts, dialect, baseUrl: baseUrl.replace(/\/+$/, "") };
}

/** What a provider that is no known vendor takes its key in. */
const KEY_HEADERS: Partial<Record<ServedDialect, KeyHeader>> = {
  "anthropic-messages": "x-api-key",
  gemini: "x-goog-api-key",
};

type OneOrMore<Item> = readonly [Item, ...Item[]];

function servedDialects(entry: ProviderEntry, vendor: Vendor | null): OneOrMore<ServedDialect> {
  const written = typeof entry.dialect === "string" ? [entry.dialect] : entry.dialect;
  const named = written ?? vendor?.dialects ?? ["openai-chat"];
  const [first, ...others] = named.filter((name) => isServedDialect(name));
  if (first === undefined || others.length + 1 < named.length) {
    throw new Error(`provider ${entry.id} speaks a dialect that cannot be served`);
  }
  return [first, ...others];
}

interface Source {
  readonly entry: ProviderEntry;
  readonly provider: ProviderConfig;
  readonly rated: ReadonlyMap<string, Quality>;
  readonly catalog: Catalog;
}

function makeDeployments(source: Source): readonly Deployment[] {
  const { entry, provider, catalog } = source;
  const written: readonly ModelEntry[] = entry.models ?? listModels(provider, catalog);
  return written.flatMap((model) => {
    const named = nameModel(provider, model, catalog);
    const deployment = named === null ? null : makeDeployment(source, model, named);
    return deployment === null || deployment.dialects.length === 0 ? [] : [deployment];
  });
}

/** What the operator wrote counts; the catalog fills in the rest. */
function makeDeployment(source: Source, written: ModelEntry, named: NamedModel): Deployment {
  const { provider, rated, catalog } = source;
  const { upstreamModel, known, model } = named;
  const everywhere = rated.get(ratingName(upstreamModel)) ?? rated.get(ratingName(model));
  // Figures of the operator and of the catalog are not mixed: they are not on one yardstick.
  const isRatedByOperator = everywhere !== undefined || written.quality !== undefined;
  const capabilities = written.capabilities ?? known?.capabilities ?? LISTED_CAPABILITIES;
  const quality = isRatedByOperator
    ? { ...everywhere, ...compact(written.quality ?? {}) }
    : catalog.quality(model);
  return {
    id: `${provider.id}/${written.id}`,
    provider: provider.id,
    localId: written.id,
    model,
    upstreamModel,
    region: provider.region,
    dialects: capabilities.includes("embeddings")
      ? embeddingsDialects(provider)
      : dialectsOf(provider, { ...named, written: written.dialect }),
    contextTokens: written.contextTokens ?? known?.contextTokens ?? null,
    maxOutputTokens: written.maxOutputTokens ?? known?.maxOutputTokens ?? null,
    capabilities,
    price: written.price === undefined ? (known?.price ?? null) : makePrice(written.price),
    quality,
    correctionPlace: written.correctionPlace ?? correctionPlaceOf(model, provider.correctionPlace),
  };
}

function makePrice(price: NonNullable<ModelEntry["price"]>): Price {
  return {
    ...makeRates(price),
    ...(price.tiers === undefined
      ? {}
      : { tiers: price.tiers.map((tier) => ({ above: tier.above, ...makeRates(tier) })) }),
  };
}

function makeRates(price: Omit<NonNullable<ModelEntry["price"]>, "tiers">): Price {
  return {
    input: price.input,
    output: price.output,
    cacheRead: price.cacheRead ?? null,
    cacheWrite: price.cacheWrite ?? null,
    ...(price.cacheWriteHour === undefined ? {} : { cacheWriteHour: price.cacheWriteHour }),
  };
}

function compact(quality: ConfigFile["ratings"][string]): Quality {
  const { chat, agent, coding } = quality;
  return {
    ...(chat === undefined ? {} : { chat }),
    ...(agent === undefined ? {} : { agent }),
    ...(coding === undefined ? {} : { coding }),
  };
}
