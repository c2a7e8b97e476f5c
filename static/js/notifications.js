// Opening a notification reads it. The link stays a link: middle click, new tab and copying work, and
// nothing that only fetches its address ahead marks anything. Without script a form does the same.
const WAIT_MS = 1500;

function tell(link) {
  const address = link.dataset.reads;
  delete link.dataset.reads;
  link.closest("li")?.classList.remove("unread");
  // Asked for without HTML it is the JSON call, which needs no token of a form.
  const told = fetch(address, { method: "POST", headers: { Accept: "application/json" }, keepalive: true });
  return Promise.race([told.catch(() => undefined), new Promise((done) => setTimeout(done, WAIT_MS))]);
}

const isPlain = (event) => event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;

async function follow(event) {
  const link = event.target.closest?.("a[data-reads]");
  if (!link || event.defaultPrevented || event.button > 1) return;
  if (!isPlain(event)) {
    await tell(link);
    document.getElementById("bell")?.dispatchEvent(new Event("bell:changed"));
    return;
  }
  event.preventDefault(); // so that the page that opens counts right
  await tell(link);
  location.assign(link.href);
}

document.addEventListener("click", (event) => void follow(event));
document.addEventListener("auxclick", (event) => void follow(event));
