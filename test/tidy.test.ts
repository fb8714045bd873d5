// The rules of the house, run as tests: layers, purity, machines, sizes, words, dependencies, documents.
// Must never be loosened for one change: each failure names the file, the line and what to do instead.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { LAYER_RULES } from "./tidy/layers.ts";
import { MACHINE_RULES } from "./tidy/machines.ts";
import { PLANTS } from "./tidy/plants.ts";
import {
  faultsOfDecision,
  faultsOfDependencies,
  faultsOfLinks,
  faultsOfLock,
  readDocuments,
} from "./tidy/repository.ts";
import { showViolation, type Rule, type Violation } from "./tidy/rule.ts";
import { FILE_LINES_WISHED, SIZE_RULES } from "./tidy/size.ts";
import { readSources } from "./tidy/source-files.ts";
import { linesOf, readSource } from "./tidy/source-text.ts";
import { WORD_RULES } from "./tidy/words.ts";

const ROOT = join(import.meta.dirname, "..");
const RULES: readonly Rule[] = [...LAYER_RULES, ...MACHINE_RULES, ...SIZE_RULES, ...WORD_RULES];

const exists = (path: string): boolean => existsSync(join(ROOT, path));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

function assertNone(violations: readonly Violation[]): void {
  assert.ok(violations.length === 0, `\n${violations.map(showViolation).join("\n")}`);
}

describe("the source keeps the rules of the house", () => {
  const sources = readSources(ROOT);

  for (const rule of RULES) {
    it(rule.title, () => assertNone(sources.flatMap((source) => rule.check(source))));
  }

  it("has the files the design names, so that no rule looks at nothing", (context) => {
    const paths = sources.map(({ path }) => path);
    const named = ["src/cli.ts", "src/config.ts", "src/flow.ts", "src/gateway.ts"];
    assert.deepEqual(
      named.filter((path) => !paths.includes(path)),
      [],
    );
    assert.ok(paths.some((path) => path.endsWith(".machine.ts")));
    for (const source of sources) {
      const count = linesOf(source).length;
      if (count > FILE_LINES_WISHED) context.diagnostic(`${source.path} has ${count} lines`);
    }
  });
});

describe("the repository keeps its promises", () => {
  it("runs on a named list of production dependencies, all at exact versions", () => {
    assertNone(faultsOfDependencies(read("package.json")));
  });

  it("locks packages without a registry host, and runs no install script but node's", () => {
    assertNone(faultsOfLock(read("package-lock.json")));
  });

  it("names in every decision record an existing test that confirms it", () => {
    const decisions = readDocuments(ROOT).filter(({ path }) => path.startsWith("docs/adr/"));
    assert.ok(decisions.length > 0, "docs/adr/ holds no record");
    assertNone(decisions.flatMap((decision) => faultsOfDecision(decision, exists)));
  });

  it("links only to files that exist", () => {
    assertNone(readDocuments(ROOT).flatMap((document) => faultsOfLinks(document, exists)));
  });
});

describe("each rule finds what it forbids and leaves the rest alone", () => {
  for (const rule of RULES) {
    it(rule.title, () => {
      const plants =
        Object.entries(PLANTS).find(([start]) => rule.title.startsWith(start))?.[1] ?? [];
      assert.ok(
        plants.some(({ line }) => line !== null),
        "no plant for this rule",
      );
      for (const { path, text, line } of plants) {
        const found = rule.check(readSource(path, text)).map((violation) => violation.line);
        assert.equal(found[0] ?? null, line, `${path}: ${text.slice(0, 200)}`);
      }
    });
  }

  const messages = (violations: readonly Violation[]): string =>
    violations.map(showViolation).join("\n");

  it("dependencies: one without a reason, one that is gone, a version range", () => {
    const added = read("package.json").replace(
      '"dependencies": {',
      '"dependencies": {\n    "left-pad": "1.3.0",',
    );
    assert.match(messages(faultsOfDependencies(added)), /^package\.json:\d+: "left-pad" is not on/);
    const gone = read("package.json").replace(/\n *"pino": "[^"]*",/, "");
    assert.match(
      messages(faultsOfDependencies(gone)),
      /^package\.json:1: "pino" is on the list but/,
    );
    const loose = read("package.json").replace(/"zod": "/, '"zod": "^');
    assert.match(
      messages(faultsOfDependencies(loose)),
      /^package\.json:\d+: "zod" has the version "\^/,
    );
  });

  it("lock: a registry host, an install script, a package for another system that is left out", () => {
    const entry = {
      resolved: "https://registry.example/a.tgz",
      hasInstallScript: true,
      optionalDependencies: { "a-linux": "1.0.0", "a-darwin": "1.0.0" },
    };
    const lock = JSON.stringify(
      { packages: { "node_modules/a": entry, "node_modules/a-linux": {} } },
      null,
      1,
    );
    const [host, script, missing, ...more] = faultsOfLock(lock).map(showViolation);
    assert.match(host ?? "", /^package-lock\.json:4: a `resolved` URL/);
    assert.match(script ?? "", /^package-lock\.json:3: node_modules\/a runs/);
    assert.match(missing ?? "", /^package-lock\.json:3: a-darwin is named but not locked/);
    assert.deepEqual(more, []);
    assert.deepEqual(
      faultsOfLock('{"packages":{"node_modules/node":{"hasInstallScript":true}}}'),
      [],
    );
  });

  it("decision records: no Confirmation, one without a test, one whose test is gone", () => {
    const faults = (content: string): string =>
      messages(
        faultsOfDecision({ path: "docs/adr/1.md", content }, (path) => path === "test/a.ts"),
      );
    assert.match(faults("# One\n"), /^docs\/adr\/1\.md:1: add a section/);
    assert.match(
      faults("# One\n## Confirmation\nA review.\n## More\ntest/a.ts"),
      /:2: .* names no file/,
    );
    const half = "# One\n## Confirmation\n\n`test/a.ts`, `test/b.ts`\n";
    assert.match(faults(half), /^[^\n]*:4: test\/b\.ts does not exist$/);
    assert.equal(faults("# One\n## Confirmation\n`test/a.ts`\n## More\n"), "");
  });

  it("links: one that leads to nothing, in prose but not in code", () => {
    const faults = (content: string): string =>
      messages(faultsOfLinks({ path: "docs/a.md", content }, (path) => path === "README.md"));
    assert.match(faults("\n[a](b.md)"), /^docs\/a\.md:2: the link "b\.md" .* no docs\/b\.md$/);
    assert.match(faults('<img src="c.svg">'), /docs\/c\.svg/);
    assert.match(faults("[a]: ../D.md#part"), /no D\.md/);
    assert.equal(
      faults("[a](../README.md#words) [b](https://example.org) [c](#here) `[d](e.md)`"),
      "",
    );
    assert.equal(faults("```md\n[a](b.md)\n```\n"), "");
  });
});
