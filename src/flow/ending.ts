// What the gateway says itself when a conversation is over. Fixed words; never text of the conversation.

import { quoteTools } from "../conversation/correction.ts";
import type { VerdictRecord } from "../conversation/record.ts";
import { toUsd } from "../receipts/price.ts";
import { makeFault, type Fault } from "../turn/fault.ts";
import type { Decision } from "./decide.ts";

/** For the agent: what happened, and what to do instead of trying again. */
export function endingText(decision: Decision): string {
  return (
    `[fairlead] ${reason(decision)} No model was asked for this turn. ` +
    `Finish here: report what was done and what is open. ${remedy(decision)}.`
  );
}

/** A reset forgives no money, a budget wakes no halted conversation, and a loop waits for other words. */
function remedy({ asked }: Decision): string {
  if (asked.ending === "budget") return "A person can raise the budget";
  if (asked.ending === "halted") return "A person can reset the conversation";
  return (
    "A new message of the user that says what to do differently opens it again, and a person can " +
    "reset the conversation"
  );
}

/** Where a structured answer or a tool call was demanded, text would break the client: it gets a refusal. */
export function endingFault(decision: Decision): Fault {
  return makeFault(
    "conversation_ended",
    `${reason(decision)} ${remedy(decision)}, or start a new conversation.`,
  );
}

function reason(decision: Decision): string {
  const { record, spentNanoUsd } = decision.conversation;
  if (decision.asked.ending === "halted") return "This conversation was halted by a person.";
  if (decision.asked.ending === "loop") return loopReason(decision);
  const budget = record.budgetNanoUsd === null ? "" : ` of ${toUsd(record.budgetNanoUsd)}`;
  // "Out of budget" is what some clients look for before they try again.
  return `This conversation is out of budget: ${toUsd(spentNanoUsd)} USD${budget} spent.`;
}

/** What was seen, in the words of the verdict: its pattern, the tools, how often. */
function loopReason({ asked }: Decision): string {
  const { machine, verdicts } = asked.thread;
  const verdict = verdicts.at(-1);
  const sent = machine.context.episode?.correctedTurns.length ?? 0;
  const seen = verdict === undefined ? "" : ` (${seenIn(verdict)})`;
  return (
    `This conversation was ended because it went round in circles${seen} and ${sent} notes about ` +
    "it changed nothing."
  );
}

function seenIn({ pattern, tools, count }: VerdictRecord): string {
  const named = tools.length === 0 ? "" : `: ${quoteTools(tools)}`;
  return `${pattern}${named}, counted ${count}`;
}
