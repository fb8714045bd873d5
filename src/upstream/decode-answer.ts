// Decodes an answer that an upstream compressed although it was asked not to.
// Must never hold back what has been decoded: a compressed stream still is a stream.

import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from "node:zlib";

/** Most bytes one answer may decode to: a small compressed answer must not fill the memory. */
const DECODED_BYTES_MAX = 256 * 1024 * 1024;

interface DecoderListener {
  readonly onData: (chunk: Buffer) => void;
  readonly onEnd: () => void;
  readonly onError: (error: Error) => void;
}

interface Decoder {
  write(chunk: Buffer): void;
  end(): void;
  /** No more onData until `resume`. */
  pause(): void;
  resume(): void;
  /** Nothing is reported any more. */
  destroy(): void;
}

const nothing = (): void => undefined;

/** Null when there is nothing to decode. An unknown encoding is reported through onError at the first byte. */
export function createDecoder(
  encoding: string | string[] | undefined,
  listener: DecoderListener,
): Decoder | null {
  if (encoding === undefined || encoding === "" || encoding === "identity") return null;
  const stream = makeStream(String(encoding).toLowerCase());
  if (stream === null) {
    const fail = () => listener.onError(new Error("unknown content-encoding of the answer"));
    return { write: fail, end: fail, pause: nothing, resume: nothing, destroy: nothing };
  }
  let decoded = 0;
  stream.on("data", (chunk: Buffer) => {
    decoded += chunk.length;
    if (decoded > DECODED_BYTES_MAX) stream.destroy(new Error("answer decodes to too many bytes"));
    else listener.onData(chunk);
  });
  stream.on("end", listener.onEnd);
  stream.on("error", listener.onError);
  return {
    write: (chunk) => {
      stream.write(chunk);
    },
    end: () => {
      stream.end();
    },
    pause: () => {
      stream.pause();
    },
    resume: () => {
      stream.resume();
    },
    destroy: () => {
      stream.destroy();
    },
  };
}

function makeStream(encoding: string) {
  const flush = { flush: constants.Z_SYNC_FLUSH };
  if (encoding === "gzip" || encoding === "x-gzip") return createGunzip(flush);
  if (encoding === "deflate") return createInflate(flush);
  if (encoding === "br") return createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH });
  if (encoding === "zstd") return createZstdDecompress();
  return null;
}
