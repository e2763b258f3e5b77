"use strict";
// Asks one rater about every pair. What the data holds is set as text and as image addresses, never as markup.
(() => {
  const find = (id) => document.getElementById(id);
  const { study, questions, items } = JSON.parse(find("data").textContent);
  const place = `illinstr-study-${study}`;
  const random = (n) => crypto.getRandomValues(new Uint32Array(1))[0] % n;
  const shuffled = (list) => {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i--) {
      const j = random(i + 1);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  };

  const load = () => { try { return JSON.parse(localStorage.getItem(place)); } catch (error) { return null; } };
  const keep = () => { try { localStorage.setItem(place, JSON.stringify(state)); } catch (error) { /* then only this visit counts */ } };
  // Of two twins one is turned round and the other is not; each is as likely to be the one.
  const turns = () => {
    const out = items.map(() => random(2) === 1);
    items.forEach((item, i) => { if (item.twin !== null && item.twin < i) out[i] = !out[item.twin]; });
    return out;
  };
  const fresh = (turned = turns()) => ({
    rater: [...crypto.getRandomValues(new Uint8Array(8))].map((b) => b.toString(16).padStart(2, "0")).join(""),
    order: shuffled(items.map((_, i) => i)).map((i) => ({ i, swap: turned[i] })),
    answers: [],
  });
  const old = load();
  const state = old && old.order && old.order.length === items.length ? old : fresh();
  const done = () => state.answers.length / Object.keys(questions).length;
  let shownAt = 0;

  function side(list, shown) {
    list.replaceChildren(...shown.steps.map((step, index) => {
      const item = document.createElement("li"), image = document.createElement("img"), text = document.createElement("span");
      image.src = step.image;
      image.alt = `Image of step ${index + 1}`;
      text.textContent = `${index + 1}. ${step.text}`;
      text.dir = "auto";
      item.append(image, text);
      return item;
    }));
  }

  function ask(name, text, left, right) {
    const box = document.createElement("fieldset"), legend = document.createElement("legend"), row = document.createElement("div");
    legend.textContent = text;
    row.className = "choices";
    for (const [label, value] of [["Left", left], ["No difference", "tie"], ["Right", right]]) {
      const choice = document.createElement("label"), input = document.createElement("input");
      input.type = "radio";
      input.name = name;
      input.value = value;
      input.required = true;
      choice.append(input, label);
      row.append(choice);
    }
    box.append(legend, row);
    return box;
  }

  function show() {
    find("intro").hidden = true;
    const now = done();
    if (now >= items.length) return finish();
    const { i, swap } = state.order[now], item = items[i];
    const [left, right] = swap ? [item.sides[1], item.sides[0]] : item.sides;
    find("pair").hidden = false;
    find("where").textContent = `Pair ${now + 1} of ${items.length}`;
    find("bar").max = items.length;
    find("bar").value = now;
    find("goal").textContent = item.goal;
    side(find("left"), left);
    side(find("right"), right);
    find("questions").replaceChildren(...Object.entries(questions).map(([n, t]) => ask(n, t, left.token, right.token)));
    find("pair").onsubmit = (event) => {
      event.preventDefault();
      const given = new FormData(find("pair")), ms = Math.round(performance.now() - shownAt);
      for (const question of Object.keys(questions)) {
        const answer = { item: item.item, question, left: left.token, right: right.token, choice: given.get(question), ms };
        state.answers.push(answer);
      }
      keep();
      show();
    };
    window.scrollTo(0, 0);
    find("goal").focus({ preventScroll: true });
    shownAt = performance.now();
  }

  function finish() {
    find("pair").hidden = true;
    find("end").hidden = false;
    const votes = { format: "illinstr-votes", schema_version: 1, study, rater: state.rater, answers: state.answers };
    const text = `${JSON.stringify(votes, null, 1)}\n`;
    find("text").value = text;
    find("thanks").focus();
    find("save").onclick = () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      link.download = `votes-${study}-${state.rater}.json`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    };
  }

  find("count").textContent = items.length;
  find("start").textContent = state.answers.length ? "Go on" : "Start";
  find("start").onclick = show;
})();
