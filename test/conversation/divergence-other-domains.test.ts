import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { act, play, repeat, says, type Scene } from "./divergence-scene.ts";

/** Turn of the first correction; 0: none. */
const firesAt = (scene: Scene): number =>
  1 + play(scene).findIndex((verdict) => verdict.severity === "firing");
const each = <Item>(items: readonly Item[], scene: (item: Item, index: number) => Scene): Scene =>
  items.flatMap((item, index) => scene(item, index));
const sh = (command: string, result: string): Scene => [act("bash", { command }, result)];

/** Scene and the turn by which a careful person would have stepped in. */
const LOOPS: Readonly<Record<string, readonly [Scene, number]>> = {
  "an error that only ids and clock times tell apart": [
    [
      "restart the feed",
      ...repeat(6, (n) =>
        act(
          "service_restart",
          { unit: "feed" },
          `Error: unit feed failed at 03:1${n}:0${n} (pid ${4100 + 7 * n}, ref e${30 + n})`,
        ),
      ),
    ],
    4,
  ],
  "a click on an element whose handle changes with each snapshot": [
    [
      "book the court",
      ...each([3, 18, 44, 61, 72], (n) => [
        act("browser_snapshot", {}, `- dialog "Sign up"\n- button "Book" [ref=e${n}]`),
        act("browser_click", { element: "Book", ref: `e${n}` }, `TimeoutError: e${n} is covered`),
      ]),
    ],
    8,
  ],
  "columns that are guessed": [
    [
      "who owes us most?",
      ...each(["debtor", "debitor", "owed_by", "payer", "who"], (name) => [
        act(
          "query",
          { sql: `select ${name}, sum(due) from open_items group by ${name}` },
          `Unknown column '${name}' in 'field list'`,
        ),
      ]),
    ],
    5,
  ],
  "an attribute that is guessed in code": [
    [
      "plot it",
      ...each(["draw", "plot_all", "render", "paint", "show_all"], (name) => [
        act(
          "run_python",
          { code: `chart.${name}(rows, title='Q3')` },
          `AttributeError: 'Chart' object has no attribute '${name}'`,
        ),
      ]),
    ],
    5,
  ],
  "amounts that are lowered while the account is locked": [
    [
      "pay out",
      ...each([500, 450, 400, 300, 250, 100], (amount) => [
        act(
          "payout_request",
          { account: "A-7", amount },
          "Error: account A-7 is frozen by compliance",
        ),
      ]),
    ],
    6,
  ],
  "timeouts that grow inside of a command": [
    [
      "deploy",
      ...each([10, 30, 60, 120], (s) =>
        sh(
          `helm upgrade shop ./chart --wait --timeout ${s}s`,
          `Error: another operation is in progress (waited ${s}s)`,
        ),
      ),
    ],
    4,
  ],
  "a program's complaint in another language": [
    [
      "zähl die Zeilen",
      ...each([1, 2, 3, 4], () =>
        sh("wc -l daten.csv", "wc: daten.csv: Datei oder Verzeichnis nicht da"),
      ),
    ],
    4,
  ],
  "pages that all hold the same rows": [
    [
      "sum all fares",
      ...each([1, 2, 3, 4, 5, 6, 7], (page) => [
        act(
          "fares_list",
          { page },
          JSON.stringify({
            rows: [
              { id: "f-1", from: "Oslo", fare: 41.5 },
              { id: "f-2", from: "Bergen", fare: 77 },
            ],
            more: true,
            source: "tariff 2026",
          }),
        ),
      ]),
    ],
    7,
  ],
  "an appointment that is entered again under other titles": [
    [
      "book the dentist on 4 May at 9",
      ...each(
        ["Dentist", "Dentist appointment", "Appointment: dentist", "Dentist visit"],
        (title) => [
          act(
            "calendar_add",
            { title, start: "2026-05-04T09:00", minutes: 30 },
            `added as ev-${title.length}`,
          ),
        ],
      ),
    ],
    4,
  ],
  "a ticket that is opened again in other words": [
    [
      "report the leak in hall 3",
      ...each(
        [
          "Water leak in hall 3",
          "Leak in hall 3 (water)",
          "Hall 3: water leak",
          "Water leaking in hall 3",
        ],
        (summary, n) => [
          act("ticket_create", { site: "hall-3", summary }, `{"ticket": ${900 + n}}`),
        ],
      ),
    ],
    4,
  ],
  "a sub-agent that cannot start, with other prompts": [
    [
      "compare the vendors",
      ...each(
        [
          "Compare the three vendors by price",
          "List prices of all vendors and compare",
          "Make a table of vendor prices",
          "Research what each vendor charges",
          "Find vendor price lists",
          "Vendors: prices, terms, table please",
        ],
        (prompt) => [
          act(
            "delegate",
            { agent: "research", prompt },
            "The sub-agent could not be started: quota of seats is used up (seat 4 of 4).",
          ),
        ],
      ),
    ],
    6,
  ],
  "answers that the client cannot read": [
    [
      "when does it open?",
      ...repeat(5, (n) => [
        says(`Thought ${n}: it opens at nine, I am sure of it by now. It opens at nine.`),
        "Could not parse LLM output: no Action was given",
      ]).flat(),
    ],
    5,
  ],
  "the same commands before a locked gate, with a move counter": [
    [
      "reach the tower",
      ...repeat(20, (n) =>
        act(
          "play",
          { do: ["north", "look", "open gate", "push gate"][n % 4] ?? "" },
          `${["A gate bars the way.", "You see a gate and a well.", "It is locked.", "It does not move."][n % 4]}` +
            ` [turn ${n + 1}]`,
        ),
      ),
    ],
    16,
  ],
  "the same code under other headings while the user complains": [
    [
      "write a sort",
      ...each(
        ["no, wrong", "still wrong!", "that is the same code", "again the same", "read it please"],
        (words, n) => [
          says(
            `${["Here you are:", "Sorry, corrected:", "Now right:", "My mistake, fixed:", "The final version:"][n]}` +
              `\n\n\`\`\`python\ndef order(items):\n    for i in range(len(items)):\n        for j in range(i):\n` +
              `            items[i], items[j] = items[j], items[i]\n    return items\n\`\`\``,
          ),
          words,
        ],
      ),
      says(
        "Here:\n\n```python\ndef order(items):\n    for i in range(len(items)):\n        for j in range(i):\n" +
          "            items[i], items[j] = items[j], items[i]\n    return items\n```",
      ),
    ],
    6,
  ],
  "waiting for a pod that cannot start": [
    [
      "roll out",
      ...repeat(12, (n) => [
        act("sleep", { seconds: 20 }, "ok"),
        act(
          "kubectl",
          { args: "get pods" },
          `NAME READY STATUS AGE\napi-1 0/1 ${n % 2 ? "CrashLoopBackOff" : "Error"} ${n}m${n * 3}s`,
        ),
      ]).flat(),
    ],
    20,
  ],
  "waiting for ever": [
    [
      "print it",
      ...repeat(20, () => [
        act("等待", { 秒: 30 }, "完成"),
        act("打印机_状态", {}, { toString: () => '{"状态":"排队中"}' }.toString()),
      ]).flat(),
    ],
    36,
  ],
  "the same search in Portuguese, in other words, with nothing found": [
    [
      "ache o contrato",
      ...each(
        [
          "contrato Silva 2019",
          "Silva contrato 2019",
          "contrato de Silva 2019",
          "2019 Silva contrato",
          "contrato 2019 Silva",
        ],
        (q) => [act("pesquisar", { q }, '{"resultados": []}')],
      ),
    ],
    5,
  ],
  "an edit that is refused for its syntax": [
    [
      "fix",
      ...repeat(5, (n) => [
        says(`I will edit now (${n}).\n\`\`\`\nedit 10:12\nfoo(\nend_of_edit\n\`\`\``),
        `Your proposed edit has introduced new syntax error(s). ` +
          `Please read this error message carefully and then retry editing the file.` +
          `\n\nERRORS:\n- E999 SyntaxError: '(' was never closed\n[File: a.py (${100 + n} lines total)]`,
      ]).flat(),
    ],
    5,
  ],
  "an action in other words that does nothing": [
    [
      "put the mug on the shelf",
      ...each(
        [
          "put mug 1 in/on shelf 1",
          "put mug 1 on shelf 1",
          "put mug in shelf 1",
          "put mug 1 shelf 1",
          "put the mug 1 on shelf 1",
          "put mug 1 in/on shelf 1",
        ],
        (a) => [says(`Thought: I should put it.\nAction: ${a}`), "Observation: Nothing happens."],
      ),
    ],
    6,
  ],
  "a page that is looked up again": [
    [
      "who?",
      ...repeat(5, (n) => [
        says(`Thought ${n}: I need to look up the band.\nAction ${n}: Search[The Blue Foxes]`),
        `Observation ${n}: Could not find The Blue Foxes. Similar: ['Blue Fox', 'Foxes']`,
      ]).flat(),
    ],
    4,
  ],
  "an error in Russian with another code each time": [
    [
      "оплати счёт",
      ...repeat(4, (n) => [
        act("оплатить", { счёт: "77", сумма: 500 }, `Ошибка: карта отклонена (код ${n})`),
      ]).flat(),
    ],
    4,
  ],
  "an error in Korean": [
    [
      "파일을 읽어",
      ...repeat(4, () => [
        act("파일_읽기", { 경로: "가.txt" }, "오류: 파일을 찾을 수 없습니다"),
      ]).flat(),
    ],
    4,
  ],
  "promises in Italian": [
    [
      "scrivi il rapporto",
      ...each(
        [
          "Comincio subito a scrivere il rapporto sulle vendite del trimestre.",
          "Certo, scrivo subito il rapporto sulle vendite trimestrali.",
          "Adesso scrivo il rapporto delle vendite del trimestre, un attimo.",
          "Perfetto, inizio a scrivere il rapporto sulle vendite del trimestre.",
          "Sto per scrivere il rapporto sulle vendite del trimestre.",
        ],
        (t) => [says(t), "continua"],
      ),
      says("Ora comincio il rapporto sulle vendite del trimestre."),
    ],
    6,
  ],
  "a gripper that must be calibrated": [
    [
      "grip",
      ...repeat(7, (n) => [
        act(
          "arm_grip",
          { x: 0.41 + n / 100, force: 4 + n },
          "ERROR E-207: gripper not calibrated. Run arm_calibrate first.",
        ),
      ]).flat(),
    ],
    6,
  ],
  "a comparison that is changed back and forth": [
    [
      "fix",
      ...repeat(8, (n) => [
        act("edit", { path: "a.c", old: n % 2 ? "<=" : "<", new: n % 2 ? "<" : "<=" }, "ok"),
        act("bash", { command: "make test" }, n % 2 ? "FAIL boundary_low" : "FAIL boundary_high"),
      ]).flat(),
    ],
    14,
  ],
  "a message that is sent again in other words": [
    [
      "tell Bo the meeting moved",
      ...each(
        [
          "Hi Bo, the meeting moved to 3 pm.",
          "Hello Bo, the meeting has moved to 3 pm.",
          "Bo, the meeting moved to 3 pm today.",
          "Hi Bo, meeting moved to 3 pm.",
        ],
        (text) => [act("send_message", { to: "@bo", text }, "delivered")],
      ),
    ],
    4,
  ],
  "a refund that was made, with other amounts": [
    [
      "refund",
      ...each([50, 49, 45, 40, 30, 20], (amount) => [
        act(
          "refund",
          { charge: "ch_1", amount },
          '{"error":{"code":"charge_already_refunded","message":"Charge has already been refunded."}}',
        ),
      ]),
    ],
    6,
  ],
};

describe("in domains it was not made for, an agent is steered back from", () => {
  for (const [name, [scene, dueBy]] of Object.entries(LOOPS)) {
    test(name, () => {
      const turn = firesAt(scene);
      assert.ok(turn > 1 && turn <= dueBy, `fired at ${turn}, due by ${dueBy}`);
    });
  }
});
