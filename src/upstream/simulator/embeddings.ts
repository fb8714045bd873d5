// The simulator's embeddings: one model whose vectors come from a hash of the words, so that texts that share words
// are near each other and equal inputs have equal vectors.
// Must never depend on anything but the request.

import { createHash } from "node:crypto";
import { z } from "zod";
import type { Price } from "../../turn/deployment.ts";
import { countTokens } from "./prompt-meter.ts";
import { refuse } from "./refusal.ts";

interface EmbeddingsModel {
  readonly id: string;
  /** Name the simulator itself answers to. */
  readonly model: string;
  readonly contextTokens: number;
  readonly price: Price;
}

export const EMBEDDINGS_MODEL: EmbeddingsModel = {
  id: "embed",
  model: "embed",
  contextTokens: 8_192,
  price: { input: 0.02, output: 0, cacheRead: null, cacheWrite: null },
};

/** Numbers of a vector unless `dimensions` says otherwise, and most of them. */
const DIMENSIONS = 64;
const DIMENSIONS_MAX = 4_096;
const INPUTS_MAX = 2_048;
/** Places of a vector that one word moves. */
const PLACES_PER_WORD = 4;

const tokens = z.array(z.int().min(0)).min(1);
const embeddingsRequest = z.looseObject({
  model: z.string(),
  input: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1).max(INPUTS_MAX),
    tokens,
    z.array(tokens).min(1).max(INPUTS_MAX),
  ]),
  dimensions: z.int().min(1).max(DIMENSIONS_MAX).nullish(),
  encoding_format: z.enum(["float", "base64"]).nullish(),
});

type Input = string | readonly number[];

/** The JSON answer. Throws a Refusal for a request that is none, or for another model. */
export function embeddingsAnswer(body: Buffer): object {
  const request = readRequest(body);
  const { model, input, dimensions, encoding_format: format } = request;
  if (model !== EMBEDDINGS_MODEL.model) {
    const message = `The model '${model}' does not exist here. For embeddings there is: embed.`;
    refuse(404, { message, param: "model", code: "model_not_found" });
  }
  const inputs = listOf(input);
  const data = inputs.map((one, index) => {
    const vector = vectorOf(one, dimensions ?? DIMENSIONS);
    const embedding = format === "base64" ? base64Of(vector) : vector;
    return { object: "embedding", index, embedding };
  });
  const used = inputs.reduce(
    (sum, one) => sum + (typeof one === "string" ? countTokens(one) : one.length),
    0,
  );
  return { object: "list", data, model, usage: { prompt_tokens: used, total_tokens: used } };
}

function readRequest(body: Buffer): z.output<typeof embeddingsRequest> {
  try {
    const read = embeddingsRequest.safeParse(JSON.parse(body.toString("utf8")));
    if (read.success) return read.data;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const message = "A request for embeddings has a `model` and an `input` of texts or tokens.";
  return refuse(400, { message, param: "input", code: null });
}

function listOf(input: z.output<typeof embeddingsRequest>["input"]): readonly Input[] {
  if (typeof input === "string") return [input];
  const numbers = input.filter((one) => typeof one === "number");
  if (numbers.length > 0) return [numbers];
  return input.filter((one) => typeof one !== "number");
}

/** Of length 1, as those of real models. */
function vectorOf(input: Input, dimensions: number): readonly number[] {
  const vector = new Float32Array(dimensions);
  const words = typeof input === "string" ? (input.toLowerCase().match(/\w+/g) ?? [input]) : input;
  for (const word of words) {
    const hash = createHash("sha256").update(String(word)).digest();
    for (let place = 0; place < PLACES_PER_WORD; place += 1) {
      const at = hash.readUInt16LE(place * 4) % dimensions;
      const sign = hash.readUInt8(place * 4 + 2) % 2 === 0 ? 1 : -1;
      vector[at] = (vector[at] ?? 0) + sign;
    }
  }
  const length = Math.hypot(...vector);
  // Words may cancel each other out: then any direction will do.
  if (length === 0) vector[0] = 1;
  return Array.from(vector, (value) => value / (length === 0 ? 1 : length));
}

/** 32-bit floats, little end first. */
function base64Of(vector: readonly number[]): string {
  return Buffer.from(new Float32Array(vector).buffer).toString("base64");
}
