// `fairlead replay`: what the gateway would have said of recorded conversations, under any profile and thresholds.
// Must never ask a model, need a server, or write to a store.

import { parseArgs } from "node:util";
import type { CommandIo } from "../check-command.ts";
import { loadConfig, resolveConfigFile, type Config } from "../config.ts";
import { loadProfiles } from "../profiles.ts";
import type { Profile } from "../turn/profile.ts";
import { replayFile, type ReplayIo } from "./replay-file.ts";
import { replayStored } from "./replay-stored.ts";
import { replayProfile } from "./settings.ts";

export const REPLAY_USAGE = `Usage: fairlead replay FILE|- [options]
       fairlead replay --conversation ID [--tenant TENANT] [options]

Runs recorded conversations through the loop detector and its ladder of corrections, without a model.
FILE holds one transcript a line: {"id", "messages": […]} in the OpenAI chat or the Anthropic messages
format (with an optional "system"), or a bare list of messages. - reads standard input.

  --profile NAME          profile to judge by (default AGENT)
  --set divergence.K=V    change one setting of it; may be given more than once
  --json                  one line a transcript: {"id","fired_at","pattern","level","evidence"}
  --conversation ID       what the store still knows of a conversation
  --tenant TENANT         whose conversation it is (default local)
  --config FILE           profiles and store (default: FAIRLEAD_CONFIG, else fairlead.yaml if it is here)
`;

const EXIT_OK = 0;
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;
const DEFAULT_PROFILE = "AGENT";

interface Wish {
  readonly source:
    | { readonly kind: "file"; readonly file: string }
    | { readonly kind: "conversation"; readonly id: string; readonly tenant: string };
  readonly profile: string;
  readonly sets: readonly string[];
  readonly config: string | null;
  readonly json: boolean;
}

/** `args` follow `fairlead replay`. Resolves with the exit code: 0 done, 1 it failed, 2 bad usage or input. */
export async function runReplayCommand(args: readonly string[], io: ReplayIo): Promise<number> {
  const wish = readWish(args);
  if (wish === REPLAY_USAGE) {
    io.out(wish);
    return EXIT_OK;
  }
  if (typeof wish === "string") {
    io.error(`${wish}\n\n${REPLAY_USAGE}`);
    return EXIT_USAGE;
  }
  const settings = readSettings(wish, io);
  if (typeof settings === "number") return settings;
  const found = replayProfile(settings.profiles, wish.profile, wish.sets);
  if (!found.ok) {
    io.error(`${found.message}\n`);
    return EXIT_USAGE;
  }
  const { mode } = found.profile.divergence;
  if (mode !== "correct") {
    const change = "--set divergence.mode=correct shows what corrections there would be";
    io.error(`Profile ${found.profile.name} has divergence ${mode}: ${change}.\n`);
  }
  const { source, json } = wish;
  const { profile } = found;
  if (source.kind === "file") return replayFile(source.file, { profile, json, io });
  if (settings.config === null) return EXIT_FAULT;
  return replayStored({ conversation: source, config: settings.config, profile, json, io });
}

/** A text is what to print instead of running: the usage where it was asked for, else what is wrong. */
function readWish(args: readonly string[]): Wish | string {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        profile: { type: "string", default: DEFAULT_PROFILE },
        set: { type: "string", multiple: true, default: [] },
        json: { type: "boolean", default: false },
        conversation: { type: "string" },
        tenant: { type: "string" },
        config: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return error instanceof Error ? error.message : "The arguments cannot be read.";
  }
  const { values, positionals } = parsed;
  const { profile, set: sets, json, conversation: id } = values;
  if (values.help) return REPLAY_USAGE;
  const common = { profile, sets, json, config: values.config ?? null };
  const [file, ...more] = positionals;
  if ((file === undefined) === (id === undefined) || more.length > 0) {
    return "Name one FILE (or - for standard input), or --conversation ID.";
  }
  if (id !== undefined) {
    return { source: { kind: "conversation", id, tenant: values.tenant ?? "local" }, ...common };
  }
  if (values.tenant !== undefined) return "--tenant goes with --conversation.";
  return { source: { kind: "file", file: file ?? "-" }, ...common };
}

interface Settings {
  readonly profiles: ReadonlyMap<string, Profile>;
  /** Null where there is no configuration file. */
  readonly config: Config | null;
}

/** A number is the exit code: what is wrong has been said. */
function readSettings(wish: Wish, io: CommandIo): Settings | number {
  const { environment, workingDirectory } = io;
  const file = resolveConfigFile({ flag: wish.config, environment, workingDirectory });
  if (file === null && wish.source.kind === "file") {
    return { profiles: loadProfiles(null).profiles, config: null };
  }
  const result = loadConfig({ file, environment, workingDirectory });
  if (result.ok) return { profiles: result.config.profiles, config: result.config };
  const lines = result.faults.map(({ path, message }) => `${path}: ${message}\n`);
  io.error(`The configuration cannot be used:\n${lines.join("")}`);
  return EXIT_FAULT;
}
