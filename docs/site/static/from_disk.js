// A browser lets no page read another one from disk: results of a search come without a quotation there.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
