// Healthy conversations of engineers' agents: edits with tests, long shell runs, sweeps, plans.
// Must never hold a run whose equal results nobody learns from.

import type { LabelledCase } from "./labelled-case.ts";
import { Transcript, hex, upTo } from "./a-transcripts.ts";

function configReread(): LabelledCase {
  const talk = new Transcript("You are a coding agent. Tools: read_file, edit_file.", "anthropic");
  talk.user(
    "Raise the limits in gateway.toml: body 2 MB, header 16 KB, idle 90 s. One edit at a time.",
  );
  const state = { body: "1MB", header: "8KB", idle: "60s" };
  const read = (): Transcript =>
    talk.call(
      "read_file",
      { path: "gateway.toml" },
      `[limits]\nbody = "${state.body}"\nheader = "${state.header}"\nidle = "${state.idle}"`,
    );
  read();
  for (const [key, value] of [
    ["body", "2MB"],
    ["header", "16KB"],
    ["idle", "90s"],
  ] as const) {
    talk.call(
      "edit_file",
      { path: "gateway.toml", find: `${key} = "${state[key]}"`, replace: `${key} = "${value}"` },
      "1 replacement",
    );
    state[key] = value;
    read();
  }
  talk.say("All three limits are raised.");
  return talk.healthy(
    "config-reread-after-edits",
    "The same file is read four times, after each change of it.",
  );
}

function fewerFailures(): LabelledCase {
  const talk = new Transcript("You are a coding agent. Tools: edit_file, run_tests.");
  talk.user("Upgrade to pydantic 2 and make the tests pass.");
  const names = ["settings", "invoice", "tenant", "webhook", "quota", "export"];
  talk.call("run_tests", {}, "23 failed, 118 passed in 14.20s");
  for (const [index, failed] of [17, 12, 9, 4, 1, 0].entries()) {
    const path = `app/schemas/${names[index] ?? ""}.py`;
    talk.call(
      "edit_file",
      { path, find: "class Config:", replace: "model_config = ConfigDict(" },
      "ok",
    );
    talk.call(
      "run_tests",
      {},
      `${failed} failed, ${141 - failed} passed in 1${index}.${40 + index * 3}s`,
    );
  }
  talk.say("All 141 tests pass with pydantic 2.");
  return talk.healthy(
    "tests-with-fewer-failures",
    "Edit and test take turns while the failures go down to none.",
  );
}

function equalFailureHypotheses(): LabelledCase {
  const talk = new Transcript(
    "You are a coding agent with edit_file, run_tests and bash.",
    "short",
  );
  talk.user("test_concurrent_withdraw fails now and then. Fix the cause.");
  const failure = "E   AssertionError: balance == -20, want 0\n1 failed, 44 passed";
  const ideas: readonly (readonly [string, string, string])[] = [
    ["bank/account.py", "SELECT … FOR UPDATE", "The row is perhaps not locked."],
    [
      "bank/session.py",
      "isolation_level='SERIALIZABLE'",
      "Same outcome, so not the lock. The isolation?",
    ],
    ["bank/cache.py", "ttl = 0", "Still -20. Perhaps a stale cached balance."],
    ["bank/queue.py", "prefetch = 1", "Not the cache. Two workers may take one message."],
  ];
  talk.call("run_tests", { k: "concurrent" }, failure);
  for (const [path, change, said] of ideas) {
    talk.call("edit_file", { path, change }, "edited", said);
    talk.call("run_tests", { k: "concurrent" }, failure);
    talk.call("bash", { command: `git checkout ${path}` }, "Updated 1 path from the index");
  }
  talk.call(
    "bash",
    { command: "grep -rn 'def withdraw' bank" },
    "bank/account.py:40\nbank/legacy.py:12",
  );
  talk.call(
    "edit_file",
    { path: "bank/legacy.py", change: "delegate to account.withdraw" },
    "edited",
    "Two paths!",
  );
  talk.call("run_tests", { k: "concurrent" }, "45 passed in 2.17s");
  talk.say("The legacy path withdrew without the lock. It now goes through the account.");
  return talk.healthy(
    "four-hypotheses-one-failure",
    "The failure stays the same while four causes are ruled out.",
  );
}

function statusBetweenEdits(): LabelledCase {
  const talk = new Transcript(
    "You are a documentation agent with a bash tool. Check git status often.",
  );
  talk.user("Fix the typos in the guides and commit each guide on its own.");
  for (const guide of ["install", "backup", "upgrade", "sso", "faq"]) {
    talk.call("bash", { command: "git status --short" }, "");
    talk.call("bash", { command: `codespell -w docs/${guide}.md` }, `FIXED: docs/${guide}.md`);
    talk.call("bash", { command: "git status --short" }, ` M docs/${guide}.md`);
    talk.call(
      "bash",
      { command: `git commit -qam 'docs: typos in ${guide}' && git log -1 --format=%h` },
      hex(guide, 7),
    );
  }
  talk.say("Five guides fixed in five commits.");
  return talk.healthy(
    "git-status-between-commits",
    "A clean tree before each guide is the expected, equal result.",
  );
}

const PORTED =
  "acl blob cron dns feed geo hook jobs keys lock mail note page quota rate sync".split(" ");

function longShellRun(): LabelledCase {
  const talk = new Transcript(
    "You are an autonomous engineer. You have one tool: bash.",
    "counted",
  );
  const run = (command: string, output: string): Transcript =>
    talk.call("bash", { command }, output);
  talk.user("Port all test modules under tests/ from unittest to pytest, one commit per module.");
  run("ls tests", PORTED.map((name) => `test_${name}.py`).join("\n"));
  for (const [index, name] of PORTED.entries()) {
    const count = 3 + ((index * 5) % 9);
    run(
      `sed -n 1,12p tests/test_${name}.py`,
      `import unittest\n\nfrom kit.${name} import *\n\nclass ${name}Test:`,
    );
    run(`python tools/port.py tests/test_${name}.py`, `ported ${count} tests`);
    if (index % 5 === 2) {
      run(
        `pytest -q tests/test_${name}.py`,
        `E   NameError: name 'self' is not defined\n1 failed, ${count - 1} passed`,
      );
      run(`sed -i 's/self\\.//g' tests/test_${name}.py`, "");
    }
    run(`pytest -q tests/test_${name}.py`, `${count} passed in 0.${11 + index * 3}s`);
    run("git status --short", ` M tests/test_${name}.py`);
    run(`git commit -qam 'test: port ${name} to pytest'`, "");
  }
  run("pytest -q", "108 passed in 6.31s");
  run("grep -rl unittest tests | wc -l", "0");
  talk.say("All 16 test modules are ported, each in its own commit; 108 tests pass.");
  return talk.healthy(
    "long-shell-run",
    "Some ninety shell calls of one kind carry sixteen modules forward.",
  );
}

function bisect(): LabelledCase {
  const talk = new Transcript("You are a coding agent with a bash tool.");
  talk.user("Find the commit since v4.1 that made startup slow (over 2 s).");
  talk.call(
    "bash",
    { command: "git bisect start HEAD v4.1" },
    "Bisecting: 127 revisions left to test",
  );
  const seconds = ["3.4", "3.3", "0.9", "3.4", "0.9", "0.8", "3.3", "0.9"];
  for (const [index, time] of seconds.entries()) {
    talk.call("bash", { command: "./bench-startup.sh" }, `startup: ${time} s`);
    const verdict = Number(time) > 2 ? "bad" : "good";
    const left = Math.floor(127 / 2 ** (index + 1));
    talk.call(
      "bash",
      { command: `git bisect ${verdict}` },
      `Bisecting: ${left} revisions left (${hex(`b${index}`, 8)})`,
    );
  }
  talk.say(`The first slow commit is ${hex("b5", 8)}.`);
  return talk.healthy(
    "startup-bisect",
    "One benchmark is run on eight commits; the range halves each time.",
  );
}

function flakyHunt(): LabelledCase {
  const talk = new Transcript("You are a test engineer with a run_test tool.");
  talk.user("Run test_reconnect ten times and tell me how often it fails. Do not change anything.");
  for (const round of upTo(10)) {
    const ok = round !== 7;
    talk.call(
      "run_test",
      { name: "test_reconnect" },
      ok ? "PASS" : "FAIL: expected 2 connections, got 1",
    );
  }
  talk.say("test_reconnect failed once in ten runs (run 7).");
  return talk.healthy(
    "ten-runs-on-request",
    "The user asked for ten equal runs in order to count the failures.",
  );
}

function afterSummary(): LabelledCase {
  const talk = new Transcript("You are a coding agent in a Kotlin app.", "reused");
  talk.user("Add dark mode to the settings, profile and about screens.");
  const screen = (name: string): void => {
    talk.call(
      "read_file",
      { path: `ui/${name}Screen.kt` },
      `@Composable fun ${name}Screen() { Surface(White) }`,
    );
    talk.call(
      "edit_file",
      { path: `ui/${name}Screen.kt`, find: "White", replace: "colors.surface" },
      "ok",
    );
  };
  talk.call("read_file", { path: "ui/Theme.kt" }, "val light = Colors(surface = White)");
  screen("Settings");
  screen("Profile");
  talk.user(
    "[Summary] Dark mode: Settings and Profile are done with colors.surface. About is left.",
  );
  talk.call(
    "read_file",
    { path: "ui/Theme.kt" },
    "val light = Colors(surface = White)",
    "I look at the theme again.",
  );
  screen("About");
  talk.call("bash", { command: "./gradlew test" }, "BUILD SUCCESSFUL in 41s");
  talk.say("Dark mode works on all three screens.");
  return talk.healthy(
    "on-after-a-summary",
    "One file is read again after the summary; then the work goes on.",
  );
}

function todoMovesOn(): LabelledCase {
  const talk = new Transcript("You are a coding agent. Keep a todo list with todo_write.");
  const paths = [
    "db/041_nickname.sql",
    "db/backfill.ts",
    "api/profile.ts",
    "ui/Profile.tsx",
    "docs/api.md",
  ];
  const tasks = ["Add column", "Backfill", "Write API", "Show in UI", "Document"];
  talk.user("Add a nickname to user profiles, from the database to the docs.");
  for (const done of upTo(tasks.length + 1)) {
    const todos = tasks.map((content, index) => ({
      content,
      status: index + 1 < done ? "completed" : index + 1 === done ? "in_progress" : "pending",
    }));
    talk.call("todo_write", { todos }, "Todos have been modified successfully.");
    const path = paths[done - 1];
    if (path !== undefined) talk.call("edit_file", { path }, "ok");
  }
  talk.say("Nicknames are in: column, backfill, API, UI and docs.");
  return talk.healthy(
    "todo-list-moves-on",
    "The list is written six times with the same tasks; one more is done each time.",
  );
}

export const cases: readonly LabelledCase[] = [
  configReread(),
  fewerFailures(),
  equalFailureHypotheses(),
  statusBetweenEdits(),
  longShellRun(),
  bisect(),
  flakyHunt(),
  afterSummary(),
  todoMovesOn(),
];
