// Where an answer was given: which conversation and thread it belongs to, and which provider keeps it, by the id that
// the client may name in its next request instead of sending the history again.
// Must never hold anything of the answer itself, nor stop a turn that could be served without it.

import { hash } from "node:crypto";
import { z } from "zod";
import type { AnswerWrite } from "../conversation/store-port.ts";
import { FaultError, makeFault } from "../turn/fault.ts";
import type { BodyIdentity } from "../turn/turn-request.ts";
import type { EndedTurn } from "./ended-turn.ts";
import type { Stations } from "./stations.ts";

const linkSchema = z.object({
  /** Id of the conversation as its identity gave it; null for an answer outside of any. */
  conversation: z.string().max(256).nullable(),
  thread: z.string().max(64).nullable(),
  /** How many turns the thread had with this answer. */
  turns: z.number().int().nonnegative(),
  /** The provider that keeps what the client goes on from; null: nobody does, it was written here. */
  provider: z.string().max(256).nullable(),
});

export type AnswerLink = z.infer<typeof linkSchema>;

/** Key of what is known of an answer: another tenant's id is another answer. */
function answerKey(tenant: string, id: string): string {
  return hash("sha256", `answer\0${tenant}\0${id}`, "base64url").slice(0, 32);
}

/** The id that a request names: of an answer, or of a conversation that its provider keeps. */
function namedBy({ previousAnswer, conversation }: BodyIdentity): string | null {
  return previousAnswer ?? conversation;
}

/** What is known of the answer this request goes on from; null: nothing, or it goes on from none. */
export async function findLink(
  stations: Stations,
  tenant: string,
  identity: BodyIdentity,
): Promise<AnswerLink | null> {
  const id = namedBy(identity);
  if (id === null) return null;
  try {
    const stored = await stations.store.loadAnswer(answerKey(tenant, id));
    return stored === null ? null : readLink(stored);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown";
    stations.log.warn({ reason }, "answer could not be looked up");
    if (stations.config.onStoreFailure !== "strict") return null;
    const message = "It cannot be read just now what this request goes on from. Try again shortly.";
    throw new FaultError(makeFault("state_unavailable", message, { retryAfterSeconds: 2 }), error);
  }
}

/** A link of another version says nothing: the turn is served as one that nothing is known of. */
function readLink(body: string): AnswerLink | null {
  const link = linkSchema.safeParse(JSON.parse(body));
  return link.success ? link.data : null;
}

/** Where the turn stands in its conversation, once it is settled; null on the stateless path. */
export interface LinkedThread {
  readonly conversation: string;
  readonly thread: string;
  readonly turns: number;
}

/** What has to be remembered of this turn's answer. Nothing, where no later request can go on from it. */
export function linksOf(
  stations: Stations,
  turn: EndedTurn,
  linked: LinkedThread | null,
): readonly AnswerWrite[] {
  const { request, caller, wire, requestId } = turn.call;
  if (request.keepsState !== true) return [];
  if (turn.outcome !== "completed" && turn.outcome !== "ended") return [];
  const { said = null } = turn.summary;
  const { conversation } = request.identity;
  // A conversation that the provider keeps goes on under its one id, whatever the answers are called.
  const ids = said === null ? [wire.answerId?.(requestId)] : [said.id, conversation];
  const link: AnswerLink = {
    conversation: linked?.conversation ?? null,
    thread: linked?.thread ?? null,
    turns: linked?.turns ?? 0,
    // What was cut here is kept by nobody.
    provider: said === null || turn.cut ? null : (turn.served?.provider ?? null),
  };
  const profile = stations.config.profiles.get(turn.profile);
  const expiresAt = stations.clock.now() + (profile?.idleMs ?? 0);
  return ids
    .filter((id) => id !== undefined && id !== null)
    .map((id) => ({ key: answerKey(caller.tenant, id), body: JSON.stringify(link), expiresAt }));
}
