// Tool-call ids as the target takes them: valid, and each call with an id of its own. Pure.
// Must never depend on anything but the request: an equal prefix must stay equal, or the provider's cache is lost.

import { createHash } from "node:crypto";
import type { CanonicalMessage } from "../../turn/canonical.ts";
import type { UpstreamDialect } from "../../turn/dialect.ts";

export interface IdTarget {
  readonly dialect: UpstreamDialect;
  readonly vendor: string | null;
}

interface IdRule {
  readonly valid: RegExp;
  readonly make: (hash: string) => string;
}

/** What most take: letters, digits, dashes. */
const PLAIN: IdRule = {
  valid: /^[a-zA-Z0-9_-]{1,40}$/,
  make: (hash) => `call_${hash.slice(0, 24)}`,
};
/** Exactly nine letters or digits. */
const MISTRAL: IdRule = { valid: /^[a-zA-Z0-9]{9}$/, make: (hash) => hash.slice(0, 9) };

/** The prompt with valid ids; the same object where nothing had to change. */
export function withValidIds(
  prompt: readonly CanonicalMessage[],
  target: IdTarget,
): readonly CanonicalMessage[] {
  const rule = target.vendor === "mistral" && target.dialect === "openai-chat" ? MISTRAL : PLAIN;
  const book = createIdBook(rule);
  return prompt.map((message) => {
    if (message.role === "assistant") {
      const content = message.content.map((part) =>
        part.type === "tool-call" ? { ...part, toolCallId: book.called(part.toolCallId) } : part,
      );
      return { ...message, content };
    }
    if (message.role !== "tool") return message;
    const content = message.content.map((part) =>
      part.type === "tool-result" ? { ...part, toolCallId: book.answered(part.toolCallId) } : part,
    );
    return { ...message, content };
  });
}

function createIdBook(rule: IdRule) {
  const used = new Set<string>();
  /** Calls that wait for their result, oldest first: some agents use an id again and again. */
  const waiting = new Map<string, string[]>();
  const last = new Map<string, string>();
  /** How often each was made anew: to count from the beginning each time would take for ever. */
  const counts = new Map<string, number>();
  const fresh = (id: string): string => {
    let made = rule.valid.test(id) ? id : rule.make(hashOf(id));
    let count = counts.get(id) ?? 1;
    while (used.has(made)) {
      count += 1;
      made = rule.make(hashOf(`${id}#${count}`));
    }
    counts.set(id, count);
    used.add(made);
    return made;
  };
  return {
    called(id: string): string {
      const made = fresh(id);
      const queue = waiting.get(id);
      if (queue === undefined) waiting.set(id, [made]);
      else queue.push(made);
      last.set(id, made);
      return made;
    },
    answered(id: string): string {
      return waiting.get(id)?.shift() ?? last.get(id) ?? fresh(id);
    },
  };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
