// The parts of a Gemini content as plain values: what they are, and the text they hold.
// Must never throw on odd values: whoever needs a part to be sound checks it himself.

/** A part as it stands in a body. */
export type Part = Readonly<Record<string, unknown>>;

/** Fields in which a tool's answer is told, where it is told in one word. */
const ANSWER_FIELDS = ["output", "result", "content", "error"] as const;

export interface FunctionCall {
  /** "" where the client leaves it out. */
  readonly id: string;
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface FunctionResponse {
  readonly id: string;
  readonly name: string;
  readonly response: Readonly<Record<string, unknown>>;
  /** Files beside the answer. */
  readonly parts: readonly Part[];
}

/** The parts of a content; a single part counts as a list of one, and a string as a text. */
export function partsOf(content: unknown): readonly Part[] {
  const parts = asObject(content)?.["parts"];
  const list = Array.isArray(parts) ? parts : [parts];
  return list.flatMap((part) => {
    if (typeof part === "string") return [{ text: part }];
    const known = asObject(part);
    return known === null ? [] : [known];
  });
}

/** Both spellings of a field are taken, as its own service takes them. */
export function fieldOf(object: Part, name: string): unknown {
  return object[name] ?? object[snakeCase(name)];
}

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Null for any other part. */
export function callIn(part: Part): FunctionCall | null {
  const call = asObject(fieldOf(part, "functionCall"));
  if (call === null) return null;
  return { id: asText(call["id"]), name: asText(call["name"]), args: asObject(call["args"]) ?? {} };
}

/** Null for any other part. */
export function responseIn(part: Part): FunctionResponse | null {
  const given = asObject(fieldOf(part, "functionResponse"));
  if (given === null) return null;
  const response = asObject(given["response"]) ?? {};
  return {
    id: asText(given["id"]),
    name: asText(given["name"]),
    response,
    parts: partsOf(given),
  };
}

export interface AnswerText {
  readonly text: string;
  readonly isError: boolean;
}

/** What a tool answered, as text: the bare words where there is nothing beside them. */
export function answerText(response: FunctionResponse["response"]): AnswerText {
  const names = Object.keys(response);
  const [only] = names;
  const isError =
    (response["error"] !== undefined && response["error"] !== null) || response["isError"] === true;
  const told = ANSWER_FIELDS.find((field) => names.length === 1 && field === only);
  const value = told === undefined ? response : response[told];
  return { text: typeof value === "string" ? value : JSON.stringify(value), isError };
}

/** The model's own thoughts: no part of what it said. */
export function isThought(part: Part): boolean {
  return part["thought"] === true;
}

/** "" for a part without one. */
export function signatureOf(part: Part): string {
  return asText(fieldOf(part, "thoughtSignature"));
}

export function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function asObject(value: unknown): Record<string, unknown> | null {
  return isObject(value) ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
