// Conversations that repeat in words: promises, questions, apologies, and one answer that runs on.
// Must never hold a repetition that the user's own repetition calls for.

import type { LabelledCase } from "./labelled-case.ts";
import { Transcript, lines, turning, upTo } from "./a-transcripts.ts";

function promisesToStart(): LabelledCase {
  const talk = new Transcript("You are a coding agent. Finish the task without asking.");
  talk.user("Port scripts/report.pl to Python.");
  talk.call("list_dir", { path: "scripts" }, "mail.py\nreport.pl\nsync.py\nREADME.md");
  talk.call("read_file", { path: "scripts/sync.py" }, "import argparse\nimport csv\n\nARGS = …");
  talk.call(
    "read_file",
    { path: "scripts/README.md" },
    "report.pl: monthly figures, options -m -y -o",
  );
  talk.call("bash", { command: "python3 --version" }, "Python 3.12.4");
  talk.say(
    "I will now read scripts/report.pl to understand what it does, and then write report.py " +
      "with the same options and output.",
  );
  const promises = [
    "I will now read scripts/report.pl and then write the Python version with the same options.",
    "Let me now read scripts/report.pl. After that I will write report.py with the same output.",
    "I'll now start by reading scripts/report.pl and then port it to Python, keeping its options.",
    "Now I will read scripts/report.pl to understand it and then write report.py.",
    "I will now begin: first read scripts/report.pl, then write report.py with the same options.",
    "Next I will read scripts/report.pl and port it, keeping the options and the output the same.",
    "I will now read scripts/report.pl to understand what it does and then write report.py.",
  ];
  talk.loop(promises, 4, (promise) => {
    talk.user("Continue.");
    talk.say(promise);
  });
  return talk.diverging(
    "promises-to-read-a-file",
    "Prodded to continue, it promises eight times to read a file and never calls a tool.",
  );
}

function promisesChinese(): LabelledCase {
  const talk = new Transcript(
    "你是自动化数据分析智能体,可以调用 python 工具。没有完成前不要停下。",
  );
  talk.user("分析 sales.csv,给出各省份的同比增速。");
  talk.say("好的,我将首先加载 sales.csv 数据,然后按省份分组计算同比增速,最后汇总成表格。");
  const promises = [
    "接下来,我将加载 sales.csv 数据,并按省份分组计算同比增速,然后汇总成表格。",
    "现在我开始加载 sales.csv,随后按省份分组,计算同比增速并汇总成表格。",
    "我将马上加载 sales.csv 数据,按省份计算同比增速,最后汇总成表格。",
    "下面我会先加载 sales.csv 数据,然后按省份分组计算同比增速,汇总成表格。",
    "好的,我现在就加载 sales.csv 数据,然后按省份分组计算同比增速。",
    "接下来我将首先加载 sales.csv,然后按省份分组计算同比增速并汇总。",
  ];
  talk.loop(promises, 4, (promise) => {
    talk.user("请继续。");
    talk.say(promise);
  });
  return talk.diverging(
    "zh-promises-to-load-a-file",
    "At every `please continue` it announces the same three steps and takes none.",
  );
}

function questionAskedAgain(): LabelledCase {
  const talk = new Transcript(
    "Tu es l'assistant d'un cabinet dentaire et tu prends les rendez-vous.",
  );
  talk.user(
    "Bonjour, je voudrais un détartrage jeudi matin. Je suis Paul Lemaire, né le 3 mai 1981.",
  );
  talk.say(
    "Bonjour Monsieur Lemaire. Pouvez-vous me donner votre date de naissance, s'il vous plaît ?",
  );
  const answers = [
    "Le 3 mai 1981, je l'ai dit.",
    "03/05/1981.",
    "Encore une fois : 3 mai 1981.",
    "1981-05-03 !",
    "Trois mai mille neuf cent quatre-vingt-un.",
    "Vous vous moquez de moi ? 3 mai 1981.",
  ];
  const questions = [
    "Merci. Pour continuer, j'ai besoin de votre date de naissance, s'il vous plaît.",
    "Très bien. Pouvez-vous m'indiquer votre date de naissance, s'il vous plaît ?",
    "Merci Monsieur Lemaire. Quelle est votre date de naissance, s'il vous plaît ?",
  ];
  talk.loop(answers, 4, (answer, index) => {
    talk.user(answer);
    talk.say(turning(questions, index));
  });
  return talk.diverging(
    "fr-date-de-naissance",
    "The date of birth was given in the first message and after each question; it is asked for again.",
  );
}

function answerIgnoresQuestions(): LabelledCase {
  const talk = new Transcript("You are the chat assistant of an internet provider.", "short");
  const stock =
    "I understand how frustrating this is. Please restart your router by unplugging it for 30 " +
    "seconds, and check that all cables are firmly connected.";
  talk.user("My internet is down.");
  talk.say(stock);
  const replies = [
    "I did that. The fibre light blinks red.",
    "Is there an outage in 1080 Vienna?",
    "I restarted it twice. Can you look at the line?",
    "Please open a ticket, customer number 5519-203.",
    "Are you even reading what I write?",
    "I want a technician.",
    "Then tell me how to cancel.",
  ];
  talk.loop(replies, 4, (reply) => {
    talk.user(reply);
    talk.say(stock);
  });
  return talk.diverging(
    "router-advice-to-every-question",
    "The customer says something new each time and gets the same two sentences, eight times.",
  );
}

function rewordedPromiseGerman(): LabelledCase {
  const talk = new Transcript("Du bist ein Agent für Angebotserstellung mit Zugriff auf das ERP.");
  talk.user("Erstelle das Angebot für Kunde 20418 über 300 Stück Flansch DN80.");
  talk.say(
    "Ich erstelle Ihnen gerne das Angebot über 300 Flansche DN80 für Kunde 20418. Einen Moment bitte.",
  );
  const wordings = [
    "Selbstverständlich, das Angebot über 300 Flansche DN80 für Kunde 20418 wird gerade erstellt.",
    "Ich bin dabei, das Angebot für Kunde 20418 über 300 Stück Flansch DN80 zu erstellen.",
    "Das Angebot für Kunde 20418 (300 Flansche DN80) wird in diesem Moment erstellt, bitte warten.",
    "Gleich ist es so weit: Ich erstelle das Angebot über 300 Flansche DN80 für Kunde 20418.",
    "Ich erstelle nun das Angebot über 300 Stück Flansch DN80 für Kunde 20418. Bitte noch etwas Geduld.",
    "Bitte noch einen Moment, das Angebot für Kunde 20418 über 300 Flansche DN80 wird erstellt.",
  ];
  const prods = [
    "Und?",
    "Ist es fertig?",
    "Ich warte.",
    "Wo bleibt es?",
    "Hallo?",
    "Bitte weitermachen.",
  ];
  talk.loop(wordings, 4, (wording, index) => {
    talk.user(turning(prods, index));
    talk.say(wording);
  });
  return talk.diverging(
    "de-offer-is-being-made",
    "Seven reworded versions of `the offer is being made`; no tool is called and nothing comes.",
  );
}

function answerRunsOn(): LabelledCase {
  const talk = new Transcript("You are a helpful writing assistant.");
  const opening = lines(
    "# Why small towns lose their shops",
    "",
    "The decline of the high street has many causes. Rents were fixed in better years, and the",
    "people who could pay them have moved to the ring road.",
  );
  const tail = "It is important to note that the community plays a key role in the local economy. ";
  talk.user("Write an essay of about 800 words on why small towns lose their shops.");
  talk.begins();
  talk.say(`${opening}\n\n${tail.repeat(46)}`);
  talk.user("That got stuck. Please write it again, properly.");
  talk.say(`${opening}\n\n${tail.repeat(60)}`).due();
  talk.user("Again stuck. Shorter please.");
  talk.say(`${opening}\n\n${tail.repeat(38)}`);
  talk.user("No.");
  talk.say(`I apologise. ${tail.repeat(41)}`);
  return talk.diverging(
    "essay-stuck-on-one-sentence",
    "Inside each answer one sentence is repeated dozens of times.",
  );
}

function answerRunsOnChinese(): LabelledCase {
  const talk = new Transcript("你是一个中文写作助手。");
  talk.user("写一段关于春天的散文,三百字左右。");
  talk.say(
    "春风拂过江面,柳条轻轻垂下,燕子贴着水面飞过。老人坐在堤边,听孩子们追着风筝笑。" +
      "田里的水已经放满,犁过的泥土泛着光,远处的山一层淡过一层。",
  );
  talk.user("很好,再写一段关于夏天的。");
  talk.begins();
  talk.say(`夏天的午后,蝉声阵阵,荷叶铺满池塘。${"微风吹来,荷花轻轻摇曳,".repeat(70)}`);
  talk.user("重复了,请重写。");
  talk.say(`夏日炎炎,荷塘边人来人往。${"微风吹来,荷花轻轻摇曳,".repeat(85)}`).due();
  talk.user("还是重复。");
  talk.say(`好的。${"微风吹来,荷花轻轻摇曳,".repeat(60)}`);
  talk.user("算了。");
  talk.say(`抱歉。${"微风吹来,荷花轻轻摇曳,".repeat(55)}`);
  return talk.diverging(
    "zh-prose-stuck-on-one-line",
    "The first piece is fine; from the second on one half-sentence fills the answer.",
  );
}

function apologyJapanese(): LabelledCase {
  const talk = new Transcript("あなたは経費精算システムの操作を代行するエージェントです。");
  talk.user("10月の交通費を精算してください。領収書は共有フォルダにあります。");
  talk.say("承知いたしました。領収書を確認し、10月の交通費を精算いたします。少々お待ちください。");
  const apologies = [
    "申し訳ございません。ただいま領収書を確認し、10月の交通費を精算いたします。少々お待ちください。",
    "お待たせして申し訳ございません。領収書を確認し、10月の交通費を精算いたします。",
    "大変申し訳ございません。これから領収書を確認し、10月の交通費を精算いたします。お待ちください。",
  ];
  talk.loop(upTo(6), 4, (round) => {
    talk.user(turning(["まだですか。", "どうなりましたか。", "続けてください。"], round));
    talk.say(turning(apologies, round));
  });
  return talk.diverging(
    "ja-expense-apologies",
    "Three apologies take turns, all of which promise the same work that is never begun.",
  );
}

export const cases: readonly LabelledCase[] = [
  promisesToStart(),
  promisesChinese(),
  questionAskedAgain(),
  answerIgnoresQuestions(),
  rewordedPromiseGerman(),
  answerRunsOn(),
  answerRunsOnChinese(),
  apologyJapanese(),
];
