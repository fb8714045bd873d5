// Conversations in which a search for something that is not there goes on in almost the same words.
// Must never hold a search that narrows down or opens a new place.

import type { LabelledCase } from "./labelled-case.ts";
import { Transcript, code, upTo } from "./a-transcripts.ts";

function precedentSearch(): LabelledCase {
  const talk = new Transcript(
    "You are a paralegal's assistant with access to a case-law database.",
  );
  talk.user("Is there an appellate ruling on drone noise as a nuisance in Vermont?");
  const search = (query: string): Transcript =>
    talk.call(
      "caselaw_search",
      { query, jurisdiction: "vt", court: "supreme", limit: 10 },
      { query_ms: 120 + query.length, total: 0, results: [] },
    );
  search("drone noise nuisance");
  search("unmanned aircraft noise private nuisance");
  const queries = [
    "drone noise nuisance Vermont",
    "drone noise private nuisance Vermont",
    "nuisance drone noise Vermont Supreme Court",
    "drone noise nuisance ruling Vermont",
    "Vermont drone noise nuisance case",
    "noise nuisance by drone Vermont",
    "drone nuisance noise appellate Vermont",
    "Vermont Supreme Court drone noise nuisance",
  ];
  talk.loop(queries, 4, search);
  return talk.diverging(
    "precedent-that-does-not-exist",
    "After two sensible queries the same words are shuffled eight times, always with no result.",
  );
}

function literatureChinese(): LabelledCase {
  const talk = new Transcript("你是科研助理,使用 cnki_search 检索文献并给出引用。", "short");
  talk.user("找三篇关于“稻田蟹共作对土壤硒形态影响”的实证论文。");
  const search = (keywords: string): Transcript =>
    talk.call(
      "cnki_search",
      { keywords, year_from: 2015, type: "期刊" },
      { took: 80 + keywords.length * 3, hits: 0, items: [] },
    );
  search("稻蟹共作 土壤硒形态");
  search("稻蟹综合种养 硒");
  const queries = [
    "稻蟹共作 硒形态 土壤",
    "稻田蟹共作 土壤硒形态",
    "土壤硒形态 稻蟹共作 影响",
    "稻蟹共作对土壤硒形态的影响",
    "稻田 蟹 共作 土壤 硒 形态",
    "稻蟹共作 土壤 硒形态 实证",
    "稻田蟹共作 硒形态 影响",
  ];
  talk.loop(queries, 4, search);
  return talk.diverging(
    "zh-literature-shuffled",
    "The same few keywords are reordered nine times over an index that has no such paper.",
  );
}

function mailSearchSpanish(): LabelledCase {
  const talk = new Transcript("Eres un asistente de correo. Herramienta: gmail.search.");
  talk.user("Busca el correo del seguro con el número de póliza del coche.");
  const search = (q: string): Transcript =>
    talk.call("gmail.search", { q, maxResults: 20 }, { resultSizeEstimate: 0, messages: [] });
  search("póliza coche seguro");
  talk.call(
    "gmail.list_labels",
    {},
    { labels: ["INBOX", "SENT", "Casa", "Trabajo"] },
    "Miro las etiquetas.",
  );
  const queries = [
    "seguro coche póliza",
    "poliza coche seguro",
    "póliza del coche seguro",
    "seguro del coche póliza",
    "póliza seguro del coche",
    "seguro póliza coche",
    "número póliza seguro coche",
    "póliza coche",
  ];
  talk.loop(queries, 5, search);
  return talk.diverging(
    "es-policy-mail-search",
    "Nine searches with the same three words in another order, none of which finds a mail.",
  );
}

function productLookupJapanese(): LabelledCase {
  const talk = new Transcript(
    "あなたは通販サイトの店員です。searchProducts で商品を探してください。",
  );
  talk.user("左利き用のチタン製の裁ちばさみはありますか。");
  const search = (keyword: string): Transcript =>
    talk.call("searchProducts", { keyword, in_stock: true }, { count: 0, products: [] });
  search("左利き 裁ちばさみ チタン");
  search("左きき用 布切りはさみ");
  const keywords = [
    "チタン 裁ちばさみ 左利き",
    "左利き用 チタン 裁ちばさみ",
    "裁ちばさみ 左利き チタン",
    "左利き用 裁ちばさみ チタン製",
    "チタン製 裁ちばさみ 左利き用",
    "裁ちばさみ チタン製 左利き用",
    "左利き チタン 裁ちばさみ",
  ];
  talk.loop(keywords, 4, search);
  talk.say("申し訳ございません、もう一度お探しします。").user("お願いします。");
  search("左利き用 裁ちばさみ チタン");
  return talk.diverging(
    "ja-product-lookup",
    "The shop has none, which two searches showed; the same words are looked up seven times more.",
  );
}

function logSearchByDay(): LabelledCase {
  const talk = new Transcript("You investigate incidents with logs.query (LogQL).", "anthropic");
  talk.user("A customer says checkout failed this morning at 09:40. What happened?");
  const query = (limit: number): Transcript =>
    talk.call(
      "logs.query",
      { expr: '{app="chekout"} |= "error"', start: "09:30", end: "09:50", limit },
      {
        status: "success",
        data: { resultType: "streams", result: [], stats: { ms: 9 + (limit % 7) } },
      },
      limit === 100 ? undefined : "No entries. I raise the limit.",
    );
  query(100);
  talk.loop([200, 500, 1000, 2000, 5000, 5000, 10000, 20000], 4, query);
  return talk.diverging(
    "empty-log-query-with-larger-limits",
    "A label is misspelt and nothing matches; only the limit grows, query after query.",
  );
}

function callerSearchWithNotes(): LabelledCase {
  const talk = new Transcript(
    "You are a code-review agent. Tools: codebase_search, think.",
    "counted",
  );
  talk.user("Who calls LegacyTokenStore.evict()? Is it dead code?");
  const search = (query: string, round: number): Transcript =>
    talk.call(
      "codebase_search",
      { query, top_k: 5 },
      `No results for query (index ${code("index", 8)}, ${31 + (round % 5)} ms)`,
    );
  search("LegacyTokenStore evict callers", 0);
  search("callers of evict", 1);
  talk.loop(upTo(7), 4, (round) => {
    talk.call("think", { thought: `No callers yet (${round}). Maybe the wording is off.` }, "");
    search(
      [
        "callers of LegacyTokenStore evict",
        "LegacyTokenStore evict caller",
        "evict callers Legacy",
      ][round % 3] ?? "",
      round,
    );
  });
  return talk.diverging(
    "caller-search-between-thoughts",
    "Dead code has no callers: the search is repeated in three wordings with a thought in between.",
  );
}

export const cases: readonly LabelledCase[] = [
  precedentSearch(),
  literatureChinese(),
  mailSearchSpanish(),
  productLookupJapanese(),
  logSearchByDay(),
  callerSearchWithNotes(),
];
