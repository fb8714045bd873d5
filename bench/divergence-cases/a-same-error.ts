// Conversations in which the arguments change and the same error keeps coming back.
// Must never hold a case where the change of arguments answers the error.

import type { LabelledCase } from "./labelled-case.ts";
import { Transcript, hex, lines } from "./a-transcripts.ts";

function pastDepartureDate(): LabelledCase {
  const talk = new Transcript(
    "You book trains. Today is 2025-11-10. Tools: rail.search, rail.book.",
  );
  talk.user("Book Hamburg to Kiel for the 5th, early morning, one adult.");
  const search = (departure: string): Transcript =>
    talk.call(
      "rail.search",
      { from: "Hamburg Hbf", to: "Kiel Hbf", departure, adults: 1 },
      { error: "INVALID_DEPARTURE", detail: "departure must lie in the future (Europe/Berlin)" },
    );
  search("2025-11-05");
  search("2025-11-05T06:00");
  const spellings = [
    "2025-11-05T06:00:00",
    "05.11.2025 06:00",
    "2025-11-05 06:00 CET",
    "2025-11-05T06:00:00+01:00",
    "2025/11/05 06:00",
    "Nov 5 2025 6am",
    "20251105T0600",
  ];
  talk.loop(spellings, 4, search);
  return talk.diverging(
    "date-written-nine-ways",
    "The date lies in the past; it is only written differently, nine times, with the same refusal.",
  );
}

function permissionOnSchema(): LabelledCase {
  const talk = new Transcript(
    "You are a BI analyst with one tool, execute_sql (Snowflake).",
    "counted",
  );
  talk.user("What was the gross margin per region last quarter?");
  talk.call(
    "execute_sql",
    { sql: "SHOW SCHEMAS IN DATABASE DWH" },
    "name\n----\nCORE\nFINANCE\nMARKETING\nPUBLIC",
  );
  const ask = (sql: string, index: number): Transcript =>
    talk.call(
      "execute_sql",
      { sql },
      `003001 (42501): ${hex(`query${index}`, 8)}-0504: SQL access control error:\n` +
        "Insufficient privileges to operate on schema 'FINANCE'",
    );
  const first =
    "SELECT region, sum(margin) FROM FINANCE.MARGINS WHERE quarter = '2025Q3' GROUP BY 1";
  ask(first, 0);
  ask("SELECT * FROM FINANCE.MARGINS LIMIT 10", 1);
  const more = [
    "SELECT region FROM FINANCE.MARGINS LIMIT 1",
    'SELECT * FROM "DWH"."FINANCE"."MARGINS" LIMIT 10',
    "SELECT region, margin FROM DWH.FINANCE.MARGINS LIMIT 5",
    "DESCRIBE TABLE FINANCE.MARGINS",
    "SELECT count(*) FROM FINANCE.MARGINS",
    "SELECT * FROM FINANCE.GROSS_MARGIN LIMIT 10",
    "SELECT region, sum(margin) AS m FROM FINANCE.MARGINS GROUP BY region",
    "SELECT DISTINCT region FROM FINANCE.MARGINS",
  ];
  talk.loop(more, 4, (sql, index) => ask(sql, index + 2));
  return talk.diverging(
    "sql-no-privileges",
    "Ten variants of a query run into the same missing privilege on the schema.",
  );
}

const PORTED_FILES = "cart dns feed hook jobs lock mail page quota rate sync".split(" ");

function editThatNeverMatches(): LabelledCase {
  const talk = new Transcript(
    "You are a careful coding agent. Edit files with str_replace.",
    "anthropic",
  );
  talk.user("Replace `Error::msg` by `anyhow!` everywhere.");
  for (const [index, name] of PORTED_FILES.entries()) {
    const line = `    return Err(Error::msg("${name} ${index % 3 === 0 ? "is closed" : "not found"}"));`;
    talk.call("view", { path: `src/${name}.rs` }, `use crate::${name};\n…\n${line}`);
    const input = { old_str: line, new_str: line.replace("Error::msg", "anyhow!") };
    talk.call(
      "str_replace",
      { path: `src/${name}.rs`, ...input },
      `src/${name}.rs has been edited.`,
    );
  }
  talk.say("All eleven files use `anyhow!` now.");
  talk.user("Thanks. Now make the retry delay in src/net/backoff.rs grow exponentially.");
  const source = lines(
    "pub fn delay(attempt: u32) -> Duration {",
    "\tlet base = Duration::from_millis(250);",
    "\tbase * attempt",
    "}",
  );
  talk.call("view", { path: "src/net/backoff.rs" }, source);
  const edit = (old: string): Transcript =>
    talk.call(
      "str_replace",
      { path: "src/net/backoff.rs", old_str: old, new_str: "    base * 2u32.pow(attempt)\n" },
      "No replacement was performed, old_str did not appear verbatim in src/net/backoff.rs.",
    );
  edit("    base * attempt\n");
  edit("    base * attempt");
  const guesses = [
    "  base * attempt\n",
    "    base*attempt\n",
    "    base * attempt\n}",
    "      base * attempt\n",
    "    base * attempt;\n",
    "    return base * attempt\n",
    "    base  * attempt\n",
    "    base * attempt\r\n",
  ];
  talk.loop(guesses, 4, edit);
  return talk.diverging(
    "edit-with-spaces-for-tabs",
    "The file uses tabs, as the view showed; ten replacements with guessed spaces fail alike.",
  );
}

function toolThatDoesNotExist(): LabelledCase {
  const talk = new Transcript("You help with CRM data. Use the tools you are given.");
  talk.user("Merge the duplicate contacts of Brandt & Söhne.");
  const contacts = [
    { id: "c_1102", name: "Brandt & Söhne", city: "Bremen" },
    { id: "c_4410", name: "Brandt und Soehne KG", city: "Bremen" },
  ];
  talk.call("crm_search_contacts", { name: "Brandt" }, { contacts });
  const merge = (tool: string, input: object): Transcript =>
    talk.call(
      tool,
      input,
      `Tool '${tool}' not found. Available: crm_search_contacts, crm_update_contact, crm_add_note`,
    );
  merge("crm_merge_contacts", { keep: "c_1102", drop: "c_4410" });
  const tries: readonly (readonly [string, object])[] = [
    ["crm_merge_contacts", { primary: "c_1102", duplicates: ["c_4410"] }],
    ["crm_merge_contacts", { ids: ["c_1102", "c_4410"] }],
    ["crm_merge_contacts", { keep: "c_1102", merge: "c_4410", confirm: true }],
    ["crm_merge_contacts", { keep: "c_1102", drop: "c_4410" }],
    ["crm_merge_contacts", { keep_id: "c_1102", drop_id: "c_4410", dry_run: false }],
    ["crm_merge_contacts", { source: "c_4410", target: "c_1102" }],
    ["crm_merge_contacts", { keep: "c_1102", drop: "c_4410", force: true }],
  ];
  talk.loop(tries, 4, ([tool, input]) => merge(tool, input));
  return talk.diverging(
    "unknown-merge-tool",
    "The tool does not exist and the error lists those that do; it is called eight times.",
  );
}

function emptyArguments(): LabelledCase {
  const talk = new Transcript(
    "You are a documentation agent with read_file and write_file.",
    "short",
  );
  talk.user("Write a changelog for 2.4.0 from NOTES.md.");
  talk.call(
    "read_file",
    { path: "NOTES.md" },
    "- new: dark mode\n- fix: CSV export loses umlauts\n- fix: crash when the cart is empty",
  );
  const write = (said: string): Transcript =>
    talk.call(
      "write_file",
      {},
      "Error: missing required parameters: 'path', 'content'. Expected {path: string, content: string}",
      said,
    );
  write("Now I write the changelog.");
  const tries = [
    "The parameters were missing. I write the file again.",
    "Let me write CHANGELOG.md with its content.",
    "I call write_file with the path and the content this time.",
    "Apologies. Writing CHANGELOG.md now.",
    "I try once more to write the file.",
    "Here is the write with all parameters.",
    "Writing the changelog to CHANGELOG.md.",
  ];
  talk.loop(tries, 4, write);
  return talk.diverging(
    "write-with-empty-arguments",
    "The arguments are empty every time, whatever the text promises.",
  );
}

function brokenJsonChinese(): LabelledCase {
  const talk = new Transcript(
    "你是数据录入助手,用 save_record 工具把用户给的内容写入系统。",
    "counted",
  );
  talk.user("把这份 12 页的会议纪要全文录入,标题用“第三季度经营分析会”。");
  const save = (length: number, said: string): Transcript =>
    talk.call(
      "save_record",
      `{"title":"第三季度经营分析会","content":"一、总体情况。本季度营业收入同比增长8.4%,其中${"华东".repeat(length)}`,
      "参数解析失败:Unterminated string in JSON。请提供完整的 JSON 参数。",
      said,
    );
  save(3, "我来录入会议纪要。");
  const said = [
    "参数不完整,我重新录入。",
    "再次提交完整内容。",
    "我重新生成参数。",
    "抱歉,我再试一次完整录入。",
    "现在提交完整的会议纪要。",
    "重新提交。",
    "我把全文再录入一遍。",
  ];
  talk.loop(said, 4, (text, index) => save(4 + index, text));
  return talk.diverging(
    "zh-cut-off-arguments",
    "The long text is cut off in the arguments each time; it is sent whole again instead of in parts.",
  );
}

function sshPermissionDenied(): LabelledCase {
  const talk = new Transcript("You are an SRE agent. Tool: shell.");
  talk.user("nginx on edge-7 serves a stale certificate. Reload it.");
  const ssh = (options: string): Transcript =>
    talk.call(
      "shell",
      { cmd: `ssh ${options}deploy@edge-7.acme.test 'sudo nginx -s reload'` },
      { stdout: "", stderr: "deploy@edge-7.acme.test: Permission denied (publickey).", exit: 255 },
    );
  ssh("");
  talk.call("shell", { cmd: "ls ~/.ssh" }, { stdout: "known_hosts\n", stderr: "", exit: 0 });
  ssh("-v ");
  const options = [
    "-o StrictHostKeyChecking=no ",
    "-tt ",
    "-o BatchMode=yes ",
    "-o ConnectTimeout=30 ",
    "-q ",
    "-o StrictHostKeyChecking=no -tt ",
    "-4 ",
    "-o ServerAliveInterval=10 ",
  ];
  talk.loop(options, 4, ssh);
  return talk.diverging(
    "ssh-options-for-a-missing-key",
    "There is no key on the machine, as `ls` shows; ten logins differ in options that cannot help.",
  );
}

function transferOverLimit(): LabelledCase {
  const talk = new Transcript("Tu es un agent de trésorerie. Outil : virement.creer.", "anthropic");
  talk.user("Vire 48 000 € à Atelier Morel, facture FA-2291.");
  const pay = (label: string, round: number): Transcript =>
    talk.call(
      "virement.creer",
      { beneficiaire: "Atelier Morel", montant: 48000, devise: "EUR", libelle: label },
      {
        erreur: "PLAFOND_DEPASSE",
        message: "Le plafond de 25 000 € par jour est dépassé.",
        ref: `ERR-${70113 + round * 3}`,
      },
    );
  pay("FA-2291", 0);
  const labels = [
    "Facture FA-2291",
    "Règlement FA-2291",
    "FA-2291 Atelier Morel",
    "Paiement facture FA-2291",
    "FA2291",
    "Facture no FA-2291 novembre",
    "Règlement facture FA-2291 Atelier Morel",
  ];
  talk.loop(labels, 4, (label, index) => pay(label, index + 1));
  return talk.diverging(
    "fr-plafond-de-virement",
    "The daily limit refuses the amount; only the reference text is changed, eight times.",
  );
}

export const cases: readonly LabelledCase[] = [
  pastDepartureDate(),
  permissionOnSchema(),
  editThatNeverMatches(),
  toolThatDoesNotExist(),
  emptyArguments(),
  brokenJsonChinese(),
  sshPermissionDenied(),
  transferOverLimit(),
];
