// Which requests are turns, by method and path, and which dialect their client speaks.
// Must never hold what a dialect is: that is its wire.

import { messagesWire } from "./anthropic-wire.ts";
import { embeddingsWire } from "./embeddings-wire.ts";
import { isGeminiPath, isGeminiTurn } from "./gemini-path.ts";
import { geminiWire } from "./gemini-wire.ts";
import { chatWire } from "./openai-chat-wire.ts";
import { responsesWire } from "./responses-wire.ts";
import type { Wire } from "./wire.ts";

/** Paths that are spelled in one way only, beside a query and a slash at the end; a model in the path makes many. */
const WIRES: ReadonlyMap<string, Wire> = new Map([
  ["/v1/chat/completions", chatWire],
  ["/v1/responses", responsesWire],
  ["/v1/messages", messagesWire],
  ["/v1/embeddings", embeddingsWire],
]);

/** Paths at which a turn may be posted, for the list of what is served. */
export const TURN_PATHS: readonly string[] = [...WIRES.keys()];

/** The wire of a POST to this URL; null when it is no turn. */
export function wireOf(url: string | undefined): Wire | null {
  if (url === undefined) return null;
  const exact = WIRES.get(url);
  if (exact !== undefined) return exact;
  const end = url.indexOf("?");
  const path = end === -1 ? url : url.slice(0, end);
  const bare = path.endsWith("/") ? path.slice(0, -1) : path;
  return WIRES.get(bare) ?? (isGeminiTurn(path) ? geminiWire : null);
}

/** The wire in whose words a path is answered that is no turn: errors fit the client that asks there. */
export function nearestWire(url: string): Wire {
  const wire = wireOf(url);
  if (wire !== null) return wire;
  if (isGeminiPath(url)) return geminiWire;
  return url.startsWith("/v1/messages") ? messagesWire : chatWire;
}
