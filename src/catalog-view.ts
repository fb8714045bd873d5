// What is known of models, each figure with where it comes from, as plain values for text and JSON.
// Pure. Must never show a figure without its source, nor an unknown one as 0.

import type { ModelEntry } from "./config-provider-schema.ts";
import type { Config } from "./config.ts";
import { rateQuality } from "./routing/rating.ts";
import {
  withoutRegion,
  type Capability,
  type Deployment,
  type Price,
  type QualityKind,
} from "./turn/deployment.ts";
import { catalogVendor, ratingName } from "./upstream/catalog-names.ts";
import type { Observation, Provenance } from "./upstream/catalog-provenance.ts";
import type { Catalog, CatalogModel } from "./upstream/catalog.ts";

const KINDS: readonly QualityKind[] = ["chat", "agent", "coding"];

export const YOURS = "your configuration";

/** A value with where it comes from; both null where nothing is known. */
interface Known<Value> {
  readonly value: Value | null;
  readonly from: string | null;
}

export interface PlaceView {
  /** `provider/model` where it is configured, else null. */
  readonly configuredAs: string | null;
  /** Row of the catalog it was looked up in; null: a server of your own. */
  readonly vendor: string | null;
  /** Name sent upstream. */
  readonly upstreamModel: string;
  /** False: only its price is known, so it is offered only where you list it or name it. */
  readonly listed: boolean;
  readonly price: Known<Price>;
  /** What the source that was not followed says, where the two differ. */
  readonly otherPrice: { readonly input: number; readonly output: number } | null;
  readonly contextTokens: Known<number>;
  readonly maxOutputTokens: Known<number>;
  readonly capabilities: Known<readonly Capability[]>;
  /** Your own ratings, which count here instead of the catalog's. */
  readonly ownQuality: Readonly<Partial<Record<QualityKind, number>>> | null;
}

export interface RatingView {
  readonly kind: QualityKind;
  /** 0 … 1: what counts. Null: not rated. */
  readonly value: number | null;
  /** rated: measured. proxy: the mean of the other kinds. */
  readonly provenance: "rated" | "proxy" | null;
  /** The estimate that `value` is the lower bound of. */
  readonly score: number | null;
  readonly count: number;
  readonly observations: readonly Observation[];
}

export interface ModelView {
  readonly model: string;
  readonly places: readonly PlaceView[];
  readonly quality: readonly RatingView[];
  readonly qualityFrom: string;
}

export interface Viewed {
  readonly catalog: Catalog;
  /** Null: without a configuration. */
  readonly config: Config | null;
  readonly deployments: readonly Deployment[];
}

/** Every model that is in the catalog or configured, by name, with where it can be had. */
export function viewPlaces(viewed: Viewed): ReadonlyMap<string, readonly PlaceView[]> {
  const places = new Map<string, PlaceView[]>();
  const add = (model: string, place: PlaceView): void => {
    const known = places.get(model);
    if (known === undefined) places.set(model, [place]);
    else known.push(place);
  };
  const configured = new Set<string>();
  for (const deployment of viewed.deployments) {
    const place = configuredPlace(deployment, viewed);
    configured.add(`${place.vendor ?? ""}\n${place.upstreamModel}`);
    add(deployment.model, place);
  }
  for (const vendor of viewed.catalog.vendors) {
    for (const row of viewed.catalog.everyModel(vendor)) {
      if (!configured.has(`${vendor}\n${row.model}`)) {
        add(row.identity, catalogPlace(vendor, row, viewed.catalog));
      }
    }
  }
  return new Map([...places].sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Everything that is known of one model. */
export function viewModel(
  model: string,
  places: readonly PlaceView[],
  provenance: Provenance,
): ModelView {
  const measured: Partial<Record<QualityKind, number>> = {};
  for (const kind of KINDS) {
    const figures = provenance.figuresOf(model, kind);
    if (figures !== null) measured[kind] = figures.low;
  }
  const quality = KINDS.map((kind): RatingView => {
    const rating = rateQuality(measured, kind);
    const figures = provenance.figuresOf(model, kind);
    return {
      kind,
      value: rating?.value ?? null,
      provenance: rating?.provenance ?? null,
      score: figures?.score ?? null,
      count: figures?.count ?? 0,
      observations: figures?.observations ?? [],
    };
  });
  return { model, places, quality, qualityFrom: `ratings of ${provenance.version}` };
}

function catalogPlace(vendor: string, row: CatalogModel, catalog: Catalog): PlaceView {
  const facts = row.listed ? `models.dev, ${catalog.dates.models}` : "genai-prices";
  const known = <Value>(value: Value | null): Known<Value> => ({
    value,
    from: value === null ? null : facts,
  });
  return {
    configuredAs: null,
    vendor,
    upstreamModel: row.model,
    listed: row.listed,
    price: { value: row.price, from: priceFrom(row, catalog) },
    otherPrice: row.otherPrice,
    contextTokens: known(row.contextTokens),
    maxOutputTokens: known(row.maxOutputTokens),
    capabilities: known(row.capabilities),
    ownQuality: null,
  };
}

function priceFrom({ priceSource }: CatalogModel, { dates }: Catalog): string | null {
  if (priceSource === null) return null;
  if (priceSource === "models.dev") return `models.dev, ${dates.models}`;
  if (priceSource === "genai-prices") return "genai-prices";
  return `models.dev, ${dates.models}; completed by genai-prices`;
}

function configuredPlace(deployment: Deployment, { catalog, config }: Viewed): PlaceView {
  const provider = config?.providers.find(({ id }) => id === deployment.provider);
  const vendor = provider?.vendor ?? null;
  const row = vendor === null ? null : catalog.find(vendor, deployment.upstreamModel);
  const base = row === null || vendor === null ? null : catalogPlace(vendor, row, catalog);
  const written = writtenModel(deployment, config);
  const pick = <Value>(
    own: unknown,
    value: Value | null,
    fallback: Known<unknown> | undefined,
  ): Known<Value> => {
    if (value === null) return { value: null, from: null };
    // What neither you nor the catalog says is assumed, and has to be marked so.
    return { value, from: own === undefined ? (fallback?.from ?? "assumed") : YOURS };
  };
  const { price, contextTokens, maxOutputTokens, capabilities } = deployment;
  return {
    configuredAs: deployment.id,
    vendor: row === null || vendor === null ? null : catalogVendor(vendor),
    upstreamModel: deployment.upstreamModel,
    listed: true,
    price: pick(written?.price, price, base?.price),
    otherPrice: written?.price === undefined ? (base?.otherPrice ?? null) : null,
    contextTokens: pick(written?.contextTokens, contextTokens, base?.contextTokens),
    maxOutputTokens: pick(written?.maxOutputTokens, maxOutputTokens, base?.maxOutputTokens),
    capabilities: pick(written?.capabilities, capabilities, base?.capabilities),
    ownQuality: isOwnRating(deployment, written, config) ? deployment.quality : null,
  };
}

function writtenModel(deployment: Deployment, config: Config | null): ModelEntry | null {
  const owner = withoutRegion(deployment.provider);
  const entry = config?.entries.providers.find(({ id }) => id === owner);
  return entry?.models?.find(({ id }) => id === deployment.localId) ?? null;
}

function isOwnRating(
  { model, upstreamModel }: Deployment,
  written: ModelEntry | null,
  config: Config | null,
): boolean {
  if (written?.quality !== undefined) return true;
  const names = Object.keys(config?.entries.ratings ?? {}).map(ratingName);
  return names.includes(ratingName(model)) || names.includes(ratingName(upstreamModel));
}
