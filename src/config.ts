// The configuration: reads file, environment and flags once, and hands out one checked value.
// The only place that reads process.env. Must never print or report a value: values may be secrets.

import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { placeBedrock } from "./config-bedrock.ts";
import { openCatalog, type ConfiguredCatalog, type ProviderEntries } from "./config-catalog.ts";
import {
  applyOverrides,
  discoverProviders,
  type Environment,
  expandVariables,
  type Flags,
  listOverrides,
} from "./config-environment.ts";
import { readCredentialFiles } from "./config-credentials.ts";
import { type ConfigFault, faultsOf } from "./config-faults.ts";
import { readConfigFile, readNamedFiles } from "./config-files.ts";
import { floorNotices } from "./config-floor.ts";
import type { ProviderEntry } from "./config-provider-schema.ts";
import { makeProviders, type ProviderConfig } from "./config-providers.ts";
import { checkReferences } from "./config-references.ts";
import { type ConfigFile, configSchema } from "./config-schema.ts";
import { loadProfiles } from "./profiles.ts";
import type { Deployment } from "./turn/deployment.ts";
import type { DivergenceMode, Profile } from "./turn/profile.ts";

/** The usual name, looked for only to say that it was not read. */
const USUAL_FILE = "fairlead.yaml";

/** What answers where nothing else is configured. */
const SIMULATOR: ProviderEntry = {
  id: "sim",
  dialect: "simulator",
  keys: [],
  headers: {},
  allowPrivateAddress: true,
  parameters: "drop",
};

export interface LogicalTarget {
  /** Id of a deployment, `provider/model`. */
  readonly to: string;
  /** Share among the targets without `when`. */
  readonly weight: number;
  /** All headers must have these values; lower-case names. Such targets come first. */
  readonly when: { readonly header: Readonly<Record<string, string>> } | null;
}

export interface ConfiguredKey {
  readonly id: string;
  readonly tenant: string;
  readonly role: "user" | "admin";
  /** HMAC-SHA-256 of the key under the pepper, 64 hexadecimal digits. */
  readonly hash: string;
  /** Upper case. */
  readonly profile: string | null;
  readonly divergence: DivergenceMode | null;
}

type Copied = "divergence" | "durability" | "onStoreFailure" | "limits" | "timeouts" | "log";

/** Holds secrets (keys, headers, pepper, addresses of stores): must never be logged whole. */
export interface Config extends Readonly<Pick<ConfigFile, Copied>> {
  /** Absolute path of the file that was read, or null. */
  readonly file: string | null;
  readonly listen: {
    readonly host: string;
    readonly port: number;
    readonly tls: { readonly cert: string; readonly key: string } | null;
  };
  /** `memory:`, `sqlite:` with an absolute path, or the address of a server. */
  readonly store: string;
  readonly ledger: string;
  /** By upper-case name. */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly defaultProfile: string;
  readonly defaultConversationProfile: string;
  readonly providers: readonly ProviderConfig[];
  readonly deployments: readonly Deployment[];
  readonly logicalModels: ReadonlyMap<string, readonly LogicalTarget[]>;
  readonly keys: readonly ConfiguredKey[];
  readonly keyPepper: string | null;
  readonly receipts: {
    readonly inBody: boolean;
    readonly retentionDays: number;
    readonly defaultModel: string | null;
  };
  readonly catalog: ConfiguredCatalog;
  /** What deployments are made of, for when the catalog changes. Holds secrets. */
  readonly entries: ProviderEntries;
}

export interface ConfigOptions {
  /** Absolute or relative to `workingDirectory`; null: no file. */
  readonly file: string | null;
  readonly environment: Environment;
  readonly flags?: Flags;
  readonly workingDirectory: string;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly notices: readonly string[] }
  | { readonly ok: false; readonly faults: readonly ConfigFault[] };

/** The variables of this process, for the caller to hand to loadConfig. */
export function processEnvironment(): Environment {
  return process.env;
}

/** `--config`, else FAIRLEAD_CONFIG, else ./fairlead.yaml if it is there, else null. Absolute. */
export function resolveConfigFile(options: {
  readonly flag: string | null;
  readonly environment: Environment;
  readonly workingDirectory: string;
}): string | null {
  const variable = options.environment["FAIRLEAD_CONFIG"] ?? "";
  const named = options.flag ?? (variable === "" ? null : variable);
  if (named !== null) return resolve(options.workingDirectory, named);
  const usual = resolve(options.workingDirectory, USUAL_FILE);
  return existsSync(usual) ? usual : null;
}

/** Reads and checks everything. Every fault is told in one go; notices are for the operator. */
export function loadConfig(options: ConfigOptions): ConfigResult {
  const file = options.file === null ? null : resolve(options.workingDirectory, options.file);
  const document = file === null ? null : readConfigFile(file);
  if (document !== null && !document.ok) {
    return document;
  }
  const expanded = expandVariables(document?.value ?? {}, options.environment);
  // A file that says nothing of providers leaves them to the environment, as no file does.
  const discovered = namesProviders(expanded.value) ? null : discoverProviders(options.environment);
  const base =
    discovered === null
      ? expanded.value
      : { ...asSections(expanded.value), providers: discovered.providers };
  const overrides = listOverrides(options.flags ?? {}, options.environment);
  const given = asSections(applyOverrides(base, overrides));
  if (given === null) {
    return { ok: false, faults: [{ path: file ?? "", message: "expected names with values" }] };
  }

  const folder = file === null ? options.workingDirectory : dirname(file);
  const placed = placeBedrock(given, options.environment);
  const { tree, faults: credentialFaults } = readCredentialFiles(placed.tree, folder);
  const ownProfiles = typeof tree["profiles"] === "string" ? tree["profiles"] : null;
  const { profiles, faults: profileFaults } = loadProfiles(
    ownProfiles === null ? null : resolve(folder, ownProfiles),
  );
  const named = readNamedFiles(tree, folder, options.environment);
  const parsed = configSchema.safeParse(tree);
  const faults = [
    ...expanded.faults,
    ...(parsed.success ? [] : faultsOf(parsed.error, configSchema)),
    ...profileFaults,
    ...checkReferences(tree, [...profiles.keys()]),
    ...named.faults,
    ...credentialFaults,
  ];
  if (!parsed.success || faults.length > 0) {
    const overriding = overrides.map(({ path, source }): [string, string] => [
      path.join("."),
      source,
    ]);
    const sources = [...(discovered?.sources ?? []), ...placed.sources, ...overriding];
    return { ok: false, faults: tidy(faults, new Map(sources)) };
  }
  const overridden = new Set(overrides.map(({ path }) => path.join(".")));
  const config = assemble(parsed.data, {
    file,
    profiles,
    pepper: named.pepper,
    // A path given on the command line is meant from where one stands, not from the file's folder.
    folderOf: (field) => (overridden.has(field) ? options.workingDirectory : folder),
  });
  const unread = unreadFileNotices(options);
  return {
    ok: true,
    config,
    notices: [...unread, ...(discovered?.notices ?? []), ...configNotices(config)],
  };
}

function namesProviders(tree: unknown): boolean {
  const sections = asSections(tree);
  // What is no set of sections at all is refused further on, as it was written.
  return sections === null || "providers" in sections;
}

function asSections(tree: unknown): Readonly<Record<string, unknown>> | null {
  return typeof tree === "object" && tree !== null && !Array.isArray(tree)
    ? Object.fromEntries(Object.entries(tree))
    : null;
}

/** One fault per path (the first is the cause), under the name by which the value was given. */
function tidy(
  faults: readonly ConfigFault[],
  sources: ReadonlyMap<string, string>,
): readonly ConfigFault[] {
  const told = new Map<string, ConfigFault>();
  for (const { path, message } of faults) {
    const givenAs = sources.get(path) ?? path;
    if (!told.has(givenAs)) {
      told.set(givenAs, { path: givenAs, message });
    }
  }
  return [...told.values()];
}

interface Surroundings {
  readonly file: string | null;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly pepper: string | null;
  readonly folderOf: (field: "store" | "ledger" | "listen" | "catalog") => string;
}

function assemble(checked: ConfigFile, around: Surroundings): Config {
  const { folderOf } = around;
  const { listen, receipts } = checked;
  const providers = checked.providers.length > 0 ? checked.providers : [SIMULATOR];
  const entries = { providers, ratings: checked.ratings };
  const catalog = openCatalog(checked.catalog, folderOf("catalog"));
  return {
    file: around.file,
    listen: {
      host: listen.host,
      port: listen.port,
      tls:
        listen.tls === undefined
          ? null
          : {
              cert: resolve(folderOf("listen"), listen.tls.cert),
              key: resolve(folderOf("listen"), listen.tls.key),
            },
    },
    store: resolveStore(checked.store, folderOf("store")),
    ledger: resolveStore(checked.ledger, folderOf("ledger")),
    profiles: around.profiles,
    defaultProfile: checked.defaultProfile.toUpperCase(),
    defaultConversationProfile: checked.defaultConversationProfile.toUpperCase(),
    ...makeProviders(entries, catalog.value),
    entries,
    catalog,
    logicalModels: makeLogicalModels(checked),
    keys: checked.keys.map((key) => ({
      ...key,
      profile: key.profile?.toUpperCase() ?? null,
      divergence: key.divergence ?? null,
    })),
    keyPepper: around.pepper,
    receipts: { ...receipts, defaultModel: receipts.defaultModel ?? null },
    divergence: checked.divergence,
    durability: checked.durability,
    onStoreFailure: checked.onStoreFailure,
    limits: checked.limits,
    timeouts: checked.timeouts,
    log: checked.log,
  };
}

function makeLogicalModels(checked: ConfigFile): Config["logicalModels"] {
  const entries = Object.entries(checked.logicalModels).map(
    ([name, targets]): [string, readonly LogicalTarget[]] => [
      name,
      targets.map(({ to, weight, when }) => ({
        to,
        weight,
        when: when === undefined ? null : { header: lowerCaseNames(when.header) },
      })),
    ],
  );
  return new Map(entries);
}

function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** Files become absolute; addresses of servers stay as they are. */
function resolveStore(address: string, folder: string): string {
  if (address === "memory") {
    return "memory:"; // YAML takes a bare `memory:` for a name, so both spellings are good
  }
  const path = /^sqlite:(?:\/\/)?(?!:memory:)(.+)$/.exec(address)?.[1];
  return path === undefined ? address : `sqlite:${resolve(folder, path)}`;
}

function unreadFileNotices({ file, workingDirectory }: ConfigOptions): readonly string[] {
  return file === null && existsSync(resolve(workingDirectory, USUAL_FILE))
    ? [`${USUAL_FILE} is here but was not read: name it with --config or FAIRLEAD_CONFIG`]
    : [];
}

function configNotices(config: Config): readonly string[] {
  const { notice } = config.catalog.opened;
  const notices: string[] = notice === null ? [] : [notice];
  if (config.providers.some((provider) => provider.dialect === "simulator")) {
    // Its models are added by the gateway, so nothing can be said of floors here.
    notices.push(
      config.providers.length > 1
        ? "the built-in simulator is among the providers: its answers are made up"
        : "no provider is configured: the built-in simulator answers (models sim/…), made up and free",
    );
    return notices;
  }
  for (const provider of config.providers) {
    if (!config.deployments.some((deployment) => deployment.provider === provider.id)) {
      notices.push(
        `provider ${provider.id} lists no models: the router cannot choose it, ` +
          `but ${provider.id}/NAME is passed on (unrated and unpriced)`,
      );
    }
  }
  return [...notices, ...floorNotices(config.profiles.values(), config.deployments)];
}
