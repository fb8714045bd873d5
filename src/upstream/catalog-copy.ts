// The last good list of models on disk: written by a refresh, read at the next start.
// Must never be trusted more than a download: it is checked and gated like one.

import { mkdirSync, readFileSync, statSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { mergeTables } from "./catalog-gates.ts";
import { rowOf, tableSchema, type CatalogTable } from "./catalog-table.ts";

const FILE_NAME = "models.json";
/** Largest copy that is read, in bytes. */
const COPY_BYTES_MAX = 16 * 1024 * 1024;
const ETAG_LENGTH_MAX = 512;

const copySchema = z.object({
  /** Where it came from; an ETag counts for this address only. */
  url: z.string(),
  etag: z.string().max(ETAG_LENGTH_MAX).nullable(),
  table: tableSchema,
});

export type CatalogCopy = z.output<typeof copySchema>;

export interface Opened {
  readonly table: CatalogTable;
  /** For the first conditional request; null: the whole list is asked for. */
  readonly tag: { readonly url: string; readonly etag: string } | null;
  /** Why a copy that is there is not used; null: it is, or there is none. */
  readonly notice: string | null;
}

/** The embedded table, with a newer copy from `folder` merged over it. Never throws. */
export function openTable(embedded: CatalogTable, folder: string): Opened {
  const file = join(folder, FILE_NAME);
  const without = (reason: string | null): Opened => ({
    table: embedded,
    tag: null,
    notice: reason === null ? null : `the copy of the catalog in ${file} is not used: ${reason}`,
  });
  const read = readCopy(file);
  if (typeof read === "string") return without(read);
  // A release newer than the copy knows better; the next refresh writes another one.
  if (read === null || read.table.version < embedded.version) return without(null);
  const { table, url, etag } = read;
  const names = (vendor: string, model: string) => rowOf(table, vendor, model) !== null;
  const merged = mergeTables(embedded, table, names);
  if (!merged.ok) return without(merged.reason);
  return { table: merged.table, tag: etag === null ? null : { url, etag }, notice: null };
}

/** Null: there is none. A text: why it cannot be used. */
function readCopy(file: string): CatalogCopy | string | null {
  try {
    if (statSync(file).size > COPY_BYTES_MAX) return "it is too large";
    const parsed = copySchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
    return parsed.success ? parsed.data : "it is not of the shape this version writes";
  } catch (error) {
    if (error instanceof SyntaxError) return "it is not JSON";
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return code === "ENOENT" || code === "ENOTDIR" ? null : `it cannot be read (${code})`;
  }
}

/** Replaces the copy in one step: a reader finds the old one or the new one, never a part. */
export async function writeCopy(folder: string, copy: CatalogCopy, tag: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, FILE_NAME);
  const draft = `${file}.${process.pid}.${tag}.tmp`;
  try {
    await writeFile(draft, JSON.stringify(copy), { flush: true });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
