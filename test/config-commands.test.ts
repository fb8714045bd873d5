// `fairlead check` and `fairlead keys create`, as an operator meets them.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createKeyring, hashApiKey } from "../src/admission/api-key.ts";
import { type CommandIo, runCheckCommand } from "../src/check-command.ts";
import type { Environment } from "../src/config-environment.ts";
import { runKeysCommand } from "../src/keys-command.ts";
import { load, loaded, makeFolder } from "./config-fixture.ts";

function recorder(workingDirectory: string, environment: Environment = {}) {
  const written = { out: "", error: "" };
  let seed = 0;
  const io: CommandIo = {
    out: (text) => {
      written.out += text;
    },
    error: (text) => {
      written.error += text;
    },
    environment,
    workingDirectory,
    random: (byteCount) => {
      seed += 1;
      return new Uint8Array(byteCount).fill(seed);
    },
  };
  return { io, written };
}

const LAB = `
providers:
  - id: lab
    baseUrl: http://lab/v1
    keys: [k1, k2]
    models: [{ id: big, price: { input: 3, output: 15 }, quality: { agent: 0.9 } }, { id: small }]
`;

describe("fairlead check", () => {
  it("prints every fault with its path and exits with 1", async (t) => {
    const folder = makeFolder(t, { "f.yaml": "store: 1\nlog: { level: loud }" });
    const { io, written } = recorder(folder);
    assert.equal(await runCheckCommand(["--config", "f.yaml"], io), 1);
    assert.match(written.out, /^store: .*\nlog\.level: .*\n$/);
  });

  it("prints what the configuration amounts to and exits with 0", async (t) => {
    const { io, written } = recorder(makeFolder(t, { "f.yaml": LAB }), {
      FAIRLEAD_CONFIG: "f.yaml",
    });
    assert.equal(await runCheckCommand([], io), 0);
    assert.match(written.out, /lab {2}openai-chat {2}http:\/\/lab\/v1 {2}keys 2 {2}models 2\n/);
    assert.match(written.out, /lab\/big {2}3\/15 {2}chat 0\.90\*, agent 0\.90/);
    assert.match(written.out, /lab\/small {2}price unknown {2}not rated/);
    assert.match(written.out, /AGENT {2}floor 0\.60 {2}the router can choose 1 of 2 models/);
  });

  it("prints the same as JSON", async (t) => {
    const { io, written } = recorder(makeFolder(t, { "f.yaml": LAB }));
    assert.equal(await runCheckCommand(["--config", "f.yaml", "--json"], io), 0);
    const summary: unknown = JSON.parse(written.out);
    assert.ok(typeof summary === "object" && summary !== null && "profiles" in summary);
    assert.ok(Array.isArray(summary.profiles) && summary.profiles.length === 4);
    const broken = recorder(makeFolder(t, { "f.yaml": "store: 1" }));
    assert.equal(await runCheckCommand(["--config", "f.yaml", "--json"], broken.io), 1);
    assert.match(broken.written.out, /"ok": false/);
  });

  it("explains itself when it is called wrongly", async (t) => {
    const { io, written } = recorder(makeFolder(t));
    assert.equal(await runCheckCommand(["--cofnig", "x"], io), 2);
    assert.match(written.error, /Usage: fairlead check/);
  });
});

describe("fairlead keys create", () => {
  const args = ["create", "--id", "ci", "--tenant", "team-a", "--role", "admin"];

  it("prints a key once, with lines that let it in when pasted", async (t) => {
    const folder = makeFolder(t);
    const { io, written } = recorder(folder);
    assert.equal(await runKeysCommand(args, io), 0);
    const [key = "", ...lines] = written.out.split("\n");
    assert.match(key, /^llm_gw_prod_[0-9A-Za-z]{40}$/);
    assert.ok(!written.error.includes(key));

    const config = loaded(load(t, lines.join("\n")));
    const { keys, keyPepper } = config;
    const identified = createKeyring({ keys, pepper: keyPepper }).identify(key);
    assert.ok(identified.ok);
    assert.deepEqual(
      [identified.caller.id, identified.caller.tenant, identified.caller.role],
      ["ci", "team-a", "admin"],
    );
  });

  it("creates the pepper for its owner alone, and uses it again the next time", async (t) => {
    const folder = makeFolder(t);
    const { io, written } = recorder(folder);
    const more = [...args, "--dev", "--pepper-file", "secret/pepper"];
    assert.equal(await runKeysCommand(more, io), 0);
    const file = join(folder, "secret/pepper");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const pepper = readFileSync(file, "utf8");
    assert.ok(!(written.out + written.error).includes(pepper.trim()));
    assert.match(written.out, /^llm_gw_dev_/);

    assert.equal(await runKeysCommand(more, io), 0);
    assert.equal(readFileSync(file, "utf8"), pepper);
  });

  it("takes the pepper from the environment and then writes no file", async (t) => {
    const folder = makeFolder(t);
    const pepper = "p".repeat(32);
    const { io, written } = recorder(folder, { FAIRLEAD_KEY_PEPPER: pepper });
    assert.equal(await runKeysCommand(args, io), 0);
    const [key = ""] = written.out.split("\n");
    assert.ok(written.out.includes(hashApiKey(key, pepper)));
    assert.ok(!written.out.includes("keyPepper"));
    assert.throws(() => statSync(join(folder, "data")), { code: "ENOENT" });
  });

  it("refuses a pepper that is too short", async (t) => {
    const { io, written } = recorder(makeFolder(t, { short: "abc" }));
    assert.equal(await runKeysCommand([...args, "--pepper-file", "short"], io), 1);
    assert.equal(written.out, "");
    assert.match(written.error, /less than 32/);
  });

  for (const wrong of [
    [],
    ["delete"],
    ["create", "--id", "ci"],
    ["create", "--id", "a b", "--tenant", "t"],
    ["create", "--id", "a", "--tenant", "t", "--role", "root"],
    ["create", "--id", "a", "--tenant", "t", "--key", "x"],
  ]) {
    it(`explains itself when called with "${wrong.join(" ")}"`, async (t) => {
      const { io, written } = recorder(makeFolder(t));
      assert.equal(await runKeysCommand(wrong, io), 2);
      assert.match(written.error, /Usage: fairlead keys create/);
      assert.equal(written.out, "");
    });
  }
});
