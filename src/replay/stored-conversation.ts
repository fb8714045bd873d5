// Reads a conversation from the configured store as far as a replay needs it: threads, evidence, receipts.
// Must never write to the store, create one, or name its address: that may hold a password.

import { existsSync } from "node:fs";
import { z } from "zod";
import type { Config } from "../config.ts";
import {
  readConversation,
  readThread,
  type ConversationRecord,
  type ThreadEntry,
  type ThreadRecord,
} from "../conversation/record.ts";
import { LIST_LIMIT_MAX, type ConversationStore } from "../conversation/store-port.ts";
import { conversationKey } from "../flow/rows.ts";
import { openStore } from "../store/open-store.ts";
import type { StoredTurn } from "./replay-evidence.ts";

/** Most receipts that are read; of a longer conversation the oldest come first. */
export const RECEIPTS_MAX = 20_000;

const receiptSchema = z.object({
  outcome: z.string(),
  execution: z.object({ tool_calls: z.array(z.unknown()) }),
  conversation: z.object({ turn: z.number(), thread: z.string(), resend: z.boolean() }),
});

export interface StoredThread {
  readonly entry: ThreadEntry;
  readonly thread: ThreadRecord;
  readonly turns: readonly StoredTurn[];
}

export type StoredConversation =
  | {
      readonly ok: true;
      readonly record: ConversationRecord;
      /** Without side threads: titles and summaries are never judged. */
      readonly threads: readonly StoredThread[];
    }
  /** A sentence for a person. */
  | { readonly ok: false; readonly message: string };

/** Never rejects for a store that is missing, unreachable or unreadable: it says so. */
export async function loadStored(
  config: Pick<Config, "store" | "durability">,
  conversation: { readonly tenant: string; readonly id: string },
): Promise<StoredConversation> {
  const unusable = faultOfStore(config.store);
  if (unusable !== null) return { ok: false, message: unusable };
  let store: ConversationStore | null = null;
  try {
    store = await openStore({ url: config.store, durability: config.durability });
    return await readRows(store, conversation);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown";
    return { ok: false, message: `The conversation cannot be read: ${reason}` };
  } finally {
    await store?.close();
  }
}

/** Opening a file would create it, and an empty store would look like a forgotten conversation. */
function faultOfStore(url: string): string | null {
  if (url.startsWith("memory")) {
    return (
      "The store is memory: its conversations are known to the running gateway alone. " +
      "Name a configuration with another store, or replay a transcript file."
    );
  }
  const file = url.startsWith("sqlite:") ? url.slice("sqlite:".length) : null;
  return file === null || existsSync(file)
    ? null
    : `There is no store at ${file}. Name the configuration of the gateway with --config.`;
}

async function readRows(
  store: ConversationStore,
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Promise<StoredConversation> {
  const key = conversationKey(tenant, id);
  const stored = await store.loadConversation(key);
  if (stored === null) {
    const message = `The store knows no conversation ${id} of tenant ${tenant}; --tenant names another one.`;
    return { ok: false, message };
  }
  const record = readConversation(stored.body);
  const turns = await readTurns(store, tenant, key);
  const threads: StoredThread[] = [];
  for (const entry of record.threads.filter(({ kind }) => kind !== "side")) {
    const row = await store.loadThread(key, entry.id);
    if (row === null) continue;
    const thread = readThread(row.body);
    threads.push({ entry, thread, turns: turns.get(entry.id) ?? [] });
  }
  return { ok: true, record, threads };
}

/** By thread, in the order of the receipts. */
async function readTurns(
  store: ConversationStore,
  tenant: string,
  key: string,
): Promise<ReadonlyMap<string, StoredTurn[]>> {
  const turns = new Map<string, StoredTurn[]>();
  let cursor: string | null = null;
  let read = 0;
  do {
    const query = { tenant, key, limit: LIST_LIMIT_MAX, cursor };
    const page: Awaited<ReturnType<ConversationStore["listReceipts"]>> =
      await store.listReceipts(query);
    for (const body of page.items) {
      const receipt = receiptSchema.safeParse(JSON.parse(body));
      if (!receipt.success || receipt.data.conversation.resend) continue;
      const { outcome, execution, conversation } = receipt.data;
      const final = outcome === "completed" && execution.tool_calls.length === 0;
      const known = turns.get(conversation.thread) ?? [];
      turns.set(conversation.thread, [...known, { number: conversation.turn, final }]);
    }
    read += page.items.length;
    cursor = page.cursor;
  } while (cursor !== null && read < RECEIPTS_MAX);
  return turns;
}
