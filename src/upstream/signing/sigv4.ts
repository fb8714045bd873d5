// Signs requests with AWS Signature Version 4, over host, date and body.
// Must never read credentials from anywhere but its arguments.

import { AwsV4Signer } from "aws4fetch";
import type { AwsAccess } from "./access.ts";
import type { Signer } from "./signer.ts";

/** Headers of the platform's own are part of what is signed. */
const SIGNED_HEADER = /^x-amz-/;
/** One entry a day for one region; more means that something is wrong with the clock. */
const DERIVED_KEYS_MAX = 8;

/** `now`: milliseconds since the epoch. A clock that is off by five minutes is refused by the platform. */
export function createSigV4Signer(access: AwsAccess, now: () => number): Signer {
  const { accessKeyId, secretAccessKey, sessionToken, region, service } = access;
  const token = sessionToken === null ? {} : { sessionToken };
  const cache = new Map<string, ArrayBuffer>();
  return {
    async sign({ method, url, headers, body }) {
      if (cache.size > DERIVED_KEYS_MAX) cache.clear();
      const signer = new AwsV4Signer({
        method,
        url,
        headers: Object.entries(headers).filter(([name]) => SIGNED_HEADER.test(name)),
        ...(body === null ? {} : { body: bytesOf(body) }),
        accessKeyId,
        secretAccessKey,
        ...token,
        region,
        service,
        cache,
        datetime: stamp(now()),
      });
      const signed = await signer.sign();
      return Object.fromEntries(signed.headers);
    },
    forget: () => cache.clear(),
    secrets: () => [secretAccessKey, ...(sessionToken === null ? [] : [sessionToken])],
    close: () => Promise.resolve(),
  };
}

function bytesOf(body: Buffer | string): string | Uint8Array<ArrayBuffer> {
  // A view of the same bytes: large bodies are not copied.
  return typeof body === "string"
    ? body
    : new Uint8Array(plainBuffer(body), body.byteOffset, body.length);
}

/** Buffers of this process are never shared between threads; should one be, it is copied. */
function plainBuffer(body: Buffer): ArrayBuffer {
  const { buffer } = body;
  if (buffer instanceof ArrayBuffer) return buffer;
  const copy = new ArrayBuffer(buffer.byteLength);
  new Uint8Array(copy).set(new Uint8Array(buffer));
  return copy;
}

/** `20261121T093000Z` */
function stamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/[:-]|\.\d{3}/g, "");
}
