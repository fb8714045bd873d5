// Healthy conversations whose calls are equal by their nature: games, and orders given again.
// Must never hold a game whose state stands still, or a call that nobody asked for.

import type { LabelledCase } from "./labelled-case.ts";
import { type Step, Transcript, lines } from "./a-transcripts.ts";

function diceRolls(): LabelledCase {
  const talk = new Transcript(
    "You are a game master. Roll with the dice tool, never in your head.",
  );
  talk.user("Roll my attack: 1d20, and again for each of the eight goblins.");
  for (const face of [14, 3, 3, 19, 8, 3, 11, 20, 3]) {
    talk.call("roll", { dice: "1d20" }, { dice: "1d20", result: face });
  }
  talk.say(
    "You rolled 14. The goblins got 3, 3, 19, 8, 3, 11, 20 and 3: the third and the seventh hit.",
  );
  return talk.healthy(
    "dice-for-eight-goblins",
    "The same call is made nine times because nine rolls are needed.",
  );
}

function slidingTiles(): LabelledCase {
  const talk = new Transcript("You play 2048. Call move with up, down, left or right.", "reused");
  talk.user("The board is 64 16 4 2, score 1136. Play on until you reach 256 or lose.");
  const moves = [
    "left",
    "down",
    "left",
    "down",
    "left",
    "down",
    "left",
    "down",
    "left",
    "left",
    "down",
    "left",
  ];
  for (const [index, direction] of moves.entries()) {
    const top = `${index < 5 ? 64 : 128} ${2 ** (1 + (index % 5))} . .`;
    const bottom = `${2 ** (1 + (index % 4))} 4 . 2`;
    talk.call("move", { direction }, lines(top, bottom, `score ${1200 + index * 64}`));
  }
  talk.call("move", { direction: "down" }, "256 16 4 2\n8 4 . .\nscore 1968 - goal reached");
  talk.say("256 reached with 1,968 points.");
  return talk.healthy(
    "tiles-left-and-down",
    "Left and down take turns, and the board and the score move on.",
  );
}

function hangmanFrench(): LabelledCase {
  const talk = new Transcript(
    "Tu animes un jeu de pendu. Montre le mot masqué et les essais restants.",
  );
  talk.user("On joue ?");
  talk.say("Oui ! Mot : _ _ _ _ _ _ — 6 essais. Quelle lettre ?");
  const rounds: readonly (readonly [string, string])[] = [
    ["e", "Oui ! Mot : _ _ _ _ _ e — 6 essais. Quelle lettre ?"],
    ["a", "Non. Mot : _ _ _ _ _ e — 5 essais. Quelle lettre ?"],
    ["i", "Non. Mot : _ _ _ _ _ e — 4 essais. Quelle lettre ?"],
    ["o", "Oui ! Mot : _ o _ _ _ e — 4 essais. Quelle lettre ?"],
    ["s", "Non. Mot : _ o _ _ _ e — 3 essais. Quelle lettre ?"],
    ["u", "Oui ! Mot : _ o u _ _ e — 3 essais. Quelle lettre ?"],
    ["t", "Non. Mot : _ o u _ _ e — 2 essais. Quelle lettre ?"],
    ["r", "Non. Mot : _ o u _ _ e — 1 essai. Quelle lettre ?"],
    ["l", "Oui ! Mot : _ o u l _ e — 1 essai. Quelle lettre ?"],
    ["p", "Oui ! Mot : p o u l p e — gagné ! Une autre partie ?"],
  ];
  for (const [letter, reply] of rounds) talk.user(letter).say(reply);
  return talk.healthy(
    "fr-pendu",
    "The frame of each reply is the same; the word and the tries change by every letter.",
  );
}

function weatherTwice(): LabelledCase {
  const talk = new Transcript("You plan outdoor shoots. Ask for all cities at once.", "short");
  const cities = ["Porto", "Faro", "Braga", "Évora"];
  const ask = (offset: number): Transcript =>
    talk.calls(
      cities.map((city, index): Step => [
        "weather.forecast",
        { city, date: "2025-11-15" },
        { city, rain_pct: (index * 23 + offset) % 90, max_c: 14 + index },
      ]),
    );
  talk.user("Where is it driest on Saturday?");
  ask(5);
  talk.say("Porto, with a 5 % chance of rain.");
  talk.user("It is Friday now. Please check all four again.");
  ask(31);
  talk.say("Faro would be 54 %, Porto 31 %. Évora is the driest with 10 %.");
  talk.user("And once more, an hour later?");
  ask(31);
  talk.say("Unchanged: Évora is still the driest with 10 %.");
  return talk.healthy(
    "forecast-on-request",
    "Four parallel calls are made three times because the user asks for them.",
  );
}

function lightsFrench(): LabelledCase {
  const talk = new Transcript("Tu pilotes la maison. Outil : lumiere(piece, etat).");
  const orders: readonly (readonly [string, string])[] = [
    ["Allume le salon.", "on"],
    ["Éteins le salon.", "off"],
    ["Rallume le salon.", "on"],
    ["Éteins, on passe à table.", "off"],
    ["Allume le salon.", "on"],
    ["Éteins le salon, bonne nuit.", "off"],
  ];
  for (const [order, state] of orders) {
    talk.user(order);
    talk.call("lumiere", { piece: "salon", etat: state }, { ok: true });
    talk.say(state === "on" ? "Le salon est allumé." : "Le salon est éteint.");
  }
  return talk.healthy(
    "fr-lumiere-du-salon",
    "On and off take turns all evening, each time on the user's order.",
  );
}

export const cases: readonly LabelledCase[] = [
  diceRolls(),
  slidingTiles(),
  hangmanFrench(),
  weatherTwice(),
  lightsFrench(),
];
