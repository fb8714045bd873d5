// Which conversation a request belongs to, by the first source that names one. Decides nothing about it.
// Must never take something shared by many conversations (a user, a cache key) for a conversation of its own.

import { createHash } from "node:crypto";
import type { BodyIdentity } from "../turn/turn-request.ts";
import { CONVERSATION_ID, headerValue, type RequestHeaders } from "./headers.ts";

/**
 * conversation: carries pin, budget and evidence. sticky: names a person or many conversations, so it only keeps
 * the provider's cache warm. none: the stateless path.
 */
export interface Identity {
  readonly kind: "conversation" | "sticky" | "none";
  readonly id: string;
  /** Value of `x-conversation-identity` and of the receipt. */
  readonly source: string;
}

export const NO_IDENTITY: Identity = { kind: "none", id: "", source: "none" };

/** Longest id taken from any source but X-Conversation-ID, in characters; longer ones do not count as sent. */
const ID_LENGTH_MAX = 1_024;

/** Headers that name a conversation, in order. */
const CONVERSATION_HEADERS = [
  "x-session-id",
  "x-claude-code-session-id",
  "x-session-affinity",
  "x-opencode-session",
  "session-id",
  "session_id",
  "thread-id",
] as const;

/** Clients that put a conversation id into `prompt_cache_key`, by the start of their user agent. */
const CACHE_KEY_CLIENTS = /^(codex|pi[/ (-]|pi-coding-agent)/i;

/** Headers by which an agent names a sub-agent of its conversation. */
const AGENT_HEADERS = ["x-claude-code-agent-id"] as const;

/** What a body says, and what is known of the answer it goes on from. */
export interface KnownIdentity extends BodyIdentity {
  /** Id of the conversation that the previous answer belongs to; null: not known. */
  readonly goesOnIn?: string | null;
}

export function identify(
  explicit: string | null,
  headers: RequestHeaders,
  body: KnownIdentity,
): Identity {
  if (explicit !== null) return conversation(explicit, "x-conversation-id");
  for (const name of CONVERSATION_HEADERS) {
    const id = usable(headerValue(headers, name));
    if (id !== null) return conversation(id, name);
  }
  return fromBody(headers, body);
}

function fromBody(headers: RequestHeaders, body: KnownIdentity): Identity {
  const kept = usable(body.conversation);
  if (kept !== null) return conversation(kept, "body.conversation");
  const before = body.goesOnIn ?? null;
  if (before !== null) return conversation(before, "previous_response_id");
  const metadataId = usable(text(body.metadata?.["session_id"]));
  if (metadataId !== null) return conversation(metadataId, "metadata.session_id");
  const userId = usable(text(body.metadata?.["user_id"]));
  const inner = userId === null ? null : sessionPart(userId);
  if (inner !== null) return conversation(inner, "metadata.user_id");
  const cacheKey = usable(body.promptCacheKey);
  const agent = headerValue(headers, "user-agent") ?? "";
  if (cacheKey !== null && CACHE_KEY_CLIENTS.test(agent)) {
    return conversation(cacheKey, "prompt_cache_key");
  }
  if (userId !== null) return sticky(userId, "metadata.user_id");
  if (cacheKey !== null) return sticky(cacheKey, "prompt_cache_key");
  const user = usable(body.user);
  return user === null ? NO_IDENTITY : sticky(user, "user");
}

/** The sub-agent a request comes from; null for the main agent and for clients that do not say. */
export function agentOf(headers: RequestHeaders): string | null {
  for (const name of AGENT_HEADERS) {
    const id = usable(headerValue(headers, name));
    if (id !== null) return id;
  }
  // Both name the main agent alike; a sub-agent has a thread of its own in the same session.
  const thread = usable(headerValue(headers, "thread-id"));
  const session = usable(headerValue(headers, "session-id"));
  return session !== null && thread !== session ? thread : null;
}

/** True for agents known to offer tools on every turn of their own: a request without any is a side request. */
export function isAgentClient(headers: RequestHeaders): boolean {
  return (
    headers["x-session-affinity"] !== undefined ||
    headers["x-opencode-session"] !== undefined ||
    headers["x-claude-code-session-id"] !== undefined
  );
}

/** What is no id by our own rule is hashed to one, so that it fits a header, a path and a row. */
function conversation(given: string, source: string): Identity {
  const id = CONVERSATION_ID.test(given) ? given : `hashed-${hashOf(given)}`;
  return { kind: "conversation", id, source };
}

function hashOf(given: string): string {
  return createHash("sha256").update(given).digest("hex").slice(0, 32);
}

function sticky(id: string, source: string): Identity {
  return { kind: "sticky", id, source: `sticky:${source}` };
}

function usable(value: string | null): string | null {
  return value !== null && value !== "" && value.length <= ID_LENGTH_MAX ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** Claude Code sends a JSON text with device, account and session; older ones `…_session_<uuid>`. */
function sessionPart(userId: string): string | null {
  const older = /_session_([0-9a-f-]{36})$/.exec(userId);
  if (older?.[1] !== undefined) return older[1];
  if (!userId.startsWith("{")) return null;
  try {
    const parsed: unknown = JSON.parse(userId);
    const isObject = typeof parsed === "object" && parsed !== null && "session_id" in parsed;
    return isObject ? usable(text(parsed.session_id)) : null;
  } catch (error) {
    // Not JSON after all: then it is just a user's name.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
