// Goal: a harness of real clients can put Fairlead between them and its own upstream with two variables. Method: the
// script itself, on a free port.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startUpstream } from "../support/upstream.ts";

const SCRIPT = fileURLToPath(new URL("loops-gateway.sh", import.meta.url));
/** How often, and how many times, the gateway is asked whether it is ready. */
const POLL_MS = 50;
const POLLS_MAX = 400;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  server.close();
  await once(server, "close");
  return address.port;
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-loops-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts the script in `folder`, and ends it with the test. Resolves with the gateway's URL. */
async function startScript(t: TestContext, folder: string, upstreamUrl: string): Promise<string> {
  const port = await freePort();
  const { PATH } = process.env;
  const env = { PATH, TMPDIR: temporaryFolder(t), PORT: String(port), UPSTREAM: upstreamUrl };
  const script = spawn(SCRIPT, { cwd: folder, env, stdio: "ignore" });
  const ended = once(script, "exit");
  t.after(async () => {
    script.kill();
    const [code] = await ended;
    assert.equal(code, 0, "a signal for the script is one for the gateway");
  });
  const url = `http://127.0.0.1:${port}`;
  for (let poll = 0; poll < POLLS_MAX; poll += 1) {
    const ready = await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return url;
    await sleep(POLL_MS);
  }
  throw new Error("the gateway does not become ready");
}

test("PORT and UPSTREAM are enough to run clients through the gateway by a bare model name", async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const folder = temporaryFolder(t);
  const url = await startScript(t, folder, upstream.url);
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-conversation-id": "loops-1" },
    body: JSON.stringify({ model: "fake-model", messages: [{ role: "user", content: "Hello" }] }),
  });
  assert.equal(response.status, 200, await response.text());
  assert.equal(response.headers.get("x-router-model"), "up/fake-model");
  assert.equal(response.headers.get("x-router-profile"), "AGENT");
  assert.equal(upstream.requests[0]?.path, "/v1/chat/completions");
  assert.deepEqual(readdirSync(folder), [], "a store in memory leaves nothing behind");
});
