// A scripted provider of any dialect: answers by a script, records what it is asked and what is
// wrong with it.
// Must never repair a request: a fault is kept in words, for the test to find.

import { setTimeout as sleep } from "node:timers/promises";
import { startUpstream } from "../upstream.ts";
import type { Scripted, Upstream } from "../upstream.ts";
import { anthropicMessages } from "./anthropic-answer.ts";
import { bedrockConverse } from "./bedrock-answer.ts";
import type { Asked, ScriptedDialect } from "./dialect.ts";
import { gemini } from "./gemini-answer.ts";
import { openaiChat, openModelChat } from "./openai-chat-answer.ts";
import { openaiResponses } from "./openai-responses-answer.ts";
import { always, text } from "./step.ts";
import type { Reply, Script } from "./step.ts";

const DIALECTS = {
  "openai-chat": openaiChat,
  "openai-responses": openaiResponses,
  "anthropic-messages": anthropicMessages,
  gemini,
  "bedrock-converse": bedrockConverse,
} as const satisfies Record<string, ScriptedDialect>;

export type DialectName = keyof typeof DIALECTS;

export const DIALECT_NAMES: readonly DialectName[] = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "bedrock-converse",
];

export interface DialectUpstream extends Omit<Upstream, "respond"> {
  /**
   * What is wrong with the requests so far, each line with the number of its request (1 is the
   * first).
   */
  readonly faults: readonly string[];
  /** The faults of each request, in the order of `requests`. */
  readonly faultsByRequest: readonly (readonly string[])[];
  /** From now on, requests for an answer follow this script, counted from 1 again. */
  play(script: Script): void;
}

export interface DialectUpstreamOptions {
  /** Answers a faulty request with the dialect's 400, as a real provider does. Default false. */
  readonly refusesFaults?: boolean;
  /** Speaks chat completions as servers of open models do, with thoughts. Default false. */
  readonly openModel?: boolean;
}

/** `baseUrl` ends with the dialect's own path: `/v1`, `/v1beta`, or nothing for Bedrock. */
export async function startDialectUpstream(
  name: DialectName,
  script: Script = always(text("Hello from the scripted upstream.")),
  { refusesFaults = false, openModel = false }: DialectUpstreamOptions = {},
): Promise<DialectUpstream> {
  const dialect = openModel && name === "openai-chat" ? openModelChat : DIALECTS[name];
  const faultsByRequest: (readonly string[])[] = [];
  const playing = { script, turn: 0 };
  const upstream = await startUpstream(async (request) => {
    const faults = dialect.validate(request.path, request.headers, request.body);
    faultsByRequest.push(faults);
    if (refusesFaults && faults.length > 0) return refusal(dialect);
    const aside = dialect.aside(request);
    if (aside !== null) return aside;
    playing.turn += 1;
    const { turn } = playing;
    const step = playing.script({ bodyText: request.raw.toString("utf8"), turn });
    if (step.kind === "error") return dialect.error(step.error, step);
    return scripted(dialect, step, { request, model: dialect.modelOf(request), turn });
  });
  return {
    url: upstream.url,
    baseUrl: `${upstream.url}${dialect.basePath}`,
    requests: upstream.requests,
    close: () => upstream.close(),
    faultsByRequest,
    get faults() {
      return faultsByRequest.flatMap((faults, index) =>
        faults.map((fault) => `request ${index + 1}: ${fault}`),
      );
    },
    play: (next) => {
      playing.script = next;
      playing.turn = 0;
    },
  };
}

function refusal(dialect: ScriptedDialect): Scripted {
  return dialect.error("invalid_request", { retryAfterSeconds: null });
}

/** A reply on the wire of its dialect, streamed or whole as it was asked for. */
export async function scripted(
  dialect: ScriptedDialect,
  reply: Reply,
  asked: Asked,
): Promise<Scripted> {
  if (!dialect.isStream(asked.request)) return whole(dialect, reply, asked);
  const { trouble, delayMs } = reply;
  const pieces = dialect.stream(reply, asked);
  const head = { headers: { "content-type": dialect.streamType }, delayMs };
  switch (trouble?.kind) {
    case undefined:
      return { ...head, rawChunks: pieces };
    case "cut":
      return { ...head, rawChunks: pieces, cutAfter: trouble.afterPieces };
    case "end":
      return { ...head, rawChunks: pieces, endAfter: trouble.afterPieces };
    case "hold":
      return { ...head, rawChunks: pieces, holdAfter: trouble.afterPieces };
    case "error": {
      const sent = pieces.slice(0, trouble.afterPieces);
      const error = dialect.errorPiece(trouble.error, asked, sent.length);
      return { ...head, rawChunks: [...sent, error] };
    }
  }
}

async function whole(dialect: ScriptedDialect, reply: Reply, asked: Asked): Promise<Scripted> {
  const { trouble, delayMs } = reply;
  // Not waited for at the end of a test: a slow answer must not keep the process alive.
  if (delayMs > 0) await sleep(delayMs, null, { ref: false });
  if (trouble === null) return { json: dialect.answer(reply, asked) };
  if (trouble.kind === "error") return dialect.error(trouble.error, { retryAfterSeconds: null });
  return trouble.kind === "hold" ? { hang: "before-headers" } : { refuse: true };
}
