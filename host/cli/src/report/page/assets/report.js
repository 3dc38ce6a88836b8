(function () {
  "use strict";
  // The browser has not parsed the table, because it is in <noscript>: a long list opens at once. Each row is one
  // line of it, and only the rows that are shown become elements.
  var written = document.getElementById("written").textContent;
  var start = written.indexOf("<tbody>\n") + "<tbody>\n".length;
  var end = written.lastIndexOf("</tbody>");
  var rows = written.slice(start, end).split("\n").filter(Boolean);
  document.getElementById("rows").innerHTML = written.slice(0, start) + written.slice(end);
  var table = document.getElementById("entries");
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  var find = document.getElementById("find");
  var status = document.getElementById("status");
  var many = document.getElementById("many");
  var count = document.getElementById("count");
  // Read when the first search needs them.
  var texts = null;

  function text(html) {
    return html.replace(/<[^>]*>/g, " ").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, "\"")
      .replace(/&#39;/g, "'").replace(/&amp;/g, "&").trim();
  }

  function matching() {
    // The rows have the first digits of a digest. People paste whole ones.
    var words = find.value.toLowerCase().replace(/\b([0-9a-f]{12})[0-9a-f]{20,116}\b/g, "$1")
      .split(/\s+/).filter(Boolean);
    if (words.length && !texts) {
      texts = new Map(rows.map(function (row) { return [row, text(row).toLowerCase()]; }));
    }
    var wanted = "<tr data-status=\"" + status.value + (status.value ? "\"" : "");
    return rows.filter(function (row) {
      return row.lastIndexOf(wanted, 0) === 0 &&
        words.every(function (word) { return texts.get(row).indexOf(word) >= 0; });
    });
  }

  function show() {
    var all = matching();
    var shown = many.value ? all.slice(0, Number(many.value)) : all;
    table.tBodies[0].innerHTML = shown.join("");
    count.textContent = all.length + " of " + rows.length + " match, " + shown.length + " shown";
  }

  function key(row, at) {
    var cell = row.split("</td>")[at];
    var number = /data-n="([0-9]+)"/.exec(cell);
    return number ? Number(number[1]) : text(cell);
  }

  function sort(at) {
    var head = heads[at];
    var ascending = head.getAttribute("aria-sort") === "none" ?
      !head.classList.contains("number") || at === 0 :
      head.getAttribute("aria-sort") === "descending";
    var keys = new Map(rows.map(function (row) { return [row, key(row, at)]; }));
    var order = new Intl.Collator(undefined, { numeric: true }).compare;
    rows.sort(function (one, other) {
      var a = keys.get(one), b = keys.get(other);
      var sign = typeof a === "number" ? a - b : order(a, b);
      return ascending ? sign : -sign;
    });
    heads.forEach(function (other) { other.setAttribute("aria-sort", "none"); });
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    show();
  }

  heads.forEach(function (head, at) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", function () { sort(at); });
    head.textContent = "";
    head.appendChild(button);
    head.setAttribute("aria-sort", at === 0 ? "ascending" : "none");
  });
  find.addEventListener("input", show);
  status.addEventListener("change", show);
  many.addEventListener("change", show);
  show();
})();
