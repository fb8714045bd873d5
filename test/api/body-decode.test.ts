import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { decodeBody } from "../../src/api/body-decode.ts";
import { FaultError, type FaultCode } from "../../src/turn/fault.ts";

const ENCODERS: Record<string, (body: Buffer) => Buffer> = {
  gzip: (body) => zlib.gzipSync(body),
  "x-gzip": (body) => zlib.gzipSync(body),
  deflate: (body) => zlib.deflateSync(body),
  br: (body) =>
    zlib.brotliCompressSync(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 } }),
  zstd: (body) => zlib.zstdCompressSync(body),
  identity: (body) => body,
};
const COMPRESSED = ["gzip", "deflate", "br", "zstd"];
const DECODED_BYTES_MAX = 10_000;

function encode(body: Buffer, encoding: string): Buffer {
  return encoding.split(", ").reduce((bytes, name) => {
    const encoder = ENCODERS[name];
    assert.ok(encoder);
    return encoder(bytes);
  }, body);
}

function decode(body: Buffer, encoding: string | undefined, decodedBytesMax = DECODED_BYTES_MAX) {
  return decodeBody(body, { encoding, decodedBytesMax });
}

async function refuses(decoding: Promise<Buffer>, code: FaultCode): Promise<void> {
  await assert.rejects(decoding, (error) => {
    assert.ok(error instanceof FaultError, String(error));
    assert.equal(error.fault.code, code);
    return true;
  });
}

test("Every known encoding, and two on top of each other, gives the body back", async () => {
  const names = Object.keys(ENCODERS);
  const encodings = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), encodings, async (bytes, list) => {
      const encoding = list.join(", ");
      assert.deepEqual(
        await decode(encode(Buffer.from(bytes), encoding), encoding),
        Buffer.from(bytes),
      );
    }),
    { numRuns: 150 },
  );
});

test("A body without an encoding is handed on uncopied", async () => {
  const body = Buffer.from("{}");
  for (const encoding of [undefined, "", "identity", "Identity , identity,identity"]) {
    assert.equal(await decode(body, encoding), body);
  }
});

test("Names are read in any case and spacing, and bare deflate is understood", async () => {
  const body = Buffer.from('{"model":"auto"}');
  assert.deepEqual(await decode(encode(body, "gzip, br"), "GZip,\tBR ,"), body);
  assert.deepEqual(await decode(zlib.deflateRawSync(body), "deflate"), body);
});

test("A body may be as large as the limit once decoded and not a byte larger", async () => {
  for (const encoding of [...COMPRESSED, "identity", "gzip, br"]) {
    const body = encode(Buffer.alloc(DECODED_BYTES_MAX, "a"), encoding);
    assert.equal((await decode(body, encoding)).length, DECODED_BYTES_MAX);
    await refuses(decode(body, encoding, DECODED_BYTES_MAX - 1), "body_too_large");
  }
  await refuses(decode(Buffer.alloc(11), undefined, 10), "body_too_large");
});

test("A small body that unpacks to a huge one is refused, in every layer", async () => {
  const huge = Buffer.alloc(50_000_000);
  for (const encoding of [...COMPRESSED, "gzip, gzip", "br, zstd"]) {
    await refuses(decode(encode(huge, encoding), encoding), "body_too_large");
  }
});

test("An encoding that is not known is refused with the list of those that are", async () => {
  for (const encoding of ["compress", "gzip, lzma", "__proto__", "gzip;q=1", "aws-chunked"]) {
    await refuses(decode(Buffer.from("{}"), encoding), "unsupported_encoding");
  }
  const decoding = decode(Buffer.from("{}"), "lzma");
  await assert.rejects(decoding, /gzip, deflate, br, zstd or identity/);
});

test("More than two layers are refused before any is decoded", async () => {
  const body = encode(Buffer.from("{}"), "gzip, br, gzip");
  await refuses(decode(body, "gzip, br, gzip"), "unsupported_encoding");
  assert.equal((await decode(encode(body, "identity"), "br, identity, gzip")).length > 2, true);
});

test("A body that is cut, empty or something else is refused", async () => {
  for (const encoding of COMPRESSED) {
    const body = encode(Buffer.from('{"model":"auto","messages":[]}'), encoding);
    for (const damaged of [body.subarray(0, -3), Buffer.alloc(0), Buffer.from('{"model":1}')]) {
      await refuses(decode(damaged, encoding), "invalid_encoding");
    }
  }
});

test("A zstd frame that asks for a window of 128 MB is refused", async () => {
  const { ZSTD_c_windowLog: windowLog, ZSTD_c_contentSizeFlag: sizeFlag } = zlib.constants;
  const params = { [windowLog]: 27, [sizeFlag]: 0 };
  const body = zlib.zstdCompressSync(Buffer.alloc(40_000_000), { params });
  await refuses(decode(body, "zstd", 50_000_000), "invalid_encoding");
});
