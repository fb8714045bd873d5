// What a provider's models are called, here and upstream, and what of the catalog is known of each.
// Must never make two models equal by a guess: what is not known keeps the name it has.

import { modelIdentity } from "./upstream/catalog-names.ts";
import type { Catalog, CatalogModel } from "./upstream/catalog.ts";
import { mayServe, nameInRegion, splitModelName, type BedrockRegion } from "./upstream/regions.ts";

/** What names depend on. */
export interface NamingProvider {
  readonly vendor: string | null;
  /** How models are called at this place; null: as everywhere. */
  readonly bedrock: BedrockRegion | null;
  /** `id` may tell which model it is, where the name upstream is the operator's own. */
  readonly namesAreOwn: boolean;
}

export interface NamedModel {
  readonly upstreamModel: string;
  readonly known: CatalogModel | null;
  /** Equal wherever the same model is served. */
  readonly model: string;
}

export interface WrittenModel {
  readonly id: string;
  readonly model?: string | undefined;
}

/** Null: the model is not served at this place. */
export function nameModel(
  provider: NamingProvider,
  written: WrittenModel,
  catalog: Catalog,
): NamedModel | null {
  const { vendor, bedrock } = provider;
  const asked = written.model ?? written.id;
  const find = (name: string): CatalogModel | null =>
    vendor === null ? null : catalog.find(vendor, name);
  if (bedrock === null || vendor === null) {
    const own = provider.namesAreOwn ? knownById(provider, written.id, catalog) : null;
    const known = find(asked) ?? own;
    return { upstreamModel: asked, known, model: known?.identity ?? asked };
  }
  // Callers and operators may use the short name of a model that the catalog lists under a long one.
  const listed = written.model === undefined ? knownById(provider, written.id, catalog) : null;
  const name = listed === null ? asked : splitModelName(listed.model).base;
  const rows = rowsOf(vendor, splitModelName(name).base, catalog);
  const profiles = rows.flatMap((row) => splitModelName(row.model).profile ?? []);
  const upstreamModel = nameInRegion(name, bedrock, profiles);
  if (upstreamModel === null) return null;
  const near = rows.find((row) => splitModelName(row.model).profile === bedrock.group);
  const known =
    find(upstreamModel) ??
    near ??
    withoutPrice(rows[0]) ??
    knownById(provider, written.id, catalog);
  return { upstreamModel, known, model: known?.identity ?? modelIdentity(upstreamModel) };
}

/** Another region may charge otherwise. */
function withoutPrice(row: CatalogModel | undefined): CatalogModel | null {
  return row === undefined ? null : { ...row, price: null };
}

/** The same for a name that a caller made up; null also where it asks for another region. */
export function nameOpenModel(
  provider: NamingProvider,
  localId: string,
  catalog: Catalog,
): NamedModel | null {
  const { bedrock } = provider;
  if (bedrock !== null && !mayServe(localId, bedrock)) return null;
  return nameModel({ ...provider, namesAreOwn: false }, { id: localId }, catalog);
}

/** The models of the catalog that are offered where an operator lists none. */
export function listModels(
  { vendor, bedrock }: NamingProvider,
  catalog: Catalog,
): readonly WrittenModel[] {
  const rows = vendor === null ? [] : catalog.models(vendor);
  if (bedrock === null) return rows.map(({ model }) => ({ id: model }));
  const identities = new Map(
    rows.map(({ model, identity }) => [splitModelName(model).base, identity]),
  );
  const names = [...identities.values()];
  return [...identities].map(([base, identity]) => ({
    // Short, unless two models share it.
    id: names.indexOf(identity) === names.lastIndexOf(identity) ? identity : base,
    model: base,
  }));
}

/** Rows of the same model, with a profile and without. */
function rowsOf(vendor: string, base: string, catalog: Catalog): readonly CatalogModel[] {
  return catalog.everyModel(vendor).filter(({ model }) => splitModelName(model).base === base);
}

function knownById({ vendor }: NamingProvider, id: string, catalog: Catalog): CatalogModel | null {
  if (vendor === null) return null;
  const bearers = catalog.everyModel(vendor).filter(({ identity }) => identity === id);
  return catalog.find(vendor, id) ?? bearers[0] ?? null;
}
