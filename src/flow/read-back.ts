// What can be read back of conversations and turns. Everything is asked for with the caller's tenant: what belongs to
// another one does not exist. Must never show more than rows and receipts hold.

import { readListQuery } from "../api/conversations.ts";
import {
  readThread,
  summaryState,
  type ConversationRecord,
  type ThreadRecord,
} from "../conversation/record.ts";
import { LIST_LIMIT_MAX } from "../conversation/store-port.ts";
import { toUsd } from "../receipts/price.ts";
import { FaultError, makeFault, throwFault } from "../turn/fault.ts";
import { conversationKey, parseConversation } from "./rows.ts";
import type { Stations } from "./stations.ts";

/** GET /v1/conversations */
export async function listConversations(stations: Stations, tenant: string, query: unknown) {
  const { limit, cursor, state, profile } = readListQuery(query, LIST_LIMIT_MAX);
  const page = await withCursor(() =>
    stations.store.listConversations({ tenant, state, profile, limit, cursor }),
  );
  return {
    object: "list",
    data: page.items.map((item) => ({
      id: item.displayId,
      object: "conversation",
      state: item.state,
      profile: item.profile,
      turns: item.turns,
      cost_usd: toUsd(item.spentNanoUsd),
      created_at: iso(item.createdAt),
      updated_at: iso(item.updatedAt),
    })),
    has_more: page.cursor !== null,
    next_cursor: page.cursor,
  };
}

/** GET /v1/conversations/{id} */
export async function readOneConversation(stations: Stations, tenant: string, id: string) {
  const key = conversationKey(tenant, id);
  const stored = await stations.store.loadConversation(key);
  if (stored === null) return notFound("conversation", id);
  const record = parseConversation(stored.body);
  const threads = await Promise.all(
    record.threads.map((entry) => threadView(stations, key, { record, entry })),
  );
  return {
    id: record.displayId,
    object: "conversation",
    identity: record.identity,
    profile: record.profile,
    state: summaryState(record),
    life: record.life.value,
    generation: record.life.context.generation,
    turns: record.turns,
    side_turns: record.sideTurns,
    budget: {
      limit_usd: record.budgetNanoUsd === null ? null : toUsd(record.budgetNanoUsd),
      spent_usd: toUsd(stored.spentNanoUsd),
    },
    pins: record.pins.map(pinView),
    threads,
    corrections: record.corrections.map(correctionView),
    episodes: record.episodes.map(episodeView),
    totals: {
      cost_usd: toUsd(stored.spentNanoUsd),
      input_tokens: record.totals.inputTokens,
      output_tokens: record.totals.outputTokens,
      cached_tokens: record.totals.cachedTokens,
      unpriced_turns: record.totals.unpricedTurns,
      failed_turns: record.totals.failedTurns,
      pin_moves: record.totals.pinMoves,
    },
    created_at: iso(record.createdAt),
    updated_at: iso(record.updatedAt),
  };
}

async function threadView(
  stations: Stations,
  key: string,
  of: {
    readonly record: ConversationRecord;
    readonly entry: ConversationRecord["threads"][number];
  },
) {
  const { entry } = of;
  const stored = await stations.store.loadThread(key, entry.id);
  const thread = stored === null ? null : readableThread(stored.body);
  const context = thread?.machine.context ?? null;
  return {
    id: entry.id,
    kind: entry.kind,
    state: entry.state,
    turns: entry.turns,
    level: context?.level ?? 0,
    verdict: thread?.verdicts.at(-1) ?? null,
    verdicts: thread?.verdicts ?? [],
    episode: context?.episode ?? null,
    outcome: context?.outcome ?? null,
    last_turn: thread?.lastTurn ?? null,
    steps_remembered: thread?.evidence.steps.length ?? 0,
    active_at: iso(entry.activeAt),
  };
}

/** Null for a row that its next turn will set aside: the rest of the conversation can still be shown. */
function readableThread(body: string): ThreadRecord | null {
  try {
    return readThread(body);
  } catch {
    return null;
  }
}

function pinView(pin: ConversationRecord["pins"][number]) {
  const { value, context } = pin.snapshot;
  return {
    requested: pin.requested,
    state: value,
    model: (context.substitute ?? context.home)?.model ?? null,
    home: context.home,
    away: context.away,
    substitute: context.substitute,
    answered: pin.served,
    used_at: iso(pin.usedAt),
  };
}

function correctionView(correction: ConversationRecord["corrections"][number]) {
  return {
    id: correction.id,
    thread: correction.thread,
    turn: correction.turn,
    level: correction.level,
    pattern: correction.pattern,
    text: correction.text,
    place: correction.place,
    sent_at: iso(correction.sentAt),
    retired: correction.retired,
    episode: correction.episode,
    outcome: correction.outcome,
  };
}

/** A loop from its onset on: what was done about it, how it went, and what its turns used. */
function episodeView(episode: ConversationRecord["episodes"][number]) {
  const { outcome, spent } = episode;
  return {
    id: episode.id,
    thread: episode.thread,
    pattern: episode.pattern,
    arm: episode.arm,
    turn: episode.turn,
    level: episode.level,
    corrections: episode.corrections,
    stronger_turns: episode.strongerTurns,
    open: episode.closedAt === null,
    outcome: outcome?.kind ?? null,
    turns_to_outcome: outcome?.turns ?? null,
    turns_to_recovery: outcome?.kind === "recovered" ? outcome.turns : null,
    turns: spent.turns,
    input_tokens: spent.inputTokens,
    output_tokens: spent.outputTokens,
    cost_usd: toUsd(spent.costNanoUsd),
    unpriced_turns: spent.unpricedTurns,
    opened_at: iso(episode.openedAt),
    closed_at: episode.closedAt === null ? null : iso(episode.closedAt),
  };
}

/** GET /v1/conversations/{id}/turns: its receipts, oldest first. */
export async function listTurns(
  stations: Stations,
  tenant: string,
  options: { readonly id: string; readonly query: unknown },
) {
  const { limit, cursor } = readListQuery(options.query, LIST_LIMIT_MAX);
  const key = conversationKey(tenant, options.id);
  if ((await stations.store.loadConversation(key)) === null) {
    return notFound("conversation", options.id);
  }
  const page = await withCursor(() => stations.store.listReceipts({ tenant, key, limit, cursor }));
  return {
    object: "list",
    data: page.items.map((body): unknown => JSON.parse(body)),
    has_more: page.cursor !== null,
    next_cursor: page.cursor,
  };
}

/** GET /v1/receipts/{request_id} */
export async function readReceipt(
  stations: Stations,
  tenant: string,
  requestId: string,
): Promise<unknown> {
  const body = await stations.store.readReceipt(tenant, requestId);
  return body === null ? notFound("receipt", requestId) : JSON.parse(body);
}

async function withCursor<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "InvalidCursorError") throw error;
    const message = "`cursor` must be a `next_cursor` of the same list, unchanged.";
    throw new FaultError(makeFault("invalid_request", message, { param: "cursor" }), error);
  }
}

function notFound(what: string, id: string): never {
  const shown = id.replace(/[^\x20-\x7e]/g, "?").slice(0, 80);
  return throwFault("not_found", `There is no ${what} ${shown} for this key.`);
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
