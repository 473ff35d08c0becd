(function () {
  "use strict";
  var word = document.body.dataset.zoneWord;
  var here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.querySelectorAll("time[data-zone]").forEach(function (time) {
    var at = new Date(time.dateTime);
    var show = function (zone) {
      return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", weekday: "short", timeZone: zone }).format(at);
    };
    if (show(here) !== show(time.dataset.zone)) {
      var hint = document.createElement("span");
      hint.className = "hint";
      hint.textContent = " (" + show(here) + " " + word + ")";
      time.after(hint);
    }
  });
})();
