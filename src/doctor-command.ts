// `fairlead doctor`: tries each configured provider and key with a tiny request, and says what is wrong.
// Must never print a key, nor what a provider wrote about one.

import { parseArgs } from "node:util";
import type { CommandIo } from "./check-command.ts";
import { hint } from "./config-faults.ts";
import type { ProviderConfig } from "./config-providers.ts";
import { type Config, loadConfig, resolveConfigFile } from "./config.ts";
import { examine, type Check, type Surroundings } from "./doctor-examination.ts";
import { withoutRegion } from "./turn/deployment.ts";
import { createTransport, type Provider, type Transport } from "./upstream/transport.ts";

export const DOCTOR_USAGE = `Usage: fairlead doctor [--provider ID] [--config FILE] [--json]

Asks every configured provider, with each of its keys, for its list of models and for one short answer
of the cheapest configured model. This costs a few tokens. Exit code 0: all is well, 1: something is not.
`;

const EXIT_OK = 0;
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

const CLOCK: Surroundings = { now: () => Date.now(), monotonicMs: () => performance.now() };

interface Wish {
  readonly provider: string | null;
  readonly config: string | null;
  readonly json: boolean;
}

/** `args` follow `fairlead doctor`. Resolves with the exit code. */
export async function runDoctorCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const wish = readWish(args);
  if (typeof wish === "string") {
    io.error(`${wish}\n\n${DOCTOR_USAGE}`);
    return EXIT_USAGE;
  }
  const { environment, workingDirectory } = io;
  const file = resolveConfigFile({ flag: wish.config, environment, workingDirectory });
  const loaded = loadConfig({ file, environment, workingDirectory });
  if (!loaded.ok) {
    const lines = loaded.faults.map(({ path, message }) => `  ${path}: ${message}`);
    io.error(`The configuration has faults:\n${lines.join("\n")}\n`);
    return EXIT_FAULT;
  }
  const { config } = loaded;
  const chosen = config.providers.filter(
    ({ id }) =>
      wish.provider === null || id === wish.provider || withoutRegion(id) === wish.provider,
  );
  if (chosen.length === 0) {
    const ids = config.providers.map(({ id }) => id);
    io.error(`No provider is called ${wish.provider ?? ""}${hint(wish.provider ?? "", ids)}.\n`);
    return EXIT_USAGE;
  }
  const checks = await examineAll(config, chosen);
  const isWell = checks.every(({ ok }) => ok);
  io.out(wish.json ? `${JSON.stringify({ ok: isWell, checks }, null, 2)}\n` : render(checks));
  return isWell ? EXIT_OK : EXIT_FAULT;
}

function readWish(args: readonly string[]): Wish | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        provider: { type: "string" },
        config: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    return { provider: values.provider ?? null, config: values.config ?? null, json: values.json };
  } catch (error) {
    return error instanceof Error ? error.message : "the arguments cannot be read";
  }
}

/** All providers at once: a slow one must not make the others wait. */
async function examineAll(
  config: Config,
  chosen: readonly ProviderConfig[],
): Promise<readonly Check[]> {
  const reachable = chosen.flatMap((provider): Provider[] => {
    const { baseUrl } = provider;
    return baseUrl === null ? [] : [{ ...provider, baseUrl }];
  });
  const transport = createTransport(reachable, { connectMs: config.timeouts.connectMs });
  try {
    const checks = await Promise.all(
      chosen.map((provider) => examineOne(config, provider, transport)),
    );
    return checks.flat();
  } finally {
    await transport.close();
  }
}

async function examineOne(
  config: Config,
  provider: ProviderConfig,
  transport: Transport,
): Promise<readonly Check[]> {
  const route = transport.route(provider.id);
  if (route === null) return [builtIn(provider)];
  const entry = config.entries.providers.find(({ id }) => id === withoutRegion(provider.id));
  const written = (entry?.models ?? []).map(({ id, model }) => model ?? id);
  const deployments = config.deployments.filter((served) => served.provider === provider.id);
  return examine({ provider, route, deployments, written }, CLOCK);
}

function builtIn(provider: ProviderConfig): Check {
  return {
    provider: provider.id,
    key: null,
    ok: true,
    finding: "untried",
    words: "Built in: its answers are made up, and need nothing.",
    model: null,
    milliseconds: null,
    notes: [],
  };
}

function render(checks: readonly Check[]): string {
  const names = checks.map(({ provider, key }) =>
    key === null ? `${provider}, no key` : `${provider}, key ${key}`,
  );
  const width = Math.max(...names.map((name) => name.length));
  const lines = checks.flatMap(({ ok, words, notes }, index) => [
    `${ok ? "ok  " : "FAIL"}  ${(names[index] ?? "").padEnd(width)}  ${words}`,
    ...notes.map((note) => `      ${"".padEnd(width)}  note: ${note}`),
  ]);
  const bad = checks.filter(({ ok }) => !ok).length;
  const sum = bad === 0 ? "All is well." : `${bad} of ${checks.length} checks failed.`;
  return `${[...lines, "", sum].join("\n")}\n`;
}
