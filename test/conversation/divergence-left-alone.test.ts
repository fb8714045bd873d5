import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { act, play, repeat, says, type Scene } from "./divergence-scene.ts";

const each = <Item>(items: readonly Item[], scene: (item: Item, index: number) => Scene): Scene =>
  items.flatMap((item, index) => scene(item, index));
const sh = (command: string, result: string): Scene => [act("bash", { command }, result)];

const HEALTHY: Readonly<Record<string, Scene>> = {
  "a survey of hosts that do not answer": [
    "which of our hosts answer?",
    ...each(
      repeat(14, (n) => `node-${n + 10}`),
      (host) =>
        sh(
          `ssh -o ConnectTimeout=5 ${host} uptime`,
          `ssh: connect to host ${host} port 22: Connection timed out`,
        ),
    ),
  ],
  "ids of a list that are not found": [
    "which of these orders still exist?",
    ...each(
      repeat(12, (n) => 7001 + 3 * n),
      (id) => [act("order_get", { id }, `Error: order ${id} not found`)],
    ),
  ],
  "patient waiting with the same answer": [
    "restore the backup and tell me",
    ...repeat(12, () => [
      act("warten", { sekunden: 60 }, "ok"),
      act("backup_lesen", { id: "b-1" }, '{"zustand":"in Warteschlange"}'),
    ]).flat(),
    act("backup_lesen", { id: "b-1" }, '{"zustand":"fertig"}'),
  ],
  "progress in percent": [
    "transcode it",
    ...each([0, 0, 4, 4, 19, 40, 40, 77, 100], (percent) => [
      act("attendre", { secondes: 20 }, "fait"),
      act("tache_lire", { id: 3 }, `{"etat":"en cours","avancement":${percent}}`),
    ]),
  ],
  "as many runs as the user asked for, in words": [
    "Lance le test quinze fois et compte les échecs.",
    ...each(repeat(15, String), () => sh("make test-login", "ok: 1 passed")),
  ],
  "as many runs as asked for, in Chinese": [
    "请运行十二次并统计失败次数",
    ...each(repeat(12, String), () => sh("./probe", "ok")),
  ],
  "a person who asks again and again": [
    "is the parcel there?",
    ...each(["check again", "now?", "and now?", "again please", "look again", "now?"], (words) => [
      act("parcel_status_read", { id: "P1" }, '{"at":"Lyon hub"}'),
      says("No, the parcel is still at the hub in Lyon, as before."),
      words,
    ]),
    act("parcel_status_read", { id: "P1" }, '{"at":"Lyon hub"}'),
    says("No, the parcel is still at the hub in Lyon, as before."),
  ],
  "records of a list with the same frame": [
    "enter the shifts",
    ...each(["Ada", "Bo", "Cleo", "Dario", "Edda", "Finn"], (name) => [
      act(
        "shift_create",
        { date: "2026-05-04", hours: 8, note: `Early shift of ${name}` },
        "created",
      ),
    ]),
  ],
  "tickets of a plan that differ in their subject": [
    "open a ticket per module",
    ...each(["billing", "search", "login", "export", "mail"], (name) => [
      act(
        "issue_create",
        { repo: "acme/web", milestone: 12, title: `Migrate the ${name} module to ESM` },
        `#${name.length}`,
      ),
    ]),
  ],
  "an edit that helps a little each time": [
    "make the tests pass",
    ...each([9, 7, 4, 2, 0], (left, n) => [
      act("edit_file", { path: `src/part${n}.ts`, text: `fix ${n}` }, "edited"),
      ...sh("npm test", left === 0 ? "all passed" : `${left} failed, 40 passed`),
    ]),
  ],
  "a form that is filled": [
    ...each(
      [
        "name?|Ada Lovelace",
        "town?|London",
        "street?|St James 12",
        "phone?|0171 22",
        "mail?|ada@x.uk",
      ],
      (pair) => {
        const [question = "", answer = ""] = pair.split("|");
        return [says(`Thank you. And what is your ${question}`), answer];
      },
    ),
    says("Thank you, that was all. You will hear from us."),
  ],
  "chapters of a long text": [
    "write the report",
    ...each(
      [
        "The harvest of wheat fell in the dry north while the coast had rain.",
        "Prices rose in spring, and mills bought abroad for the first time since 2011.",
        "Exports of barley were stopped by decree until the stocks had been counted.",
        "Farmers' unions asked for seed on credit, which two banks refused.",
        "The outlook depends on the winter rain and on the port of Varna.",
      ],
      (text) => [says(text), "continue"],
    ),
    says("End of the report, with thanks to the readers of the draft."),
  ],
  "levels of a volume that are set one by one": [
    "fade it out",
    ...each([80, 70, 60, 50, 40, 30, 20, 10, 0], (level) => [act("volume_set", { level }, "ok")]),
  ],
  "keys in a menu": [
    "choose the ninth entry",
    ...repeat(7, () => act("press_key", { key: "Down" }, "pressed")),
  ],
  "orders that were shipped already": [
    "cancel these orders",
    ...each(
      repeat(9, (n) => `O-${100 + n * 7}`),
      (id) => [act("order_cancel", { order: id }, `Error: order ${id} has already been shipped`)],
    ),
  ],
  "orders that were shipped already, by number": [
    "cancel these orders",
    ...each(
      repeat(9, (n) => 100 + n * 7),
      (id) => [act("order_cancel", { order: id }, `Error: order ${id} has already been shipped`)],
    ),
  ],
  "people who are not in the directory": [
    "which of these people are in the directory?",
    ...each(
      ["Ann Lee", "Bob Ray", "Cleo Fox", "Dan Orr", "Eva Poe", "Finn Roy", "Gus May"],
      (n) => [act("directory_search", { name: n }, "No entry found.")],
    ),
  ],
  "names that are used nowhere": [
    "is any of these used?",
    ...each(["foo", "bar", "baz", "qux", "quux", "corge", "grault"], (n) =>
      sh(`grep -rn "${n}" src/`, ""),
    ),
  ],
  "the same remark on each file": [
    "review",
    ...each(["a", "b", "c", "d", "e", "f", "g"], (n) => [
      act("read_file", { path: `src/${n}.ts` }, `export const ${n} = 1;`),
      act("comment_add", { file: `src/${n}.ts`, line: 1, text: "Missing doc comment." }, "ok"),
    ]),
  ],
  "readings that are entered": [
    "enter the readings",
    ...each([3, 4, 4, 5, 5, 4, 3, 4], (v, n) => [
      act("sheet_append", { sheet: "temp", row: [`2026-05-0${n + 1}`, v] }, '{"updated":1}'),
    ]),
  ],
  "an entry for each visitor who is announced": [
    "log each visitor as they come",
    ...each(["visitor", "visitor", "visitor", "visitor"], (w) => [
      w + " arrived",
      act("log_add", { event: "visitor" }, "ok"),
      says("Logged the visitor, thank you for telling me about it."),
    ]),
  ],
  "an assertion that moves": [
    "fix the bug",
    ...each([1, 2, 3, 4, 5], (n) => [
      act("edit", { path: "a.py", old: `x${n}`, new: `y${n}` }, "ok"),
      ...sh("pytest -q", `E   AssertionError: assert ${n} == ${n + 1}\n1 failed`),
    ]),
  ],
  "one undeclared name after the other": [
    "make it build",
    ...each(["foo", "bar", "baz", "qux", "lim"], (s, n) => [
      act("edit", { path: `${s}.c`, new: `fix ${s}` }, "ok"),
      ...sh(
        "make",
        `main.c:${10 + n}: error: '${s}' undeclared (first use in this function)\nmake: *** [main.o] Error 1`,
      ),
    ]),
  ],
  "missing modules that are installed one by one": [
    "set it up",
    ...each(["numpy", "pandas", "scipy", "yaml", "requests"], (m) => [
      ...sh(
        "python run.py",
        `Traceback (most recent call last):\n  File "run.py", line 1\nModuleNotFoundError: No module named '${m}'`,
      ),
      ...sh(`pip install ${m}`, `Successfully installed ${m}`),
    ]),
  ],
  "a search through a flat": [
    "put a clean mug on the shelf",
    ...each(
      [
        "go to shelf 1",
        "go to table 1",
        "open fridge 1",
        "go to sink 1",
        "open cabinet 1",
        "open cabinet 2",
        "open cabinet 3",
        "take mug 1",
      ],
      (a, n) => [
        says(`Thought: try\nAction: ${a}`),
        n < 7
          ? `Observation: You are at ${a.slice(6)}. You see ` +
            `${["a vase", "nothing", "a plate", "a cup", "a pot", "a pan", "a lid"][n]}.`
          : "Observation: You pick up the mug 1.",
      ],
    ),
  ],
  "a build whose step moves": [
    "watch the build",
    ...repeat(9, (n) => [
      act(
        "get_build",
        { id: 8 },
        `{"status":"in_progress","step":"` +
          `${["checkout", "install", "install", "test", "test", "test", "pack", "pack", "done"][n]}"}`,
      ),
    ]).flat(),
  ],
  "six looks at a running job": [
    "tell me when the job is done",
    ...repeat(6, () => act("job_get", { id: 8 }, '{"status":"running"}')),
  ],
  "one reminder for each customer": [
    "remind these customers",
    ...each(["ann@x.io", "bob@x.io", "cy@x.io", "di@x.io", "ed@x.io"], (to) => [
      act("send_email", { to, subject: "Reminder", body: "Please pay invoice 12." }, "sent"),
    ]),
  ],
  "a notice after each table": [
    "migrate and post progress in #ops",
    ...each(["users", "orders", "items", "carts", "logs"], (t) => [
      ...sh(`migrate ${t}`, `${t}: ${t.length * 31} rows moved`),
      act("slack_post", { channel: "#ops", text: `Migrated table ${t}.` }, "ok"),
    ]),
  ],
  "sentences that are translated": [
    "translate each line",
    ...each(
      ["Save the file", "Save the page", "Save the image", "Save the link", "Save the draft"],
      (w) => [
        w,
        says(
          `Die Übersetzung lautet: ${w.replace("Save the", "Speichern:")} (Imperativ, Schaltfläche)`,
        ),
      ],
    ),
  ],
  "a question that is asked again": [
    "opening hours?",
    says("We are open from nine to five, Monday to Friday, except on public holidays."),
    "opening hours?",
    says("We are open from nine to five, Monday to Friday, except on public holidays."),
    "and saturday?",
    says("We are closed on Saturdays and Sundays, and on public holidays too."),
    "sunday?",
    says("We are closed on Saturdays and Sundays, and on public holidays too."),
  ],
  "pages of an export": [
    "export",
    ...repeat(8, (n) => [
      act(
        "sql",
        { q: `select * from t limit 100 offset ${n * 100}` },
        JSON.stringify(repeat(6, (i) => ({ id: n * 100 + i, v: "a".repeat(10) }))),
      ),
    ]).flat(),
  ],
  "sensors that are all well": [
    "check sensors 1 to 12",
    ...each(
      repeat(12, (n) => n + 1),
      (n) => [
        act(
          "sensor_read",
          { sensor: n },
          '{"state":"ok","battery":"full","signal":"good","firmware":"2.4.1",' +
            '"last_error":null,"calibrated":true,"zone":"hall"}',
        ),
      ],
    ),
  ],
  "a picture after each field": [
    "fill in the form",
    ...each(["name", "mail", "town", "zip", "phone"], (f) => [
      act("type", { field: f, text: f + "1" }, "typed"),
      act("screenshot", {}, "[image]"),
    ]),
  ],
  "eight runs, as asked": [
    "is it flaky? run it 8 times",
    ...each(repeat(8, String), () => sh("npm t -- flaky", "1 passed")),
  ],
  "a weekly meeting": [
    "book a room for the team weekly for May",
    ...each(["2026-05-04", "2026-05-11", "2026-05-18", "2026-05-25"], (d) => [
      act("calendar_create", { title: "Team weekly", date: d, room: "B" }, "created"),
    ]),
  ],
  "links that are all dead": [
    "check the links",
    ...each(["a", "b", "c", "d", "e", "f", "g"], (p) => [
      act("http_get", { url: `https://x.io/${p}` }, "404 Not Found"),
    ]),
  ],
};

describe("in domains it was not made for, an agent is left alone with", () => {
  for (const [name, scene] of Object.entries(HEALTHY)) {
    test(name, () => {
      assert.deepEqual(
        play(scene)
          .filter(({ severity }) => severity === "firing")
          .map(({ pattern }) => pattern),
        [],
      );
    });
  }
});
