// Files of a Gemini request as canonical parts. Must never fetch a file: an address stays one.

import type { CanonicalMessage } from "../turn/canonical.ts";
import { asObject, asText, fieldOf, type Part } from "./gemini-parts.ts";

type UserPart = Extract<CanonicalMessage, { role: "user" }>["content"][number];
export type FilePart = Extract<UserPart, { type: "file" }>;

/** Longest name of a kind that a warning repeats, in characters. */
const NAME_LENGTH_MAX = 64;
/** Where the dialect's own provider keeps files: nobody else can fetch them. */
const KEPT_FILES = /^https:\/\/generativelanguage\.googleapis\.com\/|^(?!https?:)/i;
const UNKNOWN_TYPE = "application/octet-stream";

/** Reads a part that is neither text, call nor response; what is no file is left out with a warning. */
export function decodeFile(
  part: Part,
  { warn }: { readonly warn: (sentence: string) => void },
): FilePart[] {
  const inline = asObject(fieldOf(part, "inlineData"));
  if (inline !== null) {
    const data = { type: "data" as const, data: asText(inline["data"]) };
    return [{ type: "file", data, ...about(inline) }];
  }
  const file = asObject(fieldOf(part, "fileData"));
  if (file === null) {
    const [kind = "no kind"] = Object.keys(part);
    warn(`Parts of ${kind.replace(/[^\w ]/g, "?").slice(0, NAME_LENGTH_MAX)} are left out.`);
    return [];
  }
  const address = asText(fieldOf(file, "fileUri"));
  const url = KEPT_FILES.test(address) ? null : URL.parse(address);
  if (url !== null) return [{ type: "file", data: { type: "url", url }, ...about(file) }];
  warn("Files kept by another provider are left out.");
  return [];
}

function about(file: Part): Pick<FilePart, "mediaType" | "filename"> {
  const name = fieldOf(file, "displayName");
  const type = asText(fieldOf(file, "mimeType"));
  return {
    mediaType: type === "" ? UNKNOWN_TYPE : type,
    ...(typeof name === "string" && name !== "" ? { filename: name } : {}),
  };
}
