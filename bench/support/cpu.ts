// CPU time of a process with its threads and children, and of a core, read from /proc.
// Must never guess: where the system does not tell (not Linux), the answer is null.

import { readdirSync, readFileSync } from "node:fs";

/** /proc/stat and /proc/<pid>/stat count in ticks of 1/100 s on every Linux that Node runs on. */
const NS_PER_TICK = 10_000_000;

/** CPU time used so far by a process, all its threads and all its children, in nanoseconds. */
export function processTreeCpuNs(pid: number): number | null {
  const threads = listThreads(pid);
  if (threads.length === 0) return null;
  let sumNs = 0;
  for (const thread of threads) {
    const schedule = readText(`/proc/${pid}/task/${thread}/schedstat`);
    if (schedule === null) return processTicksNs(pid);
    sumNs += Number(schedule.split(" ")[0]);
    const children = readText(`/proc/${pid}/task/${thread}/children`) ?? "";
    for (const child of children.split(" ").filter((text) => text !== "")) {
      sumNs += processTreeCpuNs(Number(child)) ?? 0;
    }
  }
  return sumNs;
}

/** Time a core was busy with anything at all, in nanoseconds since boot; 10 ms resolution. */
export function coreBusyNs(core: number): number | null {
  const line = readText("/proc/stat")
    ?.split("\n")
    .find((text) => text.startsWith(`cpu${core} `));
  if (line === undefined) return null;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = line
    .split(" ")
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq + steal) * NS_PER_TICK;
}

function processTicksNs(pid: number): number | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name in parentheses may hold blanks, so fields are counted behind it: utime and stime.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * NS_PER_TICK;
}

function listThreads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}
