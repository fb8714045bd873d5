// Images and documents of a Messages request as canonical parts. Must never fetch a file: an address stays one.

import type { CanonicalMessage } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import { asText, blocksOf, textOf, typeOf, type Block } from "./anthropic-blocks.ts";
import { asObject } from "./json-value.ts";

type UserPart = Extract<CanonicalMessage, { role: "user" }>["content"][number];
export type FilePart = Extract<UserPart, { type: "file" }>;
type TextPart = Extract<UserPart, { type: "text" }>;

/** Reads an `image` or `document` block. Throws a FaultError for an address that is none. */
export function decodeFile(
  block: Block,
  { warn }: { readonly warn: (sentence: string) => void },
): (FilePart | TextPart)[] {
  const source = asObject(block["source"]) ?? {};
  const isImage = typeOf(block) === "image";
  const { title } = block;
  const named = typeof title === "string" ? { filename: title } : {};
  switch (source["type"]) {
    case "base64": {
      const data = { type: "data" as const, data: asText(source["data"]) };
      return [{ type: "file", data, mediaType: asText(source["media_type"]), ...named }];
    }
    case "url": {
      const mediaType = isImage ? "image/*" : "application/pdf";
      return [{ type: "file", data: { type: "url", url: urlOf(source) }, mediaType, ...named }];
    }
    case "text":
      return [{ type: "text", text: titled(block, asText(source["data"])) }];
    case "content": {
      const inner = blocksOf(source["content"]);
      const images = inner.filter((part) => typeOf(part) === "image");
      const texts = inner.filter((part) => typeOf(part) !== "image");
      const text = { type: "text" as const, text: titled(block, textOf(texts)) };
      return [text, ...images.flatMap((image) => decodeFile(image, { warn }))];
    }
    default:
      warn("Files kept by another provider are left out.");
      return [];
  }
}

function titled(block: Block, text: string): string {
  const before = [block["title"], block["context"]].filter((value) => typeof value === "string");
  return [...before, text].join("\n");
}

function urlOf(source: Block): URL {
  const url = URL.parse(asText(source["url"]));
  if (url !== null) return url;
  const message = "A file's `source.url` is not a URL. Send an absolute one, or the file itself.";
  return throwFault("invalid_request", message, { param: "messages" });
}
