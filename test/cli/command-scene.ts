// A command as a person runs it: what it wrote and its exit code, without a process around it.

import type { TestContext } from "node:test";
import type { CommandIo } from "../../src/check-command.ts";
import { makeFolder } from "../config-fixture.ts";

type Command = (args: readonly string[], io: CommandIo) => Promise<number>;

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs the command in a folder of its own, with `tree` as its fairlead.yaml. */
export async function runCommand(
  t: TestContext,
  command: Command,
  { args, tree }: { readonly args: readonly string[]; readonly tree: object | null },
): Promise<Ran> {
  const files = tree === null ? {} : { "fairlead.yaml": JSON.stringify(tree) };
  const written = { out: "", error: "" };
  const code = await command(args, {
    out: (text) => {
      written.out += text;
    },
    error: (text) => {
      written.error += text;
    },
    environment: {},
    workingDirectory: makeFolder(t, files),
    random: (count) => new Uint8Array(count),
  });
  return { code, ...written };
}
