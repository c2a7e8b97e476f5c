// Upload by choosing or dropping, with progress. Without script the form sends itself.
const form = document.getElementById("upload");
const input = form.querySelector("input[type=file]");
const state = form.querySelector(".upload-state");
const bar = form.querySelector("progress");
const cancel = form.querySelector("[data-upload-cancel]");
let request = null;

const size = (bytes) => {
  const unit = ["B", "kB", "MB", "GB"].findLast((_, power) => bytes >= 1000 ** power) ?? "B";
  const power = ["B", "kB", "MB", "GB"].indexOf(unit);
  return `${(bytes / 1000 ** power).toFixed(power ? 1 : 0)} ${unit}`;
};

function say(text, isFault = false) {
  state.textContent = text;
  state.classList.toggle("text-danger", isFault);
}

function rest() {
  request = null;
  bar.hidden = cancel.hidden = true;
  for (const control of form.querySelectorAll("input, .btn-primary")) control.disabled = false;
}

function send(file) {
  const endings = form.dataset.endings.split(" ");
  if (!endings.some((ending) => file.name.toLowerCase().endsWith(ending))) {
    return say(`${file.name} must end in one of ${endings.join(", ")}.`, true);
  }
  const limit = Number(form.dataset.limit);
  if (file.size > limit) {
    return say(`${file.name} has ${size(file.size)}; ${form.dataset.limitText} is the most that can be uploaded.`, true);
  }
  const body = new FormData();
  body.append("file", file, file.name);
  const began = performance.now();
  request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    bar.value = event.loaded / event.total;
    const rate = event.loaded / Math.max(performance.now() - began, 1) * 1000;
    const left = Math.ceil((event.total - event.loaded) / rate);
    say(event.loaded < event.total
      ? `${Math.floor(100 * bar.value)} % of ${size(event.total)}, ${size(rate)}/s, ${left} s left`
      : "All sent; it is being stored.");
  });
  request.addEventListener("load", () => {
    const { status, response } = request;
    rest();
    if (status === 201) return location.assign(`/datasets/${response.id}`);
    const detail = response?.detail;
    say(typeof detail === "string" ? detail : `The server answered ${status}; the file was not taken.`, true);
  });
  request.addEventListener("error", () => {
    rest();
    say("The connection was lost; nothing was stored. Try again.", true);
  });
  request.addEventListener("abort", () => {
    rest();
    say("Cancelled; nothing was stored.");
  });
  for (const control of form.querySelectorAll("input, .btn-primary")) control.disabled = true;
  bar.value = 0;
  bar.hidden = cancel.hidden = false;
  say(`Sending ${file.name}…`);
  request.send(body);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  event.stopPropagation();
  if (request) return;
  if (input.files.length) send(input.files[0]);
  else say("Choose a file first.", true);
}, true);
cancel.addEventListener("click", () => request?.abort());

for (const name of ["dragenter", "dragover"]) {
  form.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("dropping");
  });
}
for (const name of ["dragleave", "drop"]) {
  form.addEventListener(name, () => form.classList.remove("dropping"));
}
form.addEventListener("drop", (event) => {
  event.preventDefault();
  const files = event.dataTransfer.files;
  if (request) return;
  if (files.length === 1) send(files[0]);
  else say("Drop one file at a time.", true);
});
