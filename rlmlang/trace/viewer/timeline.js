// The timeline: a bar for each call, in lanes of calls that do not overlap.

const RULER = 20; // pixels above the lanes, for the times and the head
const CLOCK = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400]; // seconds between marks
const NEAR = 4; // pixels that a pointer may move in a click

class Timeline {
  /** `pick` is called with a call that is clicked on, `cut` with the time that the head is set to. */
  constructor(model, box, pick, cut) {
    Object.assign(this, { model, box, pick, cut });
    this.canvas = box.querySelector("canvas");
    this.tip = box.querySelector("#tip");
    this.bars = document.createElement("canvas");
    this.probe = box.querySelector("#probe");
    this.selected = -1;
    this.calls = null;
    this.head = null; // microseconds, or null for the end of the run
    this.lanes = [];
    for (const call of Int32Array.from({ length: model.n }, (_, i) => i).sort((a, b) => model.started[a] - model.started[b]))
      (this.lanes[model.lane[call]] ??= []).push(call);
    this.whole();
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.release(event));
    this.canvas.addEventListener("pointercancel", () => (this.drag = null));
    this.canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.canvas.addEventListener("dblclick", () => this.whole());
    new ResizeObserver(() => this.soon()).observe(box);
  }

  /** Show all of the run. */
  whole() {
    this.from = 0;
    this.to = Math.max(1, this.model.end);
    this.soon();
  }

  /** Zoom by a factor around a time. */
  zoom(factor, around = (this.from + this.to) / 2) {
    const span = Math.min(Math.max(this.model.end, 1), Math.max(100, (this.to - this.from) * factor));
    const left = (around - this.from) / (this.to - this.from);
    this.pan(around - left * span, span);
  }

  pan(from, span = this.to - this.from) {
    this.from = Math.max(0, Math.min(from, Math.max(1, this.model.end) - span));
    this.to = this.from + span;
    this.soon();
  }

  setHead(time) {
    this.head = time === null || time >= this.model.end ? null : Math.max(0, time);
    this.soon(false);
    this.cut(this.head);
  }

  /** Draw in the next frame; without `anew` the bars are reused. */
  soon(anew = true) {
    this.anew ||= anew;
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.draw();
    });
  }

  x(time) {
    return ((time - this.from) / (this.to - this.from)) * this.width;
  }

  time(x) {
    return this.from + (x / this.width) * (this.to - this.from);
  }

  /** Return the index of the first call of a lane that ends after a time. */
  after(lane, time) {
    let low = 0, high = lane.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.model.finished[lane[middle]] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  draw() {
    if (this.anew) this.drawBars();
    this.anew = false;
    if (!this.width || !this.height) return; // a canvas without size cannot be drawn
    this.paint = this.begin(this.canvas);
    this.paint.drawImage(this.bars, 0, 0, this.width, this.height);
    this.drawMarked();
  }

  /** Empty a canvas, at the resolution of the screen. */
  begin(canvas) {
    const ratio = devicePixelRatio || 1;
    canvas.width = this.width * ratio;
    canvas.height = this.height * ratio;
    const paint = canvas.getContext("2d");
    paint.scale(ratio, ratio);
    return paint;
  }

  /** Draw the ruler and all bars, on a canvas of their own. */
  drawBars() {
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.paint = this.begin(this.bars);
    this.lane = Math.min(22, (this.height - RULER - 4) / Math.max(1, this.lanes.length));
    this.drawRuler();
    const hues = Object.fromEntries(Object.keys(MARKS).map((status) => [status, this.color(status)]));
    let drawn = -1;
    this.lanes.forEach((lane, number) => {
      const y = RULER + number * this.lane;
      if (this.lane < 1 && Math.floor(y) === drawn) return;
      drawn = Math.floor(y);
      this.drawLane(lane, y, hues);
    });
  }

  /** Return a color of the style sheet for a canvas. One that depends on the theme can be computed by an element only. */
  color(name) {
    this.probe.style.color = `var(--${name})`;
    return getComputedStyle(this.probe).color;
  }

  /** Draw the bars of a lane: within one pixel the first, and all that failed. */
  drawLane(lane, y, hues) {
    const { model, paint, calls } = this, height = Math.max(1, this.lane - (this.lane > 4 ? 2 : 0));
    let filled = -1;
    for (let at = this.after(lane, this.from); at < lane.length; at++) {
      const call = lane[at], begin = model.started[call];
      if (begin > this.to) break;
      const x = this.x(begin), width = Math.max(0.7, this.x(model.finished[call]) - x - 0.3), status = model.name("status", call);
      if (x + width < filled + 0.7 && status !== "failed") continue;
      filled = x + width;
      paint.globalAlpha = calls && !calls[call] ? 0.15 : model.kids.has(call) ? 0.45 : 0.9;
      paint.fillStyle = hues[status];
      paint.fillRect(x, y, status === "failed" ? Math.max(1.5, width) : width, height);
    }
    paint.globalAlpha = 1;
  }

  drawRuler() {
    const { paint, width, height } = this, span = this.to - this.from, text = this.color("dim");
    const step = niceStep(span / Math.max(2, Math.floor(width / 110)));
    paint.font = "11px system-ui, sans-serif";
    paint.fillStyle = text;
    paint.strokeStyle = this.color("line");
    for (let time = Math.ceil(this.from / step) * step; time <= this.to; time += step) {
      const x = Math.round(this.x(time)) + 0.5;
      paint.beginPath();
      paint.moveTo(x, RULER - 5);
      paint.lineTo(x, height);
      paint.stroke();
      if (x < width - 56) paint.fillText(time === 0 ? "0" : duration(time), x + 3, 12);
    }
  }

  /** Draw the critical path, the selected call with the time that it waited, and the head. */
  drawMarked() {
    const { model, paint } = this, mark = (call, color, thick) => {
      const x = this.x(model.started[call]), y = RULER + model.lane[call] * this.lane;
      paint.strokeStyle = color;
      paint.lineWidth = thick;
      paint.strokeRect(x - 1, y - 0.5, Math.max(3, this.x(model.finished[call]) - x + 1.5), Math.max(3, this.lane - 1));
    };
    const critical = this.color("critical");
    if (model.critical.size < 2000) for (const call of model.critical) mark(call, critical, 1.5);
    const call = this.selected;
    if (call >= 0) {
      const y = RULER + (model.lane[call] + 0.5) * this.lane;
      paint.fillStyle = this.color("waiting");
      paint.fillRect(this.x(model.asked[call]), y - 1, this.x(model.started[call]) - this.x(model.asked[call]), 2);
      mark(call, this.color("text"), 2);
    }
    if (this.head !== null) {
      const x = Math.round(this.x(this.head));
      paint.fillStyle = this.color("accent");
      paint.fillRect(x - 1, 0, 2, this.height);
      paint.fillRect(x - 4, 0, 8, 6);
    }
  }

  /** Return the call at a point of the canvas, or -1. */
  hit(x, y) {
    const lane = this.lanes[Math.floor((y - RULER) / this.lane)], slack = (2 / this.width) * (this.to - this.from);
    if (y < RULER || !lane) return -1;
    const time = this.time(x), call = lane[this.after(lane, time - slack)];
    return call !== undefined && this.model.started[call] <= time + slack ? call : -1;
  }

  wheel(event) {
    event.preventDefault();
    const across = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(across) > Math.abs(event.shiftKey ? 0 : event.deltaY)) this.pan(this.from + (across / this.width) * (this.to - this.from));
    else this.zoom(1.0015 ** event.deltaY, this.time(event.offsetX));
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.drag = { x: event.offsetX, from: this.from, head: event.offsetY < RULER, moved: false };
    if (this.drag.head) this.setHead(this.time(event.offsetX));
  }

  move(event) {
    const { drag, model } = this;
    if (drag?.head) return this.setHead(this.time(event.offsetX));
    if (drag) {
      drag.moved ||= Math.abs(event.offsetX - drag.x) > NEAR;
      if (drag.moved) this.pan(drag.from - ((event.offsetX - drag.x) / this.width) * (this.to - this.from));
      return;
    }
    const call = this.hit(event.offsetX, event.offsetY);
    this.tip.hidden = call < 0;
    if (call < 0) return;
    this.tip.textContent =
      `#${model.id[call]} ${oneLine(model.name("instruction", call), 80)} · ${duration(model.seconds(call))}`;
    this.tip.style.left = `${Math.max(4, Math.min(event.offsetX + 12, this.width - this.tip.offsetWidth - 8))}px`;
  }

  release(event) {
    const { drag } = this;
    this.drag = null;
    if (!drag || drag.head || drag.moved) return;
    const call = this.hit(event.offsetX, event.offsetY);
    if (call >= 0) this.pick(call);
  }
}

/** Return a round time, in microseconds, that is at least as long as a given one. */
function niceStep(rough) {
  const clock = rough > 5e6 && CLOCK.find((seconds) => seconds * 1e6 >= rough);
  if (clock) return clock * 1e6;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((each) => each * power >= rough);
}
