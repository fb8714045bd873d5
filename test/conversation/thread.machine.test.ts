import assert from "node:assert/strict";
import { test } from "node:test";
import { initialThread, nextThread } from "../../src/conversation/thread.machine.ts";
import type { ThreadEvent, ThreadSnapshot } from "../../src/conversation/thread.machine.ts";

type Verdict = Extract<ThreadEvent, { readonly type: "verdict.reached" }>;

function verdict(turn: number, given: Partial<Verdict>): Verdict {
  return {
    type: "verdict.reached",
    turn,
    severity: "clear",
    pattern: null,
    key: null,
    progress: false,
    mayCorrect: true,
    coolDownTurns: 3,
    correctionsMax: 4,
    strongerTurnsMax: 0,
    mayEnd: false,
    ...given,
  };
}

/** The same tool call with the same result, again; `key` names the loop. */
const fires = (turn: number, given: Partial<Verdict> = {}) =>
  verdict(turn, { severity: "firing", pattern: "same-result", key: "a", ...given });
const progresses = (turn: number) => verdict(turn, { progress: true });
const answers = (turn: number): ThreadEvent => ({ type: "turn.answered", turn, final: true });
const speaks = (turn: number): ThreadEvent => ({ type: "person.spoke", turn });
const corrects = (turn: number): ThreadEvent => ({ type: "operator.corrected", turn });

function run(...events: readonly ThreadEvent[]): ThreadSnapshot {
  return events.reduce(nextThread, initialThread());
}

const isDue = ({ value, context }: ThreadSnapshot, turn: number) =>
  value === "correcting" && context.correctionTurn === turn;

test("A loop is corrected in the very turn in which it fires", () => {
  const thread = run(fires(5));
  assert.ok(isDue(thread, 5));
  assert.equal(thread.context.level, 1);
  assert.equal(thread.context.corrections, 1);
});

test("A suspicion changes what is shown, and nothing that is sent", () => {
  const suspected = run(verdict(5, { severity: "suspected" }));
  assert.equal(suspected.value, "suspected");
  assert.equal(suspected.context.corrections, 0);
  assert.deepEqual(nextThread(suspected, verdict(6, {})), initialThread());
});

test("The cool-down is silent, and the step after it is one level up (T4)", () => {
  const first = run(fires(5));
  for (const turn of [6, 7, 8]) assert.equal(nextThread(first, fires(turn)), first);
  const second = nextThread(first, fires(9));
  assert.ok(isDue(second, 9));
  assert.equal(second.context.level, 2);
  assert.deepEqual(second.context.episode?.correctedTurns, [5, 9]);
});

test("After three levels without effect a person is called, and no more is sent (T1)", () => {
  const third = run(fires(5), fires(9), fires(13));
  assert.equal(third.context.level, 3);
  const escalated = nextThread(third, fires(17));
  assert.equal(escalated.value, "escalated");
  assert.equal(escalated.context.outcome?.kind, "escalated");
  assert.equal(escalated.context.outcome?.turns, 12);
  assert.equal(nextThread(escalated, fires(30)), escalated);
});

test("When the allowance is spent a person is called in place of a correction (T2)", () => {
  const spent = run(fires(5, { correctionsMax: 1 }), fires(9, { correctionsMax: 1 }));
  assert.equal(spent.value, "escalated");
  assert.equal(spent.context.corrections, 1);
  const none = run(fires(5, { correctionsMax: 0 }));
  assert.equal(none.value, "escalated");
  assert.equal(none.context.corrections, 0);
});

test("Progress after a correction is a recovery, counted from the first correction (T9)", () => {
  const recovered = run(fires(5), fires(9), progresses(11));
  assert.equal(recovered.value, "steady");
  assert.deepEqual(recovered.context.outcome, {
    kind: "recovered",
    turns: 6,
    pattern: "same-result",
    key: "a",
    level: 2,
    turn: 11,
  });
});

test("Silence is no recovery: without progress the episode stays open (T9)", () => {
  const quiet = run(fires(5), verdict(6, {}), verdict(7, { severity: "suspected" }));
  assert.deepEqual(quiet, run(fires(5)));
});

test("A final answer ends the episode, even of a thread that was escalated (T9)", () => {
  assert.equal(run(fires(5), answers(5)).context.outcome?.turns, 0);
  const escalated = run(fires(5, { correctionsMax: 0 }));
  const answered = nextThread(escalated, answers(6));
  assert.equal(answered.value, "steady");
  assert.equal(answered.context.outcome?.kind, "recovered");
});

test("What a parallel turn saw before the correction counts neither way (T7)", () => {
  const corrected = run(fires(5));
  for (const event of [progresses(5), fires(4, { key: "b" }), answers(4)]) {
    assert.equal(nextThread(corrected, event), corrected);
  }
});

test("The loser of two parallel turns does not correct a second time (T3)", () => {
  const won = run(fires(5));
  assert.equal(nextThread(won, fires(5)), won);
  assert.equal(nextThread(won, fires(5, { key: "b" })), won);
});

test("The same loop soon after its recovery is a relapse, and the ladder goes on (T9)", () => {
  const relapsed = run(fires(5), progresses(6), fires(10));
  assert.ok(isDue(relapsed, 10));
  assert.equal(relapsed.context.level, 2);
  assert.equal(relapsed.context.outcome?.kind, "relapsed");
  assert.equal(nextThread(relapsed, progresses(11)).context.outcome?.turns, 6);
});

test("A relapse in the cool-down is followed without another correction (T4)", () => {
  const relapsed = run(fires(5), progresses(6), fires(7));
  assert.equal(relapsed.value, "correcting");
  assert.equal(relapsed.context.outcome?.kind, "relapsed");
  assert.equal(relapsed.context.corrections, 1);
  assert.equal(relapsed.context.correctionTurn, 5);
  assert.ok(isDue(nextThread(relapsed, fires(9)), 9));
});

test("A cool-down longer than any memory of the loop is kept all the same (T4)", () => {
  const long = { coolDownTurns: 12 };
  const back = run(fires(5, long), progresses(6), fires(17, long));
  assert.equal(back.context.corrections, 1);
  assert.ok(isDue(nextThread(back, fires(18, long)), 18));
});

test("The same loop long after its recovery is a new episode on the first level (T9)", () => {
  const later = run(fires(5), progresses(6), fires(13));
  assert.equal(later.context.level, 1);
  assert.equal(later.context.outcome?.kind, "recovered");
});

test("Another loop closes the first episode: ignored, or recovered if there was progress (T9)", () => {
  const ignored = run(fires(5), fires(7, { key: "b" }));
  assert.ok(isDue(ignored, 7), "another loop has no cool-down to wait for");
  assert.equal(ignored.context.level, 1);
  assert.equal(ignored.context.outcome?.kind, "ignored");
  assert.equal(ignored.context.outcome?.key, "a");
  const recovered = run(fires(5), fires(7, { key: "b", progress: true }));
  assert.equal(recovered.context.outcome?.kind, "recovered");
});

test("Where loops are only observed the episode is recorded and nothing is sent (T5)", () => {
  const observed = run(fires(5, { mayCorrect: false }), fires(9, { mayCorrect: false }));
  assert.equal(observed.value, "suspected");
  assert.equal(observed.context.corrections, 0);
  assert.equal(observed.context.episode?.openedTurn, 5);
  assert.equal(nextThread(observed, verdict(10, {})), observed);
  const recovered = nextThread(observed, progresses(10));
  assert.equal(recovered.value, "steady");
  assert.equal(recovered.context.corrections, 0);
  assert.ok(isDue(nextThread(observed, fires(10)), 10), "corrected once it may be");
});

test("Corrections switched off in mid-episode leave its outcome followed (T5)", () => {
  const off = run(fires(5), fires(9, { mayCorrect: false }));
  assert.deepEqual(off, run(fires(5)));
  assert.equal(nextThread(off, progresses(10)).context.outcome?.kind, "recovered");
});

test("An escalated thread that moves on to another loop is corrected again, if allowed", () => {
  const escalated = run(fires(5), fires(9), fires(13), fires(17));
  assert.equal(nextThread(escalated, fires(18, { key: "b" })), escalated);
  const movedOn = nextThread(escalated, fires(18, { key: "b", progress: true }));
  assert.ok(isDue(movedOn, 18));
  assert.equal(movedOn.context.outcome?.kind, "recovered");
});

test("A person's correction is due in the turn it was asked for, once (T3)", () => {
  const due = run(corrects(8));
  assert.ok(isDue(due, 8));
  assert.equal(nextThread(due, corrects(8)), due);
  assert.equal(nextThread(due, answers(7)), due, "an answer on its way does not cancel it");
  assert.equal(nextThread(due, progresses(8)), due, "nor does what was seen before it");
});

test("A person's correction takes the name of the loop that goes on, and starts its cool-down", () => {
  const due = run(corrects(8), fires(9));
  assert.equal(due.context.episode?.key, "a");
  assert.equal(due.context.corrections, 1);
  assert.ok(isDue(nextThread(due, fires(12)), 12));
});

test("A person's correction never falls on a turn that has been corrected already (T3)", () => {
  assert.ok(isDue(run(fires(5), answers(5), corrects(5)), 6));
});

test("A halted thread stays halted until a person says otherwise (T8)", () => {
  const halted = run(fires(5), { type: "operator.halted" });
  for (const event of [fires(20), progresses(20), answers(20), corrects(20)]) {
    assert.equal(nextThread(halted, event), halted);
  }
  assert.deepEqual(nextThread(halted, { type: "operator.reset" }), initialThread());
  assert.equal(nextThread(halted, { type: "operator.dismissed" }).value, "steady");
});

test("A false alarm is told of no one: no outcome, no relapse (T10)", () => {
  const dismissed = run(fires(5), progresses(6), { type: "operator.dismissed" });
  assert.equal(dismissed.value, "steady");
  assert.equal(dismissed.context.outcome, null);
  assert.equal(dismissed.context.corrections, 1, "what was sent was sent");
  assert.equal(nextThread(dismissed, fires(10)).context.level, 1);
});

test("A reset gives a thread its whole allowance back (T10)", () => {
  const spent = run(fires(5, { correctionsMax: 1 }), fires(9, { correctionsMax: 1 }));
  const reset = nextThread(spent, { type: "operator.reset" });
  assert.deepEqual(reset, initialThread());
  assert.ok(isDue(nextThread(reset, fires(10, { correctionsMax: 1 })), 10));
});

test("A person may correct as often as a person likes, and the record stays small (T1)", () => {
  const turns = Array.from({ length: 40 }, (_, index) => index + 1);
  const { level, episode, corrections } = run(...turns.map(corrects)).context;
  assert.equal(level, 3);
  assert.equal(corrections, 40);
  assert.equal(episode?.correctedTurns.length, 8);
  assert.equal(episode?.correctedTurns[0], 1);
});

test("A loop that ends without help is told as recovered, and as relapsed when it is back (T9)", () => {
  const only = { mayCorrect: false };
  const recovered = run(fires(5, only), progresses(9));
  assert.equal(recovered.context.outcome?.kind, "recovered");
  assert.equal(recovered.context.outcome?.turns, 4);
  const back = nextThread(recovered, fires(12, only));
  assert.equal(back.value, "suspected");
  assert.equal(back.context.outcome?.kind, "relapsed");
  assert.equal(nextThread(recovered, fires(16, only)).context.outcome?.kind, "recovered");
  const answered = nextThread(run(fires(5, only)), answers(7));
  assert.equal(answered.value, "steady");
  assert.equal(answered.context.outcome?.kind, "recovered");
});

test("A natural recovery leaves the ladder at its beginning (T1)", () => {
  const corrected = run(fires(5, { mayCorrect: false }), progresses(6), fires(9));
  assert.equal(corrected.context.level, 1);
  assert.deepEqual(corrected.context.episode?.correctedTurns, [9]);
});

test("Real progress takes back one step of the ladder, but never the first (T9)", () => {
  const third = run(fires(5), fires(9), fires(13), progresses(14));
  const back = nextThread(third, fires(17, { correctionsMax: 9 }));
  assert.ok(isDue(back, 17));
  assert.equal(
    back.context.level,
    3,
    "the third step again, where a person would have been called",
  );
  const first = run(fires(5), progresses(6), fires(10));
  assert.equal(first.context.level, 2, "the plain note is not given twice");
});

const stronger = { strongerTurnsMax: 2 };
const isStronger = ({ value, context }: ThreadSnapshot, turn: number) =>
  value === "escalated" && context.strongerTurn === turn;
/** Three corrections, none of which helped. */
const ladder = (given: Partial<Verdict> = {}) => [
  fires(5, given),
  fires(9, given),
  fires(13, given),
];

test("When the ladder is used up one turn goes to a stronger model, twice at most (T11)", () => {
  const once = run(...ladder(stronger), fires(17, stronger));
  assert.ok(isStronger(once, 17));
  for (const turn of [18, 19, 20]) assert.equal(nextThread(once, fires(turn, stronger)), once);
  const twice = nextThread(once, fires(21, stronger));
  assert.ok(isStronger(twice, 21));
  assert.equal(nextThread(twice, fires(25, stronger)), twice);
  assert.equal(nextThread(twice, progresses(22)).context.outcome?.kind, "recovered");
});

test("A loop that comes back has no stronger model again before the cool-down is over (T11)", () => {
  const given = { ...stronger, correctionsMax: 0 };
  const back = run(fires(5, given), progresses(6), fires(7, given));
  assert.equal(back.value, "escalated");
  assert.equal(back.context.strongerTurns, 1);
  assert.ok(isStronger(nextThread(back, fires(9, given)), 9));
});

test("Without being asked for, no turn goes to a stronger model (T11)", () => {
  assert.equal(run(...ladder(), fires(17)).context.strongerTurn, null);
  const unwanted = { ...stronger, mayCorrect: false };
  const escalated = run(...ladder(), fires(17));
  assert.equal(nextThread(escalated, fires(21, unwanted)), escalated);
});

test("What was seen before a stronger model's turn says nothing about it (T7)", () => {
  const given = run(...ladder(stronger), fires(17, stronger));
  for (const event of [progresses(17), answers(16)]) assert.equal(nextThread(given, event), given);
  assert.equal(nextThread(given, answers(17)).value, "steady");
});

const kind = { mayEnd: true };

test("A loop that nothing helped is ended, where the profile says so (T12)", () => {
  const third = run(...ladder(kind));
  for (const turn of [14, 15, 16]) assert.equal(nextThread(third, fires(turn, kind)), third);
  const ended = nextThread(third, fires(17, kind));
  assert.equal(ended.value, "halted");
  assert.equal(ended.context.endedTurn, 17);
  assert.equal(ended.context.outcome?.kind, "ended");
  assert.equal(ended.context.outcome?.turns, 12);
});

test("A stronger model is tried before an end (T12)", () => {
  const both = { ...kind, strongerTurnsMax: 1 };
  const given = run(...ladder(both), fires(17, both));
  assert.ok(isStronger(given, 17));
  assert.equal(nextThread(given, fires(20, both)), given);
  assert.equal(nextThread(given, fires(21, both)).value, "halted");
});

test("No thread is ended that was not corrected twice, or that brings anything new (T12)", () => {
  const once = { ...kind, correctionsMax: 1 };
  assert.equal(run(fires(5, once), fires(9, once), fires(20, once)).value, "escalated");
  const never = { ...kind, correctionsMax: 0 };
  assert.equal(run(fires(5, never), fires(9, never)).value, "escalated");
  const third = run(...ladder(kind));
  assert.equal(nextThread(third, fires(17, { ...kind, progress: true })).value, "escalated");
  assert.equal(nextThread(third, fires(17, { ...kind, key: "b" })).value, "correcting");
  assert.equal(nextThread(third, fires(17, { ...kind, mayCorrect: false })).value, "correcting");
  assert.equal(nextThread(third, fires(17)).value, "escalated", "nor where endings are off");
});

test("Corrections of before a recovery do not count towards an end (T12)", () => {
  const spent = { ...kind, correctionsMax: 3 };
  const back = run(...ladder(spent), progresses(14), fires(18, spent));
  assert.equal(back.value, "escalated");
  assert.equal(nextThread(back, fires(30, spent)).value, "escalated");
});

test("New words of a person open an ended thread again, and the loop has time once more (T13)", () => {
  const ended = run(...ladder(kind), fires(17, kind));
  const resumed = nextThread(ended, speaks(18));
  assert.equal(resumed.value, "escalated");
  assert.equal(resumed.context.endedTurn, null);
  for (const turn of [18, 19, 20, 21]) {
    assert.equal(nextThread(resumed, fires(turn, kind)), resumed);
  }
  assert.equal(nextThread(resumed, progresses(19)).context.outcome?.kind, "recovered");
  assert.equal(nextThread(resumed, fires(22, kind)).value, "halted");
});

test("What a person halted no words of a request open again (T13)", () => {
  const halted = run(...ladder(kind), fires(17, kind), { type: "operator.halted" });
  assert.equal(halted.value, "halted");
  assert.equal(nextThread(halted, speaks(18)), halted);
  assert.equal(nextThread(run({ type: "operator.halted" }), speaks(2)).value, "halted");
});

test("A person ends what the ladder has ended, too (T10, T13)", () => {
  const ended = run(...ladder(kind), fires(17, kind));
  assert.deepEqual(nextThread(ended, { type: "operator.reset" }), initialThread());
  const dismissed = nextThread(ended, { type: "operator.dismissed" });
  assert.equal(dismissed.value, "steady");
  assert.equal(dismissed.context.endedTurn, null);
});
