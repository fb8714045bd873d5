// The second opinion on prices: what genai-prices says of a model, and how it completes a table.
// Loaded only while a table is made, never for a turn. Must never replace a figure by a looser match.

import type { ModelPrice, TieredPrices } from "@pydantic/genai-prices";
import { CATALOG_VENDORS, modelIdentity } from "./catalog-names.ts";
import type { CatalogPrice, CatalogRow, CatalogTable } from "./catalog-table.ts";

export interface Opinion {
  readonly price: CatalogPrice;
  /** True: it is written for exactly this model at this vendor, not for a family or another vendor. */
  readonly exact: boolean;
  /** True: it tells a region's price from the worldwide one. */
  readonly regional: boolean;
}

/** A model that only the second source knows. */
export interface OpinionModel {
  readonly id: string;
  readonly contextTokens: number | null;
}

export interface OpinionSource {
  priceOf(vendor: string, model: string): Opinion | null;
  modelsOf(vendor: string): readonly OpinionModel[];
}

export interface Completing {
  readonly opinions: OpinionSource;
  /** Whether the quality of a model of this identity is known. */
  readonly isRated: (identity: string) => boolean;
  /** Whether the first source names this model of a vendor, and so has left it out on purpose. */
  readonly names: (vendor: string, model: string) => boolean;
}

/** Prices closer than this are the same; written figures differ in their last binary digit. */
const RELATIVE_TOLERANCE = 1e-6;
/** Names in the second source that are patterns, families or not for conversation. */
const NO_MODEL_NAMES = [
  String.raw`^(?:regional|global)\.|^ft:|\.ft-|[*\s]`,
  "embed|whisper|tts|audio|realtime|transcribe|voxtral|orpheus",
  "image|ocr|moderation|rerank|guard|search|computer-use",
  "-instruct$|^(?:ada|babbage|curie|davinci)",
];
const NO_MODEL_NAME = new RegExp(NO_MODEL_NAMES.join("|"), "i");

const DAY_MS = 86_400_000;

/**
 * Reads the package. Some prices depend on the date, so `now` (milliseconds since the epoch) says
 * which; of those that depend on the hour, midday's: it is the dearer one.
 */
export async function loadOpinions(now: number): Promise<OpinionSource> {
  const { calcPrice, findProvider } = await import("@pydantic/genai-prices");
  const timestamp = new Date(now - (now % DAY_MS) + DAY_MS / 2);
  const ask = (vendor: string, model: string): Opinion | null => {
    const providerId = CATALOG_VENDORS[vendor]?.genaiPrices ?? null;
    if (providerId === null) return null;
    const usage = { input_tokens: 1, output_tokens: 1 };
    const found = calcPrice(usage, model, { providerId, timestamp });
    const price = found === null ? null : readPrice(found.model_price);
    if (found === null || price === null) return null;
    const named = modelIdentity(found.model.id) === modelIdentity(model);
    return {
      price,
      exact: named && found.provider.id === providerId,
      regional: /^(?:regional|global)\./.test(found.model.id),
    };
  };
  return {
    priceOf: ask,
    modelsOf(vendor) {
      const providerId = CATALOG_VENDORS[vendor]?.genaiPrices ?? null;
      const provider = providerId === null ? undefined : findProvider({ providerId });
      return (provider?.models ?? [])
        .filter(({ id, deprecated }) => deprecated !== true && !NO_MODEL_NAME.test(id))
        .filter(({ id }) => CATALOG_VENDORS[vendor]?.serves?.test(id) !== false)
        .map(({ id, context_window: window }) => ({ id, contextTokens: window ?? null }));
    },
  };
}

/**
 * The table with prices completed: one that is missing is taken over, one that agrees in its base
 * gains what was left out (cache prices, tiers). Where the two differ the table's own counts, except
 * for regional prices, which it often lacks; the other is kept beside it. Models that only the
 * second source knows are added, and listed only where they are rated and can be asked by that name.
 */
export function completeTable(
  table: CatalogTable,
  { opinions, isRated, names }: Completing,
): CatalogTable {
  const vendors: CatalogTable["vendors"] = {};
  for (const [vendor, rows] of Object.entries(table.vendors)) {
    const completed = new Map<string, CatalogRow>();
    for (const [id, row] of Object.entries(rows)) {
      completed.set(id, completeRow(row, opinions.priceOf(vendor, id)));
    }
    for (const { id, contextTokens } of opinions.modelsOf(vendor)) {
      const opinion = completed.has(id) ? null : opinions.priceOf(vendor, id);
      if (opinion?.exact === true) {
        const callable = CATALOG_VENDORS[vendor]?.callable === true && !names(vendor, id);
        const listed = callable && isRated(modelIdentity(id));
        completed.set(id, pricedOnly({ id, contextTokens }, opinion.price, listed));
      }
    }
    vendors[vendor] = Object.fromEntries(completed);
  }
  return { version: table.version, vendors };
}

function completeRow(row: CatalogRow, opinion: Opinion | null): CatalogRow {
  if (opinion === null) return row;
  const { price: other, exact, regional } = opinion;
  if (row.price === null) {
    return exact ? { ...row, price: other, priceSource: "genai-prices" } : row;
  }
  const own = { input: row.price.input, output: row.price.output };
  if (isSame(own.input, other.input) && isSame(own.output, other.output)) {
    return { ...row, ...completePrice(row.price, other, exact || regional) };
  }
  if (regional) return { ...row, price: other, priceSource: "genai-prices", otherPrice: own };
  return exact ? { ...row, otherPrice: { input: other.input, output: other.output } } : row;
}

/** Tiers come from an exact match only: a family's may not hold for each of its models. */
function completePrice(
  own: CatalogPrice,
  other: CatalogPrice,
  exact: boolean,
): Pick<CatalogRow, "price" | "priceSource"> {
  const price: CatalogPrice = {
    ...own,
    cacheRead: own.cacheRead ?? other.cacheRead,
    cacheWrite: own.cacheWrite ?? other.cacheWrite,
    cacheWriteHour: own.cacheWriteHour ?? other.cacheWriteHour,
    tiers: exact ? completeTiers(own, other) : own.tiers,
  };
  const isRicher = JSON.stringify(price) !== JSON.stringify(own);
  return { price, priceSource: isRicher ? "both" : "models.dev" };
}

/** The table's own tiers with their gaps filled; without any, the other's. */
function completeTiers(own: CatalogPrice, other: CatalogPrice): CatalogPrice["tiers"] {
  if (own.tiers.length === 0) return other.tiers;
  return own.tiers.map((tier) => {
    const same = other.tiers.find(({ above }) => above === tier.above);
    return {
      ...tier,
      cacheRead: tier.cacheRead ?? same?.cacheRead ?? null,
      cacheWrite: tier.cacheWrite ?? same?.cacheWrite ?? null,
      cacheWriteHour: tier.cacheWriteHour ?? same?.cacheWriteHour ?? null,
    };
  });
}

function pricedOnly(
  { id, contextTokens }: OpinionModel,
  price: CatalogPrice,
  listed: boolean,
): CatalogRow {
  return {
    identity: modelIdentity(id),
    listed,
    endpoint: "chat",
    contextTokens,
    maxOutputTokens: null,
    capabilities: null,
    price,
    priceSource: "genai-prices",
    otherPrice: null,
  };
}

function isSame(left: number, right: number): boolean {
  return Math.abs(left - right) <= Math.max(left, right) * RELATIVE_TOLERANCE;
}

/** Null where it has no price for both directions. */
function readPrice(written: ModelPrice): CatalogPrice | null {
  const input = baseOf(written["input_mtok"]);
  const output = baseOf(written["output_mtok"]);
  if (input === null || output === null || input + output === 0) return null;
  const starts = new Set(
    RATES.flatMap(([, key]) => tiersOf(written[key]).map(({ start }) => aboveOf(start))),
  );
  const tiers = [...starts]
    .sort((left, right) => left - right)
    .map((above) => ({ above, ...ratesAt(written, above, { input, output }) }));
  return { ...ratesAt(written, 0, { input, output }), tiers };
}

const RATES = [
  ["input", "input_mtok"],
  ["output", "output_mtok"],
  ["cacheRead", "cache_read_mtok"],
  ["cacheWrite", "cache_write_mtok"],
  ["cacheWriteHour", "cache_write_1h_mtok"],
] as const;

function ratesAt(
  written: ModelPrice,
  above: number,
  base: { readonly input: number; readonly output: number },
): Omit<CatalogPrice, "tiers"> {
  const rate = (key: string) => rateAt(written[key], above);
  return {
    input: rate("input_mtok") ?? base.input,
    output: rate("output_mtok") ?? base.output,
    cacheRead: rate("cache_read_mtok"),
    cacheWrite: rate("cache_write_mtok"),
    cacheWriteHour: rate("cache_write_1h_mtok"),
  };
}

type Written = number | TieredPrices | undefined;

function rateAt(written: Written, above: number): number | null {
  const reached = tiersOf(written).filter(({ start }) => aboveOf(start) <= above);
  return reached.at(-1)?.price ?? baseOf(written);
}

function baseOf(written: Written): number | null {
  if (written === undefined) return null;
  return typeof written === "number" ? written : written.base;
}

function tiersOf(written: Written): readonly { readonly start: number; readonly price: number }[] {
  return written === undefined || typeof written === "number" ? [] : written.tiers;
}

/** The package writes 271999 where the vendor says "272K and more"; the catalog's tiers begin above. */
function aboveOf(start: number): number {
  return start % 1_000 === 999 ? start + 1 : start;
}
