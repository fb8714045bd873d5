// How good models are, as measured: the ratings this release came with.
// Must never rate what nobody measured, nor count an estimate: the lower bound is what counts.

import { z } from "zod";
import type { QualityKind } from "../turn/deployment.ts";
import { readCatalogFile } from "./catalog-file.ts";
import { ratingName } from "./catalog-names.ts";

/** Rating per kind in 0..1; a kind that is not rated is absent. */
export type Quality = Readonly<Partial<Record<QualityKind, number>>>;

interface QualityTable {
  /** Date of its state, YYYY-MM-DD. */
  readonly version: string;
  /** Whoever serves the model, and however they spell it; unrated: `{}`. */
  qualityOf(model: string): Quality;
}

const ratingsSchema = z.record(z.string(), z.object({ low: z.number(), n: z.number() }));

const qualitySchema = z.object({
  version: z.string(),
  chat: ratingsSchema,
  agent: ratingsSchema,
  coding: ratingsSchema,
});

const KINDS = ["chat", "agent", "coding"] as const satisfies readonly QualityKind[];
const UNRATED: Quality = {};

// Read at the first question and kept: the file belongs to the package and does not change under it.
let embedded: QualityTable | null = null;

/** The ratings this release came with. A refresh brings no others. */
export function embeddedQuality(): QualityTable {
  embedded ??= readQuality();
  return embedded;
}

/** Whether any kind of work was measured with this model. */
export function isRated(model: string): boolean {
  return embeddedQuality().qualityOf(model) !== UNRATED;
}

function readQuality(): QualityTable {
  const table = qualitySchema.parse(readCatalogFile("quality.json"));
  const names = new Set(KINDS.flatMap((kind) => Object.keys(table[kind])));
  const ratings = new Map<string, Quality>();
  for (const name of names) {
    const rated: Partial<Record<QualityKind, number>> = {};
    for (const kind of KINDS) {
      const low = table[kind][name]?.low;
      if (low !== undefined) rated[kind] = low;
    }
    ratings.set(name, rated);
  }
  return {
    version: table.version,
    qualityOf: (model) => ratings.get(ratingName(model)) ?? UNRATED,
  };
}
