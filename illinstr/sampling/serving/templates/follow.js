// How the page of `illinstr serve` talks to the program: requests that change something, the events of a task, and
// waiting for a program that is away. Nothing here touches the page.
"use strict";

const AWAY = { message: "The program behind this page does not answer.", hint: "Is illinstr serve still running?" };
const WAIT_MS = 1500;

let token = document.querySelector("meta[name=illinstr-token]").content;

async function getJson(path) {
  const response = await fetch(path);
  const answer = await response.json();
  if (!response.ok) throw answer;
  return answer;
}

// Sends a request that changes something. A program that was started again has another token: it is asked for once.
async function post(path, body, type = "application/json") {
  const send = () => fetch(path, { method: "POST", body, headers: { "Content-Type": type, "X-Illinstr-Token": token } });
  let response;
  try {
    response = await send();
    if (response.status === 403) {
      token = (await getJson("/token")).token;
      response = await send();
    }
  } catch (error) {
    throw AWAY;
  }
  const answer = await response.json();
  if (!response.ok) throw answer;
  return answer;
}

// Hands on the events of a task until it ends. `away` hears whether the program is gone; when it is back the events go
// on, from the first one where it was started anew. A hidden page holds no connection: a browser has few of them.
class Follower {
  constructor(task, on, away) {
    Object.assign(this, { task, on, away, last: "", source: null, timer: 0, ended: false });
    this.shown = () => (document.hidden ? this.pause() : this.open());
    document.addEventListener("visibilitychange", this.shown);
    this.open();
  }

  open() {
    if (this.source || this.ended) return;
    clearTimeout(this.timer);
    const source = (this.source = new EventSource(`/tasks/${this.task}/events${this.last && `?after=${this.last}`}`));
    source.onopen = () => this.away(false);
    source.onerror = () => this.lost();
    for (const kind of Object.keys(this.on)) {
      source.addEventListener(kind, (event) => {
        this.last = event.lastEventId;
        if (["done", "failed", "cancelled"].includes(kind)) this.stop();
        this.on[kind](JSON.parse(event.data));
      });
    }
  }

  pause() {
    if (this.source) this.source.close();
    this.source = null;
    clearTimeout(this.timer);
  }

  async lost() {
    this.pause();
    try {
      const response = await fetch(`/tasks/${this.task}`);
      if (response.status === 404) {
        this.stop();
        this.on.failed({ message: "This task is no longer known.", hint: null, suggestions: [] });
        return;
      }
    } catch (error) {
      this.away(true);
    }
    if (!this.ended) this.timer = setTimeout(() => this.open(), WAIT_MS);
  }

  stop() {
    this.ended = true;
    this.pause();
    document.removeEventListener("visibilitychange", this.shown);
  }
}
