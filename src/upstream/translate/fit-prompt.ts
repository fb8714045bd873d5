// The order and the shape of a prompt as its dialect demands them, where the client's own dialect is laxer. Pure.
// Must never lose a word of it, nor make two equal beginnings differ: the provider's cache lives by them.

import type { CanonicalMessage } from "../../turn/canonical.ts";
import type { UpstreamDialect } from "../../turn/dialect.ts";

type Message<Role extends CanonicalMessage["role"]> = Extract<CanonicalMessage, { role: Role }>;
type UserPart = Message<"user">["content"][number];
type ResultPart = Extract<Message<"tool">["content"][number], { type: "tool-result" }>;

/** Dialects that want words in every text, and the user's first. */
const PARTICULAR: ReadonlySet<UpstreamDialect> = new Set([
  "anthropic-messages",
  "bedrock-converse",
  "gemini",
]);
/** Stands where the dialect wants a message of the user's, and there is none with words. */
const NO_WORDS: UserPart = { type: "text", text: "…" };

export function fitPrompt(
  prompt: readonly CanonicalMessage[],
  dialect: UpstreamDialect,
): readonly CanonicalMessage[] {
  const ordered = resultsFirst(prompt);
  if (dialect === "openai-chat") return ordered.flatMap(filesBehind);
  return PARTICULAR.has(dialect) ? userFirst(ordered.flatMap(withWords)) : ordered;
}

/** Results come together, right behind their calls, whatever the client has put between them. */
function resultsFirst(prompt: readonly CanonicalMessage[]): readonly CanonicalMessage[] {
  const ordered: CanonicalMessage[] = [];
  /** What the newest calls were answered with; null: nothing was called. */
  let results: Message<"tool">["content"] | null = null;
  /** What the client has put behind the calls. */
  let behind: CanonicalMessage[] = [];
  const close = (): void => {
    if (results !== null && results.length > 0) ordered.push({ role: "tool", content: results });
    ordered.push(...behind);
  };
  for (const message of prompt) {
    if (message.role === "assistant") {
      close();
      ordered.push(message);
      results = message.content.some(({ type }) => type === "tool-call") ? [] : null;
      behind = [];
    } else if (message.role === "tool" && results !== null) {
      for (const part of message.content) results.push(part);
    } else behind.push(message);
  }
  close();
  return ordered;
}

/** Here a result is a text: its files follow as the user's, and the result says so. */
function filesBehind(message: CanonicalMessage): readonly CanonicalMessage[] {
  if (message.role !== "tool") return [message];
  const files: UserPart[] = [];
  const content = message.content.map((part) => {
    if (part.type !== "tool-result" || part.output.type !== "content") return part;
    const parts = part.output.value;
    const found = parts.filter((inner) => inner.type === "file");
    files.push(...found);
    return { ...part, output: textOutput(parts, found.length > 0) };
  });
  const results = { ...message, content };
  return files.length === 0 ? [results] : [results, { role: "user", content: files }];
}

type OutputParts = Extract<ResultPart["output"], { type: "content" }>["value"];

function textOutput(parts: OutputParts, hasFiles: boolean): ResultPart["output"] {
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const hint = hasFiles ? ["[files of this result follow as the user's]"] : [];
  return { type: "text", value: [...texts, ...hint].join("\n") };
}

/** A text without a word is refused, and says nothing. */
function withWords(message: CanonicalMessage): readonly CanonicalMessage[] {
  switch (message.role) {
    case "user": {
      const content = message.content.filter((part) => !isBlank(part));
      return [{ ...message, content: content.length === 0 ? [NO_WORDS] : content }];
    }
    case "assistant": {
      const content = message.content.filter((part) => !isBlank(part));
      return content.length === 0 ? [] : [{ ...message, content }];
    }
    case "system":
      return message.content.trim() === "" ? [] : [message];
    case "tool":
      return [message];
  }
}

function isBlank(part: { readonly type: string; readonly text?: unknown }): boolean {
  return part.type === "text" && typeof part.text === "string" && part.text.trim() === "";
}

/** A greeting of the model's, or instructions alone, are no beginning here. */
function userFirst(prompt: readonly CanonicalMessage[]): readonly CanonicalMessage[] {
  const first = prompt.findIndex(({ role }) => role !== "system");
  if (first !== -1 && prompt[first]?.role !== "assistant") return prompt;
  const at = first === -1 ? prompt.length : first;
  return [...prompt.slice(0, at), { role: "user", content: [NO_WORDS] }, ...prompt.slice(at)];
}
