// The catalog as configured: what a start knows of models, and what is offered when that changes.
// Must never fetch anything: a start reads the release and the copy on disk, and waits for nothing.

import { resolve } from "node:path";
import { makeProviders } from "./config-providers.ts";
import type { ConfigFile } from "./config-schema.ts";
import type { Deployment } from "./turn/deployment.ts";
import { openTable, type Opened } from "./upstream/catalog-copy.ts";
import type { CatalogSettings } from "./upstream/catalog-refresh.ts";
import type { CatalogTable } from "./upstream/catalog-table.ts";
import { embeddedCatalog, embeddedTable, makeCatalog, type Catalog } from "./upstream/catalog.ts";

/** What deployments are made of. Holds secrets. */
export type ProviderEntries = Pick<ConfigFile, "providers" | "ratings">;

export interface ConfiguredCatalog {
  /** What is known at the start: this release's, or a newer copy. */
  readonly value: Catalog;
  /** The table it was made of, and what a refresh goes on from. */
  readonly opened: Opened;
  /** Null: it is never refreshed. */
  readonly refresh: CatalogSettings | null;
}

/** Without refreshing nothing but the release counts, so that `refresh: false` is a fixed state. */
export function openCatalog(written: ConfigFile["catalog"], base: string): ConfiguredCatalog {
  const { refresh, url, everyHours } = written;
  const folder = resolve(base, written.folder);
  const release = embeddedTable();
  const opened = refresh ? openTable(release, folder) : { table: release, tag: null, notice: null };
  const value = opened.table === release ? embeddedCatalog() : makeCatalog(opened.table);
  return { value, opened, refresh: refresh ? { url, everyHours, folder } : null };
}

export interface Redeployed {
  readonly catalog: Catalog;
  readonly deployments: readonly Deployment[];
}

/** The deployments of the same entries under another table; what the operator wrote still counts. */
export function redeploy(entries: ProviderEntries, table: CatalogTable): Redeployed {
  const catalog = makeCatalog(table);
  const { deployments } = makeProviders(entries, catalog);
  return { catalog, deployments };
}
