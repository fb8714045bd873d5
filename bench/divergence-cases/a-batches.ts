// Healthy conversations that do one kind of work on many items, with answers that look alike.
// Must never hold an item that is worked on twice without a reason.

import type { LabelledCase } from "./labelled-case.ts";
import { Transcript, code, hex, turning, upTo } from "./a-transcripts.ts";

function pagesOfIssues(): LabelledCase {
  const talk = new Transcript("You triage GitHub issues with the tools of the github server.");
  talk.user("How many open issues lack a label, and which is the oldest?");
  for (const page of upTo(9)) {
    const count = page === 9 ? 4 : 10;
    const items = upTo(count).map((row) => ({
      number: 2210 - page * 31 - row * 3,
      title: `${turning(["Crash in", "Docs for", "Slow", "Support"], page + row)} ${code(`p${page}r${row}`, 6)}`,
      labels: (page + row) % 4 === 0 ? [] : ["bug"],
    }));
    talk.call(
      "mcp__github__list_issues",
      { owner: "acme", repo: "widget", state: "open", per_page: 10, page },
      { items, has_next_page: page < 9 },
    );
  }
  talk.say("21 of the 84 open issues have no label. The oldest of them is #1919.");
  return talk.healthy(
    "nine-pages-of-issues",
    "Only the page number changes, and every page holds other issues.",
  );
}

const MODULES =
  "auth audit billing cart catalog chat export feed geo image mail media order search".split(" ");

function licenceHeaders(): LabelledCase {
  const talk = new Transcript("You are a coding agent. Edit files with edit_file.", "anthropic");
  talk.user("Change the licence header of all modules from 2024 to 2025.");
  talk.call(
    "glob",
    { pattern: "src/*/mod.rs" },
    MODULES.map((name) => `src/${name}/mod.rs`).join("\n"),
  );
  for (const name of MODULES) {
    talk.call(
      "edit_file",
      { path: `src/${name}/mod.rs`, old: "// Copyright 2024 Acme", new: "// Copyright 2025 Acme" },
      "ok",
    );
  }
  talk.say("The header is changed in all 14 modules.");
  return talk.healthy(
    "fourteen-licence-headers",
    "The same replacement with the same answer, in fourteen files.",
  );
}

function membersEntered(): LabelledCase {
  const talk = new Transcript(
    "You enter paper forms into the club's register. Confirm with `Saved.`",
  );
  const names = [
    "Ida Holm",
    "Jan Prow",
    "Mia Kent",
    "Sven Aas",
    "Lea Roth",
    "Omar Said",
    "Tess Ng",
    "Bo Lind",
  ];
  for (const [index, name] of names.entries()) {
    const born = `19${61 + index * 4}-0${1 + index}-1${index}`;
    talk.user(`${name}, born ${born}, rowing`);
    talk.call("register_add", { name, born, section: "rowing" }, { ok: true });
    talk.say("Saved. Next form, please.");
  }
  return talk.healthy(
    "members-entered-one-by-one",
    "A short, equal confirmation follows each record, as agreed.",
  );
}

function hostsUnreachable(): LabelledCase {
  const talk = new Transcript("You are a network operator with a shell.", "counted");
  talk.user("Site Graz has lost power. Check which of its hosts still answer.");
  for (const host of upTo(13)) {
    const address = `10.44.7.${host * 9}`;
    talk.call(
      "shell",
      { cmd: `ssh -o ConnectTimeout=5 ops@${address} uptime` },
      `ssh: connect to host ${address} port 22: Connection timed out`,
    );
  }
  talk.call(
    "shell",
    { cmd: "ssh -o ConnectTimeout=5 ops@10.44.7.250 uptime" },
    " 11:02:13 up 211 days, load 0.02",
  );
  talk.say("13 of 14 hosts in Graz do not answer. Only the router 10.44.7.250 is up.");
  return talk.healthy(
    "dark-site-survey",
    "Each host is tried once; that nearly all time out is the finding.",
  );
}

function refundsChinese(): LabelledCase {
  const talk = new Transcript("你是售后助手,按用户给出的清单逐笔退款,每笔只退一次。");
  talk.user("请对以下订单逐笔退款,原因统一写“活动价保”:A101 到 A110,每单补差价 12 元。");
  for (const number of upTo(10)) {
    const order = `A${100 + number}`;
    const amount = ((number * 1379) % 9000) / 100 + 12;
    talk.call("order.get", { id: order }, { id: order, paid: amount.toFixed(2), state: "已完成" });
    talk.call(
      "refund.create",
      { id: order, amount: "12.00", reason: "活动价保" },
      { code: 0, msg: "退款成功" },
    );
  }
  talk.say("十笔订单的价保差额已全部退款,每笔 12.00 元。");
  return talk.healthy(
    "zh-ten-refunds",
    "Ten refunds of one amount for one reason, each for another order.",
  );
}

function invoicesFrench(): LabelledCase {
  const talk = new Transcript(
    "Tu saisis des factures fournisseurs. Outil : compta.saisir_facture.",
    "short",
  );
  const suppliers = [
    "EDF",
    "Orange",
    "La Poste",
    "Lyreco",
    "Veolia",
    "Fiducial",
    "Elis",
    "Sodexo",
    "Initial",
  ];
  talk.user("Saisis les neuf factures du dossier d'octobre.");
  talk.call(
    "dossier.lister",
    { mois: "2025-10" },
    suppliers.map((name) => `${name}.pdf`),
  );
  for (const [index, name] of suppliers.entries()) {
    const amount = `${84 + index * 57},${String((index * 37) % 100).padStart(2, "0")}`;
    talk.call(
      "dossier.lire",
      { fichier: `${name}.pdf` },
      `Facture ${name} — total TTC ${amount} €`,
    );
    talk.call(
      "compta.saisir_facture",
      { fournisseur: name, ttc: amount, compte: "606" },
      { statut: "enregistrée" },
    );
  }
  talk.say("Les neuf factures d'octobre sont enregistrées.");
  return talk.healthy(
    "fr-neuf-factures",
    "Reading and entering take turns for nine different invoices.",
  );
}

function remindersFrench(): LabelledCase {
  const talk = new Transcript(
    "Tu es l'assistant d'une association. Outils : membres.liste, mail.envoyer.",
  );
  const members = ["aubert", "besson", "caron", "delmas", "etienne", "faure", "gillet"];
  talk.user("Envoie le rappel de cotisation à tous les retardataires.");
  talk.call(
    "membres.liste",
    { cotisation: "impayée" },
    members.map((name) => `${name}@mail.example`),
  );
  for (const name of members) {
    talk.call(
      "mail.envoyer",
      {
        a: `${name}@mail.example`,
        objet: "Rappel : cotisation 2025",
        corps:
          "Bonjour,\n\nSauf erreur, votre cotisation de 30 € n'est pas encore réglée.\n\nLe bureau",
      },
      { statut: "envoyé" },
    );
  }
  talk.say("Le rappel est parti aux sept membres concernés.");
  return talk.healthy("fr-sept-rappels", "One text goes to seven people, once to each.");
}

function patrolWaypoints(): LabelledCase {
  const talk = new Transcript(
    "You steer a warehouse robot. Tools: nav.goto, camera.scan.",
    "reused",
  );
  talk.user("Patrol: visit every aisle once and report blocked ones.");
  for (const aisle of upTo(15)) {
    talk.call("nav.goto", { x: aisle * 2.5, y: aisle % 2 === 0 ? 0 : 30 }, { status: "arrived" });
    talk.call(
      "camera.scan",
      {},
      aisle === 11 ? { clear: false, object: "pallet" } : { clear: true },
    );
  }
  talk.say("Patrol done. Aisle 11 is blocked by a pallet, the other 14 are clear.");
  return talk.healthy(
    "patrol-of-fifteen-aisles",
    "Arrived, clear, arrived, clear: the place is new each time.",
  );
}

function stockJapanese(): LabelledCase {
  const talk = new Transcript("あなたは倉庫の在庫係です。checkStock で在庫を確認します。");
  const parts = ["M4-20", "M4-25", "M5-20", "M5-30", "M6-16", "M6-40", "M8-25", "M8-50"];
  talk.user(`次の部品の在庫を全部確認してください:${parts.join("、")}`);
  for (const part of parts) {
    const stock = part === "M8-25" ? 340 : 0;
    talk.call(
      "checkStock",
      { part },
      stock > 0 ? { stock, place: "B-12" } : { stock, message: "在庫なし" },
    );
  }
  talk.say("在庫があるのは M8-25 のみ(340 個、B-12)です。ほかはすべて在庫切れです。");
  return talk.healthy(
    "ja-stock-of-eight-parts",
    "Eight parts are asked for, each once; most are out of stock.",
  );
}

function emptyPackageFiles(): LabelledCase {
  const talk = new Transcript("You are a coding agent for a Python project.");
  talk.user("Which __init__.py files define __all__? Check every one.");
  const packages = ["core", "core/io", "core/net", "cli", "plots", "stats", "web", "web/api"];
  for (const name of packages) {
    const text = name === "stats" ? '__all__ = ["mean", "median"]' : "";
    talk.call("read_file", { path: `lab/${name}/__init__.py` }, text);
  }
  talk.say("Only lab/stats/__init__.py defines `__all__`; the other seven files are empty.");
  return talk.healthy(
    "empty-package-files",
    "Seven of eight different files are empty, which answers the question.",
  );
}

function clauseReview(): LabelledCase {
  const talk = new Transcript(
    "You review contracts clause by clause with get_clause and set_verdict.",
    "counted",
  );
  talk.user("Review the supply agreement SA-88 against our playbook.");
  const topics = [
    "Term",
    "Delivery",
    "Acceptance",
    "Price",
    "Payment",
    "Warranty",
    "Liability",
    "Notice",
    "Law",
  ];
  for (const [index, topic] of topics.entries()) {
    const verdict = topic === "Liability" ? "deviates: no cap" : "in line with the playbook";
    talk.call(
      "get_clause",
      { contract: "SA-88", clause: index + 1 },
      `${index + 1}. ${topic}. The parties agree that ${topic.toLowerCase()} is governed by Annex ${hex(topic, 2)}.`,
    );
    talk.call("set_verdict", { clause: index + 1, verdict }, { saved: true });
  }
  talk.say("Eight of nine clauses are in line; clause 7 (Liability) has no cap.");
  return talk.healthy(
    "clause-by-clause",
    "Nine clauses get nearly the same verdict, each on its own text.",
  );
}

export const cases: readonly LabelledCase[] = [
  pagesOfIssues(),
  licenceHeaders(),
  membersEntered(),
  hostsUnreachable(),
  refundsChinese(),
  invoicesFrench(),
  remindersFrench(),
  patrolWaypoints(),
  stockJapanese(),
  emptyPackageFiles(),
  clauseReview(),
];
