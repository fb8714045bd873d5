// `fairlead demo`: shows a looping agent being corrected, on a machine without any key.
// Must never touch the user's configuration, store or providers: all it needs it starts itself.

import { parseArgs } from "node:util";

import { runDemo } from "./demo.ts";
import { startDemoGateway } from "./demo-gateway.ts";
import type { DemoFlags, DemoOutput } from "./demo.ts";

const TURNS_DEFAULT = 14;
const TURNS_LIMIT = 100;

const USAGE = `Usage: fairlead demo [--json] [--turns N]

Runs a looping agent against a gateway of its own and a simulated model,
once with a conversation and once without.

  --json      print one JSON document instead of text
  --turns N   the agent gives up after N turns (2 to ${TURNS_LIMIT}; default ${TURNS_DEFAULT})
`;

/** Resolves with the exit code: 0 the corrected agent answered, 1 it did not, 2 wrong arguments. */
export async function runDemoCommand(args: readonly string[], io: DemoOutput): Promise<number> {
  const flags = readFlags(args);
  if (typeof flags === "string") {
    io.stdout(flags);
    return flags === USAGE ? 0 : 2;
  }
  const gateway = await startDemoGateway();
  try {
    return await runDemo(gateway.url, flags, io);
  } finally {
    await gateway.close();
  }
}

/** A text is what to print instead of running. */
function readFlags(args: readonly string[]): DemoFlags | string {
  const options = {
    json: { type: "boolean", default: false },
    turns: { type: "string", default: String(TURNS_DEFAULT) },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help) return USAGE;
    const turnsMax = Number(values.turns);
    if (Number.isInteger(turnsMax) && turnsMax >= 2 && turnsMax <= TURNS_LIMIT) {
      return { json: values.json, turnsMax };
    }
    return `--turns takes a whole number from 2 to ${TURNS_LIMIT}.\n\n${USAGE}`;
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`;
  }
}
