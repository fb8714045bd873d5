#!/usr/bin/env node
// The command line: names every command and hands over to it. Must never do anything on import.

import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import type { CommandIo } from "./check-command.ts";
import { processEnvironment } from "./config.ts";

/** What `engines` in package.json says, said before anything fails for it. */
const NODE_MIN = 24;

const USAGE = `fairlead COMMAND

  start               start the gateway (default: http://127.0.0.1:8787)
                        --config FILE  --port N  --host H  --store URL  --ledger URL
  check               check a configuration and print every fault with its path
                        --config FILE  --json
  doctor              try every provider and key with a tiny request, and say what is wrong
                        --provider ID  --config FILE  --json
  catalog [MODEL]     what is known of models (price, limits, quality), and from where
                        --configured  --all  --config FILE  --json
  explain REQUEST_ID  say in plain words why a turn went where it went
                        --url URL (default http://127.0.0.1:8787)  --json
  replay FILE|-       say what the loop detector makes of recorded conversations (JSONL)
                        --profile NAME  --set divergence.KEY=VALUE  --json
                        or, from the store: --conversation ID  --tenant T  --config FILE
  keys create         make an API key: --id ID --tenant TENANT [--role admin] [--dev]
  demo                a looping agent, with and without Fairlead's help (simulated model)

Settings can also come from FAIRLEAD_CONFIG, FAIRLEAD_PORT, FAIRLEAD_HOST, FAIRLEAD_STORE,
FAIRLEAD_LEDGER and, for commands that call a gateway, FAIRLEAD_URL and FAIRLEAD_API_KEY.
`;

const io: CommandIo = {
  out: (text) => {
    process.stdout.write(text);
  },
  error: (text) => {
    process.stderr.write(text);
  },
  environment: processEnvironment(),
  workingDirectory: process.cwd(),
  random: randomBytes,
};

/** Runs one command and resolves with its exit code: 0 done, 1 failed, 2 wrong usage. */
async function run(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case "start":
      return start(rest);
    case "check":
      return (await import("./check-command.ts")).runCheckCommand(rest, io);
    case "doctor":
      return (await import("./doctor-command.ts")).runDoctorCommand(rest, io);
    case "catalog":
      return (await import("./catalog-command.ts")).runCatalogCommand(rest, io);
    case "explain":
      return (await import("./explain-command.ts")).runExplainCommand(rest, io);
    case "keys":
      return (await import("./keys-command.ts")).runKeysCommand(rest, io);
    case "replay":
      return (await import("./replay/command.ts")).runReplayCommand(rest, {
        ...io,
        stdin: process.stdin,
      });
    case "demo":
      return (await import("./demo/command.ts")).runDemoCommand(rest, { stdout: io.out });
    case "version":
    case "--version":
    case "-v":
      io.out(`${(await import("./version.ts")).readVersion()}\n`);
      return 0;
    case "help":
    case "--help":
    case "-h":
      io.out(USAGE);
      return 0;
    default:
      io.error(command === undefined ? USAGE : `There is no command ${command}.\n\n${USAGE}`);
      return 2;
  }
}

async function start(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      config: { type: "string" },
      port: { type: "string" },
      host: { type: "string" },
      store: { type: "string" },
      ledger: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const { config, port, help, ...others } = values;
  if (help === true) {
    io.out(USAGE);
    return 0;
  }
  const { runStartCommand } = await import("./start-command.ts");
  const wanted = port === undefined ? {} : { port: Number(port) };
  return runStartCommand({ config: config ?? null, ...wanted, ...others }, io);
}

/** A wrong flag is the user's mistake: said in one line, without a stack. */
async function main(): Promise<void> {
  const version = Number(process.versions.node.split(".")[0]);
  if (version < NODE_MIN) {
    io.error(
      `Fairlead needs Node ${NODE_MIN} or newer; this is ${process.version}. In a checkout, ` +
        "`npm start` brings its own; elsewhere `npx -p node@24 -p fairlead fairlead …` does.\n",
    );
    process.exitCode = 1;
    return;
  }
  // A reader that has seen enough (`| head`) is no fault.
  process.stdout.on("error", (error) => {
    if (!("code" in error) || error.code !== "EPIPE") throw error;
    process.exit();
  });
  try {
    process.exitCode = await run(process.argv.slice(2));
  } catch (error) {
    const usage = error instanceof TypeError && "code" in error;
    io.error(`${error instanceof Error ? (usage ? error.message : error.stack) : String(error)}\n`);
    process.exitCode = usage ? 2 : 1;
  }
}

await main();
