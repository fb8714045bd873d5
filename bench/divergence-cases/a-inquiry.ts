// Healthy conversations that look for something: sweeps, searches, pages, thoughts, plans of a query.
// Must never hold a search that has stopped narrowing.

import type { LabelledCase } from "./labelled-case.ts";
import { Transcript, code, lines, turning } from "./a-transcripts.ts";

function endlessFeed(): LabelledCase {
  const talk = new Transcript(
    "You drive a browser: browser_open, browser_scroll, browser_text.",
    "anthropic",
  );
  talk.user("Find the post about the heat pump in the village forum. It is from last winter.");
  talk.call("browser_open", { url: "https://forum.example.org/all" }, "loaded");
  const posts = [
    "Summer fête",
    "Lost cat",
    "Bus timetable",
    "Choir",
    "Fibre is coming",
    "Snow clearing",
    "Heat pump: my year",
  ];
  for (const [index, post] of posts.entries()) {
    talk.call("browser_scroll", { direction: "down", amount: 1200 }, "scrolled");
    talk.call(
      "browser_text",
      {},
      `${post} (${3 + index * 2} replies) - ${code(post, 6)} wrote ${index + 4} months ago`,
    );
  }
  talk.say("Found it: “Heat pump: my year”, 15 replies.");
  return talk.healthy(
    "scrolling-a-feed",
    "The scroll call is the same each time and brings other posts into view.",
  );
}

function twoHops(): LabelledCase {
  const talk = new Transcript(
    "Answer with Thought, Action and Observation. Actions: Search[], Lookup[], Finish[].",
  );
  talk.user(
    "Question: Which river flows through the birthplace of the inventor of the Hell recorder?",
  );
  const steps: readonly (readonly [string, string, string])[] = [
    [
      "I need the inventor of the Hell recorder.",
      "Search[Hell recorder]",
      "The Hellschreiber was invented by Rudolf Hell.",
    ],
    [
      "Where was Rudolf Hell born?",
      "Search[Rudolf Hell]",
      "Rudolf Hell (1901-2002) was a German inventor.",
    ],
    [
      "The birthplace is not in the summary.",
      "Lookup[born]",
      "(Result 1 / 2) Hell was born in Eggmühl, Bavaria.",
    ],
    [
      "Which river flows through Eggmühl?",
      "Search[Eggmühl]",
      "Could not find Eggmühl. Similar: Schierling, Eckmühl.",
    ],
    [
      "Eggmühl may be part of Schierling.",
      "Search[Schierling]",
      "Schierling is a market town in the Regensburg district.",
    ],
    [
      "I look for the river.",
      "Lookup[river]",
      "(Result 1 / 1) Schierling lies on the Große Laber river.",
    ],
  ];
  for (const [index, [thought, action, observation]] of steps.entries()) {
    const number = index + 1;
    talk.say(`Thought ${number}: ${thought}\nAction ${number}: ${action}`);
    talk.user(`Observation ${number}: ${observation}`);
  }
  talk.say("Thought 7: The river is the Große Laber.\nAction 7: Finish[Große Laber]");
  return talk.healthy(
    "react-two-hops",
    "Actions as text, one miss on the way, and every step uses the one before.",
  );
}

function secondAttemptWorks(): LabelledCase {
  const talk = new Transcript("You answer questions with run_sql (SQLite).");
  talk.user("How many members joined in 2025?");
  talk.call(
    "run_sql",
    { sql: "SELECT count(*) FROM member WHERE joined LIKE '2025%'" },
    "no such table: member",
  );
  talk.call(
    "run_sql",
    { sql: "SELECT count(*) FROM members WHERE joined LIKE '2025%'" },
    "count(*)\n37",
  );
  talk.say("37 members joined in 2025.");
  return talk.healthy("second-attempt-works", "One error, one corrected query, an answer.");
}

function narrowingSearch(): LabelledCase {
  const talk = new Transcript("You are a research assistant with web_search and open_page.");
  talk.user("Who first measured the tidal range in the Bay of Fundy with a gauge, and when?");
  const queries: readonly (readonly [string, string])[] = [
    ["Bay of Fundy tidal range first measurement", "3.1M results: tourism pages, “highest tides”"],
    ["Bay of Fundy tide gauge history", "Saint John gauge, since 1893; Tidal Survey of Canada"],
    ["Tidal Survey of Canada 1893 founder", "W. Bell Dawson headed the survey from 1893"],
    ["Bell Dawson Saint John tide gauge 1894", "Self-registering gauge at Saint John"],
    ["tide gauge Bay of Fundy before 1893", "Admiralty survey, W. F. W. Owen, 1843"],
    ["Owen Admiralty survey Bay of Fundy tide pole", "A tide pole, no gauge, at Campobello"],
  ];
  for (const [query, result] of queries) talk.call("web_search", { query }, result);
  talk.call(
    "open_page",
    { url: "https://archive.example.org/dawson-1895" },
    "Report of 1895: gauge installed in 1894",
  );
  talk.say("W. Bell Dawson's survey, with a self-registering gauge at Saint John in 1894.");
  return talk.healthy(
    "search-that-narrows",
    "Six queries share words, but each takes up what the one before found.",
  );
}

function rateSweep(): LabelledCase {
  const talk = new Transcript("You tune hyper-parameters with trainShort.", "counted");
  talk.user("Find a good learning rate for the small model. Try a sensible grid.");
  const grid = [0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003];
  const losses = ["nan", "nan", "2.914", "1.407", "1.366", "1.502", "1.988", "2.430"];
  for (const [index, rate] of grid.entries()) {
    talk.call(
      "trainShort",
      { rate, steps: 500, seed: 1 },
      { rate, loss: turning(losses, index), steps: 500 },
    );
  }
  talk.say("0.001 is the best (loss 1.366); 0.03 and more diverge.");
  return talk.healthy(
    "learning-rate-sweep",
    "One number moves along a grid and every run has another outcome.",
  );
}

function manyThoughts(): LabelledCase {
  const talk = new Transcript("You plan schedules. Think with the think tool before you act.");
  talk.user("Five talks, two rooms, and Dr. Lind only before noon. Make a schedule.");
  const thoughts = [
    "Lind is only free before noon, so Lind gets a slot at 9, 10 or 11.",
    "Room A has the projector. Lind and Osei need one, the others do not.",
    "Osei and Park share an audience: not at the same time.",
    "If Lind takes A at 9, Osei can take A at 10 and Park B at 11.",
    "Ruiz wanted the afternoon. B at 13 is free.",
    "That leaves Weber: A at 13 would clash with the cleaning, so B at 9.",
    "Check: no speaker twice, A: Lind, Osei. B: Weber, Park, Ruiz. All wishes hold.",
  ];
  for (const thought of thoughts) talk.call("think", { thought }, "");
  talk.call(
    "schedule.write",
    { A: ["9 Lind", "10 Osei"], B: ["9 Weber", "11 Park", "13 Ruiz"] },
    "saved",
  );
  talk.say("The schedule is saved: Lind speaks at 9 in room A.");
  return talk.healthy(
    "seven-thoughts",
    "The think tool answers nothing, but every thought is a step further.",
  );
}

function slowQuery(): LabelledCase {
  const talk = new Transcript("You tune PostgreSQL with run_sql.", "anthropic");
  const query = "EXPLAIN (ANALYZE) SELECT * FROM events WHERE tenant = 7 ORDER BY at DESC LIMIT 50";
  talk.user("This query is too slow, get it below 10 ms.");
  const explain = (plan: string): Transcript => talk.call("run_sql", { sql: query }, plan);
  explain("Seq Scan on events (actual time=0.01..1893.40)\nExecution Time: 1894.1 ms");
  talk.call("run_sql", { sql: "CREATE INDEX ON events (tenant)" }, "CREATE INDEX");
  explain("Bitmap Heap Scan on events (actual time=4.1..211.6)\nExecution Time: 240.8 ms");
  talk.call("run_sql", { sql: "CREATE INDEX ON events (tenant, at DESC)" }, "CREATE INDEX");
  explain(
    "Index Scan using events_tenant_at_idx (actual time=0.03..14.2)\nExecution Time: 14.3 ms",
  );
  talk.call("run_sql", { sql: "VACUUM ANALYZE events" }, "VACUUM");
  explain(
    lines(
      "Index Scan using events_tenant_at_idx (actual time=0.02..0.4)",
      "Execution Time: 0.5 ms",
    ),
  );
  talk.say("The query now takes 0.5 ms.");
  return talk.healthy(
    "explain-after-each-index",
    "One EXPLAIN is run four times, after each change, and gets faster.",
  );
}

export const cases: readonly LabelledCase[] = [
  endlessFeed(),
  twoHops(),
  secondAttemptWorks(),
  narrowingSearch(),
  rateSweep(),
  manyThoughts(),
  slowQuery(),
];
