// Undoes the Content-Encoding of a request body. Must never decode more than the given number of
// bytes, whatever the body promises, and never block the event loop: the work is done in zlib's
// thread pool.

import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { FaultError, makeFault, throwFault } from "../turn/fault.ts";

type Decode = (body: Buffer, limit: { readonly maxOutputLength: number }) => Promise<Buffer>;

/** Most encodings on top of each other; `identity` does not count. */
const LAYER_COUNT_MAX = 2;
/**
 * Window of a zstd frame as a power of two: 8 MB is what RFC 9659 allows; unbounded it is memory
 * for the asking.
 */
const ZSTD_WINDOW_LOG_MAX = 23;
const ZSTD_PARAMS = { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX };

const gunzip: Decode = promisify(zlib.gunzip);
const inflate: Decode = promisify(zlib.inflate);
const inflateRaw: Decode = promisify(zlib.inflateRaw);
const brotliDecompress: Decode = promisify(zlib.brotliDecompress);
const zstdDecompress = promisify(zlib.zstdDecompress);

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  // The name means the zlib format, but some clients send the bare deflate stream.
  ["deflate", (body, limit) => (hasZlibHeader(body) ? inflate : inflateRaw)(body, limit)],
  ["br", brotliDecompress],
  ["zstd", (body, limit) => zstdDecompress(body, { ...limit, params: ZSTD_PARAMS })],
]);
const KNOWN = "gzip, deflate, br, zstd or identity";

export interface DecodeOptions {
  /** The Content-Encoding header as it came. */
  readonly encoding: string | undefined;
  /** Largest decoded body in bytes; holds for every layer, and for a body that is not encoded. */
  readonly decodedBytesMax: number;
}

/**
 * The decoded body; the same Buffer where nothing is encoded. Rejects with a FaultError:
 * unsupported_encoding, body_too_large, or invalid_encoding when the bytes are not what the header
 * says.
 */
export async function decodeBody(body: Buffer, options: DecodeOptions): Promise<Buffer> {
  let decoded = body;
  // The header lists the encodings in the order in which they were applied.
  for (const decode of readLayers(options.encoding).reverse()) {
    decoded = await decodeLayer(decoded, decode, options.decodedBytesMax);
  }
  if (decoded.length > options.decodedBytesMax) throwTooLarge(options.decodedBytesMax);
  return decoded;
}

function readLayers(encoding: string | undefined): Decode[] {
  const layers: Decode[] = [];
  for (const part of (encoding ?? "").split(",")) {
    const name = part.trim().toLowerCase();
    if (name === "" || name === "identity") continue;
    const decode = DECODERS.get(name);
    if (decode === undefined) throwUnsupported(`Content-Encoding must be ${KNOWN}.`);
    layers.push(decode);
  }
  if (layers.length > LAYER_COUNT_MAX) {
    throwUnsupported(`Content-Encoding may name at most ${LAYER_COUNT_MAX} of ${KNOWN}.`);
  }
  return layers;
}

async function decodeLayer(body: Buffer, decode: Decode, bytesMax: number): Promise<Buffer> {
  try {
    return await decode(body, { maxOutputLength: bytesMax });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ERR_BUFFER_TOO_LARGE") throwTooLarge(bytesMax);
    // Out of memory, or a wrong option of ours: not the caller's doing.
    if (/MEM|ALLOC|ERR_INVALID|ERR_OUT_OF_RANGE/i.test(code)) throw error;
    const message =
      "The request body is cut, damaged or not in the encoding that Content-Encoding names. " +
      "Send it again, or without compression.";
    const fault = makeFault("invalid_encoding", message, { param: "content-encoding" });
    throw new FaultError(fault, error);
  }
}

/**
 * RFC 1950: method 8 in the low half of the first byte, and the first two bytes divisible by 31.
 */
function hasZlibHeader(body: Buffer): boolean {
  return body.length >= 2 && ((body[0] ?? 0) & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0;
}

function throwUnsupported(message: string): never {
  throwFault("unsupported_encoding", message, { param: "content-encoding" });
}

function throwTooLarge(bytesMax: number): never {
  throwFault(
    "body_too_large",
    `The request body has more than ${bytesMax} bytes once decoded. Send a shorter one.`,
  );
}
