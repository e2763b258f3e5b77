// The page of `illinstr serve`. Everything that came from anywhere is set as text, never as markup.
"use strict";

const POLL_MS = 4000;
const find = (id) => document.getElementById(id);
let shown = null; // the article on the page: {name, goal, steps, needs}
let follower = null; // of the task whose article is on the page
let awaySaid = ""; // what the status said before the program went away

function say(text, bad = false) {
  find("status").textContent = text;
  find("status").classList.toggle("bad", bad);
  awaySaid = "";
}

function away(gone) {
  if (gone && !awaySaid) {
    const before = find("status").textContent || " ";
    say("The program behind this page is away. Reconnecting …", true);
    awaySaid = before;
  } else if (!gone && awaySaid) say(awaySaid.trim());
}

function fail(problem) {
  say([problem.message, problem.hint].filter(Boolean).join(" — "), true);
  const list = find("suggestions");
  list.replaceChildren(...(problem.suggestions || []).map((goal) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.className = "again";
    button.textContent = goal;
    button.addEventListener("click", () => {
      find("goal").value = goal;
      find("ask").requestSubmit();
    });
    item.append(button);
    return item;
  }));
  list.hidden = !list.children.length;
}

// Drafts: what was typed and not sent yet outlives reloads and other views. Kept in this tab alone.
function draft(field, key) {
  field.dataset.draft = key;
  const kept = sessionStorage.getItem(key);
  if (kept !== null) field.value = kept;
  field.addEventListener("input", () => sessionStorage.setItem(field.dataset.draft, field.value));
}

function sent(...fields) {
  for (const field of fields) {
    sessionStorage.removeItem(field.dataset.draft);
    field.value = field.defaultValue;
  }
}

// A field shows what the article says, unless the user has typed something else in it.
function refill(field, value) {
  const untouched = field.value === field.defaultValue;
  field.defaultValue = value;
  if (untouched) field.value = value;
}

function setBusy(now) {
  for (const button of document.querySelectorAll("#article button")) button.disabled = now;
  for (const figure of document.querySelectorAll(".pending")) figure.classList.toggle("working", now);
  find("under-way").hidden = !now;
  if (!now) find("progress").hidden = true;
}

function showImage(item, step) {
  const figure = item.querySelector("figure"), image = figure.querySelector("img");
  if (step.image) {
    image.src = step.image;
    image.alt = step.alt;
  }
  image.hidden = !step.image;
  figure.className = step.image ? "drawn" : follower ? "pending working" : "pending";
}

function newItem(index) {
  const item = find("step").content.cloneNode(true).firstElementChild;
  const number = index + 1, words = item.querySelector("textarea"), problem = item.querySelector(".correct input");
  item.querySelector(".number").textContent = number;
  item.querySelector("h3 .heard-only").textContent = `Step ${number}: `;
  item.querySelector("summary .heard-only").textContent = ` step ${number}`;
  draft(words, `${shown.name}/${number}/words`);
  draft(problem, `${shown.name}/${number}/problem`);
  item.querySelector(".change").open = Boolean(words.value || problem.value);
  const changed = (what, request, ...fields) => async (event) => {
    event.preventDefault();
    const accepted = await ask(what, { name: shown.name, ...request() });
    if (!accepted) return;
    sent(...fields);
    item.querySelector(".change").open = false;
  };
  item.querySelector(".edit").addEventListener("submit", changed("edit", () => ({ step: number, text: words.value }), words));
  item.querySelector(".again").addEventListener("click", changed("edit", () => ({ step: number, text: null })));
  item.querySelector(".correct").addEventListener(
    "submit", changed("correct", () => ({ after: number, problem: problem.value }), problem));
  return item;
}

function needs(article) {
  return article.needs.map((need) => {
    const section = document.createElement("section"), title = document.createElement("h3");
    const list = document.createElement("ul");
    title.textContent = need.title;
    list.append(...need.items.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      item.dir = "auto";
      return item;
    }));
    section.append(title, list);
    return section;
  });
}

// Shows an article; its items stay the same elements, so that what is being typed in them, and where, stays.
function show(article, finished) {
  if (shown && shown.name !== article.name) find("list").replaceChildren();
  shown = article;
  find("article").hidden = false;
  find("article").lang = article.language;
  find("title").textContent = article.goal;
  document.title = article.goal;
  find("before").replaceChildren(...needs(article));
  const list = find("list");
  while (list.children.length > article.steps.length) list.lastElementChild.remove();
  article.steps.forEach((step, index) => {
    const item = list.children[index] || list.appendChild(newItem(index));
    item.querySelector(".headline").textContent = step.headline;
    item.querySelector(".body").textContent = step.body;
    refill(item.querySelector("textarea"), step.headline + (step.body ? ` | ${step.body}` : ""));
    showImage(item, step);
    item.querySelector(".change").hidden = !finished && !article.name;
  });
  find("links").hidden = !finished;
  if (!finished) return;
  find("page").href = `/articles/${article.name}/index.html`;
  find("strip").href = `/articles/${article.name}/strip.png`;
  if (find("pdf")) find("pdf").href = `/articles/${article.name}/article.pdf`;
}

function card(article) {
  const item = document.createElement("li"), link = document.createElement("a"), goal = document.createElement("span");
  link.href = `/articles/${article.name}`;
  goal.textContent = article.goal;
  goal.dir = "auto";
  if (article.image) {
    const image = document.createElement("img");
    image.src = article.image;
    image.alt = "";
    image.width = image.height = 128;
    image.loading = "lazy";
    link.append(image);
  }
  link.append(goal);
  item.append(link);
  return item;
}

function queued(task) {
  const item = document.createElement("li"), link = document.createElement("a"), state = document.createElement("span");
  const cancel = document.createElement("button");
  link.href = task.what === "generate" ? `/tasks/${task.id}` : `/articles/${task.name}`;
  link.textContent = task.goal;
  link.dir = "auto";
  state.className = "soft";
  state.textContent = task.state === "running" ? "drawing" : task.state;
  cancel.type = "button";
  cancel.className = "again";
  cancel.textContent = "Cancel";
  cancel.disabled = task.state === "cancelling";
  cancel.setAttribute("aria-label", `Cancel: ${task.goal}`);
  cancel.addEventListener("click", () => attempt(() => post(`/tasks/${task.id}/cancel`, "{}")));
  item.className = "row";
  item.append(link, state, cancel);
  return item;
}

// Puts other items into a list only where they differ, so that nothing jumps under the pointer or loses the focus.
function relist(list, items) {
  if (list.childElementCount === items.length && items.every((item, i) => item.isEqualNode(list.children[i]))) return;
  const held = document.activeElement && list.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  list.replaceChildren(...items);
  if (held) [...list.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === held)?.focus();
}

async function refresh() {
  let state;
  try {
    state = await getJson("/state");
  } catch (error) {
    if (error instanceof TypeError) away(true); // no answer at all
    return null;
  }
  if (!follower) away(false);
  relist(document.querySelector("#queue ol"), state.tasks.map(queued));
  find("queue").hidden = !state.tasks.length;
  relist(document.querySelector("#made ul"), state.articles.map(card));
  find("made").hidden = !state.articles.length;
  const ours = shown && shown.name && state.tasks.find((task) => task.name === shown.name);
  if (ours && !follower) follow(ours.id); // begun in another tab
  return state;
}

async function attempt(what) {
  try {
    return await what();
  } catch (problem) {
    fail(problem);
    return null;
  } finally {
    refresh();
  }
}

async function ask(what, request) {
  find("suggestions").hidden = true;
  const answer = await attempt(() => post(`/tasks/${what}`, JSON.stringify(request)));
  if (answer && what !== "generate") follow(answer.task);
  return answer;
}

function follow(task) {
  if (follower) follower.stop();
  const end = () => {
    follower = null;
    setBusy(false);
    refresh();
  };
  say("Waiting for its turn …");
  follower = new Follower(task, {
    started: () => say("Writing the steps …"),
    steps: (article) => {
      show(article, false);
      setBusy(true);
      say("Drawing …");
    },
    progress: ({ done, total }) => {
      const bar = find("progress");
      bar.hidden = false;
      if (total) bar.max = total;
      bar.value = done;
      if (done) say(`Drawing: ${done} of ${total} sampling steps`);
    },
    preview: ({ step, image }) => {
      const item = find("list").children[step - 1];
      if (!item) return;
      showImage(item, { image, alt: `Step ${step}, not finished yet` });
      item.querySelector("figure").classList.add("unfinished");
    },
    image: (step) => {
      const item = find("list").children[step.step - 1];
      if (item) showImage(item, step);
    },
    done: (article) => {
      end();
      show(article, true);
      history.replaceState(null, "", `/articles/${article.name}`);
      if (find("goal").value.trim() === article.goal) sent(find("goal"), find("own"), find("seed"));
      say(`Done: ${article.steps.length} steps.`);
    },
    failed: (problem) => {
      end();
      restore();
      fail(problem);
    },
    cancelled: () => {
      end();
      restore();
      say("Cancelled.");
    },
  }, away);
  setBusy(true);
}

// After a change that came to nothing the article is as it was; an article that was never made leaves the page.
function restore() {
  if (shown && shown.name) open(shown.name);
  else clear();
}

function clear() {
  find("article").hidden = true;
  find("list").replaceChildren();
  shown = null;
}

async function open(name) {
  try {
    show(await getJson(`/articles/${name}/article`), true);
  } catch (problem) {
    if (problem instanceof TypeError) return away(true);
    const state = await refresh();
    const task = state && state.tasks.find((one) => one.name === name);
    if (!task) return fail(problem);
    follow(task.id);
  }
  refresh();
}

async function generate() {
  const own = find("own").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const request = { goal: find("goal").value, steps: own.length ? own : Number(find("steps").value) };
  if (find("seed").value) request.seed = Number(find("seed").value);
  for (const name of ["model", "writer"]) if (find(name)) request[name] = find(name).value;
  const [file] = find("image").files;
  if (file) {
    say("Sending the image …");
    const answer = await attempt(() => post("/images", file, file.type || "application/octet-stream"));
    if (!answer) return;
    request.image = answer.image;
  }
  const answer = await ask("generate", request);
  if (!answer) return;
  clear();
  history.pushState(null, "", `/tasks/${answer.task}`);
  follow(answer.task);
}

find("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  generate();
});
for (const id of ["goal", "steps", "own", "seed"]) draft(find(id), `ask/${id}`);
find("more").open = Boolean(find("own").value || find("seed").value);

find("delete").addEventListener("click", async () => {
  const button = find("delete");
  if (!button.dataset.sure) {
    button.dataset.sure = "1";
    button.textContent = "Delete for good?";
    return;
  }
  const { name } = shown;
  if (!(await attempt(() => post(`/articles/${name}/delete`, "{}")))) return;
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(`${name}/`)) sessionStorage.removeItem(key);
  location.assign("/");
});
find("delete").addEventListener("blur", () => {
  delete find("delete").dataset.sure;
  find("delete").textContent = "Delete";
});

if (/^#[a-z0-9][a-z0-9-]*$/.test(location.hash)) location.replace(`/articles/${location.hash.slice(1)}`); // as it was
const [, kind, ident] = location.pathname.split("/");
if (kind === "tasks") follow(ident);
if (kind === "articles") open(ident);
refresh();
window.addEventListener("popstate", () => location.reload());
setInterval(() => { if (!document.hidden) refresh(); }, POLL_MS);
