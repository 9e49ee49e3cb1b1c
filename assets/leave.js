// Leaves a page quickly: a press of the button, or Escape twice, puts a neutral page in this one's place, so that
// "back" does not return here. Without scripts the button is an ordinary link; without a network nothing is better than
// a browser's page that names the address.
"use strict";
const button = document.getElementById("leave");
if (button) {
  const leave = () => {
    document.documentElement.hidden = true;
    location.replace(navigator.onLine ? button.href : "about:blank");
  };
  button.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  let last = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.repeat) return;
    if (event.timeStamp - last < 1500) leave();
    last = event.timeStamp;
  });
}
