// What the gateway says itself when a conversation is over. Fixed words; never text of the conversation.

import { toUsd } from "../receipts/price.ts";
import { makeFault, type Fault } from "../turn/fault.ts";
import type { Decision } from "./decide.ts";

/** For the agent: what happened, and what to do instead of trying again. */
export function endingText(decision: Decision): string {
  return (
    `[fairlead] ${reason(decision)} No model was asked for this turn. ` +
    "Finish here: report what was done and what is open. " +
    `A person can ${remedy(decision)}.`
  );
}

/** A reset forgives no money, and a budget wakes no halted conversation. */
function remedy(decision: Decision): string {
  return decision.asked.ending === "halted" ? "reset the conversation" : "raise the budget";
}

/** Where a structured answer or a tool call was demanded, text would break the client: it gets a refusal. */
export function endingFault(decision: Decision): Fault {
  return makeFault(
    "conversation_ended",
    `${reason(decision)} A person can ${remedy(decision)}, or start a new conversation.`,
  );
}

function reason(decision: Decision): string {
  const { record, spentNanoUsd } = decision.conversation;
  if (decision.asked.ending === "halted") return "This conversation was halted by a person.";
  const budget = record.budgetNanoUsd === null ? "" : ` of ${toUsd(record.budgetNanoUsd)}`;
  // "Out of budget" is what some clients look for before they try again.
  return `This conversation is out of budget: ${toUsd(spentNanoUsd)} USD${budget} spent.`;
}
