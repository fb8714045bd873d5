// Keeps the catalog fresh while the gateway runs: a look at the public list every few hours.
// Must never delay a start, keep a process alive, or fail a turn: without news everything stays as it is.

import { writeCopy } from "./catalog-copy.ts";
import { downloadTable, type Downloaded } from "./catalog-download.ts";
import { tableVersion, type CatalogTable } from "./catalog-table.ts";

/** Wait after a start, in milliseconds: a gateway that is restarted often must not ask each time. */
const FIRST_LOOK_MS = 60_000;
/** Longest wait after a look that failed, in milliseconds. */
const SECOND_LOOK_MS_MAX = 3_600_000;
const HOUR_MS = 3_600_000;
/** Waits are spread by this share, up and down, so that a fleet does not ask in step. */
const SPREAD = 0.2;

export interface CatalogSettings {
  readonly url: string;
  readonly everyHours: number;
  /** Absolute. The last good copy is kept here. */
  readonly folder: string;
}

interface RefreshLog {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
}

export interface RefreshOptions {
  readonly settings: CatalogSettings;
  readonly table: CatalogTable;
  readonly tag: { readonly url: string; readonly etag: string } | null;
  /** Called with every table that was accepted. */
  readonly apply: (table: CatalogTable) => void;
  readonly log: RefreshLog;
  readonly now: () => number;
  /** 0 … 1. */
  readonly random: () => number;
  /** Default: a real look. */
  readonly download?: typeof downloadTable;
}

export interface CatalogRefresh {
  /** Looks now and resolves with what came of it; waits for a look that is under way. */
  look(): Promise<Downloaded>;
  close(): void;
}

/** Begins to look now and then, the first time about a minute from now. */
export function startCatalogRefresh(options: RefreshOptions): CatalogRefresh {
  return new Refresh(options);
}

class Refresh implements CatalogRefresh {
  readonly #options: RefreshOptions;
  readonly #closing = new AbortController();
  #table: CatalogTable;
  #etag: string | null;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<Downloaded> | null = null;

  constructor(options: RefreshOptions) {
    this.#options = options;
    this.#table = options.table;
    this.#etag = options.tag?.url === options.settings.url ? options.tag.etag : null;
    this.#plan(FIRST_LOOK_MS);
  }

  look(): Promise<Downloaded> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  #plan(waitMs: number): void {
    const spreadMs = waitMs * (1 + SPREAD * (2 * this.#options.random() - 1));
    this.#timer = setTimeout(() => void this.#lookAndPlan(), spreadMs);
    this.#timer.unref();
  }

  async #lookAndPlan(): Promise<void> {
    const everyMs = this.#options.settings.everyHours * HOUR_MS;
    const { kind } = await this.look();
    if (this.#closing.signal.aborted) return;
    this.#plan(kind === "failed" ? Math.min(everyMs, SECOND_LOOK_MS_MAX) : everyMs);
  }

  async #look(): Promise<Downloaded> {
    const { settings, log, now, apply } = this.#options;
    const download = this.#options.download ?? downloadTable;
    const { signal } = this.#closing;
    const asked = { url: settings.url, current: this.#table, etag: this.#etag, now: now(), signal };
    const found = await download(asked);
    if (signal.aborted) return found;
    if (found.kind === "failed") log.warn({ reason: found.reason }, "catalog not refreshed");
    if (found.kind === "refused") {
      log.warn({ reason: found.reason }, "catalog refused, the old one stays");
    }
    if (found.kind === "unchanged" || found.kind === "accepted") {
      this.#etag = found.etag;
      const { slips } = found;
      if (slips.length > 0) log.warn({ prices: slips }, "prices that moved too far were not taken");
    }
    if (found.kind === "accepted") {
      const { table, etag } = found;
      this.#table = table;
      apply(table);
      log.info({ catalog: tableVersion(table) }, "catalog refreshed");
      await this.#keep(table, etag);
    }
    return found;
  }

  async #keep(table: CatalogTable, etag: string | null): Promise<void> {
    const { settings, log, now } = this.#options;
    try {
      await writeCopy(settings.folder, { url: settings.url, etag, table }, String(now()));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      log.warn({ code }, "the catalog's copy cannot be written: the next start has the older one");
    }
  }
}
