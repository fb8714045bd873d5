// From checked provider entries to what is served: providers, and one deployment per model.
// Must never put a key into a deployment: keys stay with the provider.

import type { ModelEntry, ProviderEntry } from "./config-provider-schema.ts";
import type { ConfigFile } from "./config-schema.ts";
import type { Capability, CorrectionPlace, Deployment, Price } from "./turn/deployment.ts";
import type { UpstreamDialect } from "./turn/dialect.ts";
import {
  type CatalogModel,
  catalogModels,
  correctionPlaceOf,
  findCatalogModel,
  type Quality,
  qualityOf,
  ratingName,
} from "./upstream/catalog.ts";
import type { KeyHeader } from "./upstream/key-header.ts";
import {
  findVendor,
  isServedDialect,
  type ServedDialect,
  type Vendor,
} from "./upstream/vendors.ts";

interface ProviderFacts {
  readonly id: string;
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
  /** True: `provider/anything` is passed on, unrated and unpriced. */
  readonly openModels: boolean;
  /** False: its host must not resolve to a private or loopback address. */
  readonly allowPrivateAddress: boolean;
  /** Whether it accepts `stream_options`. */
  readonly streamUsage: boolean;
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
  entries: readonly ProviderEntry[],
  ratings: ConfigFile["ratings"],
): ServedProviders {
  const rated = new Map(
    Object.entries(ratings).map(([model, quality]) => [ratingName(model), compact(quality)]),
  );
  const providers: ProviderConfig[] = [];
  const deployments: Deployment[] = [];
  for (const entry of entries) {
    const vendor = findVendor(entry.vendor ?? entry.id);
    const provider = makeProvider(entry, vendor);
    providers.push(provider);
    deployments.push(...makeDeployments({ entry, vendor, provider, rated }));
  }
  return { providers, deployments };
}

/** The deployment of a model that is not listed, at a provider with `openModels`. */
export function makeOpenDeployment(provider: ProviderConfig, localId: string): Deployment {
  return {
    id: `${provider.id}/${localId}`,
    provider: provider.id,
    localId,
    model: localId,
    region: provider.region,
    dialects: openDialects(provider),
    contextTokens: null,
    maxOutputTokens: null,
    capabilities: NAMED_CAPABILITIES,
    price: null,
    quality: {},
    correctionPlace: correctionPlaceOf(localId, provider.correctionPlace),
  };
}

function makeProvider(entry: ProviderEntry, vendor: Vendor | null): ProviderConfig {
  const spoken = servedDialects(entry, vendor);
  const [dialect] = spoken;
  const facts: ProviderFacts = {
    id: entry.id,
    keys: entry.keys,
    region: entry.region ?? null,
    headers: Object.fromEntries(
      Object.entries(entry.headers).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    keyHeader: vendor?.keyHeader ?? KEY_HEADERS[dialect] ?? "bearer",
    dialects: spoken.map((name) => (name === "simulator" ? "openai-chat" : name)),
    embeddings: vendor?.embeddings ?? dialect === "openai-chat",
    openModels: dialect !== "simulator" && entry.models === undefined,
    allowPrivateAddress: entry.allowPrivateAddress,
    streamUsage: vendor?.streamUsage ?? true,
    correctionPlace: vendor?.correctionPlace ?? "user-after-tool",
  };
  if (dialect === "simulator") {
    return { ...facts, dialect, baseUrl: null };
  }
  const baseUrl = entry.baseUrl ?? vendor?.baseUrl ?? null;
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
  readonly vendor: Vendor | null;
  readonly provider: ProviderConfig;
  readonly rated: ReadonlyMap<string, Quality>;
}

function makeDeployments(source: Source): readonly Deployment[] {
  const { entry, vendor } = source;
  if (entry.models !== undefined) {
    return entry.models.map((model) => {
      const name = model.model ?? model.id;
      const known = vendor === null ? null : findCatalogModel(vendor.id, name);
      return makeDeployment(source, model, known);
    });
  }
  const catalog = vendor === null ? [] : catalogModels(vendor.id);
  return catalog.map((known) => makeDeployment(source, { id: known.model }, known));
}

/** What the operator wrote counts; the catalog fills in the rest. */
function makeDeployment(
  source: Source,
  written: ModelEntry,
  known: CatalogModel | null,
): Deployment {
  const { provider, rated } = source;
  const model = written.model ?? written.id;
  const listedAs = known?.ratingName ?? model;
  const everywhere = rated.get(ratingName(model)) ?? rated.get(ratingName(listedAs));
  // Figures of the operator and of the catalog are not mixed: they are not on one yardstick.
  const isRatedByOperator = everywhere !== undefined || written.quality !== undefined;
  const quality = isRatedByOperator
    ? { ...everywhere, ...compact(written.quality ?? {}) }
    : qualityOf(listedAs);
  return {
    id: `${provider.id}/${written.id}`,
    provider: provider.id,
    localId: written.id,
    model,
    region: provider.region,
    dialects: dialectsOf(provider, known),
    contextTokens: written.contextTokens ?? known?.contextTokens ?? null,
    maxOutputTokens: written.maxOutputTokens ?? known?.maxOutputTokens ?? null,
    capabilities: written.capabilities ?? known?.capabilities ?? LISTED_CAPABILITIES,
    price: written.price === undefined ? (known?.price ?? null) : makePrice(written.price),
    quality,
    correctionPlace: written.correctionPlace ?? correctionPlaceOf(model, provider.correctionPlace),
  };
}

/** A model the catalog knows only behind one of its vendor's APIs is not asked in the other. */
function dialectsOf(
  provider: ProviderConfig,
  known: CatalogModel | null,
): readonly UpstreamDialect[] {
  if (known === null || known.endpoint === "chat") return provider.dialects;
  const left = provider.dialects.filter((dialect) => dialect !== "openai-chat");
  return left.length === 0 ? provider.dialects : left;
}

/** A model a caller names by itself may be one for embeddings too. */
function openDialects({ dialects, embeddings }: ProviderConfig): readonly UpstreamDialect[] {
  return embeddings ? [...dialects, "openai-embeddings"] : dialects;
}

function makePrice(price: NonNullable<ModelEntry["price"]>): Price {
  return {
    input: price.input,
    output: price.output,
    cacheRead: price.cacheRead ?? null,
    cacheWrite: price.cacheWrite ?? null,
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
