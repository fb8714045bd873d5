// A small public list in the format of models.dev, and the table that the gateway starts from.

import { reduceSource } from "../../src/upstream/catalog-source.ts";
import type { Completing, OpinionSource } from "../../src/upstream/catalog-opinion.ts";
import type { CatalogTable } from "../../src/upstream/catalog-table.ts";

interface Cost {
  input: number;
  output: number;
  cache_read?: number;
}

export interface ListedModel {
  cost?: Cost;
  limit: { context: number; output: number };
  tool_call: boolean;
  modalities: { input: string[]; output: string[] };
  status?: string;
}

export type PublicList = Record<string, { models: Record<string, ListedModel> }>;

function listedModel(input: number): ListedModel {
  return {
    cost: { input, output: input * 5, cache_read: input / 10 },
    limit: { context: 200_000, output: 8_192 },
    tool_call: true,
    modalities: { input: ["text", "image"], output: ["text"] },
  };
}

/** Forty models at two vendors, m-1 … m-20 each. */
export function publicList(): PublicList {
  const models = (factor: number) =>
    Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        `m-${index + 1}`,
        listedModel((index + 1) * factor),
      ]),
    );
  return { openai: { models: models(1) }, groq: { models: models(0.5) } };
}

export function tableOf(list: PublicList, version = "2026-07-02"): CatalogTable {
  return reduceSource(list, version).table;
}

/** A second source that has nothing to say. */
export const NO_OPINIONS: OpinionSource = { priceOf: () => null, modelsOf: () => [] };

/** The model of this name, or a failed test. */
export function modelIn(list: PublicList, vendor: string, id: string): ListedModel {
  const found = list[vendor]?.models[id];
  if (found === undefined) throw new Error(`no ${vendor}/${id} in the list`);
  return found;
}

export function addModel(list: PublicList, id: string, model: ListedModel): void {
  const vendor = list["openai"];
  if (vendor === undefined) throw new Error("no openai in the list");
  vendor.models[id] = model;
}

/** Completes a table by this source, where nothing is rated and the list says nothing more. */
export function completing(opinions: OpinionSource): Completing {
  return { opinions, isRated: () => false, names: () => false };
}
