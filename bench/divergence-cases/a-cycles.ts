// Conversations that go round: the same two to eight steps, with the same outcomes, lap after lap.
// Must never hold a round whose later laps learn something.

import type { LabelledCase } from "./labelled-case.ts";
import { type Step, Transcript, code, hex, lines, turning, upTo } from "./a-transcripts.ts";

function readEditTest(): LabelledCase {
  const talk = new Transcript("You are a coding agent. Tools: read_file, apply_patch, run_tests.");
  talk.user("test_parse_duration fails on '1h30m'. Fix it.");
  const lap = (number: number): void => {
    talk.call(
      "read_file",
      { path: "src/duration.py" },
      "UNITS = {'s': 1, 'm': 60, 'h': 3600}\n\ndef parse(text):\n    return int(text[:-1]) * UNITS[text[-1]]",
      turning(
        ["I look at the parser.", "Let me read the file again.", "Back to the parser."],
        number,
      ),
    );
    talk.call(
      "apply_patch",
      {
        patch:
          "@@ -3,2 +3,2 @@\n-def parse(text):\n-  return int(text[:-1])\n+def parse(text):\n+  return sum(…)",
      },
      { applied: false, error: "hunk 1 failed at line 3: context does not match" },
    );
    talk.call(
      "run_tests",
      { path: "tests/test_duration.py" },
      lines(
        "E       ValueError: invalid literal for int() with base 10: '1h30'",
        `1 failed, 6 passed in 0.${40 + ((number * 7) % 13)}s`,
      ),
    );
  };
  lap(0);
  talk.loop(upTo(5), 3, lap);
  return talk.diverging(
    "read-patch-test-rounds",
    "The same patch fails to apply in each of six rounds of reading, patching and testing.",
  );
}

function importFlipFlop(): LabelledCase {
  const talk = new Transcript("You fix type errors. Tools: edit_file, typecheck.", "anthropic");
  talk.user("Make `pnpm typecheck` pass in apps/admin.");
  const extensionless = 'import { theme } from "./theme";';
  const extended = 'import { theme } from "./theme.js";';
  const flip = (): void => {
    talk.call(
      "edit_file",
      { path: "apps/admin/src/app.tsx", find: extensionless, replace: extended },
      "Edited apps/admin/src/app.tsx (1 replacement)",
      "The import needs its extension.",
    );
    talk.call(
      "typecheck",
      { project: "apps/admin" },
      "src/app.tsx(3,23): error TS2307: Cannot find './theme.js'.",
    );
    talk.call(
      "edit_file",
      { path: "apps/admin/src/app.tsx", find: extended, replace: extensionless },
      "Edited apps/admin/src/app.tsx (1 replacement)",
      "The extension is wrong here, I remove it.",
    );
    talk.call(
      "typecheck",
      { project: "apps/admin" },
      "src/app.tsx(3,23): error TS2835: Relative imports need extensions.",
    );
  };
  flip();
  talk.loop(upTo(4), 2, flip);
  return talk.diverging(
    "import-extension-flip-flop",
    "The extension is added and removed in turn, each state having failed before.",
  );
}

function slippingGripper(): LabelledCase {
  const talk = new Transcript("You control a robot arm: move_to, gripper, weigh, home.", "counted");
  talk.user("Put the blue cylinder from tray A into tray B.");
  const lap = (number: number): void => {
    talk.call("move_to", { x: 0.412, y: -0.18, z: 0.055 }, { reached: true, error_mm: 0.2 });
    talk.call("gripper", { width_mm: 38, force_n: 6 }, { closed: true, contact: false });
    talk.call(
      "weigh",
      {},
      { grams: 0 },
      number === 0 ? undefined : "Nothing in the gripper again.",
    );
    talk.call("gripper", { width_mm: 80, force_n: 0 }, { closed: false, contact: false });
  };
  lap(0);
  talk.loop(upTo(5), 3, lap);
  return talk.diverging(
    "gripper-closes-on-air",
    "Same point, same width, no contact: the four steps run six times without a new position.",
  );
}

function checkoutInFrench(): LabelledCase {
  const talk = new Transcript("Tu pilotes un navigateur. Outils : ouvrir, cliquer, remplir, lire.");
  talk.user("Commande deux cartouches HP 305 et fais-les livrer au bureau.");
  const lap = (): void => {
    talk.call(
      "ouvrir",
      { url: "https://papeterie.example.fr/panier" },
      "Panier : 2 × HP 305 — 37,80 €",
    );
    talk.call("cliquer", { bouton: "Valider le panier" }, "Page : Adresse de livraison");
    talk.call("remplir", { champ: "Code postal", valeur: "F-75011" }, "ok");
    talk.call("cliquer", { bouton: "Continuer" }, "Page : Mode de livraison");
    talk.call("cliquer", { bouton: "Payer" }, "Erreur : code postal invalide. Retour au panier.");
  };
  lap();
  talk.loop(upTo(4), 3, lap);
  return talk.diverging(
    "fr-panier-sans-fin",
    "Five pages of a shop in a circle: the postal code is refused and typed in the same way each lap.",
  );
}

const APPLY_ROUND: readonly Step[] = [
  ["terraform_fmt", { dir: "envs/stage" }, ""],
  ["terraform_init", { dir: "envs/stage" }, "Terraform has been successfully initialized!"],
  ["terraform_validate", { dir: "envs/stage" }, "Success! The configuration is valid."],
  ["terraform_plan", { dir: "envs/stage" }, "Plan: 1 to add, 0 to change, 0 to destroy."],
  [
    "terraform_apply",
    { dir: "envs/stage" },
    "Error: creating S3 bucket (acme-logs): BucketAlreadyExists",
  ],
  [
    "aws_s3_ls",
    { prefix: "acme-logs" },
    "An error occurred (AccessDenied): bucket owned by 4471****",
  ],
  ["terraform_state_list", { dir: "envs/stage" }, "module.net.vpc\nmodule.net.subnet[0]"],
  [
    "read_file",
    { path: "envs/stage/logs.tf" },
    'resource "aws_s3_bucket" "logs" {\n  bucket = "acme-logs"\n}',
  ],
];

function terraformRound(): LabelledCase {
  const talk = new Transcript("You roll out infrastructure. Work step by step.", "short");
  talk.user("Create the log bucket in stage.");
  const lap = (): void => {
    for (const step of APPLY_ROUND) talk.call(...step);
  };
  lap();
  talk.loop(upTo(4), 3, lap);
  return talk.diverging(
    "terraform-round-of-eight",
    "Eight steps end in a bucket name that is taken by somebody else; the round is walked five times.",
  );
}

function handOffs(): LabelledCase {
  const talk = new Transcript("You are a team of support agents who hand over to each other.");
  talk.user("I was charged for a plan I cancelled by chat. Please refund me.");
  const lap = (number: number): void => {
    talk.call(
      "transfer_to_billing",
      { reason: "refund of a cancelled plan" },
      { assistant: "billing", note: "You are now the billing agent." },
      turning(["This is a matter for billing.", "Billing will look at the refund."], number),
    );
    talk.call(
      "transfer_to_support",
      { reason: "cancellation must be confirmed first" },
      { assistant: "support", note: "You are now the support agent." },
      turning(["Support has to confirm the cancellation.", "I hand you to support."], number),
    );
  };
  lap(0);
  talk.loop(upTo(8), 3, lap);
  return talk.diverging(
    "two-agents-hand-over",
    "Billing and support hand the customer to each other nine times; neither looks at the account.",
  );
}

function deployRoundChinese(): LabelledCase {
  const talk = new Transcript("你是运维助手,负责把服务发布到测试环境。工具:k8s.*、镜像仓库.*");
  talk.user("把 order-service 1.8.2 发布到测试环境。");
  const lap = (number: number): void => {
    const pod = `order-service-${hex(`pod${number}`, 9)}-${code(`pod${number}`, 5).toLowerCase()}`;
    talk.call(
      "k8s.set_image",
      { deploy: "order-service", image: "order-service:1.8.2" },
      "deployment updated",
    );
    talk.call("k8s.get_pods", { app: "order-service" }, `${pod} 0/1 ImagePullBackOff`);
    talk.call(
      "k8s.describe_pod",
      { name: pod },
      "Failed to pull: manifest for order-service:1.8.2 not found",
    );
    talk.call(
      "k8s.rollback",
      { deploy: "order-service" },
      "rolled back to revision 41",
      "镜像拉取失败,先回滚。",
    );
    talk.call(
      "k8s.get_pods",
      { app: "order-service" },
      "order-service-6c9f 1/1 Running",
      "已回滚,重新发布。",
    );
  };
  lap(0);
  talk.loop(upTo(4), 3, lap);
  return talk.diverging(
    "zh-deploy-and-roll-back",
    "The image tag does not exist; it is deployed and rolled back five times. Only pod names change.",
  );
}

function roundWithNoise(): LabelledCase {
  const talk = new Transcript("You are a personal finance agent with bank and budget tools.");
  talk.user("Categorise the unknown transaction of 89.90 EUR and update my budget.");
  const noise: readonly Step[] = [
    ["get_time", {}, "2025-11-11T09:00:12+01:00"],
    ["fx_rate", { pair: "EURUSD" }, { rate: 1.0871 }],
    ["note", { text: "Ask about the gym later" }, "saved"],
    ["fx_rate", { pair: "EURCHF" }, { rate: 0.9312 }],
    ["get_time", {}, "2025-11-11T09:04:55+01:00"],
    ["note", { text: "Rent is due on the 3rd" }, "saved"],
  ];
  const lap = (number: number): void => {
    talk.call(
      "bank_transaction",
      { id: "tx_90112" },
      { id: "tx_90112", amount: "-89.90", merchant: "SUMUP *4471" },
    );
    const aside = noise[number % noise.length];
    if (aside !== undefined) talk.call(...aside);
    talk.call(
      "merchant_lookup",
      { name: "SUMUP *4471" },
      { match: null, hint: "payment facilitator" },
    );
    talk.call(
      "budget_assign",
      { tx: "tx_90112", category: "unknown" },
      { error: "category 'unknown' is not allowed" },
    );
  };
  lap(0);
  talk.loop(upTo(6), 3, lap);
  return talk.diverging(
    "unknown-merchant-with-asides",
    "Look up, no match, refused category, seven times; unrelated calls stand between the laps.",
  );
}

function mazeCircle(): LabelledCase {
  const talk = new Transcript(
    "You play a text adventure. Reply with one command per turn, nothing else.",
  );
  talk.user("You stand in the Hall. Exits: north. A grate in the floor is locked.");
  const rooms: readonly (readonly [string, string])[] = [
    ["go north", "Library. Dust everywhere. Exits: east, south."],
    ["go east", "Conservatory. The palms are dead. Exits: south, west."],
    ["go south", "Kitchen. A cold stove, a drawer. Exits: north, west."],
    ["go west", "You stand in the Hall. Exits: north. A grate in the floor is locked."],
  ];
  const lap = (): void => {
    for (const [command, scene] of rooms) talk.say(command).user(scene);
  };
  lap();
  talk.loop(upTo(4), 3, lap);
  return talk.diverging(
    "four-rooms-in-a-circle",
    "The player walks the same four rooms five times and never opens the drawer or tries the grate.",
  );
}

export const cases: readonly LabelledCase[] = [
  readEditTest(),
  importFlipFlop(),
  slippingGripper(),
  checkoutInFrench(),
  terraformRound(),
  handOffs(),
  deployRoundChinese(),
  roundWithNoise(),
  mazeCircle(),
];
