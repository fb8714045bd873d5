// Healthy conversations with people whose answers repeat because the questions or the rules do.
// Must never hold an answer that leaves aside what the user has newly said.

import type { LabelledCase } from "./labelled-case.ts";
import { Transcript, lines, turning } from "./a-transcripts.ts";

function stockPriceAsked(): LabelledCase {
  const talk = new Transcript("You answer questions about the company's share. Use quote.get.");
  const questions = [
    "What's ACME at?",
    "And now?",
    "What's ACME at?",
    "ACME?",
    "What's ACME at now?",
    "What's ACME at?",
    "Still the same?",
    "What's ACME at?",
  ];
  const prices = ["41.20", "41.20", "41.20", "41.25", "41.25", "41.20", "41.20", "41.20"];
  for (const [index, question] of questions.entries()) {
    talk.user(question);
    const price = turning(prices, index);
    talk.call("quote.get", { symbol: "ACME" }, { symbol: "ACME", last: price });
    talk.say(`ACME is at ${price} EUR.`);
  }
  return talk.healthy(
    "share-price-asked-again",
    "The user asks for the price eight times, and gets it eight times.",
  );
}

function formFilledWithYes(): LabelledCase {
  const talk = new Transcript(
    "You walk people through the building permit form, one question at a time.",
  );
  const questions = [
    "Is the building used for living?",
    "Is it connected to the public sewer?",
    "Is there a parking space on the plot?",
    "Are the neighbours informed?",
    "Is the roof pitched?",
    "Will the height stay below 9 metres?",
    "Is a structural engineer involved?",
    "Do you own the plot?",
    "Shall I send the form to the municipality?",
  ];
  talk.user("I want to fill in the form.");
  for (const [index, question] of questions.entries()) {
    talk.say(`${index === 0 ? "Gladly." : "Noted: yes."} Question ${index + 1} of 9: ${question}`);
    talk.user("yes");
  }
  talk.call("form.submit", { form: "BP-2", answers: "YYYYYYYY" }, { receipt: "BP2-20871" });
  talk.say("The form has been sent. Your receipt is BP2-20871.");
  return talk.healthy(
    "nine-times-yes",
    "The user answers `yes` to nine different questions of a form.",
  );
}

function quizSpanish(): LabelledCase {
  const talk = new Transcript(
    "Eres un tutor de geografía. Haz preguntas de una en una y corrige con brevedad.",
  );
  const capitals: readonly (readonly [string, string])[] = [
    ["Noruega", "Oslo"],
    ["Hungría", "Budapest"],
    ["Uruguay", "Montevideo"],
    ["Ghana", "Acra"],
    ["Nepal", "Katmandú"],
    ["Canadá", "Ottawa"],
    ["Letonia", "Riga"],
    ["Perú", "Lima"],
  ];
  talk.user("Pregúntame capitales.");
  for (const [index, [country]] of capitals.entries()) {
    talk.say(
      `${index === 0 ? "¡Vamos!" : "¡Correcto!"} Siguiente pregunta: ¿cuál es la capital de ${country}?`,
    );
    talk.user(capitals[index]?.[1] ?? "");
  }
  talk.say("¡Correcto! Has acertado las ocho.");
  return talk.healthy(
    "es-capitals-quiz",
    "Formulaic praise and question, but each question names another country.",
  );
}

function policyChinese(): LabelledCase {
  const talk = new Transcript("你是航空公司客服。特价票不可退,只能改期一次。请礼貌并坚持规定。");
  const demands = [
    "我要退票,订单 MU8821。",
    "不行,我就要退。",
    "我不管,退钱!",
    "凭什么不退?",
    "你们必须退给我。",
    "退不退?",
  ];
  const answers = [
    "非常抱歉,您的机票是特价票,按规定不可退,但可以为您免费改期一次。",
    "很抱歉,特价票按规定不可退票,我可以为您免费改期一次。",
    "理解您的心情,但特价票不可退,我可以帮您免费改期一次,您看可以吗?",
  ];
  for (const [index, demand] of demands.entries()) talk.user(demand).say(turning(answers, index));
  talk.user("那改到 12 月 3 号吧。");
  talk.call("ticket.change", { order: "MU8821", date: "2025-12-03" }, { ok: true, fee: 0 });
  talk.say("已为您免费改期到 12 月 3 日。");
  return talk.healthy(
    "zh-fare-rules-upheld",
    "The customer insists, so the rule is repeated until he takes the offer.",
  );
}

function insistenceFrench(): LabelledCase {
  const talk = new Transcript(
    "Tu es l'assistant d'une bibliothèque. Une carte = cinq livres au plus.",
  );
  const answer =
    "Je regrette, une carte permet d'emprunter cinq livres au plus. Rendez-en un et je prolonge le reste.";
  for (const demand of [
    "Je voudrais emprunter un sixième livre.",
    "Juste un de plus !",
    "Faites une exception.",
    "S'il vous plaît, un seul.",
    "Le mois dernier on m'a laissé faire.",
  ]) {
    talk.user(demand);
    talk.say(answer);
  }
  talk.user("Bon, je rends « L'Étranger ».");
  talk.call("retour", { titre: "L'Étranger" }, { ok: true, restants: 4 });
  talk.say("Merci, « L'Étranger » est rendu. Vous pouvez prendre un autre livre.");
  return talk.healthy(
    "fr-sixieme-livre",
    "The reader asks for the same exception five times; the rule does not change.",
  );
}

function dictationChinese(): LabelledCase {
  const talk = new Transcript("你是英语听写老师:给出中文,学生写英文,你判断对错后出下一题。");
  const words: readonly (readonly [string, string])[] = [
    ["图书馆", "library"],
    ["必要的", "necessary"],
    ["二月", "february"],
    ["分开", "seperate"],
    ["分开(再写一次)", "separate"],
    ["惊喜", "surprise"],
    ["政府", "government"],
    ["日历", "calendar"],
  ];
  talk.user("开始听写。");
  for (const [index, [meaning, written]] of words.entries()) {
    const praise = index === 0 ? "好的," : index === 4 ? "拼写有误,请再写一次:" : "正确!";
    talk.say(`${praise}第 ${index + 1} 题:${meaning}`);
    talk.user(written);
  }
  talk.say("正确!今天的听写结束,八题中错了一题。");
  return talk.healthy(
    "zh-dictation",
    "Right, next word: the frame of each reply is the same and its word is new.",
  );
}

function translationsFrench(): LabelledCase {
  const talk = new Transcript("Traduis en français ce que l'utilisateur envoie, sans commentaire.");
  const labels: readonly (readonly [string, string])[] = [
    ["Press the button to start the pump.", "Appuyez sur le bouton pour démarrer la pompe."],
    ["Press the button to stop the pump.", "Appuyez sur le bouton pour arrêter la pompe."],
    ["Press the button to start the fan.", "Appuyez sur le bouton pour démarrer le ventilateur."],
    ["Press the button to stop the fan.", "Appuyez sur le bouton pour arrêter le ventilateur."],
    ["Hold the button to start the fan.", "Maintenez le bouton pour démarrer le ventilateur."],
    ["Hold the button to stop the fan.", "Maintenez le bouton pour arrêter le ventilateur."],
    ["Hold the button to reset the pump.", "Maintenez le bouton pour réinitialiser la pompe."],
  ];
  for (const [english, french] of labels) talk.user(english).say(french);
  return talk.healthy(
    "fr-notice-de-pompe",
    "Sentences of a manual differ by one word, and so do their translations.",
  );
}

function termsChinese(): LabelledCase {
  const talk = new Transcript(
    "你负责商品信息翻译,用 save_translation 保存,每条保存后继续下一条。",
    "counted",
  );
  const goods: readonly (readonly [string, string])[] = [
    ["stainless steel mug 300 ml", "不锈钢马克杯 300 毫升"],
    ["stainless steel mug 450 ml", "不锈钢马克杯 450 毫升"],
    ["stainless steel flask 500 ml", "不锈钢保温瓶 500 毫升"],
    ["stainless steel flask 750 ml", "不锈钢保温瓶 750 毫升"],
    ["glass mug 300 ml", "玻璃马克杯 300 毫升"],
    ["glass jug 1 l", "玻璃水壶 1 升"],
    ["glass jug 1.5 l", "玻璃水壶 1.5 升"],
  ];
  talk.user("翻译目录里的七个商品名称。");
  for (const [index, [source, target]] of goods.entries()) {
    talk.call("next_item", {}, { sku: `CN-${5100 + index}`, name: source });
    talk.call("save_translation", { sku: `CN-${5100 + index}`, name: target }, { saved: true });
  }
  talk.call("next_item", {}, { sku: null });
  talk.say("七个商品名称已全部翻译并保存。");
  return talk.healthy(
    "zh-product-names",
    "Similar names are translated one after the other until none is left.",
  );
}

function logExplainedGerman(): LabelledCase {
  const talk = new Transcript("Du erklärst Technik verständlich und mit Beispielen.");
  const log = Array.from({ length: 24 }, (_, index) => {
    const minute = String(index * 2).padStart(2, "0");
    return `2025-11-08 04:${minute}:00 backup[811]: Segment ${index + 1}/24 geschrieben (512 MB)`;
  });
  const rows = Array.from({ length: 12 }, (_, index) => {
    const month = turning("Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez".split(" "), index);
    return `| ${month} | ${84 + ((index * 5) % 9)} | 0 | 0 | ok |`;
  });
  talk.user("Wie sieht ein normales Protokoll der Sicherung aus?");
  talk.say(
    lines(
      "So sieht eine ganze Sicherung aus:",
      "",
      "```",
      ...log,
      "```",
      "",
      "24 Segmente, kein Fehler.",
    ),
  );
  talk.user("Und die Übersicht über das Jahr als Tabelle?");
  talk.say(
    lines(
      "| Monat | Läufe | Fehler | Abbrüche | Stand |",
      "|---|---|---|---|---|",
      ...rows,
      "",
      "Alles in Ordnung.",
    ),
  );
  talk.user("Als Cron-Zeilen, bitte, für jede Stunde eine.");
  const crons = Array.from(
    { length: 24 },
    (_, hour) => `0 ${hour} * * * /opt/backup/run.sh --quiet`,
  );
  talk.say(lines("```", ...crons, "```"));
  talk.user("Danke!");
  talk.say("Gern geschehen.");
  return talk.healthy(
    "de-log-table-and-cron",
    "Logs, tables and crontabs repeat by nature, inside answers that were asked for.",
  );
}

export const cases: readonly LabelledCase[] = [
  stockPriceAsked(),
  formFilledWithYes(),
  quizSpanish(),
  policyChinese(),
  insistenceFrench(),
  dictationChinese(),
  translationsFrench(),
  termsChinese(),
  logExplainedGerman(),
];
