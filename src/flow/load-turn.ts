// Brings a turn together with the rows of its conversation, or with what is left when the store is down (I7).
// Must never wait for the store without bound, nor loosen the profile a conversation was started with.

import { createHash } from "node:crypto";
import type { TurnQuestion } from "../conversation/turn-question.ts";
import {
  newConversation,
  newThread,
  type ConversationRecord,
  type PinEntry,
} from "../conversation/record.ts";
import { matchDelta } from "../conversation/delta-thread.ts";
import { matchThread, type ThreadMatch } from "../conversation/threads.ts";
import { NANO_PER_USD } from "../receipts/price.ts";
import { unitHash } from "../routing/unit-hash.ts";
import { FaultError, makeFault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import type { Transcript } from "../turn/transcript.ts";
import { lowestMode, stricterProfile } from "./effective-profile.ts";
import { defaultProfile } from "./receive.ts";
import { loadConversation, loadThread, type ConversationRow, type ThreadRow } from "./rows.ts";
import type { Call, Stations } from "./stations.ts";

/** How many messages are searched for an answer before a request counts as one with a history. */
const HISTORY_LOOK_MAX = 8;

export interface LoadedTurn {
  readonly key: string;
  readonly profile: Profile;
  readonly conversation: ConversationRow;
  readonly thread: ThreadRow;
  readonly question: TurnQuestion;
  /** The rows did not come from the store and must not be written to it. */
  readonly degraded: boolean;
  /** The budget as it was stored, before the caller's header. */
  readonly budgetBefore: number | null;
}

/** What a turn knew when it was asked, for loading its rows once more. */
interface Asked extends Pick<LoadedTurn, "key" | "question" | "budgetBefore"> {
  readonly asked: { readonly threadId: string };
}

/**
 * The newest rows for a turn that was asked already: its own thread, and its headers only where
 * nobody has changed what they set meanwhile.
 */
export async function reloadTurn(stations: Stations, call: Call, turn: Asked): Promise<LoadedTurn> {
  const loaded = await loadTurn(stations, call, turn.key);
  const { conversation, budgetBefore } = loaded;
  const stale = budgetBefore !== turn.budgetBefore;
  const record = stale
    ? { ...conversation.record, budgetNanoUsd: budgetBefore }
    : conversation.record;
  const known = turn.question.match.entry !== null;
  // A turn that was slow must not settle in the thread that its successor would be matched with.
  const moved = known && !loaded.degraded && loaded.thread.id !== turn.asked.threadId;
  const thread = moved ? await loadThread(stations, turn.key, turn.asked.threadId) : loaded.thread;
  return { ...loaded, conversation: { ...conversation, record }, thread };
}

export async function loadTurn(stations: Stations, call: Call, key: string): Promise<LoadedTurn> {
  const make = (pins: readonly PinEntry[]) => startRecord(stations, call, pins);
  try {
    const stored = withUnstoredPins(stations, await loadConversation(stations, key, make));
    const profile = profileOf(stations, stored.record, call);
    const conversation = { ...stored, record: applyCaller(stored.record, call, profile) };
    const question = makeQuestion(stations, call, { conversation, profile, degraded: false });
    const { match, threadId } = question;
    // A conversation may have forgotten a thread (THREADS_MAX) whose row is there: it must not be taken for new.
    const thread =
      conversation.version === 0
        ? { id: threadId, version: 0, record: newThread() }
        : await loadThread(stations, key, match.entry?.id ?? threadId);
    const budgetBefore = stored.record.budgetNanoUsd;
    return { key, profile, conversation, thread, question, degraded: false, budgetBefore };
  } catch (error) {
    if (error instanceof FaultError) throw error;
    return degradedTurn(stations, call, { key, make, error });
  }
}

/** A conversation that began while the store was down keeps the model it was answered by. */
function withUnstoredPins(stations: Stations, row: ConversationRow): ConversationRow {
  const known = row.version === 0 ? stations.pinCache.recall(row.key) : null;
  if (known === null || known.stored) return row;
  const { pins, profile } = known;
  return { ...row, record: { ...row.record, pins: [...pins], profile } };
}

/** A conversation that begins with this call. */
function startRecord(
  stations: Stations,
  call: Call,
  pins: readonly PinEntry[],
): ConversationRecord {
  const profile = startProfile(stations, call);
  const started = newConversation({
    tenant: call.caller.tenant,
    displayId: call.identity.id.slice(0, 256),
    identity: call.identity.source,
    profile: profile.name,
    budgetNanoUsd: profile.budgetUsd === null ? null : Math.round(profile.budgetUsd * NANO_PER_USD),
    now: call.at,
  });
  return { ...started, pins: [...pins] };
}

/** One header pins: a new conversation with an explicit id and no profile gets the configured one (AGENT). */
function startProfile(stations: Stations, call: Call): Profile {
  if (call.namedProfile !== null) return call.namedProfile;
  const derived = call.identity.source === "derived";
  return defaultProfile(stations, derived ? "defaultProfile" : "defaultConversationProfile");
}

function profileOf(stations: Stations, record: ConversationRecord, call: Call): Profile {
  // A profile that was taken out of the configuration: the conversation goes on under the strictest default.
  const stored =
    stations.config.profiles.get(record.profile) ??
    defaultProfile(stations, "defaultConversationProfile");
  const named = call.own.profile === null ? null : call.namedProfile;
  // The stricter one holds until the pin is released: while nothing is pinned, nothing was promised.
  const pinned = record.pins.some(({ snapshot }) => snapshot.value !== "unpinned");
  return named !== null && !pinned ? named : stricterProfile(stored, named);
}

/** The budget header sets the budget; a stricter profile is kept from now on. */
function applyCaller(record: ConversationRecord, call: Call, profile: Profile): ConversationRecord {
  const asked = call.own.budgetUsd;
  if (asked === null) return { ...record, profile: profile.name };
  // The profile's budget is a hard one: a caller may ask for less, not for more.
  const usd = Math.min(asked, profile.budgetUsd ?? asked);
  return { ...record, budgetNanoUsd: Math.round(usd * NANO_PER_USD), profile: profile.name };
}

function makeQuestion(
  stations: Stations,
  call: Call,
  turn: {
    readonly conversation: ConversationRow;
    readonly profile: Profile;
    readonly degraded: boolean;
  },
): TurnQuestion {
  const { transcript } = call.request;
  const agent = call.agent === null ? null : shortHash(call.agent);
  const match = matchTurn(call, turn.conversation.record, agent);
  const modes = [
    turn.profile.divergence.mode,
    stations.config.divergence,
    call.caller.divergence,
    // Without evidence of before there is nothing to judge by.
    turn.degraded ? ("off" as const) : null,
  ];
  return {
    requestId: call.requestId,
    transcript,
    match,
    threadId: match.entry?.id ?? `thr_${call.requestId.slice(4, 24)}`,
    profile: turn.profile,
    divergence: lowestMode(modes),
    watchedOnly: isWatchedOnly(turn.conversation.key, turn.profile),
    correctionsWanted: call.own.corrections,
    hints: { agent },
    idempotency: call.own.idempotencyKey === null ? null : shortHash(call.own.idempotencyKey),
    spentNanoUsd: turn.conversation.spentNanoUsd,
    now: call.at,
  };
}

function matchTurn(call: Call, record: ConversationRecord, agent: string | null): ThreadMatch {
  const { transcript, hasTools, identity } = call.request;
  const { thread = null, turns = 0 } = call.goesOnFrom ?? {};
  const answer = thread === null ? null : { thread, turns };
  const isDelta = identity.previousAnswer !== null || identity.conversation !== null;
  const delta = isDelta ? matchDelta(record, transcript, { agent, answer }) : null;
  return (
    delta ?? matchThread(record, transcript, { agent, hasTools, agentClient: call.agentClient })
  );
}

/** By a hash of its own, so that the share says nothing of the keys or models a conversation gets. */
function isWatchedOnly(key: string, profile: Profile): boolean {
  return unitHash(`observe\n${key}`) * 100 < profile.divergence.observeSharePercent;
}

interface DegradedInput {
  readonly key: string;
  readonly make: (pins: readonly PinEntry[]) => ConversationRecord;
  readonly error: unknown;
}

/** Serves on without the store where that cannot break a promise; otherwise 503. */
function degradedTurn(stations: Stations, call: Call, input: DegradedInput): LoadedTurn {
  stations.counters.degraded += 1;
  const reason = input.error instanceof Error ? input.error.message : "unknown";
  stations.log.warn({ requestId: call.requestId, reason }, "store unavailable");
  const known = stations.pinCache.recall(input.key);
  const started = input.make(known?.pins ?? []);
  const record = known === null ? started : { ...started, profile: known.profile };
  const profile = profileOf(stations, record, call);
  const { transcript } = call.request;
  // An existing conversation whose locked model this process does not know must not be given another one.
  const begun = call.request.needsOwnDialect === true || hasHistory(transcript);
  const unknownLock = known === null && profile.pin.mode === "lock" && begun;
  if (stations.config.onStoreFailure === "strict" || unknownLock) {
    const message = "The conversation's state cannot be read just now. Try again shortly.";
    throw new FaultError(
      makeFault("state_unavailable", message, { retryAfterSeconds: 2 }),
      input.error,
    );
  }
  const conversation: ConversationRow = { key: input.key, version: 0, spentNanoUsd: 0, record };
  const question = makeQuestion(stations, call, { conversation, profile, degraded: true });
  const thread: ThreadRow = { id: question.threadId, version: 0, record: newThread() };
  const budgetBefore = record.budgetNanoUsd;
  return { key: input.key, profile, conversation, thread, question, degraded: true, budgetBefore };
}

/** An answer among the first messages: behind system prompts and the task it is the next one. */
function hasHistory(transcript: Transcript): boolean {
  const last = Math.min(transcript.count, HISTORY_LOOK_MAX);
  for (let index = 0; index < last; index += 1) {
    const { role } = transcript.read(index);
    if (role === "assistant" || role === "tool") return true;
  }
  return transcript.count > HISTORY_LOOK_MAX;
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
