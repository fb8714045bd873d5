// Loads the labelled conversations of bench/divergence-cases/ and checks that their labels make sense.
// Must never skip a case silently: a label that cannot be true is an error.

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { readTranscripts } from "../../src/replay/read-transcript.ts";
import type { Transcript } from "../../src/turn/transcript.ts";

const FOLDER = join(import.meta.dirname, "../divergence-cases");

const caseSchema = z.object({
  id: z.string().regex(/^[^/]+\/.+$/, "expected family/short-name"),
  why: z.string(),
  loop: z.object({ begins: z.int().min(1), dueBy: z.int().min(1) }).nullable(),
  messages: z.array(z.unknown()),
});

const moduleSchema = z.object({ cases: z.array(caseSchema) });

export interface ReadableCase {
  readonly id: string;
  /** The file it stands in. */
  readonly family: string;
  readonly why: string;
  readonly loop: { readonly begins: number; readonly dueBy: number } | null;
  readonly transcript: Transcript;
}

/** Every case of every file that exports `cases`, by id. Rejects with an Error that names what is wrong. */
export async function loadCases(): Promise<readonly ReadableCase[]> {
  const loaded: ReadableCase[] = [];
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".ts"));
  for (const file of files.toSorted()) {
    const module: unknown = await import(pathToFileURL(join(FOLDER, file)).href);
    if (typeof module !== "object" || module === null || !("cases" in module)) continue;
    const { cases } = moduleSchema.parse(module);
    loaded.push(...cases.map((labelled) => readCase(labelled, basename(file, ".ts"))));
  }
  const ids = loaded.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new Error(`two cases are named ${twice}`);
  return loaded.toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

function readCase(labelled: z.infer<typeof caseSchema>, family: string): ReadableCase {
  const { id, why, loop, messages } = labelled;
  const [read] = readTranscripts({ id, messages }, id);
  if (read === undefined || !read.ok) throw new Error(`${id}: ${read?.message ?? "is empty"}`);
  const { transcript } = read;
  const turns = Array.from({ length: transcript.count }, (_, index) => transcript.read(index));
  const count = turns.filter(({ role }) => role === "assistant").length;
  if (loop !== null && (loop.begins > loop.dueBy || loop.dueBy > count)) {
    throw new Error(`${id}: begins ${loop.begins}, due by ${loop.dueBy}, of ${count} turns`);
  }
  return { id, family, why, loop, transcript };
}
