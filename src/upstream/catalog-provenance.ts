// Where the ratings of the catalog come from: benchmark, value, address and date of every observation.
// Must never be read by a start or a turn: only people ask for it.

import { z } from "zod";
import type { QualityKind } from "../turn/deployment.ts";
import { readCatalogFile } from "./catalog-file.ts";
import { ratingName } from "./catalog-names.ts";

const observation = z.object({
  bench: z.string(),
  value: z.number(),
  url: z.string(),
  date: z.string().nullable(),
  harness: z.string().nullable(),
});

const sourcesSchema = z.object({
  version: z.string(),
  ratings: z.record(z.string(), z.array(observation)),
});

const figure = z.object({ low: z.number(), score: z.number(), n: z.int() });
const figures = z.record(z.string(), figure);
const figuresSchema = z.object({
  version: z.string(),
  chat: figures,
  agent: figures,
  coding: figures,
});

export type Observation = z.output<typeof observation>;

export interface RatedFigures {
  /** The lower bound, which counts: one standard error below `score`. */
  readonly low: number;
  readonly score: number;
  /** Number of observations. */
  readonly count: number;
  readonly observations: readonly Observation[];
}

export interface Provenance {
  /** Date of the table of quality, YYYY-MM-DD. */
  readonly version: string;
  /** Null: nobody measured this kind of work with this model. */
  figuresOf(model: string, kind: QualityKind): RatedFigures | null;
}

/** Reads both files of ratings from the package. */
export function readProvenance(): Provenance {
  const rated = figuresSchema.parse(readCatalogFile("quality.json"));
  const { ratings } = sourcesSchema.parse(readCatalogFile("quality-sources.json"));
  return {
    version: rated.version,
    figuresOf(model, kind) {
      const name = ratingName(model);
      if (!Object.hasOwn(rated[kind], name)) return null;
      const found = rated[kind][name];
      if (found === undefined) return null;
      const { low, score, n } = found;
      const key = `${kind}/${name}`;
      const observations = Object.hasOwn(ratings, key) ? (ratings[key] ?? []) : [];
      return { low, score, count: n, observations };
    },
  };
}
