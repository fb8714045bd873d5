// `fairlead check`: reads a configuration as the gateway would, and says what it amounts to.
// Must never print a secret: keys are counted, addresses of stores lose their passwords.

import { parseArgs } from "node:util";
import { type Config, loadConfig, resolveConfigFile } from "./config.ts";
import type { Environment } from "./config-environment.ts";
import { type FloorReach, floorReach } from "./config-floor.ts";
import { simulatorDeployments } from "./upstream/simulator/deployments.ts";
import { type Rating, rateQuality } from "./routing/rating.ts";
import type { Deployment, Price, QualityKind } from "./turn/deployment.ts";
import type { Profile } from "./turn/profile.ts";

/** What a command may use of the world. */
export interface CommandIo {
  /** Writes to standard output, as it is. */
  readonly out: (text: string) => void;
  /** Writes to standard error, as it is. */
  readonly error: (text: string) => void;
  readonly environment: Environment;
  readonly workingDirectory: string;
  /** Gives that many unpredictable bytes. */
  readonly random: (byteCount: number) => Uint8Array;
}

export const CHECK_USAGE = `Usage: fairlead check [--config FILE] [--json]

Checks the configuration, prints every fault with its path (exit 1) or what it amounts to (exit 0).
`;

const EXIT_OK = 0;
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

const KINDS: readonly QualityKind[] = ["chat", "agent", "coding"];

/** `args` follow `fairlead check`. Returns the exit code: 0 sound, 1 faults, 2 wrong usage. */
export async function runCheckCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const wish = readWish(args);
  if (typeof wish === "string") {
    io.error(`${wish}\n\n${CHECK_USAGE}`);
    return EXIT_USAGE;
  }
  const { environment, workingDirectory } = io;
  const file = resolveConfigFile({ flag: wish.config, environment, workingDirectory });
  const result = loadConfig({ file, environment, workingDirectory });
  if (!result.ok) {
    const lines = result.faults.map(({ path, message }) => `${path}: ${message}\n`);
    io.out(wish.json ? inJson({ ok: false, faults: result.faults }) : lines.join(""));
    return EXIT_FAULT;
  }
  const summary = summarise(result.config, result.notices);
  io.out(wish.json ? inJson(summary) : render(summary));
  return EXIT_OK;
}

function readWish(args: readonly string[]): { config: string | null; json: boolean } | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { config: { type: "string" }, json: { type: "boolean", default: false } },
    });
    return { config: values.config ?? null, json: values.json };
  } catch (error) {
    return error instanceof Error ? error.message : "the arguments cannot be read";
  }
}

interface Summary {
  readonly ok: true;
  readonly file: string | null;
  readonly listen: string;
  readonly store: string;
  readonly ledger: string;
  readonly catalogVersion: string;
  readonly callerKeys: number;
  readonly providers: readonly {
    readonly id: string;
    readonly dialect: string;
    readonly baseUrl: string | null;
    readonly keys: number;
    readonly deployments: number;
    readonly openModels: boolean;
  }[];
  readonly deployments: readonly {
    readonly id: string;
    readonly price: Price | null;
    readonly contextTokens: number | null;
    readonly capabilities: readonly string[];
    readonly ratings: Readonly<Partial<Record<QualityKind, Rating>>>;
  }[];
  readonly logicalModels: readonly string[];
  readonly profiles: readonly {
    readonly name: string;
    readonly floor: number | null;
    readonly qualityKind: QualityKind;
    readonly eligible: number;
    readonly best: string | null;
  }[];
  readonly notices: readonly string[];
}

function summarise(config: Config, notices: readonly string[]): Summary {
  const simulated = config.providers.filter(({ dialect }) => dialect === "simulator");
  const deployments = [
    ...config.deployments,
    ...simulated.flatMap(({ id }) => simulatorDeployments(id)),
  ];
  const scheme = config.listen.tls === null ? "http" : "https";
  const host = config.listen.host.includes(":") ? `[${config.listen.host}]` : config.listen.host;
  return {
    ok: true,
    file: config.file,
    listen: `${scheme}://${host}:${config.listen.port}`,
    store: withoutPassword(config.store),
    ledger: withoutPassword(config.ledger),
    catalogVersion: config.catalog.value.version,
    callerKeys: config.keys.length,
    providers: config.providers.map(({ id, dialect, baseUrl, keys, openModels }) => ({
      id,
      dialect,
      baseUrl,
      keys: keys.length,
      deployments: deployments.filter((deployment) => deployment.provider === id).length,
      openModels,
    })),
    deployments: deployments.map((deployment) => ({
      id: deployment.id,
      price: deployment.price,
      contextTokens: deployment.contextTokens,
      capabilities: deployment.capabilities,
      ratings: ratingsOf(deployment),
    })),
    logicalModels: [...config.logicalModels.keys()],
    profiles: [...config.profiles.values()].map((profile) =>
      summariseProfile(profile, floorReach(profile, deployments)),
    ),
    notices,
  };
}

function ratingsOf(deployment: Deployment): Readonly<Partial<Record<QualityKind, Rating>>> {
  const ratings: Partial<Record<QualityKind, Rating>> = {};
  for (const kind of KINDS) {
    const rating = rateQuality(deployment.quality, kind);
    if (rating !== null) {
      ratings[kind] = rating;
    }
  }
  return ratings;
}

function summariseProfile(profile: Profile, reach: FloorReach): Summary["profiles"][number] {
  const { name, floor, qualityKind } = profile;
  const { eligible, best } = reach;
  return { name, floor, qualityKind, eligible, best: best?.deployment.id ?? null };
}

/** Whatever stands before an @ is a name and a password; whatever follows a ? may hold one. */
function withoutPassword(address: string): string {
  const server = /^([a-z-]+:\/\/)(.*)$/s.exec(address);
  if (server === null) {
    return address;
  }
  const [, scheme = "", rest = ""] = server;
  const bare = rest.slice(rest.lastIndexOf("@") + 1).replace(/\?.*$/s, "");
  return scheme + bare;
}

function render(summary: Summary): string {
  const { file, deployments, profiles, providers, notices } = summary;
  const lines = [
    `configuration  ${file ?? "(no file: environment and defaults)"}`,
    `listens on     ${summary.listen}`,
    `store          ${summary.store}`,
    `ledger         ${summary.ledger}`,
    `catalog        ${summary.catalogVersion}`,
    `caller keys    ${summary.callerKeys === 0 ? "none: everybody is local" : summary.callerKeys}`,
    "",
    "providers",
    ...providers.map(
      ({ id, dialect, baseUrl, keys, deployments: count, openModels }) =>
        `  ${id}  ${dialect}  ${baseUrl ?? "built in"}  keys ${keys}  ` +
        `models ${renderCount(dialect, count, openModels)}`,
    ),
    "",
    "models (USD per million tokens in/out; ratings; * derived from other kinds)",
    ...(deployments.length === 0 ? ["  none listed"] : deployments.map(renderDeployment)),
    "",
    "profiles",
    ...profiles.map(
      ({ name, floor, eligible }) =>
        `  ${name}  floor ${floor?.toFixed(2) ?? "none"}  ` +
        `the router can choose ${eligible} of ${deployments.length} models`,
    ),
    ...(notices.length === 0 ? [] : ["", "notices", ...notices.map((notice) => `  ${notice}`)]),
  ];
  return `${lines.join("\n")}\n`;
}

function renderCount(dialect: string, count: number, openModels: boolean): string {
  if (dialect === "simulator" && count === 0) {
    return "of its own, added at start";
  }
  return `${count}${openModels ? " and any other by name" : ""}`;
}

function renderDeployment({ id, price, ratings }: Summary["deployments"][number]): string {
  const cost = price === null ? "price unknown" : `${price.input}/${price.output}`;
  const rated = KINDS.flatMap((kind) => {
    const rating = ratings[kind];
    const mark = rating?.provenance === "proxy" ? "*" : "";
    return rating === undefined ? [] : [`${kind} ${rating.value.toFixed(2)}${mark}`];
  });
  return `  ${id}  ${cost}  ${rated.length === 0 ? "not rated" : rated.join(", ")}`;
}

function inJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
