// The first station: bytes of a dialect in, a read request out. Decides nothing about models or conversations.
// Must never keep the caller's key, or anything of a request that was refused.

import { createHash } from "node:crypto";
import { decodeBody } from "../api/body-decode.ts";
import { headerValue, readCallHeaders } from "../api/headers.ts";
import { agentOf, identify, isAgentClient, NO_IDENTITY, type Identity } from "../api/identity.ts";
import type { StatelessChoice } from "../api/wire.ts";
import { throwFault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import type { TurnRequest } from "../turn/turn-request.ts";
import { findLink } from "./answer-links.ts";
import type { Call, Incoming, Stations } from "./stations.ts";

/** How much of the system prompt and the tools a derived id looks at, in bytes. */
const DERIVED_BYTES_MAX = 16 * 1024;

/** Reads a request for a turn. Throws a FaultError in plain words. */
export async function receiveTurn(stations: Stations, incoming: Incoming): Promise<Call> {
  const { headers } = incoming;
  const { limits } = stations.config;
  const encoding = headerValue(headers, "content-encoding");
  const body =
    encoding === null
      ? incoming.body
      : await decodeBody(incoming.body, { encoding, decodedBytesMax: limits.bodyBytesMax });
  const own = readCallHeaders(headers);
  const { url, wire } = incoming;
  const request = wire.readRequest({ body, headers, url, depthMax: limits.depthMax });
  const namedProfile = profileOf(stations, own.profile ?? incoming.caller.profile);
  const profile = namedProfile ?? defaultProfile(stations, "defaultProfile");
  const { stateless } = wire;
  const goesOnFrom = await findLink(stations, incoming.caller.tenant, request.identity);
  const named =
    stateless === undefined
      ? identify(own.conversationId, headers, {
          ...request.identity,
          goesOnIn: goesOnFrom?.conversation ?? null,
        })
      : NO_IDENTITY;
  const identity =
    named.kind === "conversation" || profile.pin.mode !== "lock" || stateless !== undefined
      ? named
      : derive(incoming, request);
  return {
    ...incoming,
    body,
    request,
    own,
    identity,
    goesOnFrom,
    namedProfile: stateless === undefined ? namedProfile : unpinned(profile, stateless),
    inputTokens: null,
    agent: agentOf(headers),
    agentClient: isAgentClient(headers),
  };
}

/** What is left of a profile where there is no conversation to hold, and no quality to rank by. */
function unpinned(profile: Profile, { rankBy }: StatelessChoice): Profile {
  return { ...profile, pin: { mode: "none", substitute: "never" }, floor: null, rankBy };
}

function profileOf(stations: Stations, name: string | null): Profile | null {
  if (name === null) return null;
  const profile = stations.config.profiles.get(name);
  if (profile !== undefined) return profile;
  const known = [...stations.config.profiles.keys()].join(", ");
  const message = `No profile is named ${name}. Use one of: ${known}.`;
  return throwFault("unknown_profile", message, { param: "X-Router-Profile" });
}

/** The configured default; its existence was checked at start. */
export function defaultProfile(
  stations: Stations,
  which: "defaultProfile" | "defaultConversationProfile",
): Profile {
  const profile = stations.config.profiles.get(stations.config[which]);
  return profile ?? throwFault("internal", `The configured ${which} does not exist.`);
}

/** A locked profile without an id: the start of a conversation stays the same, so it can name it. */
function derive(incoming: Incoming, request: TurnRequest): Identity {
  const { transcript, tools } = request;
  const hash = createHash("sha256").update(
    `${incoming.caller.id}\n${request.identity.user ?? ""}\n`,
  );
  // Without its history a request shows nothing of its start: then the answer before it is the start.
  const { previousAnswer } = request.identity;
  if (previousAnswer !== null) hash.update(`p:${previousAnswer}\n`);
  if (tools !== null) hash.update(tools.subarray(0, DERIVED_BYTES_MAX));
  for (let index = 0; index < transcript.count; index += 1) {
    const message = transcript.read(index);
    if (message.role === "system") hash.update(`s:${message.text.slice(0, DERIVED_BYTES_MAX)}\n`);
    if (message.role !== "user") continue;
    hash.update(`u:${message.text.slice(0, DERIVED_BYTES_MAX)}\n`);
    break;
  }
  return {
    kind: "conversation",
    id: `derived-${hash.digest("hex").slice(0, 32)}`,
    source: "derived",
  };
}
