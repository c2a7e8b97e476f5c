// What scrolls can be scrolled by keyboard: it takes the focus where nothing inside it does.
const SCROLLERS = ".table-responsive, .scroll-list, pre, .console, .u-legend";
const FOCUSABLE = "a[href], button, input, select, textarea, [tabindex]";

function look() {
  for (const element of document.querySelectorAll(SCROLLERS)) {
    const scrolls = element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1;
    const alone = scrolls && !element.querySelector(FOCUSABLE);
    if (alone && !element.hasAttribute("tabindex")) {
      element.tabIndex = 0;
      element.dataset.scroller = "";
    } else if (!alone && "scroller" in element.dataset) {
      element.removeAttribute("tabindex");
      delete element.dataset.scroller;
    }
  }
}

addEventListener("resize", look);
document.addEventListener("htmx:after:swap", look);
document.addEventListener("toggle", look, true);

// To measure makes the browser lay out the page, so charts and rows may come first.
let waiting = 0;
function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(look, 250);
}
soon();
new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
