// One look at the public list of models: asked for only when it has changed, checked, reduced and gated.
// Must never follow a redirect, read without a bound, or hand out a list that did not pass every gate.

import { Agent, request } from "undici";
import { z } from "zod";
import { checkBaseUrl, makeGuardedLookup } from "./address-guard.ts";
import { mergeTables } from "./catalog-gates.ts";
import { isRated } from "./catalog-quality.ts";
import { completeTable, loadOpinions, type OpinionSource } from "./catalog-opinion.ts";
import { reduceSource } from "./catalog-source.ts";
import { tableSchema, tableVersion, type CatalogTable } from "./catalog-table.ts";

/** Largest list that is read, in bytes; it has about 3 MB. */
const LIST_BYTES_MAX = 32 * 1024 * 1024;
/** Connecting, the answer's beginning, and a pause within it, each in milliseconds. */
const STEP_MS_MAX = 15_000;
/** The download as a whole, in milliseconds. */
const TOTAL_MS_MAX = 120_000;

export interface Download {
  readonly url: string;
  /** What is in use now. */
  readonly current: CatalogTable;
  /** ETag of the list that `current` was made from; null: unknown. */
  readonly etag: string | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal;
  /** Default: genai-prices, loaded when it is needed. */
  readonly opinions?: OpinionSource;
}

export type Downloaded =
  | { readonly kind: "unchanged"; readonly etag: string | null; readonly slips: readonly string[] }
  | {
      readonly kind: "accepted";
      readonly table: CatalogTable;
      readonly etag: string | null;
      /** Prices that were not taken over, each in words. */
      readonly slips: readonly string[];
    }
  /** It came, but it is not believed. */
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Never rejects: every end is a result. */
export async function downloadTable(download: Download): Promise<Downloaded> {
  const fault = checkBaseUrl(download.url);
  if (fault !== null) return { kind: "failed", reason: `catalog.url ${fault}` };
  // A mirror in the operator's own network is welcome; metadata addresses never are.
  const lookup = makeGuardedLookup({ allowPrivateAddress: true });
  const agent = new Agent({ connect: { timeout: STEP_MS_MAX, lookup } });
  try {
    return await read(download, agent);
  } catch (error) {
    return { kind: "failed", reason: describe(error) };
  } finally {
    await agent.destroy();
  }
}

async function read(download: Download, agent: Agent): Promise<Downloaded> {
  const { url, etag, signal } = download;
  const { statusCode, headers, body } = await request(url, {
    dispatcher: agent,
    headers: {
      accept: "application/json",
      "accept-encoding": "identity",
      ...(etag === null ? {} : { "if-none-match": etag }),
    },
    headersTimeout: STEP_MS_MAX,
    bodyTimeout: STEP_MS_MAX,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TOTAL_MS_MAX)]),
  });
  if (statusCode === 304) {
    await body.dump();
    return { kind: "unchanged", etag, slips: [] };
  }
  if (statusCode !== 200) {
    await body.dump();
    return { kind: "failed", reason: `it answered with status ${statusCode}` };
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > LIST_BYTES_MAX) {
      body.destroy();
      return { kind: "refused", reason: `it has more than ${LIST_BYTES_MAX} bytes` };
    }
    chunks.push(piece);
  }
  const tag = headers["etag"];
  return judge(download, Buffer.concat(chunks), typeof tag === "string" ? tag : null);
}

async function judge(download: Download, body: Buffer, etag: string | null): Promise<Downloaded> {
  const { current, now } = download;
  const refused = (reason: string): Downloaded => ({ kind: "refused", reason });
  try {
    const version = new Date(now).toISOString().slice(0, "YYYY-MM-DD".length);
    const { table: reduced, names } = reduceSource(JSON.parse(body.toString("utf8")), version);
    const opinions = download.opinions ?? (await loadOpinions(now));
    const completed = completeTable(reduced, { opinions, isRated, names });
    const merged = mergeTables(current, completed, names);
    if (!merged.ok) return refused(merged.reason);
    const table = tableSchema.parse(merged.table);
    // The date alone is no news: receipts name the version, and it shall change with content only.
    const { slips } = merged;
    if (isSameContent(table, current)) return { kind: "unchanged", etag, slips };
    return { kind: "accepted", table, etag, slips };
  } catch (error) {
    if (error instanceof SyntaxError) return refused("it is not JSON");
    if (error instanceof z.ZodError) {
      const [issue] = error.issues;
      return refused(`it is not the list: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
    }
    throw error;
  }
}

function isSameContent(left: CatalogTable, right: CatalogTable): boolean {
  return tableVersion({ ...left, version: right.version }) === tableVersion(right);
}

/** The address is the operator's and may hold a secret in its path: it is not repeated. */
function describe(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : null;
  if (code !== null && code !== "") return `it cannot be fetched (${code})`;
  return `it cannot be fetched (${error instanceof Error ? error.name : "unknown"})`;
}
