// Calls that a model writes as text: `Action: search[x]`, a fenced command, a tool tag.
// Must never take a snippet in an answer to a person for a call: the action must end the text.

import type { ToolCall } from "../../turn/transcript.ts";

/** How much of the end of a text is searched for an action, in characters. */
const ACTION_CHARACTERS_MAX = 8192;
/** White space in a row that the patterns see, in characters. */
const SPACES_KEPT = 64;
const SPACES = /\s{65,}/g;
/** What may follow a fenced command and still leave it the end of the text, in characters. */
const AFTER_FENCE_CHARACTERS_MAX = 60;

/** The label of an action, and of its input, as the houses write them. */
const ACTION = "(?:Action|Aktion|Acción|Accion|Azione|Ação|Действие|行动|动作|行動|アクション)";
const ACTION_INPUT =
  "(?:Action Input|Aktionseingabe|Eingabe|Entrée|Entrada|Input|行动输入|动作输入|输入|行動入力|入力)";
/** A cheap look ahead. */
const MAY_ACT =
  /action|```|<|\bact\b|^\s*>|aktion|acci[oó]n|azione|ação|действие|行动|动作|行動|アクション/i;
/** A command in a game: the whole text is one line. */
const GAME_LINE = /^>\s*([^\n>]{1,80}[^\n>.!?…。！？"”»])$/;
const BRACKETS = new RegExp(
  `(?:^|\\n)\\s*\\**${ACTION}` +
    "(?:\\s*\\d+)?\\**\\s*[:：]\\**\\s*`?([\\w.:-]{1,64})" +
    "\\s*[[(]([^\\n]*?)[\\])]`?\\s*(?:\\n|$)",
  "gi",
);
const INPUT = new RegExp(
  `(?:^|\\n)\\s*\\**${ACTION}(?:\\s*\\d+)?\\**\\s*[:：]` +
    "\\**\\s*`?([^\\n`]{1,120}?)" +
    `\`?\\s*\\n\\s*\\**${ACTION_INPUT}(?:\\s*\\d+)?\\**\\s*[:：]\\**\\s*([\\s\\S]*?)` +
    "(?=\\n\\s*\\**Observation|$)",
  "gi",
);
const PLAIN = /(?:^|\n)\s*\**(?:Action|Act)(?:\s*\d+)?\**\s*(?::\**|>)\s*([^\n]{1,400})(?:\n|$)/gi;
const FENCE = new RegExp(
  "```(?:bash|sh|shell|console|zsh|cmd|powershell|tool_code|tool_call|python|" +
    "mswea_bash_command)?[ \\t]*\\n([\\s\\S]*?)\\n?```",
  "gi",
);
/** Where a fenced object begins and ends, and what tells it from data: one pattern would cost a text its cube. */
const JSON_OPENS = /```(?:json)?\s*\{/i;
const JSON_ENDS = /\}\s*```\s*$/;
const TELLS_ACTION = /"(?:action|tool|name|command)"/i;
const TAG = new RegExp(
  "<(tool_call|function_call|invoke|execute_\\w+|tool_code|command|use_mcp_tool|" +
    "function=[\\w.-]+)\\b[^>]*>([\\s\\S]*?)</(?:tool_call|function_call|invoke|execute_\\w+|" +
    "tool_code|command|use_mcp_tool|function)>",
  "gi",
);

/** A block of Python is an action only where something is seen to have run it. */
export const PYTHON_BLOCK = "python";
const SNIPPET = /^```python/i;

/** Words that a client puts before the outcome of such an action. */
const OBSERVATION = new RegExp(
  "^\\W*(?:observation|beobachtung|observación|osservazione|observação|наблюдение|观察|觀察|観察|result|" +
    "output|tool (?:result|output)|<(?:output|returncode|" +
    "tool_result|observation))(?!\\w)[^:\\n]{0,20}",
  "i",
);

/** The last action of a text, or null when it ends in none. */
export function textAction(text: string): ToolCall | null {
  if (!MAY_ACT.test(text)) return null;
  // Long runs of white space would cost the patterns their square.
  const tail = text.slice(-ACTION_CHARACTERS_MAX).trimEnd().replace(SPACES, cutSpaces);
  const line = GAME_LINE.exec(tail.trimStart())?.[1];
  if (line !== undefined) return made("action", line);
  return reactAction(tail) ?? jsonAction(tail) ?? tagAction(tail) ?? fencedCommand(tail);
}

function cutSpaces(spaces: string): string {
  return spaces.slice(0, SPACES_KEPT);
}

/** Whether a message of the user's side opens like the outcome of an action. */
export function isObservation(text: string): boolean {
  return OBSERVATION.test(text);
}

function reactAction(text: string): ToolCall | null {
  const input = lastMatch(INPUT, text);
  if (input !== null) return made(input[1] ?? "", unfenced(input[2] ?? ""));
  const brackets = lastMatch(BRACKETS, text);
  if (brackets !== null) return made(brackets[1] ?? "", brackets[2] ?? "");
  const plain = lastMatch(PLAIN, text);
  if (plain === null) return null;
  const line = (plain[1] ?? "").trim().replace(/^`|`$/g, "");
  // `Action:` before a fenced block is a heading.
  if (line === "" || line.startsWith("```")) return null;
  return made("action", line);
}

function jsonAction(text: string): ToolCall | null {
  const ends = JSON_ENDS.exec(text);
  const opens = JSON_OPENS.exec(text);
  if (ends === null || opens === null) return null;
  const written = text.slice(opens.index + opens[0].length - 1, ends.index + 1);
  return TELLS_ACTION.test(written) ? made("action", written) : null;
}

function tagAction(text: string): ToolCall | null {
  const match = lastMatch(TAG, text);
  return match === null ? null : made(match[1] ?? "", match[2] ?? "");
}

function fencedCommand(text: string): ToolCall | null {
  const match = lastMatch(FENCE, text);
  if (match === null) return null;
  const after = text.length - (match.index + match[0].length);
  if (after > AFTER_FENCE_CHARACTERS_MAX) return null;
  return made(SNIPPET.test(match[0]) ? PYTHON_BLOCK : "shell", match[1] ?? "");
}

function made(name: string, input: string): ToolCall {
  return { id: "", name: name.trim(), arguments: input.trim() };
}

function unfenced(text: string): string {
  return text.replace(/^\s*```\w*\n?/, "").replace(/\n?```\s*$/, "");
}

function lastMatch(pattern: RegExp, text: string): RegExpExecArray | null {
  let last: RegExpExecArray | null = null;
  for (const match of text.matchAll(pattern)) last = match;
  return last;
}
