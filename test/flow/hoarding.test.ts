// Goal: nobody makes the gateway hold what it need not. Method: raw sockets that send or read only half.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { hashApiKey } from "../../src/admission/api-key.ts";
import { inConversation, provider, startGateway } from "../support/gateway.ts";
import { workFolder } from "../support/gateway-process.ts";
import { startUpstream, textAnswer } from "../support/upstream.ts";

test("who has no key is sent away before the body is read (#2)", async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const pepper = "pepper-".repeat(8);
  const folder = workFolder(t);
  writeFileSync(join(folder, "pepper"), pepper, { mode: 0o600 });
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream)],
    keyPepper: { file: join(folder, "pepper") },
    keys: [{ id: "a", tenant: "a", role: "user", hash: hashApiKey("llm_gw_test", pepper) }],
  });
  for (const path of ["/v1/chat/completions", "/v1/conversations/x/actions"]) {
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
        "content-length: 20000000\r\n\r\n{",
    );
    // No byte of the rest is ever sent: the answer can only come from the headers.
    const [bytes] = await once(socket, "data");
    assert.match(String(bytes), /^HTTP\/1\.1 401 /);
    assert.match(String(bytes), /missing_api_key/);
    socket.destroy();
  }
});

test("a client that asks for an answer and never reads it is let go (#2)", async (t) => {
  const text = "word ".repeat(4_000_000);
  const upstream = await startUpstream(textAnswer(text));
  t.after(() => upstream.close());
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream)],
    timeouts: { clientIdleMs: 300, shutdownMs: 500 },
  });
  const body = JSON.stringify({ model: "auto", messages: [{ role: "user", content: "hi" }] });
  const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.pause();
  const closed = once(socket, "close");
  socket.on("error", () => undefined);
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
  // Reading is taken up only to learn of the end: by then the gateway must have cut the connection.
  setTimeout(() => socket.resume(), 3_000);
  let received = 0;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  await closed;
  assert.ok(received < text.length, `all ${received} bytes came`);
});

test("a profile's budget is a hard one: a header may lower it, not raise it (#2)", async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const profiles = workFolder(t);
  const chat = readFileSync(new URL("../../profiles/chat.yaml", import.meta.url), "utf8");
  const hard = chat.replace(/^name: .*/m, "name: HARD").replace(/^budgetUsd: .*/m, "budgetUsd: 1");
  writeFileSync(join(profiles, "hard.yaml"), hard);
  const gateway = await startGateway(t, { profiles, providers: [provider("lab", upstream)] });
  const body = { model: "auto", messages: [{ role: "user", content: "hi" }] };
  const limitAfter = async (asked: string): Promise<number> => {
    const headers = { ...inConversation(`b-${asked}`, "HARD"), "x-conversation-budget-usd": asked };
    assert.equal((await gateway.chat(body, headers)).status, 200);
    return (await gateway.read(`/v1/conversations/b-${asked}`)).budget.limit_usd;
  };
  assert.equal(await limitAfter("0.5"), 0.5);
  assert.equal(await limitAfter("5"), 1);
});
