// Signature Version 4 as its public description has it, for checking what was sent: nothing is shared with the product.
// Must never take a part of the signed request from anywhere but the request itself.

import { createHash, createHmac } from "node:crypto";
import type { CapturedRequest } from "../support/upstream.ts";

type Signed = Pick<CapturedRequest, "method" | "path" | "headers" | "raw">;

const HEADER = new RegExp(
  String.raw`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?` +
    String.raw`SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`,
);

export interface Checked {
  readonly keyId: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
}

/** Who signed for what; throws where the signature is not the one of this request under this secret. */
export function checkSignature(request: Signed, secret: string): Checked {
  const found = HEADER.exec(request.headers.authorization ?? "");
  if (found === null) throw new Error(`no signature: ${request.headers.authorization ?? "none"}`);
  const [, keyId = "", day = "", region = "", service = "", list = "", signature = ""] = found;
  const signedHeaders = list.split(";");
  const stamp = String(request.headers["x-amz-date"]);
  const scope = `${day}/${region}/${service}/aws4_request`;
  const canonical = [
    request.method,
    ...pathAndQuery(request.path),
    ...signedHeaders.map((name) => `${name}:${String(request.headers[name]).trim()}`),
    "",
    list,
    sha256(request.raw),
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n");
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const part of [day, region, service, "aws4_request"]) key = hmac(key, part);
  const right = hmac(key, text).toString("hex");
  if (right !== signature) throw new Error(`wrong signature over\n${canonical}`);
  if (!stamp.startsWith(day)) throw new Error(`date ${stamp} is not of the day ${day}`);
  return { keyId, region, service, signedHeaders };
}

function pathAndQuery(path: string): readonly string[] {
  const [segments = "", query = ""] = path.split("?");
  const encoded = segments.split("/").map(encode).join("/");
  const pairs =
    query === "" ? [] : query.split("&").map((pair) => (pair.includes("=") ? pair : `${pair}=`));
  return [encoded, pairs.sort().join("&")];
}

/** The segment as it was sent, encoded once more. */
function encode(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
