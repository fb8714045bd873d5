import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { act, play, repeat, says, type Act, type Scene } from "./divergence-scene.ts";

type Acts = readonly Act[];

const COUNTRIES = ["Peru", "Latvia", "Ghana", "Ecuador", "Vietnam", "Bulgaria", "Chad"];

/** The first request at which the scene fires, with its pattern; null when it never does. */
function firing(
  scene: Scene,
): { readonly request: number; readonly pattern: string | null } | null {
  const verdicts = play(scene);
  const request = verdicts.findIndex((verdict) => verdict.severity === "firing");
  return request === -1
    ? null
    : { request: request + 1, pattern: verdicts[request]?.pattern ?? "" };
}

const sh = (command: string, result: string): Acts => act("bash", { command }, result);
const laps = (times: number, lap: (index: number) => Scene): Scene => repeat(times, lap).flat();

describe("left alone", () => {
  const healthy: Readonly<Record<string, Scene>> = {
    "a deployment is polled until it is done": [
      "Deploy it and tell me when it is up.",
      ...repeat(6, () => act("get_deployment_status", { id: 4 }, '{"status":"IN_PROGRESS"}')),
      act("get_deployment_status", { id: 4 }, '{"status":"SUCCEEDED"}'),
      says("It is up."),
    ],
    "a long job is polled with waits in between": [
      "Train it.",
      ...laps(12, () => [
        act("sleep", { seconds: 60 }, ""),
        act("job_status", { id: 1 }, "running"),
      ]),
      act("job_status", { id: 1 }, "finished"),
    ],
    "a shell that sleeps before it looks again": [
      "Wait for the pod.",
      ...repeat(9, () => sh("sleep 30 && kubectl get pods", "web-0 0/1 Pending")),
      sh("sleep 30 && kubectl get pods", "web-0 1/1 Running"),
    ],
    "an inbox is watched because the task says so": [
      "Keep an eye on the inbox until the invoice arrives.",
      ...repeat(7, () => act("list_inbox", {}, "[]")),
      act("list_inbox", {}, '["invoice"]'),
    ],
    "pages of a list": repeat(25, (page) => act("list_users", { page }, `[${page * 10}]`)),
    "a sweep over numbers that finds nothing": repeat(9, (port) =>
      act("scan", { host: "a", port: 8000 + port }, '{"open":false,"banner":null,"service":null}'),
    ),
    "the same edit in many files": repeat(20, (index) =>
      act("edit_file", { path: `src/m${index}.ts`, find: "var", replace: "let" }, "ok"),
    ),
    "many files with the same contents": repeat(12, (index) =>
      act("read_file", { path: `packages/p${index}/LICENSE` }, "MIT License. ".repeat(40)),
    ),
    "a file read again after each edit": laps(8, (index) => [
      act("read_file", { path: "notes.md" }, index < 4 ? "a" : "b"),
      act("write_file", { path: "notes.md", text: `version ${index}` }, "ok"),
    ]),
    "tests run again after edits that help": laps(6, (index) => [
      act("edit_file", { path: `a${index}.py`, text: `fix ${index}` }, "ok"),
      act("run_tests", {}, `${6 - index} failed, ${index} passed`),
    ]),
    "a transient error tried again with waits": [
      "Fetch the report.",
      ...laps(3, () => [
        act("http_get", { url: "https://x/report" }, "503 Service Unavailable"),
        act("wait", { seconds: 20 }, ""),
      ]),
      act("http_get", { url: "https://x/report" }, "the report"),
    ],
    "hosts of a survey that all fail alike": repeat(14, (index) =>
      act("ssh", { host: `db-${index}.example.org` }, "connect: Connection timed out"),
    ),
    "more hosts than the window holds": repeat(90, (index) =>
      sh(`ssh ops@node-${index}.example.org uptime`, "ssh: connect: Connection timed out"),
    ),
    "numbered accounts that are all missing": repeat(12, (id) =>
      act("get_account", { id: 1000 + 7 * id }, '{"error":"account not found"}'),
    ),
    "buckets of an audit that are all denied": repeat(10, (index) =>
      sh(`aws s3 ls s3://team-${index}-logs`, "An error occurred (AccessDenied)"),
    ),
    "searches that move": [
      "Find the clause.",
      act("search", { q: "termination clause" }, "12 hits: general terms"),
      act("search", { q: "termination clause notice" }, "4 hits: notice period"),
      act("search", { q: "termination notice 30 days" }, "1 hit: § 14"),
      act("search", { q: "termination notice 30 days exceptions" }, "1 hit: § 15"),
    ],
    "as many messages as were asked for": [
      "Send 5 test pings to the channel.",
      ...repeat(5, () => act("send_message", { channel: "ops", text: "ping" }, '{"ok":true}')),
    ],
    "a notice after each item of work": laps(6, (index) => [
      act("convert", { file: `talk-${index}.mov` }, `talk-${index}.mp4 written`),
      act("send_message", { channel: "ops", text: "one more is done" }, '{"ok":true}'),
    ]),
    "dice are thrown": [
      "Roll for the party.",
      ...["4", "4", "4", "4", "2"].map((eyes) => act("roll_dice", { sides: 6 }, eyes)),
    ],
    "keys are pressed": repeat(7, () => act("press_key", { key: "ArrowDown" }, "ok")),
    "records are entered one by one": [
      "Enter these.",
      ...repeat(12, (index) =>
        act("create_contact", { name: `Person ${index}`, city: "Graz", tier: "b" }, '{"ok":true}'),
      ),
    ],
    "a plan is ticked off": laps(6, (index) => [
      act(
        "todo_write",
        { todos: repeat(6, (at) => ({ status: at < index ? "done" : "open" })) },
        "ok",
      ),
      act("read_file", { path: `f${index}` }, `text ${index}`),
    ]),
    "a plan stays as it is while work goes on": laps(8, (index) => [
      act("update_plan", { plan: [{ step: "read all", status: "in_progress" }] }, "Plan updated"),
      act("read_file", { path: `f${index}` }, `text ${index}`),
    ]),
    "sentences are translated": laps(6, (index) => [
      `Translate: The train to city ${index} leaves at ${index + 7}.`,
      says(
        `Der Zug nach Stadt ${index} fährt um ${index + 7} Uhr ab, bitte beachten Sie den Fahrplan.`,
      ),
    ]),
    "labels are given": laps(8, (index) => [
      `Classify: the parcel number ${index} came late and broken`,
      says('{"label":"complaint","confidence":0.98,"reason":"the parcel is broken"}'),
    ]),
    "a heartbeat is answered": laps(10, () => [
      "[heartbeat] Anything to report?",
      says("HEARTBEAT_OK - nothing needs your attention at the moment."),
    ]),
    "a scheduled check finds the same each day": laps(8, () => [
      "Scheduled run: check the backups.",
      act("list_backups", {}, '[{"name":"full","age_days":1}]'),
      says("Backups are fine."),
    ]),
    "the same question gets the same answer": laps(6, () => [
      "What are your opening hours?",
      says("We are open from nine to five on weekdays, and from ten to two on Saturdays."),
    ]),
    "records are dictated": laps(8, (index) => [
      `Table ${index}: ${index + 2} guests, vegetarian`,
      says("Recorded. Please tell me the next table whenever you are ready to go on."),
    ]),
    "chapters of a story": [
      "Write a story in eight parts.",
      ...[
        "The ship left the harbour before dawn, and nobody waved.",
        "Storm clouds gathered over the western islands while the cook sang.",
        "On the third night a lantern burned where no village stood.",
        "Mara found the map sewn into the lining of an old coat.",
        "They dug for hours until the spade struck iron.",
        "Inside lay letters, brittle as leaves, from a queen long dead.",
      ].flatMap((text) => [says(text), "continue"]),
    ],
    "a quiz with one form of question": laps(7, (index) => [
      ["Oslo", "Lima", "Riga", "Accra", "Quito", "Hanoi", "Sofia"][index] ?? "x",
      says(`Correct! And what is the capital of ${COUNTRIES[index]}?`),
    ]),
    "two passes over a list": [
      ...repeat(15, (index) => act("get_item", { index }, `item ${index}`)),
      ...repeat(15, (index) => act("get_item", { index }, `item ${index}`)),
    ],
    "a shell agent that looks around": [
      "Find the bug.",
      sh("ls", "a.py b.py"),
      sh("cat a.py", "import b"),
      sh("cat b.py", "x = 1"),
      sh("python a.py", "NameError: y"),
      sh("sed -i s/x/y/ b.py", ""),
      sh("python a.py", "ok"),
      sh("git diff", "-x +y"),
    ],
    "the status of a repository between commits": laps(9, (index) => [
      sh("git status --short", ""),
      sh(`git commit -am 'part ${index}'`, `[main ${index}abcde1] part ${index}`),
    ]),
    "a different cause is ruled out each time": [
      "Fix the flaky test.",
      ...["lock.py", "cache.py", "queue.py", "clock.py"].flatMap((path, index) => [
        act("edit_file", { path, change: `idea number ${index} about ${path}` }, "edited"),
        act("run_tests", {}, "1 failed: expected 3, got 2"),
      ]),
    ],
    "a file looked up once more after a compaction": laps(3, (index) => [
      "This session is continued; a summary of the conversation follows. Work on.",
      act("read_file", { path: "AGENTS.md" }, "rules"),
      ...repeat(3, (part) =>
        act("edit_file", { path: `x${index}${part}.ts`, text: `new ${index} ${part}` }, "ok"),
      ),
    ]),
    "a person asks for another try twice": [
      "Pay the bill.",
      act("pay_bill", { id: 7 }, "Error: card declined"),
      says("The card was declined."),
      "Try again, please.",
      act("pay_bill", { id: 7 }, "Error: card declined"),
      says("It was declined again."),
      "I have unlocked the card now.",
      act("pay_bill", { id: 7 }, "paid"),
    ],
    "a refusal to a person who insists": laps(5, (index) => [
      ["One more book?", "Only one!", "Make an exception.", "Please?", "Last month I could."][
        index
      ] ?? "",
      says("I am sorry, a card allows five books at most. Please return one of them first."),
    ]),
    "a robot visits place after place": laps(9, (index) => [
      act("navigate_to", { x: index, y: index % 2 }, '{"status":"arrived"}'),
      act("scan_area", {}, '{"clear":true}'),
    ]),
  };
  for (const [title, scene] of Object.entries(healthy)) {
    test(title, () => assert.equal(firing(scene), null));
  }
});

describe("found", () => {
  /** Scene, pattern, and the request at which it fires. */
  const loops: Readonly<Record<string, readonly [Scene, string, number]>> = {
    "a finished job is polled on": [
      repeat(8, () => act("get_job_status", { id: 3 }, '{"status":"completed","rows":40}')),
      "same-call-same-result",
      4,
    ],
    "a job that never moves": [
      repeat(12, () => act("job_status", { id: 3 }, '{"status":"pending"}')),
      "same-call-same-result",
      8,
    ],
    "one call behind new request ids and timeouts": [
      repeat(6, (index) =>
        act("get_invoice", { id: 5, request_id: `r-${index}`, timeout_ms: 1000 * index }, "{}"),
      ),
      "same-call-same-result",
      4,
    ],
    "one path spelled in many ways": [
      ["src/a.ts", "./src/a.ts", "src//a.ts", "SRC/a.ts"].map((path) =>
        act("read_file", { path }, "export const a = 1; // the file"),
      ),
      "same-call-same-result",
      4,
    ],
    "output trimmed in another way each time": [
      ["| tail -5", "| tail -20", "| head -50", "2>&1 | tail -9"].map((tail) =>
        sh(`make docs ${tail}`, "make: Nothing to be done for 'docs'. Stop here."),
      ),
      "same-call-same-result",
      4,
    ],
    "the same failing command": [
      repeat(5, () => sh("npm run build", "Error: Cannot find module 'vite'")),
      "same-call-same-error",
      3,
    ],
    "a failing command whose exit code stands at the end": [
      repeat(4, () => sh("make", `${"cc -c a.c\n".repeat(90)}make: *** [all]\nexit code: 2`)),
      "same-call-same-error",
      3,
    ],
    "an error in French": [
      repeat(4, () => act("chercher", { id: 2 }, "Erreur : identifiant introuvable")),
      "same-call-same-error",
      3,
    ],
    "an error in Chinese": [
      repeat(4, () => act("query", { id: 2 }, "错误:权限不足")),
      "same-call-same-error",
      3,
    ],
    "an error in German": [
      repeat(4, () => act("buchung_lesen", { id: 2 }, "Fehler: Buchung nicht gefunden")),
      "same-call-same-error",
      3,
    ],
    "the same failure across what the user says": [
      laps(5, (index) => [
        `Please use card ${index} for it`,
        act("charge_card", { order: 9 }, '{"error":"order is locked"}'),
        says(`That did not work (${index}).`),
      ]),
      "same-call-same-error",
      7,
    ],
    "the same failure pushed on by the user": [
      laps(4, () => [
        act("charge_card", { order: 9 }, '{"error":"order is locked"}'),
        says("Hm."),
        "continue",
      ]),
      "same-call-same-error",
      5,
    ],
    "the same message sent over and over": [
      [
        "Tell Ann it is ready.",
        ...repeat(5, (index) =>
          act("send_email", { to: "ann", body: "ready" }, `sent, id ${index}`),
        ),
      ],
      "repeated-side-effect",
      3,
    ],
    "a payment made again with fresh idempotency keys": [
      repeat(4, (index) =>
        act("create_payment", { amount: 20, idempotency_key: `k${index}` }, `{"id":"p_${index}"}`),
      ),
      "repeated-side-effect",
      3,
    ],
    "more reminders than were asked for": [
      [
        "Create 2 reminders.",
        ...repeat(6, (index) => act("create_reminder", { text: "call" }, `created ${index}`)),
      ],
      "repeated-side-effect",
      4,
    ],
    "a date in every format": [
      ["2024-05-20", "20.05.2024", "May 20", "20 May 2024", "05/20/24"].map((date) =>
        act("search_flights", { from: "GRZ", date }, "Error: invalid date format"),
      ),
      "same-error-varied-calls",
      4,
    ],
    "an edit that never matches": [
      repeat(6, (index) =>
        act(
          "str_replace",
          { path: "a.rs", old_str: `${" ".repeat(index)}return Err(x) // ${index}` },
          "No replacement was performed: old_str did not appear verbatim in a.rs.",
        ),
      ),
      "same-error-varied-calls",
      4,
    ],
    "paths guessed at": [
      [
        "src/util.py",
        "src/utils.py",
        "lib/util.py",
        "lib/utils.py",
        "src/lib/util.py",
        "src/lib/utils.py",
      ].map((path) => sh(`cat ${path}`, `cat: ${path}: No such file or directory`)),
      "same-error-varied-calls",
      6,
    ],
    "search words shuffled over nothing": [
      [
        "drone noise law",
        "law drone noise",
        "noise drone law",
        "drone law noise case",
        "case law drone noise",
      ].map((q, index) => act("search_cases", { q }, `{"took_ms":${index},"hits":0,"items":[]}`)),
      "same-result-near-calls",
      4,
    ],
    "read, failing edit, failing test": [
      laps(4, (index) => [
        act("read_file", { path: "a.py" }, "def f(): pass"),
        act("edit_file", { path: "a.py", old: `x${index}` }, "Error: old text not found in file"),
        act("run_tests", {}, "1 failed: test_f"),
      ]),
      "same-call-same-error",
      9,
    ],
    "a cycle of five": [
      laps(4, () => repeat(5, (index) => act(`get_part_${index}`, { index }, `part ${index}`))),
      "cycle",
      15,
    ],
    "a cycle of eight": [
      laps(4, () => repeat(8, (index) => act(`get_part_${index}`, { index }, `part ${index}`))),
      "cycle",
      24,
    ],
    "a cycle with unrelated calls in between": [
      laps(5, (index) => [
        act("get_order", { id: 1 }, "order 1"),
        act("get_time", {}, "it is late"),
        act("get_stock", { id: 1 }, "stock 0"),
        ...(index % 2 === 0 ? [act("get_weather", { day: index }, "rain")] : []),
      ]),
      "cycle",
      14,
    ],
    "a tool that does not exist": [
      repeat(4, (index) => act("merge_all", { n: index }, "Unknown tool: merge_all")),
      "malformed-calls",
      3,
    ],
    "arguments cut off": [
      repeat(4, (index) =>
        act("write_file", `{"path":"a","text":"${index}`, "Error: invalid JSON"),
      ),
      "malformed-calls",
      3,
    ],
    "a plan written again and again": [
      repeat(6, (index) =>
        act("todo_write", { todos: [{ content: `do it ${index}`, status: "pending" }] }, "ok"),
      ),
      "plan-churn",
      5,
    ],
    "finished items taken up again": [
      laps(4, () => [
        act("todo_write", { todos: [{ status: "completed" }, { status: "pending" }] }, "ok"),
        act("todo_write", { todos: [{ status: "in_progress" }, { status: "pending" }] }, "ok"),
      ]),
      "plan-set-back",
      4,
    ],
    "a text word by word": [
      laps(4, () => [
        says("I am now going to look into the matter of the invoice for you."),
        "continue",
      ]),
      "repeated-text",
      3,
    ],
    "a promise in other words": [
      [
        "I will create the offer for customer 20418 now, one moment please.",
        "The offer for customer 20418 is being created now, just a moment.",
        "One moment, I am creating the offer for customer 20418 right away.",
        "Right away: I will create the offer for customer 20418, please wait.",
        "Please wait, the offer for customer 20418 will be created in one moment.",
      ].flatMap((text) => [says(text), "and?"]),
      "announced-only",
      4,
    ],
    "a promise in Chinese": [
      laps(5, (index) => [
        says(`好的,我将首先加载销售数据,然后按省份分组计算同比增速${"。".repeat(index + 1)}`),
        "请继续",
      ]),
      "repeated-text",
      4,
    ],
    "a question that was answered": [
      laps(5, (index) => [
        says("Could you please tell me the number of your order so that I can look it up?"),
        ["It is 4711.", "4711!", "As I said: 4711", "Order 4711."][index] ?? "4711",
      ]),
      "reasked-question",
      3,
    ],
    "four rooms in a circle": [
      laps(4, () => [
        says("go north"),
        "You are in the library.",
        says("go east"),
        "You are in the kitchen.",
        says("go south"),
        "You are in the hall.",
      ]),
      "exchange-cycle",
      10,
    ],
    "actions written as text": [
      laps(5, (index) => [
        says(`Thought ${index}: I look it up.\nAction ${index}: Search[Lake Ohrid tower]`),
        `Observation ${index}: Could not find [Lake Ohrid tower]. Similar: ['Ohrid', 'Lake']`,
      ]),
      "same-call-same-error",
      3,
    ],
    "commands in fences": [
      laps(5, () => [
        says("DISCUSSION\nLet us run it.\n```\npython reproduce.py\n```"),
        "(Open file: n/a)\n(Current directory: /repo)\nTraceback (most recent call last)\nKeyError: 'x'",
      ]),
      "same-call-same-error",
      3,
    ],
    "the same parallel calls every turn": [
      repeat(5, () => [
        ...act("get_price", { id: 1 }, "10 EUR in stock at the shop"),
        ...act("get_price", { id: 2 }, "12 EUR in stock at the shop"),
      ]),
      "same-call-same-result",
      4,
    ],
    "work begun again after every compaction": [
      laps(4, (index) => [
        `The conversation was compacted. Summary ${index}: nothing is done yet.`,
        act("list_files", { path: "/data" }, "a.csv b.csv"),
        act("read_file", { path: "/data/a.csv" }, "1;2;3"),
      ]),
      "same-work-after-compaction",
      5,
    ],
    "a service that is down in ever other words": [
      repeat(8, (index) =>
        act(
          "fetch",
          { url: "u" },
          ["503 Service Unavailable", "Error: timed out", "429 Too Many Requests"][index % 3] ?? "",
        ),
      ),
      "retry-storm",
      6,
    ],
  };
  for (const [title, [scene, pattern, request]] of Object.entries(loops)) {
    test(title, () => assert.deepEqual(firing(scene), { request, pattern }));
  }
});
