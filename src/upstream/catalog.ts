// Facts about known models: price, limits, abilities, quality. One immutable value at a time.
// Must never guess: an unknown price is null (never 0), an unrated model has no rating.

import type { Capability } from "../turn/deployment.ts";
import { readCatalogFile } from "./catalog-file.ts";
import { catalogVendor } from "./catalog-names.ts";
import { embeddedQuality, type Quality } from "./catalog-quality.ts";
import {
  tableSchema,
  tableVersion,
  type CatalogPrice,
  type CatalogRow,
  type CatalogTable,
} from "./catalog-table.ts";

export interface CatalogModel {
  /** Name the vendor knows it by. */
  readonly model: string;
  /** Equal where the same model is served by several vendors. */
  readonly identity: string;
  /** False: known by its price alone; not offered where an operator lists no models. */
  readonly listed: boolean;
  /** Which of the vendor's own APIs serves it. */
  readonly endpoint: "chat" | "responses" | "embeddings";
  readonly contextTokens: number | null;
  readonly maxOutputTokens: number | null;
  /** Null: not known. */
  readonly capabilities: readonly Capability[] | null;
  readonly price: CatalogPrice | null;
  readonly priceSource: CatalogRow["priceSource"];
  readonly otherPrice: CatalogRow["otherPrice"];
}

/** Never changes: a refresh makes another one, and what began with this one goes on with it. */
export interface Catalog {
  /** Names the state of all tables; kept with pins and receipts, since prices and ratings drift. */
  readonly version: string;
  /** Date of the table of models and of the table of quality, YYYY-MM-DD. */
  readonly dates: { readonly models: string; readonly quality: string };
  readonly vendors: readonly string[];
  /** Models of this vendor, for when the operator lists none; empty for an unknown vendor. */
  models(vendor: string): readonly CatalogModel[];
  /** All of this vendor's models, those that are known by their price alone too. */
  everyModel(vendor: string): readonly CatalogModel[];
  /** What is known of one model of this vendor, or null. */
  find(vendor: string, model: string): CatalogModel | null;
  /** Measured quality of a model, whoever serves it. The lower bound counts; unrated: `{}`. */
  quality(model: string): Quality;
}

// Read at the first question and kept: the files belong to the package and do not change under it.
let embeddedModels: CatalogTable | null = null;
let embedded: Catalog | null = null;

/** The table of models this release came with. */
export function embeddedTable(): CatalogTable {
  embeddedModels ??= tableSchema.parse(readCatalogFile("models.json"));
  return embeddedModels;
}

/** The catalog this release came with. */
export function embeddedCatalog(): Catalog {
  embedded ??= makeCatalog(embeddedTable());
  return embedded;
}

/** A catalog of these models; quality is always that of the release. */
export function makeCatalog(table: CatalogTable): Catalog {
  const { qualityOf, version: qualityVersion } = embeddedQuality();
  const vendors = new Map<string, ReadonlyMap<string, CatalogModel>>();
  for (const [vendor, rows] of Object.entries(table.vendors)) {
    const entries = Object.entries(rows).map(([model, row]): [string, CatalogModel] => [
      model,
      { model, ...row },
    ]);
    vendors.set(vendor, new Map(entries));
  }
  const every = (vendor: string): readonly CatalogModel[] => [
    ...(vendors.get(catalogVendor(vendor))?.values() ?? []),
  ];
  return {
    version: `models-${tableVersion(table)}+quality-${qualityVersion}`,
    dates: { models: table.version, quality: qualityVersion },
    vendors: [...vendors.keys()],
    models: (vendor) => every(vendor).filter(({ listed }) => listed),
    everyModel: every,
    find: (vendor, model) => vendors.get(catalogVendor(vendor))?.get(model) ?? null,
    quality: qualityOf,
  };
}
