// Counts the tokens of a prompt and how many of them a prompt cache would have held, as providers
// report them.
// Must never keep prompts: only hashes of prefixes are remembered, and a bounded number of those.

import { hash } from "node:crypto";

import { RecentKeys } from "./recent-keys.ts";
import type { ChatRequest } from "./chat-request.ts";

export interface PromptCount {
  readonly promptTokens: number;
  /** Part of `promptTokens` that an earlier request had in front as well. */
  readonly cachedTokens: number;
}

const CHARACTERS_PER_TOKEN = 4;

/** Most prefixes remembered; one request adds one for each of its messages. */
const CACHED_PREFIXES_MAX = 20_000;

export function countTokens(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}

export class PromptMeter {
  readonly #prefixes = new RecentKeys(CACHED_PREFIXES_MAX);

  /** Counts a prompt without remembering it. */
  static count(request: ChatRequest): number {
    return promptParts(request).reduce((tokens, part) => tokens + countTokens(part), 0);
  }

  /** Counts a prompt, compares it with what came before, and remembers it. */
  measure(request: ChatRequest): PromptCount {
    let prefix = request.model;
    let promptTokens = 0;
    let cachedTokens = 0;
    for (const part of promptParts(request)) {
      prefix = hash("sha1", `${prefix}\n${part}`);
      promptTokens += countTokens(part);
      if (this.#prefixes.has(prefix)) cachedTokens = promptTokens;
      this.#prefixes.add(prefix);
    }
    return { promptTokens, cachedTokens };
  }
}

/** Tools stand in front of the messages, as they do in a real prompt. */
function promptParts(request: ChatRequest): readonly string[] {
  const tools = request.tools ?? [];
  const messages = request.messages.map((message) => JSON.stringify(message));
  return tools.length === 0 ? messages : [JSON.stringify(tools), ...messages];
}
