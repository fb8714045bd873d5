// The items of the Responses dialect as plain values: what they are, and the text they hold.
// Must never throw on odd values: whoever needs an item to be sound checks it himself.

import { asObject } from "./json-value.ts";

/** An item as it stands in `input`. */
export type Item = Readonly<Record<string, unknown>>;

/**
 * said: a message of the client's side. model: a message or a call of the model. result: what a tool answered.
 * silent: it belongs to what the model made, and says nothing a reader could use.
 */
export type ItemKind = "said" | "model" | "result" | "silent";

const CALL_TYPES = /_call$/;
const RESULT_TYPES = /_call_output$|^tool_search_output$|^program_output$/;

/** Content parts that hold a file: of results they are told apart, so that two screenshots are not one. */
const FILE_FIELDS = ["image_url", "file_data", "file_url", "file_id"] as const;
/** How much of a file's end tells it from another one, in characters. */
const FILE_TAIL_CHARACTERS = 24;

/** Only role and type are looked at. */
export function kindOf(item: Item): ItemKind {
  const type = typeOf(item);
  if (type === "message") return item["role"] === "assistant" ? "model" : "said";
  if (CALL_TYPES.test(type)) return "model";
  return RESULT_TYPES.test(type) ? "result" : "silent";
}

/** A message may come without a type; "" for what has neither type nor role. */
export function typeOf(item: Item): string {
  const type = asText(item["type"]);
  return type === "" && typeof item["role"] === "string" ? "message" : type;
}

export function isCall(item: Item): boolean {
  return CALL_TYPES.test(typeOf(item));
}

/** Id by which a call and its result find each other. */
export function callIdOf(item: Item): string {
  const id = asText(item["call_id"]);
  return id === "" ? asText(item["id"]) : id;
}

/** Texts of a content joined; images and other parts are named by kind only. */
export function textOf(content: unknown): string {
  return partsOf(content)
    .map((part) => partText(part) ?? `[${typeOf(part) || "part"}]`)
    .join("\n");
}

/** The same for what a tool answered, where two files must not look like one. */
export function resultTextOf(output: unknown): string {
  if (asObject(output) !== null) return JSON.stringify(output);
  return partsOf(output)
    .map((part) => partText(part) ?? fileMark(part))
    .join("\n");
}

/** The parts of a content; a string counts as one text part. */
export function partsOf(content: unknown): readonly Item[] {
  if (typeof content === "string") return [{ type: "input_text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.map((part) =>
    typeof part === "string" ? { type: "input_text", text: part } : (asObject(part) ?? {}),
  );
}

function partText(part: Item): string | null {
  for (const field of ["text", "refusal"]) {
    const text = part[field];
    if (typeof text === "string") return text;
  }
  return null;
}

function fileMark(part: Item): string {
  const type = typeOf(part) || "part";
  const file = FILE_FIELDS.map((field) => asText(part[field])).find((text) => text !== "");
  if (file !== undefined) return `[${type} ${file.length} ${file.slice(-FILE_TAIL_CHARACTERS)}]`;
  // Output of a shell and the like: what it holds is the text.
  return part["type"] === undefined ? JSON.stringify(part) : `[${type}]`;
}

export function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
