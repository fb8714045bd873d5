// Loads a configuration written in a test, from a folder of its own that is removed afterwards.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { type Config, type ConfigOptions, type ConfigResult, loadConfig } from "../src/config.ts";

/** A folder with these files, removed when the test ends. Returns its path. */
export function makeFolder(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-config-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

type Surroundings = Partial<Pick<ConfigOptions, "environment" | "flags">> & {
  readonly files?: Readonly<Record<string, string>>;
};

/** The result of loading `text` as fairlead.yaml. */
export function load(t: TestContext, text: string, around: Surroundings = {}): ConfigResult {
  const { files, ...options } = around;
  const folder = makeFolder(t, { "fairlead.yaml": text, ...files });
  return loadConfig({
    file: "fairlead.yaml",
    environment: {},
    workingDirectory: folder,
    ...options,
  });
}

/** The configuration, or a failed test that names the faults. */
export function loaded(result: ConfigResult): Config {
  assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.faults));
  return result.config;
}

/** All faults as `path: message` lines; fails when there is none. */
export function faultLines(result: ConfigResult): readonly string[] {
  assert.ok(!result.ok, "the configuration was accepted");
  return result.faults.map(({ path, message }) => `${path}: ${message}`);
}
