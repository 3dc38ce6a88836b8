(function () {
  "use strict";
  var table = document.getElementById("entries");
  var body = table.tBodies[0];
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  var rows = Array.prototype.slice.call(body.rows);
  var find = document.getElementById("find");
  var status = document.getElementById("status");
  var many = document.getElementById("many");
  var count = document.getElementById("count");
  // Read when the first search needs them.
  var texts = null;
  var shown = [];

  function matching() {
    var words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && !texts) {
      texts = new Map(rows.map(function (row) { return [row, row.textContent.toLowerCase()]; }));
    }
    return rows.filter(function (row) {
      return (!status.value || row.dataset.status === status.value) &&
        words.every(function (word) { return texts.get(row).indexOf(word) >= 0; });
    });
  }

  function show() {
    var all = matching();
    shown.forEach(function (row) { row.className = ""; });
    shown = many.value ? all.slice(0, Number(many.value)) : all;
    var moved = document.createDocumentFragment();
    shown.forEach(function (row) { row.className = "on"; moved.appendChild(row); });
    body.appendChild(moved);
    count.textContent = all.length + " of " + rows.length + " match, " + shown.length + " shown";
  }

  function key(row, at) {
    var cell = row.cells[at];
    return cell.dataset.n === undefined ? cell.textContent : Number(cell.dataset.n);
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
