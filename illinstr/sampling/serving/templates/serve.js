// The page of `illinstr serve`. Everything that came from anywhere is set as text, never as markup.
"use strict";

const find = (id) => document.getElementById(id);
const token = document.querySelector("meta[name=illinstr-token]").content;
let shown = null; // the article on the page: {name, goal, steps}
let busy = false;

function say(text, bad = false) {
  find("status").textContent = text;
  find("status").classList.toggle("bad", bad);
}

function setBusy(now) {
  busy = now;
  for (const button of document.querySelectorAll("button")) button.disabled = now;
  for (const figure of document.querySelectorAll(".pending")) figure.classList.toggle("working", now);
  if (!now) find("progress").hidden = true;
}

function fail(problem) {
  say([problem.message, problem.hint].filter(Boolean).join(" — "), true);
  setBusy(false);
}

function showImage(item, step) {
  const figure = item.querySelector("figure"), image = figure.querySelector("img");
  if (!step.image) return;
  image.src = step.image;
  image.alt = step.alt;
  image.hidden = false;
  figure.className = "drawn";
}

function stepItem(step, index) {
  const item = find("step").content.cloneNode(true).firstElementChild;
  const number = index + 1;
  item.querySelector(".number").textContent = number;
  item.querySelector(".heard-only").textContent = `Step ${number}: `;
  item.querySelector(".headline").textContent = step.headline;
  item.querySelector(".body").textContent = step.body;
  item.querySelector("textarea").value = step.headline + (step.body ? ` | ${step.body}` : "");
  item.querySelector("summary").append(` step ${number}`);
  item.querySelector("figure").classList.toggle("working", busy);
  showImage(item, step);
  item.querySelector(".edit").addEventListener("submit", (event) => {
    event.preventDefault();
    ask("edit", { name: shown.name, step: number, text: item.querySelector("textarea").value });
  });
  item.querySelector(".again").addEventListener("click", () => ask("edit", { name: shown.name, step: number, text: null }));
  item.querySelector(".correct").addEventListener("submit", (event) => {
    event.preventDefault();
    ask("correct", { name: shown.name, after: number, problem: item.querySelector(".correct input").value });
  });
  return item;
}

function show(article) {
  shown = article;
  find("article").hidden = false;
  find("article").lang = article.language;
  find("title").textContent = article.goal;
  find("list").replaceChildren(...article.steps.map(stepItem));
  const finished = Boolean(article.name) && article.steps.every((step) => step.image);
  find("links").hidden = !finished;
  for (const details of document.querySelectorAll(".change")) details.hidden = !finished;
  if (!finished) return;
  find("page").href = `/articles/${article.name}/index.html`;
  find("strip").href = `/articles/${article.name}/strip.png`;
  remember(article);
}

function remember(article) {
  const list = document.querySelector("#made ul");
  const link = document.createElement("a"), item = document.createElement("li"), goal = document.createElement("span");
  link.href = `#${article.name}`;
  goal.textContent = article.goal;
  goal.dir = "auto";
  const last = article.steps[article.steps.length - 1];
  const image = document.createElement("img");
  image.src = last.image;
  image.alt = "";
  link.append(image, goal);
  item.append(link);
  for (const old of list.querySelectorAll("a")) if (old.hash === link.hash) old.parentElement.remove();
  list.prepend(item);
  find("made").hidden = false;
}

async function ask(what, request) {
  if (busy) return;
  setBusy(true);
  say("Waiting for its turn …");
  let answer;
  try {
    const response = await fetch(`/tasks/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Illinstr-Token": token },
      body: JSON.stringify(request),
    });
    answer = await response.json();
    if (!response.ok) return fail(answer);
  } catch (error) {
    return fail({ message: "The program behind this page does not answer.", hint: "Is illinstr serve still running?" });
  }
  follow(answer.task);
}

function follow(task) {
  const events = new EventSource(`/tasks/${task}/events`);
  const on = (kind, act) => events.addEventListener(kind, (event) => act(JSON.parse(event.data)));
  const end = () => { events.close(); setBusy(false); };
  on("started", () => say("Writing the steps …"));
  on("steps", (article) => {
    show(article);
    say("Drawing …");
  });
  on("progress", ({ done, total }) => {
    const bar = find("progress");
    bar.hidden = false;
    if (total) bar.max = total;
    bar.value = done;
    if (done) say(`Drawing: ${done} of ${total} sampling steps`);
  });
  on("preview", ({ step, image }) => {
    const item = find("list").children[step - 1];
    if (!item) return;
    showImage(item, { image, alt: `Step ${step}, not finished yet` });
    item.querySelector("figure").classList.add("unfinished");
  });
  on("image", (step) => {
    const item = find("list").children[step.step - 1];
    if (item) showImage(item, step);
  });
  on("done", (article) => {
    end();
    show(article);
    history.replaceState(null, "", `#${article.name}`);
    say(`Done: ${article.steps.length} steps.`);
  });
  on("failed", (problem) => {
    end();
    fail(problem);
    if (shown && shown.name) open(shown.name, false);
  });
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) fail({ message: "The connection was lost.", hint: "Load the page again." });
  };
}

async function open(name, speak = true) {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) return;
  const response = await fetch(`/articles/${name}/article`);
  const answer = await response.json();
  if (!response.ok) return fail(answer);
  show(answer);
  if (speak) say("");
}

find("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  ask("generate", { goal: find("goal").value, steps: Number(find("steps").value) });
});
window.addEventListener("hashchange", () => { if (!busy) open(location.hash.slice(1)); });
if (location.hash.length > 1) open(location.hash.slice(1));
