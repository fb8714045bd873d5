// Goal: what an operator sets for a provider reaches it, in its own dialect, whichever one the client speaks, and
// no rule can touch what the gateway goes by.
// Method: the bodies that a scripted upstream gets, and configurations that must be refused.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadConfig } from "../../src/config.ts";
import { provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream, textAnswer } from "../support/upstream.ts";

const RULES = {
  set: { service_tier: "flex" },
  default: { temperature: 0.5, metadata: { team: "blue" } },
  remove: ["user", "top_p"],
};
const ASKING = { model: "lab/big", messages: [{ role: "user", content: "Hello?" }] };

async function startScene(t: TestContext) {
  const upstream = await startUpstream(textAnswer("here"));
  t.after(() => upstream.close());
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { body: RULES })],
  });
  return { upstream, gateway };
}

test("a relayed request gets the operator's fields, and keeps its own bytes", async (t) => {
  const { upstream, gateway } = await startScene(t);
  const body = { ...ASKING, temperature: 1, user: "me", service_tier: "priority" };
  const response = await gateway.chat(body);
  assert.equal(response.status, 200);
  const sent: Json = upstream.requests[0]?.body;
  assert.deepEqual(
    [sent.service_tier, sent.temperature, sent.metadata, "user" in sent, sent.model],
    ["flex", 1, { team: "blue" }, false, "big-1"],
  );
  assert.ok(upstream.requests[0]?.raw.includes(JSON.stringify(ASKING.messages)));
});

test("a translated request gets them in the dialect of the provider", async (t) => {
  const { upstream, gateway } = await startScene(t);
  for (const stream of [false, true]) {
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...ASKING, max_tokens: 9, top_p: 0.5, stream }),
    });
    assert.equal(response.status, 200, await response.text());
    const sent: Json = upstream.requests.at(-1)?.body;
    assert.deepEqual([sent.service_tier, sent.temperature, "top_p" in sent], ["flex", 0.5, false]);
  }
});

test("a rule about what the gateway goes by is a fault of the configuration", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-rules-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "fairlead.yaml");
  const faultsOf = (body: object): string => {
    const lab = { id: "lab", baseUrl: "http://127.0.0.1:9/v1", body };
    writeFileSync(file, JSON.stringify({ providers: [lab] }));
    const loaded = loadConfig({ file, environment: {}, workingDirectory: folder });
    return loaded.ok ? "" : JSON.stringify(loaded.faults);
  };
  assert.equal(faultsOf(RULES), "");
  const names = ["model", "messages", "input", "contents", "stream", "tools", "Model", "STREAM"];
  for (const name of names) {
    assert.match(faultsOf({ set: { [name]: 1 } }), /routes and judges by/, name);
    assert.match(faultsOf({ default: { [name]: 1 } }), /routes and judges by/, name);
    assert.match(faultsOf({ remove: [name] }), /routes and judges by/, name);
  }
  assert.match(faultsOf({ set: { seed: 1 }, remove: ["seed"] }), /names seed in two/);
  assert.match(faultsOf({ set: { seed: "x".repeat(70_000) } }), /longer than 65536/);
});
