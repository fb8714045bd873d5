// Conversations that keep busy and get nowhere: plans rewritten, files reread, dead jobs watched.
// Must never hold a wait or a review that somebody asked for.

import type { LabelledCase } from "./labelled-case.ts";
import { type Step, Transcript, lines, turning, upTo } from "./a-transcripts.ts";

function planChurn(): LabelledCase {
  const talk = new Transcript("You are a coding agent. Keep a todo list with todo_write.");
  talk.user("Migrate the settings page from Redux to Zustand.");
  const plan = (tasks: readonly string[], said: string): Transcript =>
    talk.call(
      "todo_write",
      {
        todos: tasks.map((content, index) => ({
          id: String(index + 1),
          content,
          status: "pending",
        })),
      },
      "Todos have been modified successfully.",
      said,
    );
  plan(["Read the settings slice", "Create a store", "Replace hooks"], "I start with a plan.");
  const wordings: readonly (readonly string[])[] = [
    ["Read settings slice", "Create Zustand store", "Replace the hooks"],
    ["Inspect the settings slice", "Create the store", "Replace hooks in components"],
    ["Read the settings slice", "Write a Zustand store", "Swap the hooks"],
    ["Review settings slice", "Create the Zustand store", "Replace all hooks"],
    ["Read the slice of settings", "Create store", "Replace hooks"],
    ["Read the settings slice", "Create a store", "Replace hooks"],
    ["Look at the settings slice", "Build the store", "Replace the hooks"],
  ];
  talk.loop(wordings, 5, (tasks) => plan(tasks, "Let me refine the plan before I begin."));
  return talk.diverging(
    "plan-rewritten-and-never-begun",
    "Eight versions of one plan, all tasks pending in every one, and no file is opened.",
  );
}

const KNOWN_FILES: readonly (readonly [string, string])[] = [
  ["app/models/user.rb", "class User < ApplicationRecord\n  has_many :sessions\nend"],
  ["app/models/session.rb", "class Session < ApplicationRecord\n  belongs_to :user\nend"],
  [
    "app/controllers/login_controller.rb",
    "def create\n  user = User.find_by(email: params[:email])\nend",
  ],
  ["config/routes.rb", "resources :sessions, only: %i[create destroy]"],
  ["spec/login_spec.rb", "it 'signs in' do\n  post '/login'\nend"],
];

function rereadInAnyOrder(): LabelledCase {
  const talk = new Transcript("You are a coding agent for a Rails app.", "anthropic");
  talk.user("Add a lock-out after five failed logins.");
  const read = (position: number, said: string | undefined): Transcript => {
    const [path, text] = KNOWN_FILES[position] ?? ["", ""];
    return talk.call("read_file", { path }, text, said);
  };
  for (const position of [0, 1, 2, 3, 4]) read(position, undefined);
  const order = [2, 0, 4, 1, 2, 3, 0, 4, 2, 1, 0, 3, 4, 2, 0, 1, 3, 2, 4, 0];
  const said = [
    "Let me look at this once more.",
    "I want to be sure.",
    "Checking the details again.",
  ];
  talk.loop(order, 13, (position, index) => read(position, turning(said, index)));
  return talk.diverging(
    "five-files-reread-in-random-order",
    "Five short files are read about five times each in no fixed order; nothing is written between.",
  );
}

function completedStepAgain(): LabelledCase {
  const talk = new Transcript(
    "You migrate databases: 1 back up, 2 migrate, 3 verify. Report each step.",
  );
  talk.user("Migrate `crm` to schema version 58.");
  const backUp = (round: number): Transcript =>
    talk
      .call(
        "backup.create",
        { database: "crm", label: `pre-58-${round}` },
        { ok: true, size_mb: 2213, file: `crm-pre-58-${round}.dump` },
        "Step 1: I back up the database.",
      )
      .say("Step 1 is complete: the backup has been written. Next comes step 2.")
      .user("Go on.");
  backUp(1);
  talk.loop(upTo(6), 3, (round) => backUp(round + 1));
  return talk.diverging(
    "back-to-step-one",
    "Each time the backup is reported done and the user says go on, it makes another backup.",
  );
}

function afterCompaction(): LabelledCase {
  const talk = new Transcript("You are an autonomous engineer in a Go repository.");
  const work: readonly Step[] = [
    ["shell", { cmd: "go vet ./..." }, "# acme/ingest\n./batch.go:71:2: unreachable code"],
    [
      "shell",
      { cmd: "sed -n 60,80p batch.go" },
      "\tif err != nil {\n\t\treturn err\n\t}\n\treturn nil\n\tlog.Print(n)",
    ],
    [
      "shell",
      { cmd: "go test ./... 2>&1 | tail -3" },
      "--- FAIL: TestBatchSize (0.01s)\n    got 99, want 100\nFAIL",
    ],
    [
      "shell",
      { cmd: "grep -n BatchSize *.go" },
      "batch.go:14:const BatchSize = 99\nbatch_test.go:9:  want 100",
    ],
  ];
  const lap = (): void => {
    for (const step of work) talk.call(...step);
  };
  talk.user("Make the tests of acme/ingest pass.");
  lap();
  const summary = lines(
    "[Summary of the conversation so far] The user wants the tests of acme/ingest to pass.",
    "TestBatchSize fails (got 99, want 100). Next: find the cause.",
  );
  talk.loop(upTo(4), 3, () => {
    talk.user(summary);
    lap();
  });
  return talk.diverging(
    "same-work-after-each-summary",
    "After each summary the agent finds the same cause again with the same calls and never edits.",
  );
}

function failedJobWatched(): LabelledCase {
  const talk = new Transcript(
    "You run exports for the reporting team. Tools: export.start, export.status.",
  );
  talk.user("Export all 2024 shipments to Parquet.");
  talk.call(
    "export.start",
    { table: "shipments", year: 2024 },
    { job: "exp-7718", state: "queued" },
  );
  talk.call("export.status", { job: "exp-7718" }, { job: "exp-7718", state: "running", pct: 12 });
  const look = (round: number): Transcript =>
    talk.call(
      "export.status",
      { job: "exp-7718" },
      {
        job: "exp-7718",
        state: "failed",
        pct: 31,
        reason: "disk quota exceeded",
        finished_at: "10:41:07",
      },
      turning(["Let me check the job.", "Still waiting for the export.", "I check again."], round),
    );
  look(0);
  talk.loop(upTo(9), 5, (round) => {
    if (round % 3 === 0) talk.call("wait", { minutes: 2 }, "waited 2 min");
    look(round);
  });
  return talk.diverging(
    "failed-job-still-watched",
    "The export has failed for good, with its reason; its state is asked for ten times.",
  );
}

function fanOutRepeated(): LabelledCase {
  const talk = new Transcript(
    "You are a travel agent. Call several tools at once where you can.",
    "reused",
  );
  talk.user("Find a direct flight Graz to Palma on 14 December with a bag.");
  const fan = (said: string): Transcript =>
    talk.calls(
      [
        [
          "flights_search",
          { from: "GRZ", to: "PMI", date: "2025-12-14", direct: true },
          { offers: [] },
        ],
        ["flights_search", { from: "GRZ", to: "PMI", date: "2025-12-14", bags: 1 }, { offers: [] }],
        [
          "charter_search",
          { from: "GRZ", to: "PMI", week: 50 },
          { error: "no charters in winter" },
        ],
      ],
      said,
    );
  fan("I ask three sources at once.");
  const again = [
    "I ask the sources again.",
    "Let me run the searches once more.",
    "Perhaps something has come in. Searching again.",
    "One more round over all sources.",
    "I repeat the search to be sure.",
    "Let me check the offers again.",
    "Searching all sources.",
  ];
  talk.loop(again, 4, fan);
  return talk.diverging(
    "parallel-searches-repeated",
    "The same three parallel searches give the same nothing eight turns in a row.",
  );
}

function endlessServiceUnavailable(): LabelledCase {
  const talk = new Transcript("You sync products from the supplier's API. Tools: http_get, sleep.");
  talk.user("Import today's price list of Ferrotec.");
  const fetchList = (): Transcript =>
    talk.call(
      "http_get",
      { url: "https://api.ferrotec.test/v2/prices" },
      { status: 503, body: "Service Unavailable: retired endpoint, use /v3", retry_after: null },
    );
  const wait = (seconds: number): Transcript =>
    talk.call("sleep", { seconds }, `slept ${seconds} s`);
  fetchList();
  talk.loop([5, 10, 20, 40, 60, 60, 60, 60, 60, 60], 6, (seconds) => {
    wait(seconds);
    fetchList();
  });
  return talk.diverging(
    "waits-for-a-retired-endpoint",
    "It waits and retries without end although the error says that the endpoint is gone.",
  );
}

function failureAcrossProds(): LabelledCase {
  const talk = new Transcript(
    "You administer the school's timetable. Tools: timetable.*",
    "reused",
  );
  talk.user("Move maths 8b from Monday 3rd to Tuesday 2nd lesson.");
  const move = (said: string): Transcript =>
    talk.call(
      "timetable.move",
      { class: "8b", subject: "maths", from: "mon-3", to: "tue-2" },
      { ok: false, error: "Room 114 is taken on tue-2 by 9a (chemistry)." },
      said,
    );
  const attempt = (said: string): Transcript =>
    move(said).say("The move did not go through. I will take care of it right away.");
  attempt("I move the lesson.");
  const prods = ["Please do it.", "Any news?", "Try again.", "And?", "Is it done?", "Hello?"];
  talk.loop(upTo(prods.length), 4, (round) => {
    talk.user(prods[round - 1] ?? "");
    attempt("Of course, I move the lesson now.");
  });
  return talk.diverging(
    "same-failure-at-every-prod",
    "At every prod of the user the same move is tried and fails; nobody is told that the room is taken.",
  );
}

export const cases: readonly LabelledCase[] = [
  planChurn(),
  rereadInAnyOrder(),
  completedStepAgain(),
  afterCompaction(),
  failedJobWatched(),
  fanOutRepeated(),
  endlessServiceUnavailable(),
  failureAcrossProds(),
];
