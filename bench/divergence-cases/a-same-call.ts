// Conversations in which one call comes back again and again with the same answer.
// Must never hold a case whose repetition a reader could defend.

import type { LabelledCase } from "./labelled-case.ts";
import { Transcript, code, hex, lines, turning, upTo } from "./a-transcripts.ts";

function grepWithoutEnd(): LabelledCase {
  const talk = new Transcript("You are a coding agent in a TypeScript monorepo. Be brief.");
  talk.user("Invoices in CHF are rounded to the cent instead of to 5 Rappen. Find it and fix it.");
  talk.call("list_dir", { path: "packages/billing/src" }, "index.ts\ninvoice.ts\nround.ts\nvat.ts");
  const search = { pattern: "roundMoney\\(", path: "packages/billing" };
  const found = lines(
    "packages/billing/src/invoice.ts:88:    total: roundMoney(sum, currency),",
    "packages/billing/src/vat.ts:31:  return roundMoney(net * rate, currency);",
    "packages/billing/src/round.ts:4:export function roundMoney(amount: number, currency: string) {",
  );
  talk.call("grep_search", search, found, "Let me see who rounds.");
  const thoughts = [
    "I should find every use of roundMoney before I change it.",
    "Let me look for the callers of the rounding function.",
    "To be sure nothing is missed, I search for roundMoney.",
    "First I need to know where roundMoney is called.",
    "Checking the usages of the rounding helper.",
    "I want to see the places that round amounts.",
    "Let me grep for roundMoney to understand the flow.",
    "Searching for roundMoney.",
  ];
  talk.loop(thoughts, 4, (said) => talk.call("grep_search", search, found, said));
  return talk.diverging(
    "grep-without-end",
    "The same search gives the same three lines nine times under ever new reasons; nothing is opened.",
  );
}

function sameCountQuery(): LabelledCase {
  const talk = new Transcript(
    "Eres un analista de datos. Usa run_sql sobre la base `ventas` (PostgreSQL 16, solo lectura).",
    "counted",
  );
  talk.user("¿Por qué bajaron los pedidos de la tienda de Valencia en octubre?");
  talk.call(
    "run_sql",
    { query: "SELECT id, nombre FROM tiendas WHERE ciudad = 'Valencia'" },
    "id | nombre\n---+----------------\n41 | Valencia Colón\n(1 row)\nTime: 3.114 ms",
  );
  const query = lines(
    "SELECT date_trunc('month', creado_en) AS mes, count(*)",
    "FROM pedidos WHERE tienda_id = 41 GROUP BY 1 ORDER BY 1 DESC LIMIT 3",
  );
  const table = "mes | count\n2025-10-01 | 812\n2025-09-01 | 1394\n2025-08-01 | 1377\n(3 rows)";
  const run = (milliseconds: string): Transcript =>
    talk.call("run_sql", { query }, `${table}\nTime: ${milliseconds} ms`);
  run("41.882");
  talk.loop(["38.107", "40.016", "39.554", "44.920", "38.871", "41.203", "39.007"], 4, run);
  return talk.diverging(
    "es-same-count-query",
    "One and the same monthly count is run eight times; only the time it took differs.",
  );
}

function clickOnHiddenButton(): LabelledCase {
  const talk = new Transcript(
    "You drive a browser through browser_navigate, browser_snapshot and browser_click.",
    "anthropic",
  );
  talk.user("Download the October statement from the tenant portal.");
  talk.call(
    "browser_navigate",
    { url: "https://tenant.example.com/documents" },
    "Page title: Documents - Tenant portal\nStatus: loaded",
  );
  talk.call(
    "browser_snapshot",
    {},
    "- heading 'Documents' [ref=e4]\n- dialog 'Cookies' [ref=e9]\n- link 'October 2025' [ref=e31]",
  );
  const click = (): Transcript =>
    talk.call(
      "browser_click",
      { element: "link 'October 2025'", ref: "e31" },
      lines(
        "Error: TimeoutError: locator.click: Timeout 5000ms exceeded.",
        "  - waiting for element to be visible, enabled and stable",
        "  - <div role='dialog' class='cookie-wall'> intercepts pointer events",
      ),
    );
  click();
  talk.loop(upTo(8), 4, click);
  return talk.diverging(
    "browser-click-under-dialog",
    "The click is blocked by a cookie wall the error names; it is repeated unchanged nine times.",
  );
}

function orderLookupChinese(): LabelledCase {
  const talk = new Transcript("你是“优选商城”的客服助手,可以调用订单查询、物流查询和退款工具。");
  talk.user("我的订单 20251103-77821 怎么还没到?都五天了。");
  const result = {
    order_id: "20251103-77821",
    status: "已发货",
    carrier: "中通",
    tracking_no: "ZT7718203345",
    shipped_at: "2025-11-04 09:12",
  };
  const look = (said: string): Transcript =>
    talk.call("query_order", { order_id: "20251103-77821" }, result, said);
  look("您好,我先帮您查询一下订单。");
  const excuses = [
    "请稍等,我再核实一下订单状态。",
    "我来确认一下这笔订单的最新情况。",
    "正在为您查询订单,请稍候。",
    "为了准确答复您,我需要查看订单信息。",
    "我再帮您看一下订单详情。",
    "好的,马上查询订单。",
    "我需要先了解订单的发货情况。",
  ];
  talk.loop(excuses, 4, look);
  return talk.diverging(
    "zh-order-lookup",
    "The order record already names the tracking number, yet it is read eight times over.",
  );
}

function conflictWithFreshRequestId(): LabelledCase {
  const talk = new Transcript("You post journal entries to the ledger. Tools: ledger.*", "short");
  talk.user("Book the October rent: 4,250.00 EUR from 1200 to 4210.");
  talk.call("ledger.get_period", { period: "2025-10" }, { period: "2025-10", state: "closed" });
  const post = (second: number): Transcript =>
    talk.call(
      "ledger.post_entry",
      {
        request_id: `req_${hex(`ledger${second}`, 16)}`,
        sent_at: `2025-11-12T08:14:${String(10 + second * 4)}Z`,
        period: "2025-10",
        lines: [
          { account: "4210", debit: "4250.00" },
          { account: "1200", credit: "4250.00" },
        ],
        text: "Rent October",
      },
      {
        error: { code: "PERIOD_CLOSED", http: 409, message: "Period 2025-10 is closed." },
        trace_id: hex(`trace${second}`, 32),
      },
    );
  post(0);
  talk.loop(upTo(7), 4, post);
  return talk.diverging(
    "ledger-fresh-request-ids",
    "Only the request id and the time change; the period stays closed, as was read before.",
  );
}

const DEVOPS_MORNING: readonly (readonly [string, string])[] = [
  ["git log --oneline -2", "9f2c1d7 bump react to 19\n41be0aa fix nav"],
  ["ls", "README.md\nserver\nweb\ndocker-compose.yml"],
  ["node --version", "v22.11.0"],
  ["df -h / | tail -1", "/dev/vda1  79G  31G  45G  41% /"],
  [
    "docker compose ps --format '{{.Name}} {{.Status}}'",
    "shop-db-1 Up 2 days\nshop-api-1 Up 3 hours",
  ],
  ["cat web/.nvmrc", "20"],
  ["nvm use 20 >/dev/null && node --version", "v20.18.0"],
  ["grep -c resolved web/package-lock.json", "1182"],
  ["curl -sI https://example.com | head -1", "HTTP/2 200"],
  [
    "grep -n 'react' web/package.json",
    '14:    "react": "^19.0.0",\n15:    "react-datepicker": "^4.25.0",',
  ],
];

function onlyTheTimeoutGrows(): LabelledCase {
  const talk = new Transcript("You are an autonomous engineer. You have one tool: bash.");
  talk.user("Get the frontend to install and build again.");
  for (const [command, output] of DEVOPS_MORNING) talk.call("bash", { command }, output);
  const install = (seconds: number): Transcript =>
    talk.call(
      "bash",
      { command: "cd web && npm ci", timeout: seconds * 1000, attempt: seconds / 30 },
      lines(
        "npm error code ERESOLVE",
        "npm error ERESOLVE could not resolve",
        "npm error While resolving: react-datepicker@4.25.0",
        "npm error Found: react@19.0.0",
        `npm error A complete log is in: /root/.npm/_logs/2025-11-10T10_${10 + seconds / 30}.log`,
      ),
      seconds === 30 ? undefined : "The install did not finish. I give it more time.",
    );
  install(30);
  talk.loop([60, 90, 120, 180, 240, 300, 600, 900], 4, install);
  return talk.diverging(
    "install-with-longer-timeouts",
    "A dependency conflict is met with ever longer timeouts, which cannot change it.",
  );
}

function vacuumStateGerman(): LabelledCase {
  const talk = new Transcript(
    "Du steuerst ein Smart Home. Werkzeuge: ha.get_state, ha.call_service",
  );
  talk.user("Der Saugroboter soll das Wohnzimmer saugen.");
  talk.call(
    "ha.call_service",
    { service: "vacuum.start", entity_id: "vacuum.robi" },
    { ok: false, message: "Staubbehälter fehlt (Fehler 9)" },
  );
  const look = (minute: number): Transcript =>
    talk.call(
      "ha.get_state",
      { entity_id: "vacuum.robi" },
      {
        entity_id: "vacuum.robi",
        state: "error",
        attributes: { error: "dustbin_missing", battery_level: 100 },
        last_changed: "2025-11-09T17:02:11+01:00",
        last_reported: `2025-11-09T17:${String(3 + minute).padStart(2, "0")}:40+01:00`,
      },
      turning(
        ["Ich prüfe den Zustand.", "Mal sehen, ob er jetzt fährt.", "Ich schaue nach."],
        minute,
      ),
    );
  look(0);
  talk.loop(upTo(9), 5, look);
  return talk.diverging(
    "de-vacuum-state",
    "The robot cannot start without its dustbin; its unchanging error state is read ten times.",
  );
}

function alwaysTheFirstPage(): LabelledCase {
  const talk = new Transcript("You triage GitHub issues with the tools of the github server.");
  talk.user("List all open issues with the label `regression` that mention 3.2.");
  const items = [811, 807, 799, 792, 790].map((number) => ({
    number,
    title: `Regression: ${code(`issue${number}`, 5)} fails after upgrade`,
    labels: ["regression"],
  }));
  const list = (said: string): Transcript =>
    talk.call(
      "mcp__github__list_issues",
      { owner: "acme", repo: "widget", labels: ["regression"], state: "open", per_page: 5 },
      { total_count: 23, items, has_next_page: true, end_cursor: "Y3Vyc29yOjU=" },
      said,
    );
  list("Let me fetch the issues.");
  const hopes = [
    "There are 23 in total, so I fetch the next page.",
    "Fetching the next five issues.",
    "I still miss 18 issues. Next page.",
    "On to the next page of results.",
    "Let me get the remaining issues.",
    "Continuing with the following page.",
    "Next page, please.",
  ];
  talk.loop(hopes, 5, list);
  return talk.diverging(
    "always-the-first-page",
    "It says `next page` but never passes the cursor, so the same five issues come back.",
  );
}

function reactSearchWithoutTools(): LabelledCase {
  const talk = new Transcript(
    lines(
      "Answer with Thought, Action and Observation steps.",
      "Actions: Search[entity], Lookup[keyword], Finish[answer].",
    ),
  );
  talk.user("Question: In which year was the architect of the Rakkolanjoki water tower born?");
  const miss =
    "Observation: Could not find [Rakkolanjoki water tower]. Similar: ['Rakkolanjoki', 'Lauritsala " +
    "water tower', 'Water tower', 'Vyborg water tower', 'Lappeenranta']";
  const act = (number: number): Transcript =>
    talk
      .say(
        `Thought ${number}: I need to search Rakkolanjoki water tower and find its architect.\n` +
          `Action ${number}: Search[Rakkolanjoki water tower]`,
      )
      .user(miss.replace("Observation", `Observation ${number}`));
  act(1);
  talk.loop([2, 3, 4, 5, 6, 7, 8], 4, act);
  return talk.diverging(
    "react-same-search",
    "Without tool calls: the same search text and the same miss eight times, only the number counts.",
  );
}

export const cases: readonly LabelledCase[] = [
  grepWithoutEnd(),
  sameCountQuery(),
  clickOnHiddenButton(),
  orderLookupChinese(),
  conflictWithFreshRequestId(),
  onlyTheTimeoutGrows(),
  vacuumStateGerman(),
  alwaysTheFirstPage(),
  reactSearchWithoutTools(),
];
