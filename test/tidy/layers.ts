// The layers of the product as rules: who may import whom, what stays pure, where the environment and vendors appear.
// Must never soften for one file: a station that needs an exception needs another place for its code.

import { basename } from "node:path";
import { importsOf, type ImportStatement } from "./imports.ts";
import { findAll, violationAt, type Rule } from "./rule.ts";
import type { SourceText } from "./source-text.ts";

const STATIONS = [
  "admission",
  "api",
  "conversation",
  "dashboard",
  "mcp",
  "receipts",
  "routing",
  "store",
  "upstream",
];

/** Folder under src/ when it is a station or turn/; null for the top level, which composes them. */
function layerOf(path: string): string | null {
  const folder = /^src\/([^/]+)\//.exec(path)?.[1];
  return folder !== undefined && (folder === "turn" || STATIONS.includes(folder)) ? folder : null;
}

const inSource = (path: string): boolean => path.startsWith("src/");

/** store/ implements ports: it may see their types anywhere, and constants in the files that declare ports. */
function isPort(statement: ImportStatement): boolean {
  return statement.typeOnly || (statement.target ?? "").endsWith("-port.ts");
}

/** The specification behind turn/canonical.ts: types of what stands between two dialects, and no code. */
const SPECIFICATION = "@ai-sdk/provider";

const isSpecification = ({ specifier, typeOnly }: ImportStatement): boolean =>
  typeOnly && specifier === SPECIFICATION;

function faultOfStationImport(layer: string, statement: ImportStatement): string | null {
  const { target } = statement;
  if (target === null) {
    if (layer !== "turn" || isSpecification(statement)) return null;
    return `turn/ imports nothing, not even "${statement.specifier}"`;
  }
  const other = layerOf(target);
  if (other === layer) return null;
  if (layer === "turn") return "turn/ imports nothing outside itself";
  if (other === "turn") return null;
  if (other === null) {
    return `${layer}/ must not import ${target}: the top level hands stations plain values`;
  }
  if (layer === "store" && isPort(statement)) return null;
  return `${layer}/ must not import ${other}/: flow.ts passes values between stations, words belong in turn/`;
}

const stationsStandAlone: Rule = {
  title: "stations import only themselves and turn/, and the store only the ports it implements",
  check(source) {
    const layer = layerOf(source.path);
    return importsOf(source).flatMap((statement) => {
      const fault = layer === null ? null : faultOfStationImport(layer, statement);
      return fault === null ? [] : [violationAt(source, statement.offset, fault)];
    });
  },
};

const productImportsNoTests: Rule = {
  title: "the product imports nothing from tests, benchmarks or scripts",
  check(source) {
    if (!inSource(source.path)) return [];
    return importsOf(source)
      .filter(
        ({ target }) => target !== null && /^(?:\.\.|test|bench|scripts)(?:\/|$)/.test(target),
      )
      .map(({ offset, specifier }) =>
        violationAt(source, offset, `src/ must not import "${specifier}" from outside src/`),
      );
  },
};

/** What decides: no I/O, no clock, no chance. turn/ is in the list because everything pure stands on it. */
const PURE =
  /^src\/(?:turn\/|conversation\/|routing\/|receipts\/price\.ts$|upstream\/breaker\.ts$)/;
const PURE_PACKAGES = ["xstate", "zod", "fast-json-stable-stringify"];
/** What of Node.js neither reads, waits nor draws lots. */
const PURE_NODE_NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ["node:crypto", ["createHash", "hash"]],
  ["node:util", ["isDeepStrictEqual"]],
]);

function faultOfPureImport(statement: ImportStatement): string | null {
  const { specifier, target, names } = statement;
  if (target !== null || PURE_PACKAGES.includes(specifier)) return null;
  if (isSpecification(statement)) return null;
  const allowed = PURE_NODE_NAMES.get(specifier);
  if (allowed === undefined) return `pure code must not import "${specifier}"`;
  if (names.length > 0 && names.every((name) => allowed.includes(name))) return null;
  return `of ${specifier}, pure code may import ${allowed.join(" and ")} by name, and nothing else`;
}

const IMPURE_WORDS = new RegExp(
  [
    String.raw`\bDate\s*\.\s*now\b`,
    String.raw`\bnew\s+Date\s*(?:\(\s*\)|(?![\w\s(<]))`,
    String.raw`(?<![.\w]|new\s)Date\s*\(`,
    String.raw`\bperformance\s*\.`,
    String.raw`\bMath\s*\.\s*random\b`,
    String.raw`(?<!\.\s*)\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b`,
    String.raw`\bprocess\s*[.[]`,
    String.raw`\bglobalThis\b`,
    String.raw`(?<![.\w])fetch\s*\(`,
    String.raw`\b(?:randomUUID|randomBytes|randomInt|getRandomValues)\b`,
    String.raw`\bconsole\s*\.`,
  ].join("|"),
  "g",
);

const deciderStaysPure: Rule = {
  title: "conversation, routing, pricing, breaker and turn are pure: no I/O, no clock, no chance",
  check(source) {
    if (!PURE.test(source.path)) return [];
    const imports = importsOf(source).flatMap((statement) => {
      const fault = faultOfPureImport(statement);
      return fault === null ? [] : [violationAt(source, statement.offset, fault)];
    });
    const words = findAll(source, {
      text: source.code,
      pattern: IMPURE_WORDS,
      message: ([word]) =>
        `pure code must not use \`${word.trim()}\`: take \`now\` or \`random\` as an argument`,
    });
    return [...imports, ...words];
  },
};

const isConfig = (path: string): boolean => /^src\/config[^/]*(?:\/|\.ts$)/.test(path);

const environmentIsReadOnce: Rule = {
  title: "the environment is read in src/config*.ts only",
  check(source) {
    if (!inSource(source.path) || isConfig(source.path)) return [];
    const reads = findAll(source, {
      text: source.code,
      pattern: /\bprocess\s*(?:\.\s*env\b|\[)/g,
      message: () =>
        "process.env is read in src/config*.ts only: take the value from the configuration",
    });
    const imports = importsOf(source)
      .filter(
        ({ specifier, names }) => /^(?:node:)?process$/.test(specifier) && names.includes("env"),
      )
      .map(({ offset }) => violationAt(source, offset, "env is read in src/config*.ts only"));
    return [...reads, ...imports];
  },
};

/** Distinctive enough to be looked for inside longer words (`isOpenAi`, `anthropicKey`). */
const VENDORS = [
  "openai",
  "anthropic",
  "claude",
  "gemini",
  "bedrock",
  "mistral",
  "groq",
  "cohere(?![nd])",
  "azure",
  "deepseek",
  "fireworks",
  "openrouter",
  "ollama",
  "vllm",
  "perplexity",
  "cerebras",
  "sambanova",
  "huggingface",
  "moonshot",
  "vertexai",
  "together\\.ai",
  "x\\.ai",
  "gpt-?\\d",
];
const VENDOR_WORDS = new RegExp(VENDORS.join("|"), "gi");
const MAY_NAME_VENDORS = /^src\/(?:upstream\/|api\/|demo\/|replay\/|config|turn\/dialect\.ts$)/;

const vendorFault = (word: string): string =>
  `"${word}" names a vendor: ask for a capability or pass the value in`;

/** A path to a file of api/ or upstream/ may hold the name: who may follow it is another rule. */
function isInsidePath(source: SourceText, index: number): boolean {
  return importsOf(source).some(
    ({ target, offset, specifier }) =>
      target !== null && index > offset && index <= offset + specifier.length,
  );
}

const vendorsStayAtTheEdge: Rule = {
  title: "vendor names appear in upstream/, api/, demo/, replay/ and the configuration only",
  check(source) {
    if (!inSource(source.path) || MAY_NAME_VENDORS.test(source.path)) return [];
    const inText = [...source.codeAndStrings.matchAll(VENDOR_WORDS)]
      .filter(({ index }) => !isInsidePath(source, index))
      .map(({ index, 0: word }) => violationAt(source, index, vendorFault(word)));
    const inPath = [...basename(source.path).matchAll(VENDOR_WORDS)].map(([word]) =>
      violationAt(source, 0, vendorFault(word)),
    );
    return [...inPath, ...inText];
  },
};

export const LAYER_RULES: readonly Rule[] = [
  stationsStandAlone,
  productImportsNoTests,
  deciderStaysPure,
  environmentIsReadOnce,
  vendorsStayAtTheEdge,
];

/** Whether a path belongs to the product, for rules that stop at its border. */
export const isProduct = (source: SourceText): boolean => inSource(source.path);
