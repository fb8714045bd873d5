// OpenAI's /v1/embeddings: the strict judge and the answer, as numbers or as base64 of 32-bit
// floats.
// Must never give two equal inputs two vectors: tests compare them.

import { createHash } from "node:crypto";
import { z } from "zod";
import { commonHeaderFaults, faultsWhere, hasBearer, isJson, nonEmpty } from "./judge.ts";
import { shapeFaults } from "./judge.ts";
import type { RequestValidator } from "./judge.ts";

/** Length of a vector unless `dimensions` says otherwise. */
const DIMENSIONS = 4;
const INPUTS_MAX = 2048;

const tokens = z.array(z.int().min(0)).min(1).max(INPUTS_MAX);
const body = z.strictObject({
  model: nonEmpty,
  input: z.union([
    nonEmpty,
    z.array(nonEmpty).min(1).max(INPUTS_MAX),
    tokens,
    z.array(tokens).min(1).max(INPUTS_MAX),
  ]),
  dimensions: z.int().min(1).optional(),
  encoding_format: z.enum(["float", "base64"]).optional(),
  user: z.string().optional(),
});

export function isEmbeddings(path: string): boolean {
  return /\/embeddings(?:\?|$)/.test(path);
}

export const validateOpenaiEmbeddings: RequestValidator = (path, headers, value) => [
  ...faultsWhere(
    [!isEmbeddings(path), `path ${path}: no embeddings`],
    [!hasBearer(headers), "header authorization: must be Bearer with a key"],
  ),
  ...commonHeaderFaults(headers),
  ...shapeFaults(body, value),
];

/**
 * The vectors that embed these inputs: made from their hash, so that a test can tell them apart.
 */
export function vectorOf(input: unknown, dimensions = DIMENSIONS): readonly number[] {
  const hash = createHash("sha256").update(JSON.stringify(input)).digest();
  // Sixteenths are exact in 32 bits, so base64 and numbers carry the same values.
  return Array.from({ length: dimensions }, (_, at) => (hash[at % hash.length] ?? 0) / 16);
}

export function embeddingAnswer(value: unknown): object {
  const request = isJson(value) ? value : {};
  const { input, model, dimensions, encoding_format: format } = request;
  const isOne = !Array.isArray(input) || typeof input[0] === "number";
  const inputs: readonly unknown[] = isOne ? [input] : input;
  const length = typeof dimensions === "number" ? dimensions : DIMENSIONS;
  const data = inputs.map((one, index) => {
    const vector = vectorOf(one, length);
    const embedding = format === "base64" ? base64Of(vector) : vector;
    return { object: "embedding", index, embedding };
  });
  const used = inputs.length * 3;
  return { object: "list", model, data, usage: { prompt_tokens: used, total_tokens: used } };
}

function base64Of(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}
