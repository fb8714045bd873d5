// The documentation of the configuration is that of the code.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { renderConfigReference } from "../scripts/config-reference.ts";
import { loadConfig } from "../src/config.ts";
import { loaded } from "./config-fixture.ts";

const ROOT = new URL("../", import.meta.url);

describe("docs/configuration.md", () => {
  it("says what the schemas say; if not, run node scripts/config-reference.ts", () => {
    const written = readFileSync(new URL("docs/configuration.md", ROOT), "utf8");
    assert.equal(written, renderConfigReference());
  });

  it("describes every field", () => {
    const rows = renderConfigReference()
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    const bare = rows.filter((row) => /\|\s*\|$/.test(row) && !row.includes("://"));
    assert.deepEqual(
      bare.filter((row) => !/simulator|not served|openai-chat/.test(row)),
      [],
    );
  });
});

describe("fairlead.example.yaml", () => {
  it("is a sound configuration once its one variable is set", () => {
    const config = loaded(
      loadConfig({
        file: "fairlead.example.yaml",
        environment: { OPENAI_API_KEY: "sk-1" },
        workingDirectory: fileURLToPath(ROOT),
      }),
    );
    assert.ok(config.deployments.some((deployment) => deployment.id === "lab/big"));
  });
});
