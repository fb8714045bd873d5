// Goal: the command that starts the gateway ends when it should, and says why. Method: real processes.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { workFolder } from "../support/gateway-process.ts";

const CLI = join(import.meta.dirname, "../../src/cli.ts");
const run = promisify(execFile);

/** No provider keys, no settings of the person who runs the tests. */
const BARE = { PATH: process.env["PATH"] ?? "" };

async function takenPort(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return { port: address.port, close: () => void server.close() };
}

test("a start on a taken port says so and ends (#2)", async (t) => {
  const taken = await takenPort();
  t.after(() => taken.close());
  const args = [CLI, "start", "--port", String(taken.port), "--store", "memory:"];
  const failed = run(process.execPath, args, { cwd: workFolder(t), env: BARE, timeout: 30_000 });
  await assert.rejects(failed, (error: Error & { code?: unknown; stderr?: unknown }) => {
    assert.equal(error.code, 1);
    assert.match(String(error.stderr), /cannot start: .*EADDRINUSE/);
    return true;
  });
});

test("SIGTERM ends the gateway with exit code 0", async (t) => {
  const args = [CLI, "start", "--port", "0", "--store", "memory:"];
  const child = spawn(process.execPath, args, { cwd: workFolder(t), env: BARE });
  t.after(() => child.kill("SIGKILL"));
  const [said] = await once(child.stderr, "data");
  assert.match(String(said), /Fairlead listens on http:\/\/127\.0\.0\.1:\d+/);
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
});

test("a fairlead.yaml where one starts is read without being named (#2)", async (t) => {
  const folder = workFolder(t);
  const provider = "{ id: lab, baseUrl: 'http://127.0.0.1:9/v1', models: [{ id: big }] }";
  writeFileSync(join(folder, "fairlead.yaml"), `providers: [${provider}]\n`);
  const { stdout } = await run(process.execPath, [CLI, "check"], { cwd: folder, env: BARE });
  assert.match(stdout, /lab\/big/);
});

test("a file without providers leaves them to the environment (#2)", async (t) => {
  const folder = workFolder(t);
  writeFileSync(join(folder, "fairlead.yaml"), "ratings: { gpt-5.5: { agent: 0.6 } }\n");
  const env = { ...BARE, OPENAI_API_KEY: "sk-not-a-key" };
  const { stdout } = await run(process.execPath, [CLI, "check"], { cwd: folder, env });
  assert.match(stdout, /openai\/gpt-5\.5 .*agent 0\.60/);
  assert.match(stdout, /AGENT {2}floor 0\.60 {2}the router can choose [1-9]\d* of/);
  assert.doesNotMatch(stdout, /sk-not-a-key/);
});
