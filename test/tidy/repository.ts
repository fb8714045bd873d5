// Promises about the repository as a whole: what it depends on, what its documents point at, how it is locked.
// Must never look at node_modules: what counts is what is written down.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { z } from "zod";
import type { Violation } from "./rule.ts";

/** Everything that runs in production, and why it is worth its weight. Nothing else may be added silently. */
const PRODUCTION_DEPENDENCIES: ReadonlyMap<string, string> = new Map([
  ["@ai-sdk/amazon-bedrock", "translation to and from Bedrock's own formats, loaded when needed"],
  ["@ai-sdk/anthropic", "translation to and from the Messages format, loaded when needed"],
  ["@ai-sdk/google", "translation to and from the Gemini format, loaded when needed"],
  ["@ai-sdk/google-vertex", "the same models behind Google Cloud's addresses and accounts"],
  ["@ai-sdk/openai", "translation to and from OpenAI's two formats, loaded when needed"],
  ["@ai-sdk/openai-compatible", "translation for servers that only resemble that format"],
  ["@ai-sdk/provider", "the types in between, behind our own alias"],
  ["@pydantic/genai-prices", "a second opinion on prices, with tiers"],
  ["aws4fetch", "signatures of AWS requests"],
  ["fast-json-stable-stringify", "one spelling of tool arguments, so that equal calls hash equal"],
  ["fastify", "the HTTP server: routing, limits, hooks and graceful close"],
  ["ioredis", "the Redis store: clusters, Sentinel and scripts"],
  ["openai", "optional: the agent of `fairlead demo` is an ordinary SDK client"],
  ["pino", "structured logs with redaction, cheap enough for every request"],
  ["prom-client", "metrics in the format every monitoring system reads"],
  ["tiktoken", "counts tokens where an estimate will not do, bounded and off the hot path"],
  ["undici", "upstream HTTP with our own connector, which checks every address"],
  ["xstate", "the machines, run by pure transition"],
  ["yaml", "configuration and profiles, with the line of each fault"],
  ["zod", "one schema for what comes from outside and for the types inside"],
]);

/**
 * The packages that have an install script. Only the first may run its own: it fetches the Node.js that the scripts
 * use. The second, a part of a development dependency, compares version numbers and prints a line.
 */
const INSTALL_SCRIPTS = ["node_modules/node", "node_modules/protobufjs"];

const EXACT_VERSION = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;

const versions = z.record(z.string(), z.string()).default({});
const packageFile = z.object({
  dependencies: versions,
  optionalDependencies: versions,
  peerDependencies: versions,
  devDependencies: versions,
});
const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({ hasInstallScript: z.boolean().default(false), optionalDependencies: versions }),
  ),
});

/** 1-based line of the first place that holds `text`; 1 when it is nowhere. */
function lineOf(content: string, text: string): number {
  const at = content.indexOf(text);
  return at === -1 ? 1 : content.slice(0, at).split("\n").length;
}

/** Checks the production dependencies against the named list, both ways, and that all versions are exact. */
export function faultsOfDependencies(content: string): readonly Violation[] {
  const parsed = packageFile.parse(JSON.parse(content));
  const path = "package.json";
  const production = Object.keys({
    ...parsed.dependencies,
    ...parsed.optionalDependencies,
    ...parsed.peerDependencies,
  });
  const unnamed = production
    .filter((name) => !PRODUCTION_DEPENDENCIES.has(name))
    .map((name) => ({
      path,
      line: lineOf(content, `"${name}"`),
      message: `"${name}" is not on the list of production dependencies: name it there with its reason`,
    }));
  const gone = [...PRODUCTION_DEPENDENCIES.keys()]
    .filter((name) => !production.includes(name))
    .map((name) => ({
      path,
      line: 1,
      message: `"${name}" is on the list but no dependency: take it off`,
    }));
  const loose = Object.entries({
    ...parsed.dependencies,
    ...parsed.optionalDependencies,
    ...parsed.peerDependencies,
    ...parsed.devDependencies,
  })
    .filter(([, version]) => !EXACT_VERSION.test(version))
    .map(([name, version]) => ({
      path,
      line: lineOf(content, `"${name}"`),
      message: `"${name}" has the version "${version}": pin an exact one`,
    }));
  return [...unnamed, ...gone, ...loose];
}

/** Checks that the lock is one `npm ci` accepts anywhere, and that no unexpected install script would run. */
export function faultsOfLock(content: string): readonly Violation[] {
  const path = "package-lock.json";
  const { packages } = lockFile.parse(JSON.parse(content));
  const hosts = content
    .split("\n")
    .map((text, index) => ({ text, line: index + 1 }))
    .filter(({ text }) => /"resolved"\s*:\s*"[a-z+]+:/.test(text))
    .map(({ line }) => ({
      path,
      line,
      message: "a `resolved` URL binds everybody to one registry host",
    }));
  const scripts = Object.entries(packages)
    .filter(([name, entry]) => entry.hasInstallScript && !INSTALL_SCRIPTS.includes(name))
    .map(([name]) => ({
      path,
      line: lineOf(content, `"${name}"`),
      message: `${name} runs an install script: find another package, or name it with a reason`,
    }));
  const missing = Object.entries(packages)
    .flatMap(([parent, entry]) =>
      Object.keys(entry.optionalDependencies)
        .filter((name) => !isLocked(packages, parent, name))
        .map((name) => ({ parent, name })),
    )
    .map(({ parent, name }) => ({
      path,
      line: lineOf(content, `"${parent}"`),
      message: `${name} is named but not locked: \`npm ci\` refuses such a lock`,
    }));
  return [...hosts, ...scripts, ...missing];
}

function isLocked(packages: object, parent: string, name: string): boolean {
  return `node_modules/${name}` in packages || `${parent}/node_modules/${name}` in packages;
}

interface Document {
  /** Relative to the repository. */
  readonly path: string;
  readonly content: string;
}

type Exists = (path: string) => boolean;

/** A decision record says which existing test would fail if the decision were broken. */
export function faultsOfDecision(
  { path, content }: Document,
  exists: Exists,
): readonly Violation[] {
  const section = /^## Confirmation\s*\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(content);
  if (section === null) {
    return [{ path, line: 1, message: "add a section `## Confirmation` that names the test" }];
  }
  const line = lineOf(content, "## Confirmation");
  const named = [...(section[1] ?? "").matchAll(/\btest\/[\w./-]+\.ts\b/g)].map(([file]) => file);
  if (named.length === 0)
    return [{ path, line, message: "the Confirmation names no file under test/" }];
  return named
    .filter((file) => !exists(file))
    .map((file) => ({ path, line: lineOf(content, file), message: `${file} does not exist` }));
}

const withoutCode = (content: string): string =>
  content.replaceAll(/^(```|~~~)[\s\S]*?^\1|`[^`\n]*`/gm, (code) => code.replaceAll(/[^\n]/g, " "));

/** Relative links of a document lead to files of the repository. */
export function faultsOfLinks({ path, content }: Document, exists: Exists): readonly Violation[] {
  const prose = withoutCode(content);
  const links = [
    ...prose.matchAll(/\]\(\s*<?([^)\s>]+)|^\[[^\]]+\]:\s*(\S+)|\b(?:src|href)="([^"]+)"/gm),
  ];
  return links.flatMap((match) => {
    const link = match[1] ?? match[2] ?? match[3] ?? "";
    const target = decodeURIComponent(link.replace(/[?#].*$/, ""));
    if (target === "" || /^[a-z][a-z+.-]*:|^\/\//i.test(link)) return [];
    const file = target.startsWith("/") ? target.slice(1) : posix.join(posix.dirname(path), target);
    if (exists(file)) return [];
    const line = prose.slice(0, match.index).split("\n").length;
    return [{ path, line, message: `the link "${link}" leads to nothing: there is no ${file}` }];
  });
}

/** The Markdown files that people read: at the top, under docs/, and the one beside the benchmarks. */
export function readDocuments(root: string): readonly Document[] {
  const folders = ["", "docs", "docs/adr", "bench", "profiles", "catalog"];
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder))
        .filter((name) => name.endsWith(".md"))
        .map((name) => posix.join(folder, name)),
    )
    .map((path) => ({ path, content: readFileSync(join(root, path), "utf8") }));
}
