// How the search ranks what it finds: decisions tell why, and whoever searches mostly asks how.
// The members are those of Sphinx's own scorer, which is a `var` too.
var Scorer = {
  score: ([page, title, anchor, description, score]) => (
    page.startsWith("decisions/") || page === "changelog" ? score - 100 : score
  ),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
