// Goal: a person sees what is known of a model, and from where. Method: the command with real tables.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import { runCatalogCommand } from "../../src/catalog-command.ts";
import { workFolder } from "../support/gateway-process.ts";
import { runCommand } from "./command-scene.ts";

const TREE = {
  ratings: { "gpt-5.4": { chat: 0.7 } },
  providers: [
    { id: "openai", keys: ["sk-not-shown-anywhere"] },
    {
      id: "eu",
      vendor: "anthropic",
      keys: ["sk-not-shown-anywhere"],
      models: [
        { id: "mine", model: "claude-sonnet-5", price: { input: 1, output: 2 } },
        { id: "claude-opus-5" },
        { id: "nobody-knows" },
      ],
    },
  ],
};

function catalog(t: TestContext, args: readonly string[], tree: object | null = TREE) {
  return runCommand(t, runCatalogCommand, { args, tree });
}

describe("fairlead catalog MODEL", () => {
  it("shows price, limits and abilities everywhere it is served, each with its source", async (t) => {
    const { code, out } = await catalog(t, ["gpt-5.5"]);
    assert.equal(code, 0);
    assert.match(
      out,
      /openai\/gpt-5\.5 {2}\(configured\)\n {4}price {6}5 in, 30 out, 0\.5 cache read/,
    );
    assert.match(out, /\[models\.dev, 2026-07-02\]\n +above 272000 input tokens: 10 in, 45 out/);
    assert.match(out, /azure-openai gpt-5\.5 {2}\(not configured\)/);
    assert.match(out, /aws-bedrock openai\.gpt-5\.5/);
    assert.match(out, /context {4}1050000 tokens {2}\[models\.dev, 2026-07-02\]/);
  });

  it("shows ratings with every observation, and marks one that stands for another kind", async (t) => {
    const { out } = await catalog(t, ["gpt-5.5"]);
    assert.match(out, /chat {5}0\.72 {2}proxy: mean of the other kinds/);
    assert.match(
      out,
      /agent {4}0\.56 {2}estimate 0\.85 of 1 observation\n +tau2:\S+ 0\.4459 {2}2026-05-05 {2}https:/,
    );
    assert.match(out, /coding {3}0\.88 {2}estimate 0\.94 of 3 observations/);
  });

  it("marks what the configuration overrides, and what it only assumes", async (t) => {
    const { out } = await catalog(t, ["eu/mine"]);
    assert.match(
      out,
      /eu\/mine {2}\(configured; sent as claude-sonnet-5\)\n.*1 in, 2 out, USD.*\[your configuration\]/,
    );
    assert.match(out, /context {4}1000000 tokens {2}\[models\.dev/);
    const unknown = await catalog(t, ["nobody-knows"]);
    assert.match(unknown.out, /price {6}unknown: its turns are recorded without a cost/);
    assert.match(unknown.out, /abilities {2}tools, json {2}\[assumed\]/);
    assert.match(unknown.out, /agent {4}not rated: not eligible where a profile has a floor/);
    const rated = await catalog(t, ["gpt-5.4"]);
    assert.match(
      rated.out,
      /at openai\/gpt-5\.4 yours count instead: chat 0\.70 {2}\[your configuration\]/,
    );
  });

  it("says that a price comes from the second source alone", async (t) => {
    const { out } = await catalog(t, ["claude-opus-5"]);
    assert.match(out, /eu\/claude-opus-5 {2}\(configured\)\n.*5 in, 25 out.*\[genai-prices\]/);
  });

  it("finds a model under any vendor's name for it", async (t) => {
    for (const name of [
      "eu.anthropic.claude-sonnet-5",
      "CLAUDE-SONNET-5",
      "anthropic/claude-sonnet-5",
    ]) {
      assert.match((await catalog(t, [name], null)).out, /^claude-sonnet-5\n/, name);
    }
  });

  it("gives the same as JSON", async (t) => {
    const shown: unknown = JSON.parse((await catalog(t, ["gpt-5.5", "--json"])).out);
    assert.ok(typeof shown === "object" && shown !== null);
    assert.ok("model" in shown && "places" in shown && "quality" in shown && "catalog" in shown);
  });
});

describe("fairlead catalog", () => {
  it("lists models with price range, ratings and who serves them; configured ones are marked", async (t) => {
    const { code, out } = await catalog(t, []);
    assert.equal(code, 0);
    assert.match(
      out,
      /\n\* gpt-5\.5 +5–5\.5 \/ 30–33 +chat 0\.72\* agent 0\.56 coding 0\.88; openai, /,
    );
    assert.match(out, /\n {2}llama-3\.1-8b-instant /);
    assert.match(out, /\d+ models, catalog models-2026-07-02\.[0-9a-f]{8}\+quality-2026-11-20\n$/);
    assert.doesNotMatch(out, /claude-opus-5-5/);
    assert.match((await catalog(t, ["--all"])).out, /claude-opus-5-5/);
  });

  it("lists what holds a part of a name, and only what is configured when asked to", async (t) => {
    const sonnets = (await catalog(t, ["sonnet"])).out;
    assert.match(sonnets, /claude-sonnet-4-6/);
    assert.doesNotMatch(sonnets, /gpt-/);
    const own = (await catalog(t, ["sonnet", "--configured"])).out;
    assert.match(own, /\n1 models/);
  });

  it("says that it holds no such model, with the nearest name, and how to serve it nevertheless", async (t) => {
    const { code, error } = await catalog(t, ["gpt-5.55"], null);
    assert.equal(code, 1);
    assert.match(
      error,
      /holds no such model; did you mean gpt-5\.\d\?.*list it under its provider/,
    );
  });

  it("shows the catalog even when the configuration has faults, and says so", async (t) => {
    const { code, error, out } = await catalog(t, ["gpt-5.5"], { store: 1 });
    assert.equal(code, 0);
    assert.match(error, /has faults/);
    assert.match(out, /not configured/);
  });

  it("never prints a key, and explains itself when it is called wrongly", async (t) => {
    const all = await Promise.all([[], ["gpt-5.5"], ["--json"]].map((args) => catalog(t, args)));
    for (const { out, error } of all) assert.doesNotMatch(out + error, /sk-not-shown/);
    assert.equal((await catalog(t, ["--wrong"])).code, 2);
    assert.equal((await catalog(t, ["a", "b"])).code, 2);
  });

  it("is a command of the command line, as is the doctor", async (t) => {
    const cli = join(import.meta.dirname, "../../src/cli.ts");
    const run = promisify(execFile);
    const about = { cwd: workFolder(t), env: { PATH: process.env["PATH"] ?? "" } };
    const shown = await run(process.execPath, [cli, "catalog", "gpt-5.5"], about);
    assert.match(shown.stdout, /^gpt-5\.5\n/);
    const examined = await run(process.execPath, [cli, "doctor"], about);
    assert.match(examined.stdout, /All is well/);
  });
});
