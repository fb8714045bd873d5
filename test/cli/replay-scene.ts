// Starts `fairlead replay` as a person would, and writes the transcripts it is given.
// Must never call its functions directly: what is tested is the command.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { workFolder } from "../support/gateway-process.ts";
import { opening, toolRound } from "../support/agent-turns.ts";
import type { Json } from "../support/gateway.ts";

const CLI = join(import.meta.dirname, "../../src/cli.ts");

export interface Replayed {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  /** The lines of `out`, parsed. */
  readonly lines: () => Json[];
}

/** Runs the command in `folder`, without any setting of the person who runs the tests. */
export async function replay(
  folder: string,
  args: readonly string[],
  input: string | Iterable<string> = "",
): Promise<Replayed> {
  const child = spawn(process.execPath, [CLI, "replay", ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "" },
  });
  const exited = once(child, "exit");
  const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
  // A command that refuses its arguments does not read what is sent.
  child.stdin.on("error", (error: Error & { code?: string }) => {
    if (error.code !== "EPIPE") throw error;
  });
  for (const part of typeof input === "string" ? [input] : input) child.stdin.write(part);
  child.stdin.end();
  const [code] = await exited;
  const [out, error] = await outputs;
  const lines = (): Json[] =>
    out
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Json => JSON.parse(line));
  return { code, out, error, lines };
}

/** Replays lines from a file of their own. Texts stand as they are, anything else as JSON. */
export async function replayLines(
  t: TestContext,
  lines: readonly unknown[],
  args: readonly string[] = ["--json"],
): Promise<Replayed> {
  const folder = workFolder(t);
  const written = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  writeFileSync(join(folder, "runs.jsonl"), `${written.join("\n")}\n`);
  return replay(folder, ["runs.jsonl", ...args]);
}

/** Turn and level of each correction in the text output. */
export function correctionsIn(out: string): (readonly [number, number])[] {
  return out.split(/^ {2}turn /m).flatMap((part) => {
    const level = /correction, level (\d+)/.exec(part)?.[1];
    return level === undefined ? [] : [[Number.parseInt(part, 10), Number(level)] as const];
  });
}

export const FAILURE = "Error: payment method not found";

/** A run that makes the same failing call so often, then says a last word. */
export function failing(times: number, result: string = FAILURE): Json[] {
  const rounds = Array.from({ length: times }, (_, index) =>
    toolRound(index + 1, { q: "pay", result }),
  );
  return [...opening("Pay the bill."), ...rounds.flat(), { role: "assistant", content: "Done." }];
}

/** The same run in content blocks, with thoughts and without a system message of its own. */
export function failingInBlocks(times: number): Json[] {
  const rounds = Array.from({ length: times }, (_, index) => [
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: `Thought number ${index}.` },
        { type: "text", text: "I pay." },
        { type: "tool_use", id: `t${index}`, name: "search", input: { q: "pay" } },
      ],
    },
    {
      role: "user",
      content: [
        {
          type: "tool_result",
          tool_use_id: `t${index}`,
          content: [{ type: "text", text: "payment method not found" }],
          is_error: true,
        },
      ],
    },
  ]);
  return [
    { role: "user", content: "Pay the bill." },
    ...rounds.flat(),
    { role: "assistant", content: [{ type: "text", text: "Done." }] },
  ];
}
