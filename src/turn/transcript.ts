// The messages of a request as every station sees them, free of any dialect.
// Must never parse the whole history: a reader asks for the messages it needs, one by one.

export type Role = "system" | "user" | "assistant" | "tool";

/** A tool call that the model asked for. `arguments` is the text as it came: it may be invalid JSON. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** The answer of a tool, as the client sent it. Pair it with its call by position within the turn. */
export interface ToolResult {
  readonly callId: string;
  readonly text: string;
  /** True when the dialect itself marks the result as an error. */
  readonly isError: boolean;
}

export interface Message {
  readonly role: Role;
  /** All text parts joined; images and other parts are named by kind only. */
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly results: readonly ToolResult[];
}

/** Random access to the messages of one request, decoded on demand. */
export interface Transcript {
  readonly count: number;
  /** Decodes the message at `index` (0-based). Throws a RangeError outside `0 … count - 1`. */
  read(index: number): Message;
  /** The message as it stands in the body; absent where messages do not stand in it one by one. */
  bytes?(index: number): Buffer;
}
