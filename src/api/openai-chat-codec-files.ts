// Images, audio and documents of a chat completions message in canonical form. Must never fetch a file.

import type { CanonicalMessage } from "../turn/canonical.ts";
import { throwFault } from "../turn/fault.ts";
import { asObject, asText, type JsonObject } from "./json-value.ts";

type UserPart = Extract<CanonicalMessage, { role: "user" }>["content"][number];
export type FilePart = Extract<UserPart, { type: "file" }>;

const FILE_TYPES: ReadonlySet<unknown> = new Set(["image_url", "input_audio", "file"]);
const DATA_URL = /^data:([^;,]*)(?:;[^,]*)?;base64$/i;
/** Longest head of a data URL, in characters. */
const DATA_HEAD_LENGTH_MAX = 256;

/** What the end of a path says of an image; a provider may have to be told. */
const IMAGE_ENDINGS: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
};

export function isFile(part: JsonObject): boolean {
  return FILE_TYPES.has(part["type"]);
}

/** Throws a FaultError for a file that cannot be understood, or that only its own provider holds. */
export function decodeFile(part: JsonObject, at: string): FilePart {
  if (part["type"] === "image_url") return decodeImage(part, at);
  if (part["type"] === "input_audio") {
    const audio = asObject(part["input_audio"]) ?? {};
    const mediaType = audio["format"] === "mp3" ? "audio/mpeg" : "audio/wav";
    return { type: "file", mediaType, data: { type: "data", data: asText(audio["data"]) ?? "" } };
  }
  const file = asObject(part["file"]) ?? {};
  const data = splitData(asText(file["file_data"]) ?? "");
  const filename = asText(file["filename"]);
  if (data === null) {
    const message = `\`${at}\` must hold its file as base64 data: a file's id means nothing to this model.`;
    return throwFault("invalid_request", message, { param: at });
  }
  return { ...toFile(data, "application/pdf"), ...(filename === null ? {} : { filename }) };
}

function decodeImage(part: JsonObject, at: string): FilePart {
  const image = asObject(part["image_url"]);
  const address = asText(image?.["url"]) ?? asText(part["image_url"]) ?? "";
  const detail = asText(image?.["detail"]);
  const options = detail === null ? {} : { providerOptions: { openai: { imageDetail: detail } } };
  const data = splitData(address);
  if (data !== null) return { ...toFile(data, "image/png"), ...options };
  const url = URL.parse(address);
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) {
    const ending = url.pathname.slice(url.pathname.lastIndexOf(".") + 1).toLowerCase();
    const mediaType = IMAGE_ENDINGS[ending] ?? "image/*";
    return { type: "file", mediaType, data: { type: "url", url }, ...options };
  }
  const message = `\`${at}.image_url.url\` must be an http or https URL, or base64 data.`;
  return throwFault("invalid_request", message, { param: `${at}.image_url.url` });
}

interface DataUrl {
  readonly mediaType: string;
  readonly base64: string;
}

/** Null for what is no data URL. */
function splitData(address: string): DataUrl | null {
  const comma = address.indexOf(",");
  if (comma === -1 || comma > DATA_HEAD_LENGTH_MAX) return null;
  const [, mediaType] = DATA_URL.exec(address.slice(0, comma)) ?? [];
  return mediaType === undefined ? null : { mediaType, base64: address.slice(comma + 1) };
}

function toFile({ mediaType, base64 }: DataUrl, usual: string): FilePart {
  const type = mediaType === "" ? usual : mediaType.toLowerCase();
  return { type: "file", mediaType: type, data: { type: "data", data: base64 } };
}
