// Runs the demo's agent as a process of its own, so that the gateway meets a client and not a
// function.
// Must never leave the process behind, nor let it see the environment: provider keys are in there.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { readAgentEvent } from "./agent-event.ts";
import type { AgentEvent, AgentTask } from "./agent-event.ts";

/** The source is run as it is; in the published package the same file has been compiled. */
const AGENT_FILE = import.meta.url.endsWith(".ts") ? "./agent.ts" : "./agent.js";

/** Yields what the agent reports until it ends; killed when the caller stops early. */
export async function* startAgent(task: AgentTask): AsyncGenerator<AgentEvent, void> {
  const file = fileURLToPath(new URL(AGENT_FILE, import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(task)], {
    env: {},
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-COMPLAINT_CHARACTERS_MAX);
  });
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      yield readAgentEvent(line);
    }
    const [code] = await ended;
    if (code !== 0) yield { kind: "failed", message: `the agent process failed: ${complaint}` };
  } finally {
    child.kill();
    await ended;
  }
}

/** How much of the agent's standard error is kept for a report. */
const COMPLAINT_CHARACTERS_MAX = 2_000;
