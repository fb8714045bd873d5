// Goal: the packages that speak the other dialects do what the gateway tells them, and nothing else.
// Method: each package against a fetch of the test's own; images and the watch over real sockets.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Pool } from "undici";
import type { CanonicalPart } from "../../src/turn/canonical.ts";
import { FaultError } from "../../src/turn/fault.ts";
import { createProviderFetch } from "../../src/upstream/translate/fetch.ts";
import { fetchImage } from "../../src/upstream/translate/images.ts";
import { makeModel, TRANSLATED_DIALECTS } from "../../src/upstream/translate/models.ts";
import { always, holds, reasoned, text } from "../support/dialects/step.ts";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import { inConversation, provider, startGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

const PROMPT = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hello?" }] }];

const AROUND = {
  OPENAI_API_KEY: "around-1",
  OPENAI_BASE_URL: "https://around.example/2",
  ANTHROPIC_API_KEY: "around-3",
  ANTHROPIC_BASE_URL: "https://around.example/4",
  GOOGLE_GENERATIVE_AI_API_KEY: "around-5",
  AWS_BEARER_TOKEN_BEDROCK: "around-6",
  AWS_ACCESS_KEY_ID: "around-7",
  AWS_SECRET_ACCESS_KEY: "around-8",
  AWS_REGION: "around-9",
  AWS_ENDPOINT_URL: "https://around.example/10",
};

test("no package takes a key or an address from its environment", async (t) => {
  for (const [name, value] of Object.entries(AROUND)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (before === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before;
    });
  }
  for (const dialect of TRANSLATED_DIALECTS) {
    for (const vendor of [null, "openai"]) {
      const seen: string[] = [];
      const fetch: typeof globalThis.fetch = (input, init) => {
        const url = input instanceof Request ? input.url : String(input);
        seen.push(JSON.stringify([url, [...new Headers(init?.headers)]]));
        return Promise.reject(new Error("seen"));
      };
      const base = {
        region: "eu-central-1",
        baseUrl: "http://lab.example/base",
        streamUsage: true,
      };
      const model = await makeModel({ ...base, dialect, vendor, model: "m", fetch });
      const { signal } = new AbortController();
      await assert.rejects(async () => {
        await model.doGenerate({ prompt: PROMPT, abortSignal: signal });
      });
      assert.equal(seen.length, 1, dialect);
      assert.match(seen[0] ?? "", /^\["http:\/\/lab\.example\/base\//);
      assert.doesNotMatch(seen[0] ?? "", /around/, dialect);
    }
  }
});

async function partsOf(vendor: string | null, streamUsage: boolean) {
  const upstream = await startDialectUpstream("openai-chat", always(reasoned("Hm.", "Yes.")));
  const base = { dialect: "openai-chat", region: null, model: "m", fetch } as const;
  const model = await makeModel({ ...base, vendor, streamUsage, baseUrl: upstream.baseUrl });
  const { signal } = new AbortController();
  const { stream } = await model.doStream({ prompt: PROMPT, abortSignal: signal });
  const parts: CanonicalPart[] = [];
  for await (const part of stream) parts.push(part);
  await upstream.close();
  return { parts, sent: JSON.stringify(upstream.requests[0]?.body) };
}

test("a server that refuses to be asked for usage is not asked", async () => {
  assert.match((await partsOf(null, true)).sent, /"include_usage":true/);
  const { sent, parts } = await partsOf(null, false);
  assert.doesNotMatch(sent, /stream_options/);
  assert.ok(parts.some(({ type }) => type === "finish"));
});

test("a package cannot lead a request, and the key in it, to another address", async () => {
  const pool = new Pool("http://127.0.0.1:9");
  const { fetch: guarded } = createProviderFetch({
    dispatcher: pool,
    origin: "http://127.0.0.1:9",
    headers: {},
    authorize: () => Promise.resolve({ ok: true, headers: { authorization: "Bearer secret" } }),
    stream: false,
    answerBytesMax: 1,
    headersTimeoutMs: 1,
    bodyTimeoutMs: 1,
    monotonicMs: () => 0,
    editBody: null,
  });
  for (const url of ["http://127.0.0.1:10/", "https://127.0.0.1:9/", "http://localhost:9/"]) {
    await assert.rejects(guarded(url, { body: "{}" }), /leave its provider's address/);
  }
  await pool.close();
});

test("an image is fetched as it is, through redirects, and nothing else is", async (t) => {
  const bytes = Buffer.from([0x89, 0x50, 0x4e, 0x47]);
  const png = { "content-type": "image/png" };
  const server = await startUpstream(({ path }) => {
    if (path === "/image.png") return { rawChunks: [bytes], headers: png };
    if (path === "/page")
      return { rawChunks: ["<html>"], headers: { "content-type": "text/html" } };
    if (path === "/large") return { rawChunks: [Buffer.alloc(21 * 1024 * 1024)], headers: png };
    if (path === "/moved") return moved("/image.png");
    if (path === "/inside") return moved("http://169.254.169.254/latest");
    if (path === "/round") return moved("/round");
    return { status: 404, json: {} };
  });
  t.after(() => server.close());
  const { signal } = new AbortController();
  const get = (path: string) =>
    fetchImage(new URL(server.url + path), signal, { allowPrivateAddress: true });
  for (const path of ["/image.png", "/moved"]) {
    const image = await get(path);
    assert.deepEqual([image.mediaType, [...image.bytes]], ["image/png", [...bytes]]);
  }
  for (const path of ["/page", "/large", "/inside", "/round", "/gone"]) {
    await assert.rejects(
      get(path),
      (error) => error instanceof FaultError && error.fault.status === 400,
    );
  }
  await assert.rejects(fetchImage(new URL(`${server.url}/image.png`), signal), FaultError);
});

function moved(location: string) {
  return { status: 302, json: {}, headers: { location } };
}

test("a translated answer that repeats itself is cut where a profile says so, and ends validly", async (t) => {
  const sentence = "Let me look at the log file once more, to be sure. ";
  const endless = holds(text(sentence.repeat(400)), 1_500);
  const upstream = await startDialectUpstream("anthropic-messages", always(endless));
  t.after(() => upstream.close());
  const profiles = mkdtempSync(join(tmpdir(), "fairlead-profiles-"));
  t.after(() => rmSync(profiles, { recursive: true, force: true }));
  const divergence = { mode: "correct", cutRepetition: true };
  writeFileSync(join(profiles, "cutter.json"), JSON.stringify({ divergence }));
  const entry = provider("lab", upstream, { dialect: "anthropic-messages" });
  const gateway = await startGateway(t, { providers: [entry], profiles });
  const messages = [{ role: "user", content: "What does the log say?" }];
  const asking = {
    model: "lab/big",
    stream: true,
    messages,
    stream_options: { include_usage: true },
  };
  const response = await gateway.chat(asking, inConversation("circles", "CUTTER"));
  const body = await response.text();
  assert.match(body, /"finish_reason":"length"[^]*"usage":\{[^]*data: \[DONE\]\n\n$/);
  await upstream.requests[0]?.aborted;
  const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  assert.equal(receipt.outcome, "completed");
  assert.equal(receipt.verdict.pattern, "stream-repetition");
});
