// Goal: no request is too large, too deep, too long in its headers or too slow for the gateway to
// refuse it in good order.
// Method: bytes on a socket, since clients and their libraries would repair or refuse most of this
// themselves.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";
import { chatBytes, dial, exchange, parseAnswer, type WireAnswer } from "./wire.ts";

const BODY_BYTES_MAX = 100_000;
const GOOD = '{"model":"lab/big","messages":[{"role":"user","content":"Hello?"}]}';

/** A good request of exactly so many bytes. */
function sized(bytes: number): string {
  return GOOD.replace("Hello?", "x".repeat(bytes - GOOD.length + "Hello?".length));
}

async function startScene(
  t: TestContext,
  about: Readonly<Record<string, unknown>> = {},
): Promise<{ gateway: TestGateway; upstream: Upstream }> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const limits = { bodyBytesMax: BODY_BYTES_MAX };
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream)],
    limits,
    ...about,
  });
  return { gateway, upstream };
}

function assertRefused(answer: WireAnswer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.body);
  const { error }: Json = JSON.parse(answer.body);
  assert.equal(error.code, code);
  assert.equal(error.request_id, answer.headers.get("x-request-id"));
}

function chunked(body: Buffer, size: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
  }
  return Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")]);
}

test("a body of exactly the limit is served, one byte more is refused", async (t) => {
  const { gateway, upstream } = await startScene(t);
  assert.equal(
    (await exchange(gateway.url, chatBytes({ body: sized(BODY_BYTES_MAX) }))).status,
    200,
  );
  const over = await exchange(gateway.url, chatBytes({ body: sized(BODY_BYTES_MAX + 1) }));
  assertRefused(over, 413, "body_too_large");
  assert.match(over.body, /limits\.bodyBytesMax/);
  assert.equal(upstream.requests.length, 1);
});

test("a body far over the limit is refused while it is still being sent", async (t) => {
  const { gateway } = await startScene(t);
  const socket = await dial(gateway.url);
  t.after(() => socket.destroy());
  const answered = once(socket, "data");
  // The body never comes: the length it announces is enough.
  socket.write(chatBytes({ headers: ["Content-Length: 10000000000"], keepAlive: true }));
  const [bytes]: Buffer[] = await answered;
  assertRefused(parseAnswer(bytes ?? Buffer.alloc(0)), 413, "body_too_large");
  // What is still to come of it is nobody's: the connection ends.
  if (!socket.destroyed) await once(socket, "close");
  const viaFetch = await gateway.chat(sized(20_000_000));
  assert.equal(viaFetch.status, 413);
});

test("a chunked body is counted as it comes", async (t) => {
  const { gateway } = await startScene(t);
  const headers = ["Transfer-Encoding: chunked"];
  const body = (bytes: number) => chunked(Buffer.from(sized(bytes)), 10_000);
  assert.equal(
    (await exchange(gateway.url, chatBytes({ headers, body: body(50_000) }))).status,
    200,
  );
  const over = chatBytes({ headers, body: body(BODY_BYTES_MAX + 1), keepAlive: true });
  assertRefused(await exchange(gateway.url, over), 413, "body_too_large");
});

const ENCODINGS: readonly (readonly [string, (body: string) => Buffer])[] = [
  ["gzip", gzipSync],
  ["x-gzip", gzipSync],
  ["deflate", deflateSync],
  ["Deflate", deflateRawSync],
  ["br", brotliCompressSync],
  ["zstd", zstdCompressSync],
  ["GZIP", gzipSync],
  ["gzip, br", (body) => brotliCompressSync(gzipSync(body))],
];

for (const [name, encode] of ENCODINGS) {
  test(`a body in ${name} is read, and bounded by its decoded size`, async (t) => {
    const { gateway, upstream } = await startScene(t);
    const headers = [`Content-Encoding: ${name}`];
    const good = await exchange(
      gateway.url,
      chatBytes({ headers, body: encode(sized(BODY_BYTES_MAX)) }),
    );
    assert.equal(good.status, 200);
    assert.equal(
      upstream.requests[0]?.raw.length,
      BODY_BYTES_MAX - "lab/big".length + "big-1".length,
    );
    assert.equal(upstream.requests[0]?.headers["content-encoding"], undefined);
    const bomb = encode(sized(5_000_000));
    assert.ok(bomb.length < BODY_BYTES_MAX, "small on the wire");
    assertRefused(
      await exchange(gateway.url, chatBytes({ headers, body: bomb })),
      413,
      "body_too_large",
    );
    const cut = encode(sized(90_000)).subarray(0, -6);
    assertRefused(
      await exchange(gateway.url, chatBytes({ headers, body: cut })),
      400,
      "invalid_encoding",
    );
  });
}

test("three encodings on top of each other are refused", async (t) => {
  const { gateway } = await startScene(t);
  const body = gzipSync(gzipSync(gzipSync(GOOD)));
  const headers = ["Content-Encoding: gzip, gzip, gzip"];
  assertRefused(
    await exchange(gateway.url, chatBytes({ headers, body })),
    415,
    "unsupported_encoding",
  );
});

test("a body shorter or longer than its Content-Length is refused and never mixed with the next", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const shorter = await exchange(
    gateway.url,
    chatBytes({ headers: [`Content-Length: ${GOOD.length - 5}`], body: GOOD }),
  );
  assert.equal(shorter.status, 400);
  assert.equal(JSON.parse(shorter.body).error.type, "invalid_request_error");
  const both = chatBytes({
    headers: ["Content-Length: 5", "Transfer-Encoding: chunked"],
    body: chunked(Buffer.from(GOOD), 50),
  });
  assertRefused(await exchange(gateway.url, both), 400, "invalid_request");
  const cut = chatBytes({ headers: ["Content-Length: 500"], body: GOOD });
  const socket = await dial(gateway.url);
  const answered = once(socket, "data");
  socket.end(cut);
  const [bytes]: Buffer[] = await answered;
  assertRefused(parseAnswer(bytes ?? Buffer.alloc(0)), 400, "invalid_request");
  assert.equal(upstream.requests.length, 0);
  assert.equal((await gateway.chat(GOOD)).status, 200);
});

test("64 levels are served, and the operator may allow fewer", async (t) => {
  const nested = (depth: number) =>
    GOOD.replace("}]}", `}],"metadata":{"deep":${"[".repeat(depth)}${"]".repeat(depth)}}}`);
  const { gateway } = await startScene(t);
  assert.equal((await gateway.chat(nested(62))).status, 200);
  assert.equal((await gateway.chat(nested(63))).status, 400);
  const strict = await startScene(t, { limits: { depthMax: 8 } });
  assert.equal((await strict.gateway.chat(nested(6))).status, 200);
  assert.equal((await strict.gateway.chat(nested(7))).status, 400);
});

test("70 KB of headers are refused with 431, 60 KB are served", async (t) => {
  const { gateway } = await startScene(t);
  const padded = (bytes: number) =>
    chatBytes({ headers: [`X-Padding: ${"p".repeat(bytes)}`], body: GOOD });
  const answer = await exchange(gateway.url, padded(70_000));
  assertRefused(answer, 431, "headers_too_large");
  assert.match(answer.body, /limits\.headerBytesMax/);
  assert.equal((await exchange(gateway.url, padded(60_000))).status, 200);
});

test(
  "a request that does not arrive in time is refused with 408 and its connection closed",
  { timeout: 12_000 },
  async (t) => {
    const { gateway, upstream } = await startScene(t, { timeouts: { requestMs: 100 } });
    const slowBody = await exchange(
      gateway.url,
      chatBytes({ headers: ["Content-Length: 500"], body: GOOD }),
    );
    assertRefused(slowBody, 408, "request_timeout");
    assert.match(slowBody.body, /timeouts\.requestMs/);
    const slowHeaders = await exchange(
      gateway.url,
      "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    );
    assertRefused(slowHeaders, 408, "request_timeout");
    assert.equal(upstream.requests.length, 0);
    assert.equal((await gateway.chat(GOOD)).status, 200);
  },
);

test("bytes behind a request on the same connection never end up inside its stream", async (t) => {
  const { gateway, upstream } = await startScene(t);
  upstream.respond(() => ({
    events: [{ choices: [{ index: 0, delta: { content: "one" } }] }, { choices: [] }],
    holdAfter: 1,
  }));
  const socket = await dial(gateway.url);
  const closed = once(socket, "close");
  const chunks: Buffer[] = [];
  const begun = new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (Buffer.concat(chunks).includes("one")) resolve();
    });
  });
  const body = GOOD.replace("}]}", '}],"stream":true}');
  socket.write(chatBytes({ body, keepAlive: true }));
  await begun;
  socket.write("GARBAGE GARBAGE\r\n\r\n");
  await closed;
  assert.equal(
    Buffer.concat(chunks)
      .toString()
      .match(/HTTP\/1\.1 /g)?.length,
    1,
  );
  await upstream.requests[0]?.aborted;
});
