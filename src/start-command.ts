// `fairlead start`: reads the configuration, starts the gateway, says where it listens, stops it on a signal.
// Must never start wider than loopback without keys (the configuration refuses it), nor print a secret.

import { pino } from "pino";
import type { CommandIo } from "./check-command.ts";
import { loadConfig, resolveConfigFile, type Config } from "./config.ts";
import { createGateway, type Gateway } from "./gateway.ts";

export interface StartFlags {
  readonly config: string | null;
  readonly port?: number;
  readonly host?: string;
  readonly store?: string;
  readonly ledger?: string;
}

/** Resolves with the exit code once the gateway has stopped; 1 when it could not start. */
export async function runStartCommand(flags: StartFlags, io: CommandIo): Promise<number> {
  const { environment, workingDirectory } = io;
  const file = resolveConfigFile({ flag: flags.config, environment, workingDirectory });
  const { config: _config, ...overrides } = flags;
  const loaded = loadConfig({ file, environment, flags: overrides, workingDirectory });
  if (!loaded.ok) {
    const lines = loaded.faults.map(({ path, message }) => `  ${path}: ${message}`);
    io.error(`The configuration has faults:\n${lines.join("\n")}\n`);
    return 1;
  }
  const { config, notices } = loaded;
  const logger = pino({ level: config.log.level });
  for (const notice of notices) logger.warn(notice);
  try {
    const gateway = await createGateway({ config, logger });
    announce(io, gateway, config);
    const signal = await whenStopped(environment);
    logger.info({ signal }, "stopping: running turns may end");
    await gateway.close();
    logger.info("stopped");
    return 0;
  } catch (error) {
    io.error(`Fairlead cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

/** How often a process that npm started looks whether its parent is still there, in milliseconds. */
const PARENT_CHECK_MS = 500;

/**
 * Resolves with what asked the gateway to stop. npm runs scripts through a shell that does not pass signals on: it dies
 * of them and would leave the gateway behind, so losing that parent counts as a signal.
 */
function whenStopped(environment: CommandIo["environment"]): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        resolve(signal);
      });
    }
    if (environment["npm_lifecycle_event"] === undefined) return;
    const parent = process.ppid;
    const check = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(check);
      resolve("npm is gone");
    }, PARENT_CHECK_MS);
    check.unref();
  });
}

/** An address that listens everywhere is none to call. */
function callable(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}

function announce(io: CommandIo, gateway: Gateway, config: Config): void {
  const simulated = config.providers.some(({ dialect }) => dialect === "simulator");
  const lines = [
    `Fairlead listens on ${gateway.url}`,
    config.keys.length === 0 ? "No keys are configured: only this machine may call." : "",
    simulated
      ? "Models sim/… are simulated: configure a provider or set its key to use real ones."
      : "",
    `Try: curl -s ${callable(gateway.url)}/v1/chat/completions -H 'content-type: application/json' \\`,
    config.keys.length === 0 ? "" : "  -H 'authorization: Bearer YOUR_GATEWAY_KEY' \\",
    `  -d '{"model":"auto","messages":[{"role":"user","content":"Hello"}]}'`,
  ];
  io.error(`${lines.filter((line) => line !== "").join("\n")}\n`);
}
