// What the environment adds to a configuration: ${VARIABLE} in its texts, FAIRLEAD_* over its
// fields, and providers where there is no file. Must never put a variable's value into a message.

import { discoverBedrock } from "./config-bedrock.ts";
import { type ConfigFault, formatPath } from "./config-faults.ts";
import { isServedDialect, listVendors } from "./upstream/vendors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration may nest as deep as its shape needs, with room to spare. */
const DEPTH_MAX = 32;

const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export interface Expanded {
  readonly value: unknown;
  readonly faults: readonly ConfigFault[];
}

/**
 * Replaces `${NAME}` in every text by the variable; `$${` stands for a literal `${`.
 * A variable that is missing or empty is a fault. Fields that are null (a name with nothing after
 * it) are left out, so that their default applies.
 */
export function expandVariables(tree: unknown, environment: Environment): Expanded {
  const faults: ConfigFault[] = [];
  const visit = (node: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof node === "string") {
      return expandText(node, environment, (message) => {
        faults.push({ path: formatPath(path), message });
      });
    }
    if (path.length > DEPTH_MAX) {
      faults.push({ path: formatPath(path.slice(0, 3)), message: "is nested too deep" });
      return null;
    }
    if (Array.isArray(node)) {
      return node.map((item: unknown, index) => visit(item, [...path, index]));
    }
    if (typeof node === "object" && node !== null) {
      const given = Object.entries(node).filter(([, value]) => value !== null);
      return Object.fromEntries(given.map(([key, value]) => [key, visit(value, [...path, key])]));
    }
    return node;
  };
  const value = visit(tree, []);
  return { value, faults };
}

function expandText(
  text: string,
  environment: Environment,
  report: (message: string) => void,
): string {
  return text.replaceAll(REFERENCE, (match, name: string | undefined) => {
    if (name === undefined) {
      return "${";
    }
    if (!VARIABLE_NAME.test(name)) {
      report("holds ${…} without a variable's name; write $${ for a literal ${");
      return match;
    }
    const value = environment[name];
    if (value === undefined || value === "") {
      report(`environment variable ${name} is ${value === "" ? "empty" : "not set"}`);
      return match;
    }
    return value;
  });
}

export interface Flags {
  readonly port?: number;
  readonly host?: string;
  readonly store?: string;
  readonly ledger?: string;
}

/** A value from outside the file, and the name by which its giver knows it. */
export interface Override {
  readonly path: readonly string[];
  readonly source: string;
  readonly value: string | number;
}

const OVERRIDES = [
  { flag: "port", variable: "FAIRLEAD_PORT", path: ["listen", "port"] },
  { flag: "host", variable: "FAIRLEAD_HOST", path: ["listen", "host"] },
  { flag: "store", variable: "FAIRLEAD_STORE", path: ["store"] },
  { flag: "ledger", variable: "FAIRLEAD_LEDGER", path: ["ledger"] },
  { flag: null, variable: "FAIRLEAD_CATALOG_REFRESH", path: ["catalog", "refresh"] },
] as const;

/** The overrides in force: a flag hides its variable. Empty variables count as not set. */
export function listOverrides(flags: Flags, environment: Environment): readonly Override[] {
  const overrides: Override[] = [];
  for (const { flag, variable, path } of OVERRIDES) {
    const flagged = flag === null ? undefined : flags[flag];
    const fromEnvironment = environment[variable];
    if (flagged !== undefined) {
      overrides.push({ path, source: `--${flag}`, value: flagged });
    } else if (fromEnvironment !== undefined && fromEnvironment !== "") {
      overrides.push({ path, source: variable, value: fromEnvironment });
    }
  }
  return overrides;
}

/** `tree` with the overrides over it. A section that is none is left for the schema to refuse. */
export function applyOverrides(tree: unknown, overrides: readonly Override[]): unknown {
  return overrides.reduce((current, { path, value }) => set(current, path, value), tree);
}

function set(tree: unknown, path: readonly string[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) {
    return value;
  }
  const isSection = typeof tree === "object" && tree !== null && !Array.isArray(tree);
  if (!isSection && tree !== undefined) {
    return tree;
  }
  const section = new Map(Object.entries(tree ?? {}));
  section.set(step, set(section.get(step), rest, value));
  return Object.fromEntries(section);
}

export interface Discovered {
  readonly providers: readonly Readonly<Record<string, unknown>>[];
  /** By path of a key: the variable it came from, for faults to name. */
  readonly sources: ReadonlyMap<string, string>;
  readonly notices: readonly string[];
}

/**
 * Providers from the usual variables of the known vendors. Their *_BASE_URL variables are not read:
 * on an agent's machine they point to this gateway.
 */
export function discoverProviders(environment: Environment): Discovered {
  const providers: Readonly<Record<string, unknown>>[] = [];
  const sources = new Map<string, string>();
  const notices: string[] = [];
  for (const vendor of listVendors()) {
    if (vendor.platform === "aws") {
      const found = discoverBedrock(environment);
      if (found === null) continue;
      for (const [field, variable] of found.sources) {
        const steps = field.map((step) => (step === "0" ? 0 : step));
        sources.set(formatPath(["providers", providers.length, ...steps]), variable);
      }
      providers.push({ id: vendor.id, ...found.entry });
      notices.push(`provider ${vendor.id}: credentials taken from ${found.variable}`);
      continue;
    }
    const variable = vendor.keyVariables.find((name) => (environment[name] ?? "") !== "");
    const key = variable === undefined ? undefined : environment[variable];
    if (variable === undefined || key === undefined) {
      continue;
    }
    const [dialect] = vendor.dialects;
    if (vendor.baseUrl !== null && dialect !== undefined && isServedDialect(dialect)) {
      sources.set(formatPath(["providers", providers.length, "keys", 0]), variable);
      providers.push({ id: vendor.id, keys: [key.trim()] });
      notices.push(`provider ${vendor.id}: key taken from ${variable}`);
    } else {
      notices.push(
        `${variable} is set, but ${vendor.id} needs its address: write it in fairlead.yaml`,
      );
    }
  }
  return { providers, sources, notices };
}
