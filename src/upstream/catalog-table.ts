// The shape of a table of models, as it lies in catalog/ and in the copy a refresh leaves on disk.
// Must never let a price of 0 stand for an unknown one, nor a table pass that breaks its own bounds.

import { createHash } from "node:crypto";
import { z } from "zod";

/** Dearest price taken for real, in USD per million tokens: anything above is a slip of units. */
const PRICE_MAX = 10_000;
const TOKENS_MAX = 100_000_000;
const NAME_LENGTH_MAX = 256;
const TIERS_MAX = 8;
/** Models of one vendor. */
const MODELS_MAX = 4_000;

const price = z.number().min(0).max(PRICE_MAX);
const tokens = z.int().min(1).max(TOKENS_MAX);

/** All tokens of a request whose input is above `above` cost this. */
const tierSchema = z.object({
  above: tokens,
  input: price,
  output: price,
  cacheRead: price.nullable(),
  cacheWrite: price.nullable(),
  cacheWriteHour: price.nullable(),
});

const priceSchema = z
  .object({
    input: price,
    output: price,
    cacheRead: price.nullable(),
    cacheWrite: price.nullable(),
    cacheWriteHour: price.nullable(),
    tiers: z.array(tierSchema).max(TIERS_MAX),
  })
  .refine(({ input, output }) => input + output > 0, "an unknown price is null, never 0");

/** Who says what a model costs. `both`: models.dev for the base, genai-prices for what it leaves out. */
export const PRICE_SOURCES = ["models.dev", "genai-prices", "both"] as const;

export const rowSchema = z.object({
  /** Equal where the same model is served by several vendors. */
  identity: z.string().min(1).max(NAME_LENGTH_MAX),
  /** False: known by its price alone, so it is not offered where an operator lists no models. */
  listed: z.boolean(),
  /** Which of the vendor's own APIs serves it. */
  endpoint: z.enum(["chat", "responses", "embeddings"]),
  contextTokens: tokens.nullable(),
  maxOutputTokens: tokens.nullable(),
  /** Null: not known. */
  capabilities: z
    .array(z.enum(["tools", "vision", "json", "embeddings"]))
    .max(3)
    .nullable(),
  price: priceSchema.nullable(),
  priceSource: z.enum(PRICE_SOURCES).nullable(),
  /** What the source that was not followed says, where the two differ. USD per million tokens. */
  otherPrice: z.object({ input: price, output: price }).nullable(),
});

/** Names go into answers and headers. */
const modelId = z.string().regex(/^[\x21-\x7e]{1,256}$/);

export const tableSchema = z.object({
  /** Date of the state of the source, YYYY-MM-DD. */
  version: z.string().regex(/^\d{4}-\d\d-\d\d$/),
  vendors: z.record(
    z.string(),
    z
      .record(modelId, rowSchema)
      .refine((rows) => Object.keys(rows).length <= MODELS_MAX, "holds too many models"),
  ),
});

export type CatalogTable = z.output<typeof tableSchema>;
export type CatalogRow = z.output<typeof rowSchema>;
export type CatalogPrice = NonNullable<CatalogRow["price"]>;

/** The row of this model, or null. Names come from elsewhere: they may be those of built-in properties. */
export function rowOf(table: CatalogTable, vendor: string, model: string): CatalogRow | null {
  const rows = Object.hasOwn(table.vendors, vendor) ? table.vendors[vendor] : undefined;
  return rows !== undefined && Object.hasOwn(rows, model) ? (rows[model] ?? null) : null;
}

/** Digits of the content's hash in a version. */
const HASH_DIGITS = 8;

/** `2026-07-02.1a2b3c4d`: the date of the state, and a hash that changes with any figure in it. */
export function tableVersion(table: CatalogTable): string {
  const vendors = Object.entries(table.vendors)
    .map(([vendor, rows]) => [vendor, Object.entries(rows).sort(byName)])
    .sort(byName);
  const hash = createHash("sha256").update(JSON.stringify(vendors)).digest("hex");
  return `${table.version}.${hash.slice(0, HASH_DIGITS)}`;
}

function byName(left: readonly unknown[], right: readonly unknown[]): number {
  return String(left[0]) < String(right[0]) ? -1 : 1;
}
