// Whether a newer list of models may be believed, and what of it is taken over.
// Pure. Must never take a model away that this gateway serves: a conversation may be pinned to it.

import { rowOf, type CatalogRow, type CatalogTable } from "./catalog-table.ts";

/** Share of the models known so far that a newer list must still name. */
const KNOWN_SHARE_MIN = 0.9;
/** A price that moved by more than this factor, up or down, is taken for a slip and not taken over. */
const PRICE_FACTOR_MAX = 5;
/** Share of the prices that may look like a slip; above it the whole list is refused. */
const SLIP_SHARE_MAX = 0.02;
/** Most single models named in one message. */
const NAMED_MAX = 5;

export type Merged =
  | {
      readonly ok: true;
      readonly table: CatalogTable;
      /** Prices that were not taken over, each in words. */
      readonly slips: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

/**
 * `previous` with what `next` says newer. Models that `next` no longer has stay; identities never
 * change; a price that vanished or slipped stays as it was. `names` tells whether the source still
 * knows a model at all, the deprecated ones too.
 */
export function mergeTables(
  previous: CatalogTable,
  next: CatalogTable,
  names: (vendor: string, model: string) => boolean,
): Merged {
  const missing = missingModels(previous, names);
  if (missing !== null) return { ok: false, reason: missing };
  const slips: string[] = [];
  let prices = 0;
  const vendors: CatalogTable["vendors"] = {};
  for (const [vendor, known] of Object.entries(previous.vendors)) {
    const rows = new Map(Object.entries(known));
    for (const [model, row] of Object.entries(next.vendors[vendor] ?? {})) {
      const before = rowOf(previous, vendor, model);
      if (before !== null && before.price !== null && row.price !== null) prices += 1;
      const slip = before === null ? null : slipOf(before, row);
      if (slip !== null) slips.push(`${vendor}/${model}: ${slip}`);
      rows.set(model, before === null ? row : mergeRow(before, row, slip !== null));
    }
    vendors[vendor] = Object.fromEntries(rows);
  }
  if (slips.length > Math.max(1, prices * SLIP_SHARE_MAX)) {
    const shown = slips.slice(0, NAMED_MAX).join("; ");
    const reason = `${slips.length} of ${prices} prices moved more than ${PRICE_FACTOR_MAX} times (${shown})`;
    return { ok: false, reason };
  }
  return { ok: true, table: { version: next.version, vendors }, slips };
}

/** Only models of the first source count: it is the one that was asked. */
function missingModels(
  previous: CatalogTable,
  names: (vendor: string, model: string) => boolean,
): string | null {
  const known = Object.entries(previous.vendors).flatMap(([vendor, rows]) =>
    Object.entries(rows)
      .filter(([, { listed }]) => listed)
      .map(([model]) => ({ vendor, model })),
  );
  const gone = known.filter(({ vendor, model }) => !names(vendor, model));
  if (known.length - gone.length >= known.length * KNOWN_SHARE_MIN) return null;
  return `it lacks ${gone.length} of the ${known.length} models known so far`;
}

function slipOf(before: CatalogRow, after: CatalogRow): string | null {
  if (before.price === null || after.price === null) return null;
  for (const kind of ["input", "output"] as const) {
    const [was, is] = [before.price[kind], after.price[kind]];
    if (was === 0 && is === 0) continue;
    if (is > was * PRICE_FACTOR_MAX || is * PRICE_FACTOR_MAX < was) {
      return `${kind} price from ${was} to ${is}`;
    }
  }
  return null;
}

function mergeRow(before: CatalogRow, after: CatalogRow, slipped: boolean): CatalogRow {
  const isKept = slipped || after.price === null;
  return {
    ...after,
    // Pins hold conversations to it, so it is settled once.
    identity: before.identity,
    listed: before.listed || after.listed,
    contextTokens: after.contextTokens ?? before.contextTokens,
    maxOutputTokens: after.maxOutputTokens ?? before.maxOutputTokens,
    capabilities: after.capabilities ?? before.capabilities,
    ...(isKept
      ? { price: before.price, priceSource: before.priceSource, otherPrice: before.otherPrice }
      : {}),
  };
}
