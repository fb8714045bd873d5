// Loads the labelled conversations of bench/divergence-cases/ and checks that their labels make sense.
// Must never skip a case silently: a label that cannot be true is an error.

import { readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
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

type LabelledLine = z.infer<typeof caseSchema>;

const moduleSchema = z.object({ cases: z.array(caseSchema) });

export interface ReadableCase {
  readonly id: string;
  /** The file it stands in. */
  readonly family: string;
  readonly why: string;
  readonly loop: { readonly begins: number; readonly dueBy: number } | null;
  readonly transcript: Transcript;
}

/**
 * Every case of every file: a module that exports `cases`, or JSON lines of the same shape. Sorted by id. Rejects with
 * an Error that names what is wrong.
 */
export async function loadCases(): Promise<readonly ReadableCase[]> {
  const loaded: ReadableCase[] = [];
  for (const file of readdirSync(FOLDER).toSorted()) {
    const cases = file.endsWith(".ts") ? await casesOfModule(file) : casesOfLines(file);
    loaded.push(...cases.map((labelled) => readCase(labelled, basename(file, extname(file)))));
  }
  const ids = loaded.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new Error(`two cases are named ${twice}`);
  return loaded.toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

async function casesOfModule(file: string): Promise<readonly LabelledLine[]> {
  const module: unknown = await import(pathToFileURL(join(FOLDER, file)).href);
  const holdsCases = typeof module === "object" && module !== null && "cases" in module;
  return holdsCases ? moduleSchema.parse(module).cases : [];
}

function casesOfLines(file: string): readonly LabelledLine[] {
  const lines = readFileSync(join(FOLDER, file), "utf8").trim().split("\n");
  return lines.map((line) => caseSchema.parse(JSON.parse(line)));
}

function readCase(labelled: LabelledLine, family: string): ReadableCase {
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
