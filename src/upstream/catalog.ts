// Facts about known models, read once from catalog/: price, limits, abilities, quality.
// Must never guess: an unknown price is null (never 0), an unrated model has no rating.

import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Capability, CorrectionPlace, Price, QualityKind } from "../turn/deployment.ts";

/** Rating per kind in 0..1; a kind that is not rated is absent. */
export type Quality = Readonly<Partial<Record<QualityKind, number>>>;

export interface CatalogModel {
  /** Name the vendor knows it by. */
  readonly model: string;
  /** Name its quality is listed under. */
  readonly ratingName: string;
  /** Which of the vendor's own APIs serves it. */
  readonly endpoint: "chat" | "responses";
  readonly contextTokens: number | null;
  readonly maxOutputTokens: number | null;
  readonly capabilities: readonly Capability[];
  readonly price: Price | null;
}

const modelSchema = z.object({
  rating: z.string(),
  endpoint: z.enum(["chat", "responses"]),
  contextTokens: z.number().nullable(),
  maxOutputTokens: z.number().nullable(),
  capabilities: z.array(z.enum(["tools", "vision", "json"])),
  price: z
    .object({
      input: z.number(),
      output: z.number(),
      cacheRead: z.number().nullable(),
      cacheWrite: z.number().nullable(),
    })
    .nullable(),
});

const modelsSchema = z.object({
  version: z.string(),
  vendors: z.record(z.string(), z.record(z.string(), modelSchema)),
});

const ratingsSchema = z.record(z.string(), z.object({ low: z.number(), n: z.number() }));

const qualitySchema = z.object({
  version: z.string(),
  agent: ratingsSchema,
  coding: ratingsSchema,
});

interface Catalog {
  readonly version: string;
  readonly vendors: ReadonlyMap<string, ReadonlyMap<string, CatalogModel>>;
  readonly quality: ReadonlyMap<string, Quality>;
}

// Read at the first question and kept: the files belong to the package and do not change under it.
let loaded: Catalog | null = null;

/** Names the state of both tables; kept with pins and receipts, since ratings drift. */
export function catalogVersion(): string {
  return catalog().version;
}

/** Models of this vendor, for when the operator lists none; empty for an unknown vendor. */
export function catalogModels(vendorId: string): readonly CatalogModel[] {
  return [...(catalog().vendors.get(vendorId)?.values() ?? [])];
}

/** What is known of one model of this vendor, or null. */
export function findCatalogModel(vendorId: string, model: string): CatalogModel | null {
  return catalog().vendors.get(vendorId)?.get(model) ?? null;
}

/** Measured quality of a model, whoever serves it. The lower bound counts; unrated: `{}`. */
export function qualityOf(model: string): Quality {
  return catalog().quality.get(ratingName(model)) ?? {};
}

/**
 * The family's message template decides, whoever serves the model: Mistral's refuses a user message
 * after a tool message, so such models get their corrections inside the tool result.
 */
export function correctionPlaceOf(model: string, vendorDefault: CorrectionPlace): CorrectionPlace {
  return /(mi[sx]tral|ministral|codestral|devstral|magistral|pixtral)/i.test(model)
    ? "tool-result-tail"
    : vendorDefault;
}

/**
 * One spelling per model: lower case, dots as dashes, without vendor prefix, serving suffix,
 * release date, `-preview` or a trailing `-0`. A quantised or otherwise altered model keeps its
 * own name: it is unrated.
 */
export function ratingName(model: string): string {
  return model
    .slice(model.lastIndexOf("/") + 1)
    .replace(/@.*$/, "")
    .toLowerCase()
    .replace(/[._]/g, "-")
    .replace(/-(20\d{6}|20\d\d-\d\d-\d\d)$/, "")
    .replace(/-preview$/, "")
    .replace(/-0$/, "");
}

function catalog(): Catalog {
  loaded ??= load();
  return loaded;
}

function load(): Catalog {
  const models = modelsSchema.parse(readData("models.json"));
  const ratings = qualitySchema.parse(readData("quality.json"));
  const names = new Set([...Object.keys(ratings.agent), ...Object.keys(ratings.coding)]);
  const quality = new Map<string, Quality>();
  for (const name of names) {
    const agent = ratings.agent[name]?.low;
    const coding = ratings.coding[name]?.low;
    quality.set(name, {
      ...(agent === undefined ? {} : { agent }),
      ...(coding === undefined ? {} : { coding }),
    });
  }
  const vendors = new Map<string, ReadonlyMap<string, CatalogModel>>();
  for (const [vendor, listed] of Object.entries(models.vendors)) {
    const entries = Object.entries(listed).map(([model, row]): [string, CatalogModel] => {
      const { rating, ...facts } = row;
      return [model, { model, ratingName: rating, ...facts }];
    });
    vendors.set(vendor, new Map(entries));
  }
  return { version: `models-${models.version}+quality-${ratings.version}`, vendors, quality };
}

function readData(name: string): unknown {
  // Two levels up from src/upstream and from dist/upstream alike.
  return JSON.parse(readFileSync(new URL(`../../catalog/${name}`, import.meta.url), "utf8"));
}
