// Renders catalog/ from the public sources, so that each release carries facts of its day:
//   node scripts/build-catalog.ts --models api.json --date 2026-07-02 --today 2026-11-20 [--quality quality.json]
// api.json is https://models.dev/api.json, --date its state, --today picks among dated prices.
// Must never write a table the gateway would refuse.

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { ratingName } from "../src/upstream/catalog-names.ts";
import { completeTable, loadOpinions } from "../src/upstream/catalog-opinion.ts";
import { isRated } from "../src/upstream/catalog-quality.ts";
import { reduceSource } from "../src/upstream/catalog-source.ts";
import { tableSchema, type CatalogTable } from "../src/upstream/catalog-table.ts";

const FOLDER = new URL("../catalog/", import.meta.url);

const observation = z.object({
  bench: z.string(),
  value: z.number(),
  url: z.string(),
  date: z.string().nullable(),
  harness: z.string().nullable(),
});

const ratingSchema = z.object({
  low: z.number().min(0).max(1),
  score: z.number().min(0).max(1),
  n: z.int(),
  sources: z.array(observation),
});

const kindSchema = z.record(z.string(), ratingSchema);

const qualitySchema = z.object({
  version: z.string(),
  quality: z.object({ chat: kindSchema, agent: kindSchema, coding: kindSchema }),
});

const ABOUT_MODELS = {
  source: "models.dev (https://models.dev); gaps of its prices filled from genai-prices (Pydantic)",
  license: "MIT, Copyright (c) 2025 models.dev; MIT, Copyright (c) Pydantic Services Inc.",
  units: [
    "price: USD per million tokens, null where unknown",
    "tiers: all tokens of a request whose input is above",
    "limits: tokens",
  ].join("; "),
  reduction: [
    "models for conversation and, in OpenAI's format, for embeddings that are not deprecated",
    "a price of 0 for both input and output counts as unknown",
    "identity: equal where the same model is served by several vendors",
    "listed: false where only the price is known",
    "otherPrice: what the source that was not followed says",
  ].join("; "),
};

const ABOUT_QUALITY = {
  source:
    "Built from tau2-bench leaderboard submissions (MIT) " +
    "and the independent benchmark rows of models.dev (MIT)",
  scale: [
    "low: lower bound of a relative score in 0..1 (one standard error below the estimate)",
    "score: the estimate itself",
    "n: number of observations",
  ].join("; "),
  names:
    "lower case, dots as dashes, without vendor prefix, release date, -preview or a trailing -0",
};

async function renderModels(file: string, date: string, today: string): Promise<void> {
  const { table: reduced, names } = reduceSource(JSON.parse(readFileSync(file, "utf8")), date);
  const opinions = await loadOpinions(Date.parse(`${today}T00:00:00Z`));
  const table = tableSchema.parse(completeTable(reduced, { opinions, isRated, names }));
  writeFileSync(new URL("models.json", FOLDER), inLines(table));
}

/** One line a model, so that a refresh reads well as a difference. */
function inLines({ version, vendors }: CatalogTable): string {
  const blocks = Object.entries(vendors).map(([vendor, rows]) => {
    const lines = Object.entries(rows)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([id, row]) => `      ${JSON.stringify(id)}: ${JSON.stringify(row)}`);
    return `    ${JSON.stringify(vendor)}: {\n${lines.join(",\n")}\n    }`;
  });
  const head = headLines({ version, ...ABOUT_MODELS }).join(",\n");
  return `{\n${head},\n  "vendors": {\n${blocks.join(",\n")}\n  }\n}\n`;
}

function headLines(fields: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(fields).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
}

/** Two files: the figures, which every start reads, and where they come from, which only people ask. */
function renderQuality(file: string): void {
  const { version, quality } = qualitySchema.parse(JSON.parse(readFileSync(file, "utf8")));
  const kinds = Object.entries(quality).map(([kind, ratings]) => ({
    kind,
    ratings: Object.entries(ratings)
      .map(([name, rating]) => ({ name: ratingName(name), ...rating }))
      .sort((left, right) => (left.name < right.name ? -1 : 1)),
  }));
  const figures = kinds.map(({ kind, ratings }) => {
    const lines = ratings.map(
      ({ name, low, score, n }) =>
        `    ${JSON.stringify(name)}: ${JSON.stringify({ low, score, n })}`,
    );
    return `  ${JSON.stringify(kind)}: {${lines.length === 0 ? "}" : `\n${lines.join(",\n")}\n  }`}`;
  });
  const head = headLines({ version, ...ABOUT_QUALITY });
  writeFileSync(new URL("quality.json", FOLDER), `{\n${[...head, ...figures].join(",\n")}\n}\n`);
  const sources = kinds.flatMap(({ kind, ratings }) =>
    ratings.map(({ name, sources: list }) => {
      const key = JSON.stringify(`${kind}/${name}`);
      return `    ${key}: ${JSON.stringify(list)}`;
    }),
  );
  const text = `{\n  "version": ${JSON.stringify(version)},\n  "ratings": {\n${sources.join(",\n")}\n  }\n}\n`;
  writeFileSync(new URL("quality-sources.json", FOLDER), text);
}

const { values } = parseArgs({
  options: {
    models: { type: "string" },
    date: { type: "string" },
    today: { type: "string" },
    quality: { type: "string" },
  },
});
// Quality first: what is rated decides what is listed.
if (values.quality !== undefined) renderQuality(values.quality);
if (values.models !== undefined && values.date !== undefined) {
  await renderModels(values.models, values.date, values.today ?? values.date);
}
if (values.models === undefined && values.quality === undefined) {
  process.stderr.write(
    "Usage: node scripts/build-catalog.ts --models FILE --date YYYY-MM-DD [--quality FILE]\n",
  );
  process.exitCode = 2;
}
