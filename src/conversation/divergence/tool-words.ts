// What a tool does, told from the words of its name, its HTTP method or its shell command.
// Must never be the only reason for a verdict: names mislead, so they only move thresholds.

export interface ToolTraits {
  /** Only thinks or passes time: neither work nor a repeat. */
  readonly neutral: boolean;
  /** Passes time. */
  readonly waits: boolean;
  /** Keeps a plan or a list of things to do. */
  readonly plans: boolean;
  /** Changes something. */
  readonly mutates: boolean;
  /** Changes something that a second equal call would change once more: a payment, a message. */
  readonly effects: boolean;
  /** Expected to be asked again: a status, a queue, dice, a key press. */
  readonly polls: boolean;
  /** Reads, and says so in its name. */
  readonly reads: boolean;
}

const NEUTRAL = new RegExp(
  "^(?:think|thinking|sequential_?thinking|reflect|scratchpad|notes?|take_note|wait|sleep|" +
    "pause|delay)$",
  "i",
);
const WAIT = new RegExp(
  "^(?:wait|sleep|pause|delay)(?:_?(?:for|seconds|ms|until))?$|^(?:attendre|attente|patienter|dormir|" +
    "pausa|warten?|schlafen|esperar?|aguardar|attendi|aspetta(?:re)?|attesa|dormi|wacht(?:en)?|vanta|vent|" +
    "czekaj|bekle|tunggu)(?:$|[_-])|等待|等候|休眠|延时|待機|待つ|スリープ|대기|기다|подожд|ждать|ожид|пауза|пауз",
  "iu",
);
/** The only argument of a call that passes time: a length of time, by its name. */
const TIME_KEY = new RegExp(
  "^(?:(?:wait|sleep|delay|duration)?_?(?:s|ms|secs?|seconds?|mins?|minutes?|millis(?:econds)?|" +
    "hours?)|sekunden|minuten|secondes|segundos|secondi|minuti|minutos|秒|分|分钟|分間|秒数|초|분|" +
    "секунд[ыа]?|минут[ыа]?)$",
  "iu",
);
const PLAN = new RegExp(
  "^(?:todos?|todo_?(?:write|list)|(?:write|update|set|manage|save|revise)_?(?:todos?|todo_?list|" +
    "plan|tasks|steps|checklist|" +
    "task_?list)|plan|planner|make_?plan|task_?list|checklist|aufgaben(?:liste)?|liste_taches)$",
  "i",
);

const words = (list: string): ReadonlySet<string> => new Set(list.split(" "));
const READ = words(
  "get list read search find fetch query lookup look show view check describe count is has " +
    "calculate compute cat ls grep glob open inspect browse select retrieve load scan stat status " +
    "peek analyze analyse validate verify compare preview download head tail",
);
const EFFECT = words(
  "send pay create delete transfer cancel book post charge refund buy purchase submit publish email " +
    "notify invite deploy insert append add issue place reserve register withdraw deposit reply " +
    "message tweet sms ship enqueue schedule release reserver creer envoyer payer supprimer annuler commander " +
    "virement buchen senden erstellen bezahlen loschen uberweisen bestellen stornieren reservar crear enviar pagar " +
    "eliminar borrar comprar transferir cancelar criar apagar emettre rembourser crediter avoir virer emitir " +
    "reembolsar abonar erstatten gutschrift anlegen verschicken credit reimburse dispatch escalate",
);
const CHANGE = words(
  "write edit update set put patch replace modify save remove rename move upload apply install " +
    "commit push merge assign mark change configure reset restart start stop enable disable fix " +
    "format mkdir touch rm cp mv insert store record log import migrate goto go navigate nav walk drive " +
    "fly visit cd switch checkout rollback scale",
);
const POLL = words(
  "status poll wait watch monitor progress health ping inbox heartbeat ready pending queue job " +
    "roll flip random dice draw shuffle press key click next step forward tap swipe",
);
const SHELL = words("bash shell sh terminal exec execute command cmd run console powershell");

const COMMAND_CHANGES = new RegExp(
  "(?:^|[\\s;&|(])(?:cd|rm|mv|cp|mkdir|touch|tee|patch|chmod|ln|truncate|dd|kill|edit|" +
    "create|apply_patch|sed\\s+-\\S*i|git\\s+(?:commit|add|push|checkout|apply|stash|merge|" +
    "rebase|reset|restore)|(?:pip3?|npm|yarn|pnpm|apt(?:-get)?|cargo|go|brew|conda|uv)" +
    "\\s+(?:install|add|i|get|remove|update))\\b|(?<![=<-])>>?\\s*[^\\s&=>|]|<<|\\.write\\(|" +
    "\\bopen\\([^)]*,\\s*['\"][wa]",
);
const COMMAND_EFFECTS =
  /\bgit\s+push\b|\bcurl\b[^|]*\s-X\s*(?:POST|DELETE|PUT|PATCH)\b|\bmail\s+-s\b/;
const COMMAND_WAITS = /(?:^|[\s;&|(])sleep\s+[\d.$]/;
const METHOD_CHANGES = /^(?:post|put|patch|delete)$/i;

/** The part of a name after servers and groups: `mcp__notes__think` is `think`. */
function lastPart(name: string): string {
  return name.split(/__|[.:/]/).at(-1) ?? name;
}

function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .normalize("NFD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== "");
}

/** Traits of a call. `value` are its parsed arguments; a text stands for a bare command. */
export function toolTraits(name: string, value: unknown): ToolTraits {
  const last = lastPart(name);
  const all = wordsOf(last);
  const command = commandOf(all, value);
  const passes = WAIT.test(last) || isTimeOnly(value);
  const waits = passes || (command !== null && COMMAND_WAITS.test(command));
  const traits = command === null ? namedTraits(wordsOf(name), all, value) : shellTraits(command);
  return {
    ...traits,
    waits,
    neutral: NEUTRAL.test(last) || (passes && !traits.effects),
    plans: PLAN.test(last),
    polls: (!traits.mutates && all.some((word) => POLL.has(word))) || (command !== null && waits),
  };
}

/** Nothing is said but how long. */
function isTimeOnly(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const [only, more] = Object.entries(value);
  if (only === undefined || more !== undefined) return false;
  const [key, length] = only;
  return TIME_KEY.test(key) && (typeof length === "number" || /^\d+(?:\.\d+)?$/.test(`${length}`));
}

type Doing = Pick<ToolTraits, "mutates" | "effects" | "reads">;

function shellTraits(command: string): Doing {
  const effects = COMMAND_EFFECTS.test(command);
  return { effects, mutates: effects || COMMAND_CHANGES.test(command), reads: false };
}

function namedTraits(whole: readonly string[], all: readonly string[], value: unknown): Doing {
  const method = fieldOf(value, "method");
  if (method !== null && METHOD_CHANGES.test(method)) {
    return { effects: !/^put$/i.test(method), mutates: true, reads: false };
  }
  // An editor tool names what it does in its `command`.
  const editing = fieldOf(value, "command");
  if (editing !== null && /^(?:view|open|read)$/i.test(editing)) {
    return { effects: false, mutates: false, reads: true };
  }
  const first = all[0] ?? "";
  const effects = !READ.has(first) && all.some((word) => EFFECT.has(word));
  const mutates = effects || (!READ.has(first) && all.some((word) => CHANGE.has(word)));
  return { effects, mutates, reads: !mutates && whole.some((word) => READ.has(word)) };
}

/** The command line of a shell tool, or null when it is none. */
function commandOf(all: readonly string[], value: unknown): string | null {
  if (!all.some((word) => SHELL.has(word))) return null;
  if (typeof value === "string") return value;
  return (
    fieldOf(value, "command") ??
    fieldOf(value, "cmd") ??
    fieldOf(value, "script") ??
    fieldOf(value, "input") ??
    fieldOf(value, "code")
  );
}

function fieldOf(value: unknown, name: string): string | null {
  if (typeof value !== "object" || value === null) return null;
  const field: unknown = Reflect.get(value, name);
  if (typeof field === "string") return field;
  return Array.isArray(field) && field.every((item) => typeof item === "string")
    ? field.join(" ")
    : null;
}
