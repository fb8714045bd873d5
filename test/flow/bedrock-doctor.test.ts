// Goal: `fairlead doctor` tells in a moment whether a platform's credentials work. Method: the command against the
// scripted platforms, which verify what they are shown.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { runDoctorCommand } from "../../src/doctor-command.ts";
import { model, type ConfigTree, type Json } from "../support/gateway.ts";
import { AWS, startBedrock } from "./bedrock-scene.ts";
import { startVertex } from "./vertex-scene.ts";

async function doctor(t: TestContext, provider: ConfigTree): Promise<Json> {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, "fairlead.yaml");
  writeFileSync(config, JSON.stringify({ store: "memory:", providers: [provider] }));
  let told = "";
  await runDoctorCommand(["--config", config, "--json"], {
    out: (text) => (told += text),
    error: (text) => (told += text),
    environment: {},
    workingDirectory: folder,
    random: () => new Uint8Array(),
  });
  return JSON.parse(told);
}

test("each region of Bedrock is asked, in the dialect of its cheapest model", async (t) => {
  const { upstream, signed, faults } = await startBedrock(t);
  const models = [model("claude", { model: "anthropic.claude-sonnet-4-6" })];
  const about = { id: "bedrock", aws: AWS, baseUrl: upstream.url, models };
  const { ok, checks } = await doctor(t, { ...about, region: ["eu", "us"] });
  assert.ok(ok, JSON.stringify(checks));
  assert.deepEqual(
    checks.map(({ provider, model: asked }: Json) => [provider, asked]),
    [
      ["bedrock:eu", "eu.anthropic.claude-sonnet-4-6"],
      ["bedrock:us", "us.anthropic.claude-sonnet-4-6"],
    ],
  );
  assert.deepEqual(signed.map((checked) => checked?.region).sort(), ["eu-central-1", "us-east-1"]);
  assert.deepEqual(faults, []);
});

test("an account that Google refuses is told as a key that does not work", async (t) => {
  const { upstream, credentials, refuseTokens, faults } = await startVertex(t);
  const models = [model("claude", { model: "claude-opus-4-8@default" })];
  const about = { id: "vertex", google: { credentials }, baseUrl: upstream.url, models };
  assert.ok((await doctor(t, about)).ok);
  assert.deepEqual(faults, []);
  refuseTokens({ status: 401, json: { error: "invalid_client" } });
  const { ok, checks } = await doctor(t, about);
  assert.deepEqual([ok, checks[0].finding], [false, "key"]);
  assert.match(checks[0].words, /\(invalid_client\)/);
});
