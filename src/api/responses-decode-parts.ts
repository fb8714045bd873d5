// Content parts of a Responses item in canonical form. Must never fetch a file: an address stays one.

import { throwFault } from "../turn/fault.ts";
import { decodeFile, type FilePart } from "./openai-chat-codec-files.ts";
import { asText, typeOf, type Item } from "./responses-items.ts";

type TextPart = { type: "text"; text: string };

const FILE_TYPES: ReadonlySet<string> = new Set(["input_image", "input_file"]);

export function hasFile(parts: readonly Item[]): boolean {
  return parts.some((part) => FILE_TYPES.has(typeOf(part)));
}

/** `at`: where the parts stand. Throws a FaultError for a part that cannot be understood. */
export function decodeParts(parts: readonly Item[], at: string): (TextPart | FilePart)[] {
  return parts.map((part, index): TextPart | FilePart => {
    const place = `${at}[${index}]`;
    switch (typeOf(part)) {
      case "input_image":
        return decodeImage(part, place);
      case "input_file":
        return decodeDocument(part, place);
      default: {
        const { text } = part;
        if (typeof text === "string") return { type: "text", text };
        const message = `\`${place}\` is of a type that cannot be carried to this model.`;
        return throwFault("invalid_request", message, { param: place });
      }
    }
  });
}

function decodeImage(part: Item, place: string): FilePart {
  const url = asText(part["image_url"]);
  if (url === "") return refuseFileId(place);
  const detail = asText(part["detail"]);
  const image = { url, ...(detail === "" ? {} : { detail }) };
  return decodeFile({ type: "image_url", image_url: image }, place);
}

function decodeDocument(part: Item, place: string): FilePart {
  const { file_data: data, filename } = part;
  if (asText(data) !== "") {
    return decodeFile({ type: "file", file: { file_data: data, filename } }, place);
  }
  const url = URL.parse(asText(part["file_url"]));
  if (url === null) return refuseFileId(place);
  return { type: "file", mediaType: "application/pdf", data: { type: "url", url } };
}

function refuseFileId(place: string): never {
  const message = `\`${place}\` must hold its file as data or a URL: a file's id means nothing to this model.`;
  return throwFault("invalid_request", message, { param: place });
}
