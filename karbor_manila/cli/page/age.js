(function () {
  "use strict";
  var at = document.getElementById("at");
  var said = document.getElementById("age");
  function tell() {
    var seconds = Math.max(0, (Date.now() - Date.parse(at.dateTime)) / 1000);
    var hours = Math.floor(seconds / 3600);
    said.textContent = hours >= 48 ? Math.floor(hours / 24) + " days old"
      : hours >= 1 ? hours + " h old" : Math.floor(seconds / 60) + " min old";
    if (seconds > Number(at.dataset.oldAfter)) { document.body.classList.add("old"); }
  }
  tell();
  setInterval(tell, 30000);
})();
