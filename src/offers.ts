// What the gateway offers right now: its model names with their facts, as one value that new turns take up.
// Must never change an offer that a turn has taken: a newer catalog makes another one.

import { redeploy } from "./config-catalog.ts";
import { makeOpenDeployment } from "./config-providers.ts";
import type { Config } from "./config.ts";
import type { Offer } from "./flow/stations.ts";
import { withoutRegion, type Deployment } from "./turn/deployment.ts";
import type { CatalogTable } from "./upstream/catalog-table.ts";
import type { Catalog } from "./upstream/catalog.ts";

export interface Offers {
  current(): Offer;
  /** From now on, turns begin with this table. */
  apply(table: CatalogTable): void;
}

/** `simulated`: deployments that stand in no configuration. */
export function createOffers(config: Config, simulated: readonly Deployment[]): Offers {
  let offer = makeOffer(config, config.catalog.value, [...config.deployments, ...simulated]);
  return {
    current: () => offer,
    apply(table) {
      const { catalog, deployments } = redeploy(config.entries, table);
      offer = makeOffer(config, catalog, [...deployments, ...simulated]);
    },
  };
}

/** Whether any provider takes something from the catalog, so that a newer one is of use. */
export function usesCatalog({ providers, catalog }: Config): boolean {
  return providers.some(
    ({ vendor }) => vendor !== null && catalog.value.everyModel(vendor).length > 0,
  );
}

function makeOffer(config: Config, catalog: Catalog, deployments: readonly Deployment[]): Offer {
  const { logicalModels } = config;
  const names = {
    deployments,
    logicalModels,
    openDeployment: (name: string) => openDeployment(config, catalog, name),
  };
  return { names, catalogVersion: catalog.version };
}

/** `provider/anything` for a provider whose models need not be listed. */
function openDeployment(config: Config, catalog: Catalog, name: string): Deployment | null {
  const slash = name.indexOf("/");
  const id = name.slice(0, Math.max(0, slash));
  const model = name.slice(slash + 1);
  if (model === "") return null;
  for (const provider of config.providers) {
    const isMeant = provider.id === id || withoutRegion(provider.id) === id;
    const made =
      isMeant && provider.openModels ? makeOpenDeployment(provider, model, catalog) : null;
    if (made !== null) return made;
  }
  return null;
}
